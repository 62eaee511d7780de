"""The batch lane through the program: half the price, nothing lost, nothing bought twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import KILLED_CREATING, PROGRAM, Books, Imagegen, Write, environment, files, manifest

SMALL = "lane: batch\ndefaults: {model: gpt-image-2.5-flare, size: 1024x640, quality: low}"
THREE = ("id: a, prompt: A mug", "id: b, prompt: A cup", "id: c, prompt: A bowl")


def states(events: list[dict[str, Any]]) -> dict[str, str]:
    """The last state of each row."""
    return {event["id"]: event["state"] for event in events if event["event"] == "row"}


def test_rows_wait_and_the_next_run_has_them(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books, tmp_path: Path
) -> None:
    """Exit 9 with one line on what to do, its money set aside; run again: nothing is bought anew; when the batch is
    over, the pictures lie in the folder for half the price of the live one."""
    write("m.yaml", manifest(*THREE, "id: now, prompt: A plate, lane: live", "id: twin, prompt: A bowl", head=SMALL))
    cloud.batches.hold = True
    first = paid("run", "m.yaml")
    assert first.code == 9
    assert (
        "4 pictures wait in the provider's queue, up to a day: `imagegen collect --wait` brings them home" in first.err
    )
    assert "waiting: in" not in first.err
    assert files(tmp_path / "out" / "m") == {"now.png"}
    live = cloud.bill
    assert books.reserved > 0
    second = paid("run", "m.yaml", "--json")
    assert (second.code, second.summary["waiting"], second.summary["spent_usd"]) == (9, 4, "0")
    assert len(cloud.batches.made) == 1
    cloud.batches.hold = False
    third = paid("run", "m.yaml", "--json")
    assert (third.code, third.summary["cached"]) == (0, 5)
    assert files(tmp_path / "out" / "m") == {f"{name}.png" for name in ("a", "b", "c", "now", "twin")}
    amounts = sorted(charge.amount for charge in cloud.charges)
    assert len(amounts) == 4
    assert amounts[:3] == [pytest.approx(live / 2, rel=0.01)] * 3


def test_collect_brings_home_and_buys_nothing(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Without a manifest whatever waits in this home, into its own folder, with its run's flags; a row that was added
    meanwhile is left for the next run."""
    write("m.yaml", manifest(*THREE, head=SMALL.removeprefix("lane: batch\n")))
    assert paid("collect").err == "nothing waits in a provider's queue\n"
    cloud.batches.hold = True
    assert paid("run", "m.yaml", "--lane", "batch", "-o", "here").code == 9
    assert (paid("collect", "m.yaml", "--wait", "--for", "0.3", "--every", "0.1").code, cloud.bill) == (9, 0)
    write("m.yaml", manifest(*THREE, "id: new, prompt: A vase", head=SMALL.removeprefix("lane: batch\n")))
    cloud.batches.hold = False
    done = paid("collect", "--json")
    assert (done.code, done.summary["cached"], done.summary["skipped"]) == (0, 3, 1)
    assert files(tmp_path / "here") == {"a.png", "b.png", "c.png"}
    assert paid("collect").code == 0
    assert (len(cloud.charges), len(cloud.batches.made)) == (3, 1)
    assert paid("run", "m.yaml", "-o", "here").code == 0
    assert len(cloud.charges) == 4


def test_collect_waits_until_all_are_there(
    paid: Imagegen, cloud: Cloud, write: Write, home: Path, tmp_path: Path
) -> None:
    """And stops cleanly at Ctrl-C."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    cloud.batches.hold = True
    assert paid("run", "m.yaml").code == 9
    env = environment(home, OPENAI_API_KEY="sk-test-e2e", OPENAI_BASE_URL=cloud.base_url)
    command = [PROGRAM, "collect", "--wait", "--every", "0.1"]
    (batch,) = cloud.batches.made.values()

    def started() -> subprocess.Popen[str]:
        seen = batch.looks
        process = subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while batch.looks < seen + 3:
            assert process.poll() is None
            time.sleep(0.02)
        return process

    with started() as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in said) == (130, False)
    with started() as process:
        cloud.batches.hold = False
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert files(tmp_path / "out" / "m") == {"a.png", "b.png", "c.png"}


def test_row_by_row(paid: Imagegen, cloud: Cloud, write: Write, books: Books, tmp_path: Path) -> None:
    """A batch that ran out of time: what was made is there, what was refused is told once and stands in refused.csv,
    what was not run is bought again by the same command."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    cloud.batches.refuse, cloud.batches.expire = {"cup"}, {"bowl"}
    assert paid("run", "m.yaml").code == 9
    second = paid("run", "m.yaml", "--json")
    assert second.code == 9
    assert states(second.events) == {"a": "cached", "b": "refused", "c": "waiting"}
    assert "moderation_blocked" in (tmp_path / "out" / "m" / "refused.csv").read_text()
    cloud.batches.expire.clear()
    last = paid("collect", "--json")
    assert (last.code, states(last.events)["c"]) == (0, "cached")
    assert len(cloud.batches.made) == 2
    assert books.ask("SELECT COUNT(*) FROM attempts WHERE state = 'done'") == 2


