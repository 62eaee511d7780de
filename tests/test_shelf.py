"""Shelf: what is there already, asked of the folder's holdings, the cache and the books."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from imagegen.kinds import fingerprint
from imagegen.ledger import Ledger, attempts, holdings
from imagegen.ledger.attempts import Granted, Item
from imagegen.ledger.budgets import Budget
from imagegen.ledger.holdings import Holding
from imagegen.planned import Draft, Seen
from imagegen.settings import Settings
from imagegen.shelf import Shelf
from imagegen.stores.disk import DiskStore
from tests.planning import planned

NOON = 1_795_348_800.0
HERE = "http://127.0.0.1:1/v1"


def draft(**fields: Any) -> Draft:
    """A draft of a row called mug."""
    return planned([{"id": "mug", "prompt": "A mug", "model": "dall-e-3"} | fields])[0].draft


@dataclass
class House:
    """A home with its ledger and store, and a folder "shop" in it."""

    home: Path
    ledger: Ledger
    store: DiskStore
    reader: sqlite3.Connection

    def hold(self, of: Draft, **more: Any) -> Holding:
        """Let the folder hold a picture for the draft."""
        values = {"provider": "openai", "model": "dall-e-3", "address": None, "fingerprint": fingerprint(of.row)}
        values |= {"row": of.row.id, "sample": of.sample, "key": of.key, "digest": "d", "finish": "{}"}
        values |= {"file": "mug.png", "bytes": 1, "mtime_ns": 1, "about": "{}"}
        holding = Holding(**(values | more))
        self.ledger.write(lambda connection: holdings.hold(connection, "shop", holding))
        return holding

    def buy(self, of: Draft, flaw: str | None = None) -> None:
        """Write into the books that the draft's picture was paid for."""
        key = of.key or ""
        self.ledger.write(
            lambda connection: attempts.bought(connection, key, "d", "dall-e-3", cost=4, clock=NOON, flaw=flaw)
        )

    def lose(self, of: Draft) -> str:
        """Send for the draft's picture and never hear of it; the attempt."""
        item = Item(of.key or "", of.row.id, of.sample, "{}", 1, 1)

        def op(connection: sqlite3.Connection) -> str:
            granted = attempts.reserve(
                connection, "a" * 32, run="r", collection="shop", provider="openai", model="dall-e-3", items=[item],
                budget=Budget(), clock=NOON,
            )  # fmt: skip
            assert isinstance(granted, Granted)
            attempts.sent(connection, granted.attempt, NOON)
            attempts.close(connection, granted.attempt, None, "unknown", NOON, "no answer")
            return granted.attempt

        return self.ledger.write(op)

    def look(self, *drafts: Draft, collection: str | None = "shop", **said: Any) -> list[Seen | None]:
        """What a shelf says of the drafts."""
        settings = Settings(
            home=self.home, **{name: said.pop(name) for name in ("addresses", "same_as") if name in said}
        )
        return list(Shelf(settings, self.store, self.reader, collection, **said).look(drafts))


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    """An empty one."""
    with ExitStack() as stack:
        store = DiskStore(home / "cache")
        stack.callback(store.close)
        ledger = Ledger(home, lambda: NOON)
        stack.callback(ledger.close)
        yield House(home, ledger, store, stack.enter_context(ledger.reading()))


def test_an_empty_house_knows_nothing(house: House) -> None:
    """What was never made is to be bought."""
    assert house.look(draft(), draft(id="cup")) == [None, None]
    assert house.look(draft(), collection=None) == [None]
    assert Shelf(Settings(home=house.home), None, None, None).look([draft()]) == [None]


def test_what_the_folder_holds_is_kept(house: House) -> None:
    """While the row's own words are unchanged its picture satisfies it, though other parts of the row changed."""
    holding = house.hold(draft())
    (seen,) = house.look(draft(priority=1, format="webp", tags=["new"]))
    assert seen == Seen("kept", "", holding)
    assert house.look(draft(prompt="A MUG"), draft(size="512x512"), draft(id="cup")) == [None, None, None]
    assert house.look(draft(), collection="another") == [None]


