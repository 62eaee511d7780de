"""Budgets hold to the cent, and nothing dear begins unasked. Every picture here costs four cents exactly."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import CENTS, PROGRAM, Books, Imagegen, Write, environment, files, manifest, pictures


def test_a_budget_below_the_first_picture_buys_nothing(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books
) -> None:
    """One line says which budget, how much, and what to do; exit 4, not a request."""
    write("rows.yaml", manifest(*pictures(3)))
    ran = paid("run", "rows.yaml", "--json", "--budget", "0.03")
    assert ran.code == ran.summary["exit_code"] == 4
    (line,) = [line for line in ran.err.splitlines() if "budget" in line]
    assert "$0.03 for this run" in line
    assert "--budget" in line
    assert set(ran.states.values()) == {"skipped"}
    assert (ran.summary["skipped"], ran.summary["spent_usd"]) == (3, "0")
    assert cloud.requests == []
    assert books.spent == books.reserved == 0


@pytest.mark.parametrize("workers", ["1", "8"])
def test_a_budget_buys_exactly_what_fits(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books, tmp_path: Path, workers: str
) -> None:
    """Of twelve pictures a budget of 21 cents buys five, however many workers there are; one worker goes by priority
    and then in manifest order. The next run goes on with the rest."""
    rows = [*pictures(11), f"{pictures(1)[0].replace('p0', 'first').replace('number 0', 'zero')}, priority: 1"]
    write("rows.yaml", manifest(*rows))
    ran = paid("run", "rows.yaml", "--json", "--budget", "0.21", "--workers", workers)
    assert ran.code == 4, ran.err
    assert (ran.summary["made"], ran.summary["skipped"], ran.summary["spent_usd"]) == (5, 7, "0.2")
    assert cloud.bill == books.spent == 20 * CENTS
    made = {name for name, state in ran.states.items() if state == "made"}
    if workers == "1":
        assert made == {"first", "p0", "p1", "p2", "p3"}
    assert files(tmp_path / "out" / "rows") == {f"{name}.png" for name in made}
    ran = paid("run", "rows.yaml", "--json", "--budget", "$10", "--workers", workers)
    assert ran.code == 0, ran.err
    assert (ran.summary["kept"], ran.summary["made"], ran.summary["spent_usd"]) == (5, 7, "0.28")
    assert ran.summary["estimated_usd"] == "0.28"
    assert len(cloud.charges) == 12


def test_a_budget_that_fits_exactly_is_no_stop(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """Three pictures for twelve cents are all made; what is there already needs no budget at all."""
    write("rows.yaml", manifest(*pictures(3)))
    assert paid("run", "rows.yaml", "--budget", "0.12").code == 0
    assert paid("run", "rows.yaml", "--budget", "0").code == 0
    assert len(cloud.charges) == 3


def test_day_and_month_count_every_run_of_the_home(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """What another manifest spent today counts; a run that finds the day's or the month's budget used up ends with 4
    and names it."""
    write("one.yaml", manifest(*pictures(3), head="budget: {day: 0.20}"))
    write("two.yaml", manifest(*pictures(6)[3:], head="budget: {day: 0.20, month: 9}"))
    write("three.yaml", manifest(*pictures(9)[6:], head="budget: {month: 0.23}"))
    assert paid("run", "one.yaml").code == 0
    two = paid("run", "two.yaml", "--json")
    assert (two.code, two.summary["made"], two.summary["skipped"]) == (4, 2, 1)
    assert "$0.20 for this day" in two.summary["stopped_by"]
    three = paid("run", "three.yaml", "--json")
    assert (three.code, three.summary["made"]) == (4, 0)
    assert "$0.23 for this month" in three.err
    assert len(cloud.charges) == 5


def test_an_hour_budget_waits_and_ctrl_c_ends_the_wait(
    cloud: Cloud, home: Path, tmp_path: Path, write: Write, books: Books
) -> None:
    """When the hour's money is used up the run says what it waits for; Ctrl-C ends it with 130, everything paid for in
    place and the summary said."""
    write("rows.yaml", manifest(*pictures(4), head="budget: {hour: 0.10}"))
    env = environment(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=cloud.base_url)
    heard = []
    with subprocess.Popen(
        [PROGRAM, "run", "rows.yaml", "--workers", "1"], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            heard.append(line)
            if "waiting:" in line:
                running.send_signal(signal.SIGINT)
    said = "".join(heard)
    assert running.returncode == 130, said
    assert "$0.10 for this hour" in said
    assert "2 made, 2 skipped; $0.08 spent" in said
    assert "Traceback" not in said
    assert files(tmp_path / "out" / "rows") == {"p0.png", "p1.png"}
    assert books.spent == 8 * CENTS


DEAR = "model: dall-e-3-hd, quality: hd, size: 1792x1024"


def test_a_dear_run_begins_only_when_it_is_asked_for(
    paid: Imagegen, cloud: Cloud, write: Write, books: Books, tmp_path: Path
) -> None:
    """Above $5, without a budget and without a terminal, nothing is bought and one line says how to go on; a budget
    goes on, and so does --yes."""
    write("rows.yaml", manifest(*pictures(42, DEAR)))
    ran = paid("run", "rows.yaml", "--json")
    assert ran.code == 2
    assert ran.errors == ["error: this run would cost about $5.04 and no budget is set; add --budget USD, or --yes"]
    assert cloud.requests == []
    assert books.ask("SELECT COUNT(*) FROM jobs") == 0
    assert books.ask("SELECT exit_code FROM runs") == 2
    assert paid("run", "rows.yaml", "--budget", "0.12").code == 4
    assert len(cloud.requests) == 1
    write("home/config.yaml", "guard: 0.05\n")
    write("two.yaml", manifest(*pictures(2)))
    assert paid("run", "two.yaml").code == 2
    assert paid("run", "two.yaml", "--yes").code == 0
    assert len(cloud.requests) == 3


def test_the_guard_counts_only_what_is_still_to_be_bought(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """A run whose pictures are there already needs nobody's yes, whatever they once cost."""
    write("home/config.yaml", "guard: 0.05\n")
    write("rows.yaml", manifest(*pictures(3)))
    assert paid("run", "rows.yaml", "-y").code == 0
    assert paid("run", "rows.yaml").code == 0
    write("rows.yaml", manifest(*pictures(4)))
    assert paid("run", "rows.yaml").code == 0
    assert len(cloud.charges) == 4


