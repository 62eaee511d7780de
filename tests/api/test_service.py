"""The service: pictures one at a time, each paid for once, and an answer for everybody who waits."""

from __future__ import annotations

import asyncio
import doctest
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import imagegen
from tests.api.conftest import CHEAP
from tests.cloud import Cloud
from tests.e2e.conftest import Books, environment
from tests.pictureserver import PictureServer, Reply

Service = imagegen.ImageGenerationService

#: One exact price, four cents.
DALLE = {"model": "dall-e-3", "quality": "standard", "size": "1024x1024"}
CENTS = 10**7


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def prompts(cloud: Cloud) -> list[str]:
    return [charge.prompt for charge in cloud.charges]


async def outcome(work: Coroutine[Any, Any, imagegen.Result]) -> Any:
    """The result's state, or the error that came in its place."""
    try:
        return (await work).state
    except imagegen.ImagegenError as error:
        return error


def test_the_page_is_true() -> None:
    page = Path(__file__).parents[2] / "docs" / "service.md"
    text = page.read_text(encoding="utf-8").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, "service.md", "service.md", 0)
    said: list[str] = []
    doctest.DocTestRunner().run(test, out=said.append)
    assert test.examples
    assert said == []


def test_makes_a_picture_and_says_where_it_lies(cloud: Cloud) -> None:
    async def work() -> tuple[imagegen.Result, imagegen.Summary | None]:
        service = Service("pictures", budget=1)
        async with service:
            made = await service.generate("A mug", **CHEAP)
        return made, await service.close()

    made, summary = run(work())
    assert made.state == "made"
    assert made.file is not None
    assert made.file.exists()
    assert made.file.parent == Path("pictures")
    assert summary is not None
    assert (summary.exit_code, summary.counts) == (0, {"made": 1})
    assert len(Path("pictures/results.jsonl").read_text().splitlines()) == 1
    assert prompts(cloud) == ["A mug"]


def test_the_same_at_the_same_time_is_bought_once(cloud: Cloud) -> None:
    async def work() -> list[imagegen.Result]:
        async with Service(budget=1) as service:
            return list(await asyncio.gather(*[service.generate("A mug", **CHEAP) for _ in range(20)]))

    made = run(work())
    assert len(cloud.charges) == 1
    assert len({each.file for each in made}) == 1


def test_the_same_later_is_kept_and_costs_nothing(cloud: Cloud) -> None:
    async def work() -> list[imagegen.Result]:
        async with Service(budget=1) as service:
            return [await service.generate("A mug", **CHEAP) for _ in range(3)]

    first, *later = run(work()) + run(work())
    assert first.state == "made"
    assert {(each.state, each.cost) for each in later} == {("kept", 0)}
    assert len(cloud.charges) == 1


def test_another_priority_or_tag_asks_for_the_same_picture(cloud: Cloud) -> None:
    """They are other rows, so each has a file of its own; the provider is paid once."""

    async def work() -> list[imagegen.Result]:
        async with Service(budget=1) as service:
            asked = [service.generate("A mug", priority=each, tags=f"t{each}", **CHEAP) for each in (1, 2, 3)]
            return list(await asyncio.gather(*asked))

    assert sorted(each.state for each in run(work())) == ["cached", "cached", "made"]
    assert len(cloud.charges) == 1


def test_an_id_in_use_is_not_given_to_another_picture(cloud: Cloud) -> None:
    async def work() -> list[Any]:
        async with Service(budget=1) as service:
            asked = [outcome(service.generate(each, id="mug", **CHEAP)) for each in ("A red mug", "A blue mug")]
            both = await asyncio.gather(*asked)
            return [*both, await outcome(service.generate("A blue mug", id="mug", **CHEAP))]

    *both, later = run(work())
    assert sorted(str(each) for each in both) == [
        "another picture called 'mug' is being made; wait for it, or use another id",
        "made",
    ]
    assert later in ("made", "kept")  # the first is over: the id's picture is another one now


def test_two_names_of_one_file_are_told_apart(cloud: Cloud) -> None:
    async def work() -> list[Any]:
        async with Service(budget=1) as service:
            asked = [outcome(service.generate("A mug", id=each, **CHEAP)) for each in ("Mug", "mug")]
            return [*await asyncio.gather(*asked), await outcome(service.generate("A cup", **CHEAP))]

    first, second, third = run(work())
    assert first == "made" or second == "made"
    assert "as another picture already is; use another id" in f"{first}{second}"
    assert third == "made"


