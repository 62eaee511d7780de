"""Killed at any moment, a run goes on: nothing is bought twice, nothing is lost, and what nobody knows is said."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagegen.ledger import Ledger, unknowns
from imagegen.stores.disk import DiskStore
from tests.run.cloudrun import Bill, Driver, Ended, Place, check_books, server

#: Rows of the manifests, one after the other: small ones are killed while they plan and close, large ones at work.
SIZES = (6, 90, 2, 40, 160, 12)


@dataclass
class Killer:
    """Runs a manifest, kills it, looks at what lies there, and runs it again. `span`: the seconds within which it
    strikes; it follows the life of a run so that every part of that life is struck."""

    place: Place
    driver: Driver
    bill: Bill
    dice: random.Random
    span: float = 0.6
    kills: int = 0
    unknown: set[str] = field(default_factory=set)

    def wear_down(self, arguments: Sequence[str], workers: int, left: int) -> tuple[Ended, int]:
        """Kill runs until one lives to its end or `left` were killed; then one is let be. What that one left."""
        killed = idle = 0
        while killed < left:
            before = len(self.bill.charges())
            ended, lived = self.driver.call(self.place, *arguments, after=self.dice.uniform(0, self.span))
            if ended.code != -9:
                self.span = max(0.05, 0.9 * lived)
                return ended, killed
            killed += 1
            idle = 0 if len(self.bill.charges()) > before else idle + 1
            if idle > 3:
                self.span *= 1.3
            self.look_around(workers)
        return self.driver.call(self.place, *arguments)[0], killed

    def look_around(self, workers: int) -> None:
        """What a kill leaves open is no more than the calls that were in flight, and the ledger is sound."""
        if not self.place.books.begun:
            return
        assert self.place.books.sound()
        spool = self.place.home / "spool"
        known = {attempt.id for attempt in self.place.books.attempts("unknown")}
        sent = [attempt.id for attempt in self.place.books.attempts("sent")]
        cut = {each for each in sent if not _whole(spool / f"{each}.part")}
        assert len(cut) + len(known - self.unknown) <= workers
        self.unknown = known | cut


def _whole(path: Path) -> bool:
    """Whether the spool has the complete answer: its head is written last."""
    return path.exists() and path.read_bytes()[:8] == b"IGSPOOL1"


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    """A place, the server and the driver, each a process of its own."""
    folder = tmp_path / "place"
    folder.mkdir()
    seed = int(os.environ.get("IMAGEGEN_SEED") or random.SystemRandom().randrange(10**6))
    print(f"IMAGEGEN_SEED={seed}")
    dice = random.Random(seed)
    with server(dice.uniform(0.005, 0.04)) as address, Driver() as driver:
        yield Killer(Place(folder, address, driver), driver, Bill(address), dice)


def test_a_hundred_kills(killer: Killer) -> None:
    """A hundred kills at random moments: no prompt charged twice, no picture lost or torn, every charge either in
    the folder or listed as unknown, and the ledger's total is the bill."""
    _campaigns(killer, 100)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif("IMAGEGEN_SOAK" not in os.environ, reason="a thousand kills take minutes: set IMAGEGEN_SOAK=1")
def test_a_thousand_kills(killer: Killer) -> None:
    """The same, a thousand times."""
    _campaigns(killer, 1000)


def _campaigns(killer: Killer, kills: int) -> None:
    done = number = 0
    while done < kills:
        rows = SIZES[number % len(SIZES)]
        workers = killer.dice.choice((4, 8, 16))
        done += _campaign(killer, number, rows, workers, kills - done)
        number += 1
    with closing(DiskStore(killer.place.home / "cache")) as cache:
        wrong = {problem.kind for problem in cache.verify(read_data=True)}
    assert wrong <= {"leftover", "orphan"}, "the cache is damaged"