def in_a_terminal(command: list[str], env: dict[str, str], folder: Path, answer: str) -> tuple[int, str]:
    """Exit code and everything shown, when `command` runs in a terminal and is answered when it asks."""
    pty = pytest.importorskip("pty", reason="a terminal is made with pty, which Windows lacks")
    ours, theirs = pty.openpty()
    with subprocess.Popen([PROGRAM, *command], env=env, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as it:
        os.close(theirs)
        shown = b""
        with open(ours, "r+b", buffering=0) as terminal:
            while part := _read(terminal):
                shown += part
                if b"[y/N]" in part:
                    terminal.write(answer.encode() + b"\n")
    return it.returncode, shown.decode()


def _read(terminal: io.RawIOBase) -> bytes:
    try:
        return terminal.read(4096) or b""
    except OSError:  # how Linux says that the other side is gone
        return b""


@pytest.mark.parametrize(("answer", "code", "bought"), [("n", 2, 0), ("", 2, 0), ("y", 3, 2)])
def test_in_a_terminal_a_dear_run_asks(
    cloud: Cloud, write: Write, home: Path, tmp_path: Path, answer: str, code: int, bought: int
) -> None:
    """The question names the amount; only a yes goes on, with a bar and pictures; names with colours in them do not
    colour the terminal."""
    write("home/config.yaml", "guard: 0.05\n")
    write("rows.yaml", manifest(*pictures(2), 'id: "red\\e[31m", prompt: Blocked, model: dall-e-3, quality: standard'))
    cloud.faults.add("moderation", prompt="Blocked")
    env = environment(home, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=cloud.base_url, TERM="xterm")
    found, shown = in_a_terminal(["run", "rows.yaml"], env, tmp_path, answer)
    assert found == code, shown
    assert "This run will cost about $0.12 and no budget is set. Go on?" in shown
    assert len(cloud.charges) == bought
    assert "Traceback" not in shown
    if bought:
        assert "2 made, 1 refused; $0.08 spent" in shown
        assert "red\\x1b[31m: refused:" in shown
    else:
        assert "nothing was bought; add --budget USD to allow about $0.12" in shown
    assert "red\x1b" not in shown