def test_what_is_wrong_with_a_request_is_told_and_nothing_stops(cloud: Cloud) -> None:
    async def work() -> list[Any]:
        async with Service(budget=1) as service:
            return [
                await outcome(service.generate("A mug", sise="1x1")),
                await outcome(service.generate("A mug", model="gpt-imago")),
                await outcome(service.generate("x" * 40_000, **CHEAP)),
                await outcome(service.generate("A mug", n=2)),
                await outcome(service.generate("A mug", **CHEAP)),
            ]

    field, model, long, several, good = run(work())
    assert isinstance(field, imagegen.ManifestError)
    assert "size" in str(field)
    assert isinstance(model, imagegen.ManifestError)
    assert "gpt-imago" in str(model)
    assert isinstance(long, imagegen.NotMade)
    assert "40,000 characters" in str(long)
    assert isinstance(several, imagegen.NotMade)
    assert good == "made"


def test_a_refusal_and_a_failure_carry_their_line(cloud: Cloud) -> None:
    cloud.faults.add("moderation", prompt="knife")
    cloud.faults.add("blank", prompt="snow")

    async def work() -> list[Any]:
        async with Service(budget=1) as service:
            asked = [outcome(service.generate(each, **CHEAP)) for each in ("A knife", "A snow field", "A mug")]
            return list(await asyncio.gather(*asked))

    refused, failed, made = run(work())
    assert isinstance(refused, imagegen.NotMade)
    assert refused.result.state == "refused"
    assert isinstance(failed, imagegen.NotMade)
    assert failed.result.state == "failed"
    assert made == "made"


def test_whoever_stops_waiting_gives_up_the_wait_and_not_the_picture(cloud: Cloud) -> None:
    async def work() -> imagegen.Result:
        async with Service(budget=1) as service:
            task = asyncio.create_task(service.generate("A mug", **CHEAP))
            while not cloud.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await service.generate("A mug", **CHEAP)

    assert run(work()).state in ("made", "kept")
    assert len(cloud.charges) == 1


def test_urgent_requests_come_first(cloud: Cloud) -> None:
    async def work() -> None:
        async with Service(budget=1, workers=1) as service:
            slow = [asyncio.create_task(service.generate(f"Bulk {n}", priority=3, **CHEAP)) for n in range(6)]
            while not cloud.charges:
                await asyncio.sleep(0.01)
            await service.generate("Urgent", priority=1, **CHEAP)
            await asyncio.gather(*slow)

    run(work())
    # One was being made and one more may have been taken while the urgent one was planned.
    assert "Urgent" in prompts(cloud)[1:4]
    assert len(cloud.charges) == 7


def test_a_budget_stops_those_whom_it_does_not_cover_and_nobody_else(cloud: Cloud) -> None:
    async def work() -> tuple[list[Any], imagegen.Summary | None]:
        service = Service(budget="0.05", workers=2)
        async with service:
            first = await asyncio.gather(*[outcome(service.generate(f"Dear {n}", **DALLE)) for n in range(4)])
            rest = [
                await outcome(service.generate("A mug", **CHEAP)),
                await outcome(service.generate("Another", **DALLE)),
                await outcome(service.generate("A mug", tags="again", **CHEAP)),
            ]
        return [*first, *rest], await service.close()

    answers, summary = run(work())
    assert [each for each in answers[:4] if each == "made"] == ["made"]
    stopped = [each for each in answers[:4] if each != "made"]
    assert all(isinstance(each, imagegen.BudgetStop) for each in stopped)
    assert "the budget of $0.05 for this run does not cover the next picture" in str(stopped[0])
    assert "raise budget to go on" in str(stopped[0])
    cheap, dear, again = answers[4:]
    assert (cheap, again) == ("made", "cached")
    assert isinstance(dear, imagegen.BudgetStop)
    assert summary is not None
    assert summary.exit_code == 4


