"""`imagegen spend` is the ledger is the server's bill, after runs that went well, badly, were killed and settled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.money import nano
from tests.cloud import Cloud
from tests.run.cloudrun import Place

#: The forms in which the same money is asked for.
GROUPINGS = ("day", "month", "model", "provider", "run", "tag")


def rows(name: str, count: int, *tags: str) -> list[dict[str, Any]]:
    return [{"id": f"{name}{n}", "prompt": f"{name}{n} a lighthouse", "tags": ", ".join(tags)} for n in range(count)]


def spend(place: Place, by: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The groups and the whole."""
    ended = place.call("spend", "--by", by, "--json")
    assert ended.code == 0, ended.err
    return ended.events[:-1], ended.events[-1]


def check(place: Place, cloud: Cloud) -> None:
    """What every grouping says of the whole is what the ledger says; beyond it the bill has only what is unknown."""
    books = place.books
    for by in GROUPINGS:
        groups, whole = spend(place, by)
        assert nano(whole["charged_usd"]) == books.total
        if by != "tag":
            for name in ("charged_usd", "estimated_usd", "difference_usd", "unknown_at_most_usd"):
                assert sum(nano(each[name]) for each in groups) == nano(whole[name]), (by, name)
            assert sum(each["pictures"] for each in groups) == whole["pictures"]
        doubt = nano(whole["unknown_at_most_usd"]) + nano(whole["open_at_most_usd"])
        assert books.total <= cloud.bill <= books.total + doubt


@pytest.fixture
def history(place: Place, cloud: Cloud) -> Place:
    """A plain run, one with faults, one that is killed and taken up again, one that a budget stops."""
    assert place.run(place.manifest(rows("a", 5, "autumn"), "a.csv")).code == 0
    place.out = place.folder / "b"
    cloud.faults.script(
        [
            {"kind": "cut_accepted", "prompt": "b1", "times": 1},
            {"kind": "cut_body", "prompt": "b2", "times": 1},
            {"kind": "blank", "prompt": "b4", "times": 1},
            {"kind": "rate_limit", "prompt": "b5", "times": 1, "seconds": 0.01},
            {"kind": "moderation", "prompt": "b6", "times": 1},
            {"kind": "hang", "prompt": "c", "times": 1},
        ]
    )
    assert place.run(place.manifest(rows("b", 8, "autumn", "sale"), "b.csv")).code == 6
    place.out = place.folder / "c"
    manifest = place.manifest(rows("c", 6, "winter"), "c.csv")
    assert place.driver is not None
    ended, _ = place.driver.call(place, *place.arguments(manifest), after=1.0, mark=place.out / "c5.png")
    assert ended.code == -9
    check(place, cloud)
    assert place.run(manifest).code == 6
    place.out = place.folder / "d"
    assert place.run(place.manifest(rows("d", 4), "d.csv"), "--budget", "0.009").code == 4
    return place


def settle(place: Place, cloud: Cloud) -> int:
    """Look each unknown attempt up in the bill and settle it as the bill says; how many."""
    listed = place.unknown()
    for attempt, ids in listed.items():
        billed = [charge.amount for charge in cloud.charges if charge.prompt.split()[0] == ids[0]]
        how = ("--charged", "--amount", f"{billed[0] / 10**9:.9f}") if billed else ("--not-charged",)
        assert place.call("settle", attempt, *how).code == 0
    return len(listed)


def test_spend_is_the_ledger_is_the_bill(history: Place, cloud: Cloud) -> None:
    """Before the settlements the unknown stand apart; after them all three are equal, to the nanodollar."""
    check(history, cloud)
    assert spend(history, "day")[1]["unknown"] == 3
    _runs_are_told_as_they_went(history)
    assert settle(history, cloud) == 3
    check(history, cloud)
    groups, whole = spend(history, "tag")
    assert nano(whole["charged_usd"]) == history.books.total == cloud.bill
    assert (whole["unknown"], whole["open"]) == (0, 0)
    tags = {each["tag"]: each for each in groups}
    bills = {name: [charge.amount for charge in cloud.charges if charge.prompt[0] in name] for name in ("ab", "b", "d")}
    for tag, name in (("autumn", "ab"), ("sale", "b"), ("(no tag)", "d")):
        found = tags[tag]["pictures"], nano(tags[tag]["charged_usd"])
        assert found == (len(bills[name]), sum(bills[name])), tag


def _runs_are_told_as_they_went(history: Place) -> None:
    """The killed one died; the money of the runs is the whole."""
    lines = history.call("runs", "list", "--json").events
    assert [(Path(each["manifest"]).name, each["state"], each["exit_code"]) for each in lines] == [
        ("d.csv", "ended", 4),
        ("c.csv", "ended", 6),
        ("c.csv", "died", None),
        ("b.csv", "ended", 6),
        ("a.csv", "ended", 0),
    ]
    assert sum(nano(each["spent_usd"]) for each in lines) == history.books.total
    assert lines[0]["next"] == [f"imagegen resume {lines[0]['run']}"]
    assert "budget" in lines[0]["stopped_by"]
    assert (lines[2]["later"], lines[2]["next"]) == (lines[1]["run"], ["imagegen unknown"])
    assert lines[4]["counts"] == {"made": 5}
