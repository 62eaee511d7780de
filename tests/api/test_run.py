"""`imagegen.run`: typed events, results with their pictures, and the command line's promises."""

from __future__ import annotations

import gc
import json
import signal
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import imagegen
import imagegen.crew
from imagegen.domain.money import usd
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Slip
from tests.api.conftest import rows
from tests.cli.conftest import Imagegen
from tests.cli.conftest import imagegen as command  # noqa: F401  a fixture
from tests.cloud import Cloud
from tests.run.tiny import Tiny, made

ROWS = [{"id": "mug", "prompt": "A mug"}, {"id": "bowl", "prompt": "A bowl", "n": 2}]


def test_a_run_is_told_event_by_event(capfd: pytest.CaptureFixture[str]) -> None:
    """First how much there is to do, a row for every picture, last the summary; nothing is printed, and signals and
    the interpreter stay as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before, frozen = ([signal.getsignal(each) for each in numbers], sys.getswitchinterval()), gc.get_freeze_count()
    events = list(imagegen.run(imagegen.load(ROWS, provider="placeholder")))
    assert ([signal.getsignal(each) for each in numbers], sys.getswitchinterval()) == before
    assert gc.get_freeze_count() <= frozen  # fewer, where what another test froze was thrown away
    assert capfd.readouterr() == ("", "")
    assert [event.event for event in events] == ["started", "row", "row", "row", "summary"]
    first, *told, last = events
    assert isinstance(first, imagegen.Started)
    assert (first.todo, first.there, first.estimated, first.budget) == (3, 0, 0, None)
    assert str(first) == "3 to do, 0 already there; about $0.00"
    assert {type(event) for event in told} == {imagegen.Result}
    assert isinstance(last, imagegen.Summary)
    assert (last.ok, last.exit_code, last.pictures, last.there, dict(last.counts)) == (True, 0, 3, 3, {"made": 3})
    assert str(last).startswith("3 made; $0.00 spent in ")
    assert last.report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_results_have_their_pictures() -> None:
    """In the order of the rows: file, size, and the picture for Pillow; by number, by slice and by id."""
    found = imagegen.run(imagegen.load(ROWS, provider="placeholder", output="shop")).result().results
    assert [(each.id, each.sample, each.state, each.ok) for each in found] == [
        ("mug", 0, "made", True),
        ("bowl", 0, "made", True),
        ("bowl", 1, "made", True),
    ]
    assert [each.file for each in found] == [Path(f"shop/{name}.png") for name in ("mug", "bowl-1", "bowl-2")]
    assert (found["mug"], found[-1].sample, [each.id for each in found[:2]]) == (found[0], 1, ["mug", "bowl"])
    with pytest.raises(KeyError, match="lid"):
        found["lid"]
    mug = found["mug"]
    assert mug.image().size == (mug.width, mug.height) == (1024, 1024)
    assert (mug.cost, mug.provider, mug.place) == (Decimal(0), "placeholder", "rows[0]")
    assert mug.stands_for == "gpt-image-2.5-flare"
    assert str(mug) == f"mug: made, {Path('shop/mug.png')}, $0.00"
    mug.file.unlink() if mug.file else None
    with pytest.raises(imagegen.StorageError, match=r"mug.png cannot be read: No such file.*; run again"):
        mug.image()
    again = imagegen.run(imagegen.load(ROWS, provider="placeholder", output="shop")).result().results
    assert [each.state for each in again] == ["kept"] * 3
    assert again["mug"].image().size == (1024, 1024)


def test_costs_are_the_bill(cloud: Cloud, command: Imagegen) -> None:  # noqa: F811
    """What every result cost, and the summary, agree with the server's bill; what was refused says why. `imagegen run
    --json` of the same folder tells the same."""
    cloud.faults.add("moderation", prompt="number 1")
    project = imagegen.load(_file(rows(3)))
    events = list(imagegen.run(project, budget=1))
    summary = events[-1]
    assert isinstance(summary, imagegen.Summary)
    assert (summary.exit_code, summary.ok, dict(summary.counts)) == (3, False, {"made": 2, "refused": 1})
    assert summary.spent == usd(cloud.bill) == sum(each.cost or 0 for each in summary.results) > 0
    refused = summary.results["p1"]
    assert (refused.file, refused.ok, refused.cost) == (None, False, 0)
    assert "safety" in str(refused)
    with pytest.raises(imagegen.UsageError, match="p1 has no picture: refused"):
        refused.image()
    cloud.faults.clear()
    told = imagegen.run(project).result()
    address = {"OPENAI_API_KEY": "sk-test-api", "OPENAI_BASE_URL": cloud.base_url}
    *lines, last = map(json.loads, command("run", "shop.csv", "--json", **address).stdout.splitlines())
    assert [(each.id, each.model, each.key) for each in told.results] == [
        (line["id"], line["model"], line["key"]) for line in lines
    ]
    assert (told.output.as_posix(), last["kept"]) == (last["output"], 3)


def _file(found: list[dict[str, Any]]) -> str:
    lines = [",".join(found[0]), *(",".join(row.values()) for row in found)]
    Path("shop.csv").write_text("\n".join(lines) + "\n")
    return "shop.csv"


def test_much_money_needs_a_budget_or_a_yes(cloud: Cloud) -> None:
    """Above $5 nothing begins without either; nobody is asked."""
    dear = {"model": "gpt-image-2.5-sunburst", "quality": "high", "size": "1024x1024"}
    project = imagegen.load([{"id": "p", "prompt": "A mug", "n": 100} | dear])
    run = imagegen.run(project)
    with pytest.raises(imagegen.GuardError) as caught:
        run.result()
    assert f"would cost about ${imagegen.plan(project).total:.2f} and no budget is set" in str(caught.value)
    assert caught.value.todo == "add budget=USD, or yes=True"
    assert cloud.requests == []
    stopped = imagegen.run(project, budget="0.30").result()
    assert (stopped.exit_code, stopped.counts["made"] + stopped.counts["skipped"]) == (4, 100)
    assert stopped.spent <= Decimal("0.30")
    assert "budget" in str(stopped)


def test_a_budget_or_a_yes_is_enough(cloud: Cloud, home: Path) -> None:
    """With the guard at nothing, a budget of the project and `yes` both let a run begin."""
    home.mkdir()
    (home / "config.yaml").write_text("guard: 0\n")
    with pytest.raises(imagegen.GuardError):
        imagegen.run(rows(1)).result()
    assert imagegen.run(imagegen.load(rows(1), budget=1)).result().ok
    assert imagegen.run(imagegen.load(rows(2)), yes=True).result().counts == {"made": 1, "kept": 1}


def test_refused_rows_stop_a_run_before_it_begins(cloud: Cloud) -> None:
    """The error's notes name each row and why; skip_refused=True makes the rest."""
    wrong = {"id": "big", "prompt": "A mug", "model": "gpt-image-2.5-flare", "size": "9000x9000"}
    project = imagegen.load([*rows(1), wrong])
    with pytest.raises(imagegen.UsageError, match="1 of 2 pictures cannot be made") as caught:
        list(imagegen.run(project))
    assert caught.value.todo == "mend the rows, or add skip_refused=True to make the rest"
    assert [note.partition(": gpt")[0] for note in caught.value.__notes__] == ["rows[1]: big"]
    assert cloud.requests == []
    summary = imagegen.run(project, skip_refused=True).result()
    assert (summary.exit_code, dict(summary.counts)) == (3, {"made": 1, "refused": 1})


def test_a_run_without_any_key_says_what_to_do() -> None:
    """In Python's words."""
    with pytest.raises(imagegen.UsageError, match="no key is set") as caught:
        imagegen.run(["A mug"]).result()
    assert 'or try provider="placeholder"' in caught.value.todo.replace("'", '"')


def test_rows_may_be_chosen_and_made_anew() -> None:
    """only, limit and redo do what the command line's flags do."""
    project = imagegen.load([{"id": name, "prompt": name} for name in "abc"], provider="placeholder")
    assert [each.id for each in imagegen.run(project, only=("c", "a")).result().results] == ["a", "c"]
    assert [each.id for each in imagegen.run(project, limit=1).result().results if each.state != "kept"] == []
    again = imagegen.run(project, redo="a").result().results
    assert [each.state for each in again] == ["made", "made", "kept"]
    with pytest.raises(imagegen.UsageError, match=r"^redo: no row is called 'd'"):
        imagegen.run(project, redo=["d"]).result()


def test_two_runs_at_the_same_time(cloud: Cloud) -> None:
    """In different folders of one home they work side by side; what both want is paid for once."""
    own = {name: rows(1)[0] | {"id": name, "prompt": name} for name in ("one", "two")}
    both = [imagegen.load([*rows(8), row], output=name) for name, row in own.items()]
    ended: list[imagegen.Summary] = []

    def work(project: imagegen.Project) -> None:
        ended.append(imagegen.run(project, budget=1).result())

    threads = [threading.Thread(target=work, args=[project]) for project in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(each.exit_code, each.there, len(list(each.output.glob("*.png")))) for each in ended] == [(0, 9, 9)] * 2
    assert len(cloud.charges) == 10


def test_one_run_at_a_time_in_a_folder(cloud: Cloud) -> None:
    """The second one is refused while the first is at work, and works afterwards."""
    first = imagegen.run(imagegen.load(rows(4)), budget=1)
    for number, _ in enumerate(first):
        if number == 0:
            with pytest.raises(imagegen.LockedError, match="another run is at work"):
                imagegen.run(imagegen.load(rows(1)), budget=1).result()
    assert imagegen.run(imagegen.load(rows(1)), budget=1).result().counts == {"kept": 1}


def test_a_bug_is_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What should not happen is not swallowed: it comes out of the loop and of result(), after what was made."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    def make(request: Request, slip: Slip) -> Outcome:
        slip.sending()
        if "number 1" in request.prompt:
            raise ZeroDivisionError("a bug")
        return made(request)

    monkeypatch.setattr(imagegen.crew, "providers", lambda *given: {"openai": Tiny(make)})
    run = imagegen.run(imagegen.load(rows(3)), budget=1)
    told = []
    with pytest.raises(ZeroDivisionError, match="a bug"):
        told.extend(event.id for event in run if isinstance(event, imagegen.Result) and event.ok)
    with pytest.raises(ZeroDivisionError):
        run.result()
    assert (tmp_path / "out/rows/p0.png").exists()


def test_results_are_one_run_s_own() -> None:
    """Asked for late, after another run in the folder, they are refused rather than mixed up; read in time, they
    stay."""
    project = imagegen.load(ROWS, provider="placeholder")
    *_, unread = imagegen.run(project)
    read = imagegen.run(project).result()
    assert isinstance(unread, imagegen.Summary)
    imagegen.run(project, redo="mug").result()
    with pytest.raises(imagegen.StorageError, match=r"results.jsonl is not this run's any more"):
        _ = unread.results
    assert [each.state for each in read.results] == ["kept"] * 3
    assert repr(read.results) == "<imagegen.Results: 3 pictures, 3 there>"


def test_notes_are_events() -> None:
    """Remarks about the rows come as notes."""

    class Product:
        """A row with something that is none of ours."""

        def __init__(self) -> None:
            self.prompt, self.price = "A mug", 4

    events = list(imagegen.run(imagegen.load([Product()], provider="placeholder")))
    assert [str(event) for event in events if isinstance(event, imagegen.Note)] == [
        "attributes not used: price (did you mean max_price?)"
    ]


def test_renditions_come_with_the_result() -> None:
    """Further sizes are files too, by name."""
    manifest = {"rows": ["A mug"], "output": {"renditions": {"card": "64x64"}}, "provider": "placeholder"}
    [result] = imagegen.run(manifest).result().results
    assert list(result.renditions) == ["card"]
    assert result.renditions["card"].is_file()


def test_the_command_line_knows_the_runs(command: Imagegen, tmp_path: Path) -> None:  # noqa: F811
    """`resume` repeats a run of a file with its arguments; for rows in memory it says what to do."""
    (tmp_path / "shop.csv").write_text("id,prompt\nmug,A mug\nbowl,A bowl\n")
    project = imagegen.load("shop.csv", provider="placeholder", output="there", budget=Decimal("1.5"))
    assert imagegen.run(project, only="mug").result().ok
    again = command("resume", "--json")
    assert (again.returncode, [json.loads(line)["id"] for line in again.stdout.splitlines()[:-1]]) == (0, ["mug"])
    assert imagegen.run(imagegen.load(["A mug"], provider="placeholder")).result().ok
    refused = command("resume")
    assert refused.returncode == 2
    assert "had its rows from a Python program; start that program again: it goes on" in refused.stderr
