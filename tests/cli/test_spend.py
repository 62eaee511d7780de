"""`imagegen spend`, as people, spreadsheets and scripts see it. Its figures are held to the bill in tests/run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.conftest import Imagegen
from imagegen.errors import Exit
from imagegen.ledger import Ledger, attempts, runs
from imagegen.ledger.attempts import Item
from imagegen.ledger.budgets import Budget

CENT = 10**7
NOON = 1_795_348_800.0


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """A run with three calls: one below its estimate, one unknown, one that is still out."""
    with closing(Ledger(home, lambda: NOON)) as ledger:
        ledger.write(lambda books: runs.start(books, "run1", "shop", "/m/=shop.yaml", {}, NOON))
        for name, tags in (("mug", ("=HYPERLINK(1)", "autumn")), ("cup", ("autumn",)), ("jug", ())):
            items = [Item(f"key-{name}", name, 0, "{}", 4 * CENT, 10 * CENT, tags)]
            ledger.write(
                lambda books, name=name, items=items: attempts.reserve(
                    books, name, run="run1", collection="shop", provider="openai", model="dall-e-3", items=items,
                    budget=Budget(), clock=NOON,
                )
            )  # fmt: skip
            ledger.write(lambda books, name=name: attempts.sent(books, name, NOON))
        ledger.write(lambda books: attempts.close(books, "mug", 3 * CENT, "usage", NOON))
        ledger.write(lambda books: attempts.close(books, "cup", None, "unknown", NOON))
        yield ledger


@pytest.mark.usefixtures("ledger")
def test_the_table(imagegen: Imagegen) -> None:
    """Estimate against bill, unknown apart; what else a reader should know below."""
    lines = imagegen("spend", "--by", "tag", COLUMNS="120").stdout.splitlines()
    assert lines[0].split() == ["Tag", "Pictures", "Estimated", "Charged", "Difference", "Unknown"]
    assert lines[1].split() == ["autumn", "1", "$0.04", "$0.03", "-$0.01", "(-25.0", "%)", "1:", "≤", "$0.10"]
    assert lines[2].split()[:5] == ["=HYPERLINK(1)", "1", "$0.04", "$0.03", "-$0.01"]
    assert lines[4].split() == ["Total", "1", "$0.04", "$0.03", "-$0.01", "(-25.0", "%)", "1:", "≤", "$0.10"]
    below = "\n".join(lines[5:])
    assert "Unknown: 1 picture, possibly charged on top, at most $0.10: imagegen unknown" in below
    assert "Not closed: 1 picture, at most $0.10" in below
    assert "Tags overlap" in below
    narrow = imagegen("spend", "--by", "run", COLUMNS="80").stdout.splitlines()
    assert narrow[1].split()[:3] == ["run1", "=shop.yaml", "1"]
    assert max(map(len, narrow)) <= 80


@pytest.mark.usefixtures("ledger")
def test_lines_of_json(imagegen: Imagegen) -> None:
    """A line a group, last the whole; money is text."""
    *groups, whole = [json.loads(line) for line in imagegen("spend", "--by", "run", "--json").stdout.splitlines()]
    assert [(each["run"], each["manifest"], each["started"]) for each in groups] == [
        ("run1", "/m/=shop.yaml", "2026-11-22T12:00:00+00:00")
    ]
    figures = {
        "pictures": 1, "estimated_usd": "0.04", "charged_usd": "0.03", "difference_usd": "-0.01", "assumed_usd": "0",
        "unknown": 1, "unknown_at_most_usd": "0.1", "open": 1, "open_at_most_usd": "0.1",
    }  # fmt: skip
    assert {name: groups[0][name] for name in figures} == figures
    assert whole == {"event": "spend", "by": "run", "since": None, "until": None, **figures}


@pytest.mark.parametrize("by", ["tag", "run"])
@pytest.mark.usefixtures("ledger")
def test_a_csv_that_no_spreadsheet_calculates(imagegen: Imagegen, by: str) -> None:
    """Names that people chose are guarded; there is no line of totals that a sum would count again."""
    table = list(csv.DictReader(io.StringIO(imagegen("spend", "--by", by, "--csv").stdout)))
    names = {cell for line in table for name, cell in line.items() if name in (by, "manifest")}
    assert names & {"'=HYPERLINK(1)", "/m/=shop.yaml"}
    assert not any(name.startswith("=") for name in names)
    assert "Total" not in names
    assert {line["charged_usd"] for line in table} == {"0.03", "0"} if by == "tag" else {"0.03"}


@pytest.mark.parametrize(
    ("limits", "pictures"),
    [
        (("--since", "2026-11-22"), 1),
        (("--since", "2026-11-23"), 0),
        (("--until", "2026-11-21"), 0),
        (("--since", "2026-11", "--until", "2026-11"), 1),
        (("--until", "2026-10"), 0),
    ],
)
@pytest.mark.usefixtures("ledger")
def test_dates(imagegen: Imagegen, limits: tuple[str, ...], pictures: int) -> None:
    """Days and months, both ends included."""
    whole = json.loads(imagegen("spend", "--json", *limits).stdout.splitlines()[-1])
    assert whole["pictures"] == pictures


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--since", "22.11.2026"), "--since '22.11.2026' is no date; write it as 2026-11-22, or 2026-11 for a month"),
        (("--until", "2026-13"), "--until '2026-13' is no date"),
        (("--since", "2026-02-30"), "--since '2026-02-30' is no date"),
        (("--since", "2026-11-22", "--until", "2026-11-21"), "--since 2026-11-22 is after --until 2026-11-21"),
        (("--csv", "--json"), "--csv and --json are two forms of the same"),
        (("--by", "colour"), "Invalid value for '--by'"),
    ],
)
def test_what_cannot_be(imagegen: Imagegen, given: tuple[str, ...], said: str) -> None:
    """One line, exit 2."""
    done = imagegen("spend", *given)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr.startswith(f"error: {said}")
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_home(imagegen: Imagegen, home: Path) -> None:
    """Nothing was spent, in every form; nothing is created."""
    assert imagegen("spend").stdout == "Nothing was spent.\n"
    assert imagegen("spend", "--csv").stdout.startswith("day,pictures,estimated_usd")
    assert json.loads(imagegen("spend", "--json").stdout)["charged_usd"] == "0"
    assert not home.exists()
