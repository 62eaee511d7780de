"""Killed at any moment between first draft and picture, a row with drafts goes on: no draft and no picture is bought
twice, and a choice that was made is not made again."""

from __future__ import annotations

from collections import Counter

from tests.run.cloudrun import check_books
from tests.run.drafted import DRAFTS_ON, REFINED_ON, manifest, results, states
from tests.run.test_kill import Killer, killer

__all__ = ["killer"]

KILLS = 16
ROWS = 8


def test_kills_between_drafts_and_pictures(killer: Killer) -> None:
    """Campaigns of kills over rows of three drafts each, until `KILLS` are done."""
    done = number = 0
    while done < KILLS:
        done += _campaign(killer, number, KILLS - done)
        number += 1


def _campaign(killer: Killer, number: int, left: int) -> int:
    place = killer.place
    place.out = place.folder / f"out{number}"
    ids = [f"c{number}r{n}" for n in range(ROWS)]
    rows = [{"id": each, "prompt": f"{each} a lighthouse"} for each in ids]
    file = manifest(place, rows, name=f"rows{number}.yaml")
    ended, killed = killer.wear_down(place.arguments(file, workers=4), 4, left)
    charges = killer.bill.charges()
    bought = Counter((charge["prompt"].split()[0], charge["model"]) for charge in charges)
    assert all(bought[each, DRAFTS_ON] <= 3 and bought[each, REFINED_ON] <= 1 for each in ids), "bought twice"
    check_books(place.books, charges)
    found = states(ended)
    doubts = {row for rows in place.unknown().values() for row in rows} & set(ids)  # not an earlier campaign's
    assert {found[each, 0] for each in ids if each not in doubts} <= {"made", "kept", "cached"}, ended.err
    assert ended.code == (6 if doubts else 0), ended.err
    lines = results(place.out)
    for each in ids:
        drafts = [line for (row, _), line in lines.items() if row == each and line["role"] == "draft"]
        if found[each, 0] in ("made", "kept", "cached"):
            assert sum(line["chosen"] is True for line in drafts) == 1, (each, drafts)
            assert lines[each, 0]["chosen"]
    again, _ = killer.driver.call(place, *place.arguments(file, workers=4))
    assert len(killer.bill.charges()) == len(charges), again.err
    assert place.strays() == []
    return max(killed, 1)