def test_what_is_in_doubt_is_set_apart(paid: Imagegen, cloud: Cloud, write: Write, books: Books) -> None:
    """One line of which nobody can say: it alone is unknown, the others are settled to the cent."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    cloud.batches.breaks = {"cup"}
    assert paid("run", "m.yaml").code == 9
    second = paid("collect", "--json")
    assert second.code == 6
    assert states(second.events) == {"a": "cached", "b": "unknown", "c": "cached"}
    assert books.spent == cloud.bill > 0
    found = json.loads(paid("unknown", "--json").out.splitlines()[0])
    assert found["rows"] == ["b"]
    assert paid("settle", found["attempt"], "--not-charged").code == 0
    cloud.batches.breaks.clear()
    assert paid("run", "m.yaml").code == 9
    assert paid("collect").code == 0


@pytest.mark.parametrize("when", ["after", "before"])
def test_killed_before_its_number_was_written_down(
    paid: Imagegen, cloud: Cloud, write: Write, home: Path, tmp_path: Path, books: Books, when: str
) -> None:
    """A batch that was created is found by its tag and never bought twice; of one that was not, nobody can say while
    the list may lag, so its rows wait."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    env = environment(home, OPENAI_API_KEY="sk-test-e2e", OPENAI_BASE_URL=cloud.base_url)
    died = subprocess.run(
        [sys.executable, "-c", KILLED_CREATING.format("openai"), when, "run", "m.yaml"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert books.ask("SELECT state FROM attempts") == "sent"
    ran = paid("run", "m.yaml", "--json")
    if when == "after":
        assert (ran.code, ran.summary["cached"]) == (0, 3)
    else:
        assert (ran.code, ran.summary["waiting"]) == (9, 3)
        _backdate(home, 3600)
        assert paid("run", "m.yaml").code == 9
        assert paid("collect").code == 0
    assert (len(cloud.batches.made), len(cloud.charges)) == (1, 3)


def _backdate(home: Path, seconds: float) -> None:
    import sqlite3

    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("UPDATE attempts SET sent = sent - ? WHERE state = 'sent'", (seconds,))
    connection.close()


def test_killed_while_collecting(paid: Imagegen, cloud: Cloud, write: Write, home: Path, tmp_path: Path) -> None:
    """At any moment between the fetch and the folder: the pictures come all the same, paid for once."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    assert paid("run", "m.yaml").code == 9
    env = environment(home, OPENAI_API_KEY="sk-test-e2e", OPENAI_BASE_URL=cloud.base_url)
    for name in ("imagegen.keep.keep", "imagegen.ledger.attempts.close", "imagegen.filing.file_away"):
        module, _, function = name.rpartition(".")
        code = (
            f"import os, signal, {module} as m\n"
            f"m.{function} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
            "import imagegen.collect, imagegen.record\n"
            "from imagegen.cli import main\nmain()"
        )
        died = subprocess.run(
            [sys.executable, "-c", code, "collect"],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=100,
        )
        assert died.returncode == -signal.SIGKILL, died.stderr
    assert paid("collect").code == 0
    assert files(tmp_path / "out" / "m") == {"a.png", "b.png", "c.png"}
    assert (len(cloud.batches.made), len(cloud.charges)) == (1, 3)


def test_many_batches_a_budget_and_new_rows_between(paid: Imagegen, cloud: Cloud, write: Write, books: Books) -> None:
    """Rows go a hundred to a batch; a budget that does not do for a hundred does for fewer; rows that are added while
    others wait are submitted, and only they."""
    rows = [f"id: r{number}, prompt: Picture {number}" for number in range(130)]
    write("m.yaml", manifest(*rows[:120], head=SMALL))
    cloud.batches.hold = True
    assert paid("run", "m.yaml").code == 9
    sizes = [batch.counts[0] for batch in cloud.batches.made.values()]
    assert sorted(sizes) == [20, 100]
    write("m.yaml", manifest(*rows, head=SMALL))
    short = paid("run", "m.yaml", "--budget", "0.009", "--json")
    assert short.code == 4
    assert 0 < short.summary["waiting"] - 120 < 10
    assert paid("run", "m.yaml").code == 9
    assert sum(batch.counts[0] for batch in cloud.batches.made.values()) == 130
    cloud.batches.hold = False
    assert paid("collect").code == 0
    assert len(cloud.charges) == 130


def test_edits_ride_too(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """In a batch of their own, with their pictures."""
    from tests.cloud.pictures import picture

    write("mug.png", picture("mug", 640, 640))
    rows = ("id: e1, prompt: On linen, image: mug.png", "id: e2, prompt: On wood, image: mug.png", THREE[0])
    write("m.yaml", manifest(*rows, head=SMALL))
    assert paid("run", "m.yaml").code == 9
    assert sorted(batch.body["endpoint"] for batch in cloud.batches.made.values()) == [
        "/v1/images/edits",
        "/v1/images/generations",
    ]
    assert paid("run", "m.yaml").code == 0
    assert len([file for file in cloud.batches.files.values() if file.purpose == "vision"]) == 1
    assert files(tmp_path / "out" / "m") == {"a.png", "e1.png", "e2.png"}


def test_auto_takes_the_queue_where_the_deadline_allows_it(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """And says so beforehand: lane and price, in the plan and in the plan file that is then run."""
    rows = ("id: a, prompt: A mug, deadline: 3d", "id: b, prompt: A cup, deadline: 6h", THREE[2])
    write("m.yaml", manifest(*rows, head=SMALL.removeprefix("lane: batch\n")))
    planned = paid("plan", "m.yaml", "--lane", "auto", "--json")
    lanes = {event["id"]: event["lane"] for event in planned.events if event["event"] == "row"}
    assert lanes == {"a": "batch", "b": "live", "c": "batch"}
    assert "openai (batch)" in paid("plan", "m.yaml", "--lane", "auto").out
    assert "In batches, within a day: 2 pictures" in paid("cost-estimate", "m.yaml", "--lane", "auto").out
    assert paid("plan", "m.yaml", "--lane", "auto", "-o", "plan.jsonl").code == 0
    ran = paid("run", "plan.jsonl", "--json")
    assert (ran.code, states(ran.events)) == (9, {"a": "waiting", "b": "made", "c": "waiting"})
    assert paid("run", "plan.jsonl", "--json").code == 0
    assert len(cloud.charges) == 3


def test_a_key_of_another_account_loses_nothing(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """It is told why the rows wait; the right key has them."""
    write("m.yaml", manifest(*THREE, head=SMALL))
    assert paid("run", "m.yaml").code == 9
    other = paid("collect", OPENAI_API_KEY="sk-another-account")
    assert other.code == 9
    assert "no such batch with this key" in other.err
    assert paid("collect").code == 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("model: flux-schnell, lane: batch", "flux-schnell"),
        ("lane: batch, deadline: 6h", "nearer than the 24 hours"),
        ("lane: batch, accept: {safe: true}", "accept looks at a picture"),
        ("deadline: soon", "the deadline 'soon' is no time; write 36h"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_bought(
    paid: Imagegen, cloud: Cloud, write: Write, row: str, why: str
) -> None:
    """Exit 2, with where and what to do."""
    write("m.yaml", manifest(f"id: a, prompt: A mug, {row}", THREE[1], head=SMALL))
    ran = paid("run", "m.yaml")
    assert (ran.code, cloud.requests) == (2, [])
    assert "m.yaml:" in ran.err
    assert why in ran.err


def test_collect_needs_a_manifest_for_a_folder(imagegen: Imagegen) -> None:
    """One line."""
    ran = imagegen("collect", "-o", "x")
    assert (ran.code, ran.errors) == (2, ["error: --output says the folder of a manifest; name the manifest too"])
    assert os.listdir() == []