@pytest.fixture
def bfl(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second provider, which the routes name after the first."""
    monkeypatch.setenv("BFL_API_KEY", "test-bfl")
    monkeypatch.setenv("IMAGEGEN_BFL_BASE_URL", cloud.url("bfl"))


@pytest.mark.usefixtures("bfl")
@pytest.mark.parametrize("fault", ["unverified", "bad_key"])
def test_what_cannot_be_used_is_stood_in_for(cloud: Cloud, fault: str) -> None:
    """Those who wait, those who come later, and those of other providers: all get their picture."""
    cloud.faults.add(fault, prompt="mug", times=1)

    async def work() -> list[imagegen.Result]:
        async with Service(budget=1, workers=1) as service:
            asked = [service.generate(f"A {each} mug", use_case="product_shot") for each in ("red", "blue", "tall")]
            return [*await asyncio.gather(*asked), await service.generate("A late mug", use_case="product_shot")]

    made = run(work())
    assert {(each.state, each.model) for each in made} == {("made", "flux-2-pro")}
    assert len(cloud.charges) == 4


def test_a_provider_that_stops_is_told_to_those_whom_nobody_else_can_serve(cloud: Cloud) -> None:
    cloud.faults.add("bad_key", prompt="mug")

    async def work() -> list[Any]:
        async with Service(budget=1, workers=2) as service:
            asked = [outcome(service.generate(f"A mug {n}", **CHEAP)) for n in range(12)]
            first = await asyncio.gather(*asked)
            return [*first, await outcome(service.generate("A later mug", **CHEAP))]

    answers = run(work())
    assert {type(each) for each in answers} == {imagegen.ProviderStop}
    assert "open the service anew" in str(answers[-1])
    assert 1 <= len(cloud.requests) <= 3
    assert not cloud.charges


def test_premium_pictures_come_by_way_of_drafts(cloud: Cloud) -> None:
    async def work(**how: Any) -> imagegen.Result:
        async with Service(budget=5, routes="current", **how) as service:
            return await service.generate("A hero picture", use_case="hero_image")

    drafted = run(work())
    assert drafted.state == "made"
    count = len(cloud.charges)
    assert count > 2
    plain = run(work(output="plain", premium_drafts=False))
    assert plain.state == "made"
    assert len(cloud.charges) == count + 1


def test_a_provider_that_stops_under_the_drafts_is_told(cloud: Cloud) -> None:
    cloud.faults.add("bad_key", prompt="hero")

    async def work() -> Any:
        async with Service(budget=5) as service:
            return await outcome(service.generate("A hero picture", use_case="hero_image"))

    assert isinstance(run(work()), imagegen.NotMade | imagegen.ProviderStop)
    assert not cloud.charges


def test_one_folder_has_one_service(cloud: Cloud) -> None:
    async def work() -> None:
        async with Service("pictures", budget=1) as service:
            second = Service("pictures", budget=1)
            with pytest.raises(imagegen.LockedError):
                await second.open()
            await service.generate("A mug", **CHEAP)
        async with second:
            await second.generate("A mug", **CHEAP)

    run(work())
    assert len(cloud.charges) == 1


def test_closing_makes_what_was_asked_for_and_takes_no_more(cloud: Cloud) -> None:
    async def work() -> tuple[list[imagegen.Result], Any]:
        service = Service(budget=1, workers=1)
        await service.open()
        tasks = [asyncio.create_task(service.generate(f"Mug {n}", **CHEAP)) for n in range(4)]
        while not cloud.requests:
            await asyncio.sleep(0.01)
        await asyncio.gather(service.close(), service.close())
        return [await each for each in tasks], await outcome(service.generate("Another", **CHEAP))

    made, late = run(work())
    assert [each.state for each in made] == ["made"] * 4
    assert isinstance(late, imagegen.NotMade)
    assert "the service is closed; make a new one" in str(late)


def test_leaving_by_an_error_drops_what_was_not_sent(cloud: Cloud) -> None:
    answers: list[Any] = []

    async def work() -> None:
        tasks: list[Any] = []

        async def left() -> None:
            async with Service(budget=1, workers=1) as service:
                tasks[:] = [asyncio.create_task(outcome(service.generate(f"Mug {n}", **CHEAP))) for n in range(8)]
                while not cloud.requests:
                    await asyncio.sleep(0.01)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await left()
        answers.extend(await asyncio.gather(*tasks))

    run(work())
    assert 1 <= answers.count("made") == len(cloud.charges) < 8
    assert all(isinstance(each, imagegen.NotMade) for each in answers if each != "made")


def test_a_full_disk_is_told_to_everybody(cloud: Cloud) -> None:
    async def work() -> list[Any]:
        service = Service("pictures", budget=1, workers=2)
        await service.open()
        store = Path(os.environ["IMAGEGEN_HOME"]) / "cache"
        asked = [asyncio.create_task(outcome(service.generate(f"Mug {n}", **CHEAP))) for n in range(6)]
        while not cloud.requests:
            await asyncio.sleep(0.01)
        _spoil(store)
        answers = await asyncio.gather(*asked)
        late = await outcome(service.generate("Another", **CHEAP))
        with pytest.raises(imagegen.StorageError):
            await service.close()
        return [*answers, late]

    answers = run(work())
    assert {type(each) for each in answers if each != "made"} == {imagegen.StorageError}
    Path(os.environ["IMAGEGEN_HOME"], "cache").unlink()
    Path(os.environ["IMAGEGEN_HOME"], "cache.away").rename(Path(os.environ["IMAGEGEN_HOME"], "cache"))

    async def again() -> None:
        async with Service("pictures", budget=1) as service:
            await asyncio.gather(*[service.generate(f"Mug {n}", **CHEAP) for n in range(6)])

    run(again())
    assert len(cloud.charges) == 6


def _spoil(store: Path) -> None:
    store.rename(store.with_name("cache.away"))
    store.write_text("in the way")


@pytest.mark.usefixtures("bfl")
def test_a_bug_ends_the_service_and_everybody_hears_it(cloud: Cloud) -> None:
    def broken(text: str) -> None:
        raise ZeroDivisionError

    async def work() -> list[Any]:
        cloud.faults.add("bad_key", prompt="mug", times=1)
        service = Service(budget=1, on_note=broken)
        with pytest.raises(ZeroDivisionError):
            await asyncio.gather(*[service.generate(f"A mug {n}", use_case="product_shot") for n in range(3)])
        with pytest.raises(ZeroDivisionError):
            await service.close()

    run(work())
    assert not [each for each in threading.enumerate() if each.name == "imagegen-service"]


def test_pictures_by_url_are_fetched_first(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cloud.pictures import picture

    with PictureServer() as server:
        server.routes["/mug.png"] = Reply(picture("mug", 64, 64), headers={"Content-Type": "image/png"})
        monkeypatch.setenv("IMAGEGEN_INPUT_HOSTS", f"127.0.0.1:{server.port}")

        async def work() -> list[Any]:
            async with Service(budget=1) as service:
                edit = {"model": "gpt-image-2.5-flare", "quality": "low"}
                return [
                    await outcome(service.generate("On a table", image=server.url("/mug.png"), **edit)),
                    await outcome(service.generate("On a chair", image=server.url("/gone.png"), **edit)),
                ]

        made, gone = run(work())
    assert made == "made"
    assert isinstance(gone, imagegen.NotMade)
    assert gone.result.state == "failed"
    assert len(cloud.charges) == 1


PROGRAM = """
import asyncio, sys, imagegen
async def main():
    service = imagegen.ImageGenerationService("pictures", budget=1, workers=4)
    tasks = [asyncio.create_task(service.generate(f"Mug {n}", **CHEAP)) for n in range(8)]
    END
asyncio.run(main())
"""


def _program(end: str, home: Path, cloud: Cloud) -> subprocess.Popen[str]:
    code = PROGRAM.replace("CHEAP", repr(CHEAP)).replace("END", end)
    env = environment(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=cloud.base_url)
    return subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_program_that_ends_without_closing_loses_nothing(cloud: Cloud, home: Path) -> None:
    """What was sent is waited for, kept and settled; the rest is not begun."""
    program = _program("await asyncio.sleep(0.02); await tasks[0]", home, cloud)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert "Traceback" not in err
    lines = [json.loads(line) for line in Path("pictures/results.jsonl").read_text().splitlines()]
    assert sum(line["state"] == "made" for line in lines) == len(cloud.charges)


def test_killed_and_begun_again_it_buys_nothing_twice(
    home: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cloud(latency=0.2) as cloud:
        program = _program("await asyncio.gather(*tasks)", home, cloud)
        while len(cloud.charges) < 2:
            time.sleep(0.01)
        os.kill(program.pid, signal.SIGKILL)
        program.communicate()
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", cloud.base_url)

        async def again() -> list[Any]:
            async with Service("pictures", budget=1) as service:
                asked = [outcome(service.generate(f"Mug {n}", **CHEAP)) for n in range(8)]
                return list(await asyncio.gather(*asked))

        answers = run(again())
        unknown = [each for each in answers if isinstance(each, imagegen.NotMade)]
        assert all(each.result.state == "unknown" for each in unknown)
        assert len(unknown) + sum(isinstance(each, str) for each in answers) == 8
        assert len(prompts(cloud)) == len(set(prompts(cloud)))
        assert books.spent <= cloud.bill