def _campaign(killer: Killer, number: int, rows: int, workers: int, left: int) -> int:
    """One manifest, from its first kill to its settled books."""
    place = killer.place
    place.out = place.folder / f"out{number}"
    ids = [f"c{number}r{n}" for n in range(rows)]
    manifest = place.manifest([{"id": each, "prompt": f"{each} a lighthouse"} for each in ids], f"rows{number}.csv")
    ended, killed = killer.wear_down(place.arguments(manifest, workers=workers), workers, left)
    _check(killer, ended, ids)
    _buy_again(killer, ids)
    _settle(killer)
    _check_settled(killer, place.arguments(manifest))
    return killed


def _check(killer: Killer, ended: Ended, ids: list[str]) -> None:
    """After the run that was let be: every row is there, or it is unknown and listed."""
    place, listed = killer.place, _listed(killer)
    unknown = {row for rows in listed.values() for row in rows}
    assert ended.code == (6 if unknown else 0), ended.err
    assert sorted(ended.rows) == sorted(ids)
    assert {name for name, state in ended.states.items() if state == "unknown"} == unknown
    assert set(ended.states.values()) <= {"made", "kept", "cached", "unknown"}
    place.pictures(ended.rows)
    charges = killer.bill.charges()
    counts = Counter(charge["prompt"].split()[0] for charge in charges)
    assert all(counts[each] <= 1 for each in ids), "bought twice"
    assert all(counts[each] == 1 for each in set(ids) - unknown), "made of nothing"
    check_books(place.books, charges)
    assert place.books.sound()
    assert place.strays() == []


def _buy_again(killer: Killer, ids: list[str]) -> None:
    """`resume --retry-unknown`, killed now and then as well, makes what is missing; the doubtful money stays counted,
    and what is charged is charged for the picture or for an attempt that is listed."""
    before, again = _listed(killer), ("resume", "--retry-unknown", "--yes", "--json")
    for _ in range(2 if before else 0):
        killer.driver.call(killer.place, *again, after=killer.dice.uniform(0, killer.span))
    ended, _ = killer.driver.call(killer.place, *again)
    listed = _listed(killer)
    assert before.keys() <= listed.keys()
    assert ended.code == (6 if listed else 0), ended.err
    assert sorted(ended.rows) == sorted(ids)
    assert set(ended.states.values()) <= {"made", "kept", "cached"}
    killer.place.pictures(ended.rows)
    charges = killer.bill.charges()
    doubts = Counter(row for rows in listed.values() for row in rows)
    counts = Counter(charge["prompt"].split()[0] for charge in charges)
    assert all(counts[each] <= 1 + doubts[each] for each in ids)
    check_books(killer.place.books, charges)


def _settle(killer: Killer) -> None:
    """Look each unknown attempt up in the bill, and book what the bill says."""
    place, charges = killer.place, killer.bill.charges()
    billed: Counter[str] = Counter()
    for charge in charges:
        billed[charge["prompt"]] += charge["amount"]
    with closing(Ledger(place.home)) as ledger:
        for attempt in place.books.attempts("unknown"):
            booked = sum(each.charged or 0 for each in place.books.attempts("done") if each.prompt == attempt.prompt)
            owed = billed[attempt.prompt] - booked
            ledger.write(lambda c, id=attempt.id, owed=owed: unknowns.settle(c, id, owed, ledger.clock()))
    assert place.books.total == sum(charge["amount"] for charge in charges)
    assert place.books.buckets["day"] == place.books.total


def _check_settled(killer: Killer, arguments: Sequence[str]) -> None:
    """Nothing is left to do: no request, no unknown, exit 0."""
    requests = killer.bill.requests()
    ended, _ = killer.driver.call(killer.place, *arguments)
    assert (ended.code, set(ended.states.values())) == (0, {"kept"}), ended.err
    assert killer.bill.requests() == requests
    assert _listed(killer) == {}


def _listed(killer: Killer) -> dict[str, list[str]]:
    """`imagegen unknown`: attempt -> rows; its exit code agrees."""
    ended, _ = killer.driver.call(killer.place, "unknown", "--json")
    events: list[dict[str, Any]] = ended.events
    assert ended.code == (6 if events else 0), ended.err
    return {event["attempt"]: event["rows"] for event in events}