def test_each_sample_is_kept_for_itself(house: House) -> None:
    """The second picture of a row is another picture."""
    first, second = (one.draft for one in planned([{"id": "mug", "prompt": "A mug", "n": 2, "model": "dall-e-3"}]))
    house.hold(first)
    seen = house.look(first, second)
    assert [each and each.state for each in seen] == ["kept", None]


def test_reroute_looks_past_the_folder_into_the_cache(house: House) -> None:
    """What was bought as it would be bought now is taken from the cache, not bought again."""
    house.hold(draft())
    assert house.look(draft(), reroute=True) == [None]
    held = house.store.put(draft().key or "", b"picture", "image/png", {})
    (seen,) = house.look(draft(), reroute=True)
    assert seen is not None
    assert (seen.state, seen.evidence.digest) == ("cached", held.digest)


ADDRESSES = [
    (None, {}, frozenset(), True),
    (None, {"openai": HERE}, frozenset(), False),
    (HERE, {}, frozenset(), False),
    (HERE, {"openai": HERE}, frozenset(), True),
    (HERE, {"openai": "http://127.0.0.1:2/v1"}, frozenset(), False),
    (None, {"openai": HERE}, frozenset({"openai"}), True),
]


@pytest.mark.parametrize(("made_at", "addresses", "same_as", "kept"), ADDRESSES)
def test_pictures_of_another_address_satisfy_nothing(
    house: House, made_at: str | None, addresses: dict[str, str], same_as: frozenset[str], kept: bool
) -> None:
    """A picture counts only where its provider is reached as it was then, or is declared the same."""
    house.hold(draft(), address=made_at)
    (seen,) = house.look(draft(), addresses=addresses, same_as=same_as)
    assert (seen is not None) == kept


def test_placeholders_and_pictures_are_two_things(house: House) -> None:
    """Neither satisfies a row that asks for the other, though the row's own words were the same."""
    real, drawn = draft(), draft(provider="placeholder")
    house.hold(real, provider="placeholder", fingerprint=fingerprint(real.row))
    house.hold(drawn, row="cup", provider="openai", fingerprint=fingerprint(drawn.row))
    assert house.look(real, draft(id="cup", provider="placeholder")) == [None, None]
    house.hold(drawn, provider="placeholder")
    (seen,) = house.look(drawn)
    assert seen is not None
    assert seen.state == "kept"


def test_a_row_that_nothing_can_make_is_kept_but_never_looked_up(house: House) -> None:
    """Without a Key there is nothing to ask the cache for."""
    refused = replaced(draft(), refusal="nothing can make it")
    assert house.look(refused) == [None]
    holding = house.hold(draft())
    assert house.look(refused) == [Seen("kept", "", holding)]


def replaced(of: Draft, **more: Any) -> Draft:
    """The draft with another blueprint."""
    return of._replace(blueprint=replace(of.blueprint, base=None, **more))


def test_what_was_paid_for_and_is_no_use_is_not_bought_again(house: House) -> None:
    """The flaw is said; a sound picture in the cache counts more."""
    house.buy(draft(), flaw="it is blank")
    house.buy(draft(id="cup", prompt="A cup"))
    flawed, fine = house.look(draft(), draft(id="cup", prompt="A cup"))
    assert flawed is not None
    assert flawed.state == "flawed"
    assert "it is blank" in flawed.reason
    assert fine is None
    house.store.put(draft().key or "", b"picture", "image/png", {})
    (seen,) = house.look(draft())
    assert seen is not None
    assert seen.state == "cached"


def test_what_may_have_been_paid_for_is_not_bought_again(house: House) -> None:
    """An unknown attempt is named, for every row that asks for the same picture, until it is asked for again."""
    attempt = house.lose(draft())
    first, twin, other = house.look(draft(), draft(id="twin"), draft(prompt="A cup"))
    assert first == twin
    assert first is not None
    assert (first.state, first.evidence) == ("unknown", attempt)
    assert "may have paid for it" in first.reason
    assert other is None
    assert house.look(draft(), retry_unknown=True) == [None]
