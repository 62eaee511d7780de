"""`imagegen unknown` and `imagegen settle`: what may have been charged, and how it is closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledger.bookkeeping import CENT, NOON, granted, reserve, state_of, totals, unknown

from cli.conftest import Imagegen
from imagegen.ledger import Ledger, attempts, holdings
from imagegen.ledger.budgets import Budget

TESTS = Path(__file__).parent.parent


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with closing(Ledger(home, lambda: NOON)) as ledger:
        yield ledger


def lose(ledger: Ledger, attempt: str, *rows: str, collection: str = "shop") -> str:
    """An unknown attempt with this id."""
    return unknown(ledger, *rows, attempt=attempt, collection=collection)


@pytest.mark.parametrize("words", [[], ["--all"], ["--json"], ["--all", "--json"]])
def test_an_empty_home_has_no_unknowns_and_stays_empty(imagegen: Imagegen, home: Path, words: list[str]) -> None:
    """Where nothing was bought nothing is unknown: exit 0, and nothing is made on disk."""
    done = imagegen("unknown", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if "--json" in words else "No unknown attempts.\n")
    assert not home.exists()


def test_a_ledger_without_unknowns_is_exit_0(imagegen: Imagegen, ledger: Ledger) -> None:
    """Known charges are not listed."""
    ledger.write(lambda c: attempts.close(c, granted(c, "mug"), 5, "usage", NOON))
    done = imagegen("unknown")
    assert (done.returncode, done.stdout) == (0, "No unknown attempts.\n")


@pytest.mark.parametrize("columns", ["80", "120"])
def test_unknowns_are_listed_with_what_to_do(imagegen: Imagegen, ledger: Ledger, columns: str) -> None:
    """Each with its id, time, model, rows and most it can cost; the total; the three ways on; exit 6."""
    lose(ledger, "1234567890abcdef", "mug")
    lose(ledger, "abcdef1234567890", *(f"product-{number}" for number in range(5)))
    ledger.write(lambda c: holdings.place_collection(c, "shop", "/out/shop", NOON))

    done = imagegen("unknown", COLUMNS=columns)

    assert (done.returncode, done.stderr) == (6, "")
    assert "In /out/shop\n" in done.stdout
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "90abcdef 2026-11-22 12:00 openai/gpt-image-2 mug $0.01" in rows
    assert "34567890 2026-11-22 12:00 openai/gpt-image-2 product-0 and 4 more $0.05" in rows
    assert "6 pictures, at most $0.06." in done.stdout
    for way in ("imagegen settle ID --charged", "imagegen settle ID --not-charged", "imagegen resume --retry-unknown"):
        assert way in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= int(columns)


def test_unknowns_are_json_lines(imagegen: Imagegen, ledger: Ledger) -> None:
    """--json has the whole id, money as text, and the reason."""
    lose(ledger, "1234567890abcdef", "mug")
    done = imagegen("unknown", "--json")
    assert done.returncode == 6
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "attempt": "1234567890abcdef",
            "state": "unknown",
            "sent": "2026-11-22T12:00:00+00:00",
            "provider": "openai",
            "model": "gpt-image-2",
            "rows": ["mug"],
            "at_most_usd": "0.01",
            "reason": "the answer broke off",
            "folder": None,
        }
    ]


def test_a_row_cannot_command_the_terminal(imagegen: Imagegen, ledger: Ledger) -> None:
    """Control characters and markup in row ids are shown, not obeyed."""
    lose(ledger, "1234567890abcdef", "\x1b[2J[red]")
    out = imagegen("unknown").stdout + imagegen("settle", "1234", "--charged").stdout
    assert out.count(r"\x1b[2J[red]") == 2
    assert "\x1b" not in out


def test_what_a_killed_run_left_is_listed_at_once(imagegen: Imagegen, home: Path) -> None:
    """Right after a SIGKILL, without another run, what was sent and not answered is unknown; what was answered
    is said to be collectable."""
    command = [sys.executable, TESTS / "ledger" / "deadrun.py", home, "dead"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        alive = imagegen("unknown")
        process.send_signal(signal.SIGKILL)

    done = imagegen("unknown")

    assert alive.returncode == 0
    assert done.returncode == 6
    assert "dead-sent" in done.stdout
    assert "dead-reserved" not in done.stdout
    assert (
        done.stderr == "note: 2 pictures of an interrupted run can still be collected; the next run does, for nothing\n"
    )


@pytest.mark.parametrize(
    ("name", "words", "booked", "said"),
    [
        ("mug", ["--charged"], CENT, "90abcdef (mug): charged, $0.01 booked"),
        ("1234", ["--charged", "--amount", "0.0042"], 4_200_000, "90abcdef (mug): charged, $0.0042 booked"),
        ("90abcdef", ["--charged", "--amount", "$0.5"], 500_000_000, "90abcdef (mug): charged, $0.50 booked"),
        ("1234567890abcdef", ["--not-charged"], 0, "90abcdef (mug): not charged, $0.01 came free"),
    ],
)
def test_settle_books_and_says_so(
    imagegen: Imagegen, ledger: Ledger, name: str, words: list[str], booked: int, said: str
) -> None:
    """By a part of an id, the whole id or a row: what was booked is printed and is in the books."""
    lose(ledger, "1234567890abcdef", "mug")
    done = imagegen("settle", name, *words)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == said
    with ledger.reading() as connection:
        assert state_of(connection, "1234567890abcdef")[2] == booked
        assert totals(connection).get("day:2026-11-22", (0, 0)) == (0, booked)
    assert imagegen("unknown").returncode == 0


def test_a_settled_attempt_is_remembered(imagegen: Imagegen, ledger: Ledger) -> None:
    """unknown --all lists it with what was booked, and is exit 0 when nothing else is open."""
    lose(ledger, "1234567890abcdef", "mug")
    imagegen("settle", "mug", "--charged", "--amount", "0.003")
    done = imagegen("unknown", "--all")
    assert done.returncode == 0
    assert any(line.split()[-2:] == ["mug", "$0.003"] for line in done.stdout.splitlines())
    (line,) = imagegen("unknown", "--all", "--json").stdout.splitlines()
    assert (json.loads(line)["state"], json.loads(line)["charged_usd"]) == ("settled", "0.003")


@pytest.mark.parametrize("words", [["1111", "jug", "2222"], ["--all"]])
def test_several_are_settled_at_once(imagegen: Imagegen, ledger: Ledger, words: list[str]) -> None:
    """Several names, or --all, settle each attempt once and say the sum."""
    lose(ledger, "11111111", "mug", "cup")
    lose(ledger, "22222222", "jug")
    done = imagegen("settle", *words, "--charged")
    assert done.returncode == 0
    assert "2 attempts, $0.03\n" in done.stdout
    assert imagegen("unknown").returncode == 0


def test_all_of_nothing_is_no_error(imagegen: Imagegen, ledger: Ledger) -> None:
    """settle --all where nothing is unknown says so."""
    done = imagegen("settle", "--all", "--not-charged")
    assert (done.returncode, done.stdout) == (0, "No unknown attempts.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mug"], "say what became of it; add --charged or --not-charged, one of them"),
        (["mug", "--charged", "--not-charged"], "say what became of it; add --charged or --not-charged, one of them"),
        (["mug", "--not-charged", "--amount", "1"], "--amount goes with --charged; leave it out"),
        (
            ["mug", "--charged", "--amount", "much"],
            "--amount: not an amount of money: 'much'; give US dollars, such as 0.04",
        ),
        (["mug", "--charged", "--amount=-1"], "--amount is negative; give US dollars, such as 0.04"),
        (["--charged"], "say which attempts to settle; give ids, or --all; `imagegen unknown` lists them"),
        (
            ["mug", "--all", "--charged"],
            "say which attempts to settle; give ids, or --all; `imagegen unknown` lists them",
        ),
        (["nothing", "--charged"], "no unknown attempt is called 'nothing'; `imagegen unknown` lists them"),
        (["11", "--charged"], "no unknown attempt is called '11'; `imagegen unknown` lists them"),
        (["1111", "--charged"], "'1111' is 2 unknown attempts: 1111aaaa, 1111bbbb; give one id"),
        (["twin", "--charged"], "'twin' is 2 unknown attempts: 1111aaaa, 1111bbbb; give one id"),
        (["mug", "nothing", "--charged"], "no unknown attempt is called 'nothing'; `imagegen unknown` lists them"),
        (
            ["mug", "cup", "--charged", "--amount", "1"],
            "--amount is what one attempt was billed; settle them one by one",
        ),
    ],
)
def test_settle_refuses_and_books_nothing(imagegen: Imagegen, ledger: Ledger, words: list[str], said: str) -> None:
    """A wrong flag, or one wrong name among several, is exit 2, one line, and no attempt is settled."""
    for attempt, row in (("1111aaaa", "mug"), ("1111bbbb", "cup")):
        lose(ledger, attempt, row, f"twin-{row}")
    ledger.write(lambda c: c.execute("UPDATE items SET row = 'twin' WHERE row LIKE 'twin-%'"))
    done = imagegen("settle", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")
    with ledger.reading() as connection:
        assert totals(connection)["day:2026-11-22"] == (0, 4 * CENT)


def test_settling_in_an_empty_home_is_exit_2(imagegen: Imagegen, home: Path) -> None:
    """Where nothing was bought there is nothing to settle, and nothing is made on disk."""
    done = imagegen("settle", "mug", "--charged")
    assert done.returncode == 2
    assert "nothing was ever bought here" in done.stderr
    assert not home.exists()


def test_settled_as_not_charged_the_money_is_free_again(imagegen: Imagegen, ledger: Ledger) -> None:
    """A day's budget that an unknown filled has room again."""
    lose(ledger, "1234567890abcdef", "mug")
    budget = Budget(day=CENT)
    before = ledger.write(lambda c: reserve(c, "cup", budget=budget))
    imagegen("settle", "mug", "--not-charged")
    after = ledger.write(lambda c: reserve(c, "cup", budget=budget))
    assert [type(answer).__name__ for answer in (before, after)] == ["Denied", "Granted"]


@pytest.mark.parametrize("command", [["unknown"], ["settle", "mug", "--charged"]])
@pytest.mark.parametrize(
    ("version", "said"), [(99, "written by a newer imagegen"), (None, "cannot be used: file is not a database")]
)
def test_a_ledger_that_cannot_be_used_is_one_line(
    imagegen: Imagegen, home: Path, command: list[str], version: int | None, said: str
) -> None:
    """A newer or damaged ledger is exit 7 with what to do, and is left as it is."""
    path = home / "ledger.db"
    with closing(Ledger(home)) as ledger:
        if version:
            ledger.write(lambda c: c.execute(f"PRAGMA user_version={version}"))
    if not version:
        path.write_bytes(b"rubbish" * 1000)
    done = imagegen(*command)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith(f"error: the ledger {path} ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
