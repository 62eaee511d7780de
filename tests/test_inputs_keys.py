"""Input pictures in plans: Keys and fingerprints follow what is in a picture, not what it is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import imagegen.planner
from imagegen.context import Context
from imagegen.domain.inputs import Inputs, images_of
from imagegen.domain.request import key
from imagegen.domain.row import Place, Row
from imagegen.estimate import Totals
from imagegen.planned import Draft, Planned
from imagegen.planner import UNFETCHED
from tests.planning import planned, preset

MODEL = "gpt-image-2.5-sunburst"


def looking(files: dict[str, str]) -> Context:
    """What plans with these files, digest by name; any other name is unknown."""

    def resolve(row: Row, place: Place) -> Inputs:
        names = (*images_of(row), row.mask, row.control)
        found = [None if name is None else files.get(name, name) for name in names]
        unknown = any(name is not None and name not in files for name in names)
        trouble = "it answers 404" if "gone" in names else ""
        return Inputs(tuple(filter(None, found[:-2])), found[-2], found[-1], (), unknown, trouble)

    return replace(preset("current"), inputs=resolve)


def one(files: dict[str, str], **fields: Any) -> Draft:
    return plans(files, **fields)[0].draft


def plans(files: dict[str, str], **fields: Any) -> list[Planned]:
    return planned([{"id": "mug", "prompt": "A mug", "model": MODEL} | fields], looking(files))


@pytest.mark.parametrize("provider", [None, "placeholder"])
@pytest.mark.parametrize("field", ["image", "mask"])
def test_keys_follow_the_bytes(field: str, provider: str | None) -> None:
    """Another name for the same bytes changes nothing; the same name for other bytes changes Key and fingerprint."""
    fields = {"image": "base.png", "provider": provider} if field == "mask" else {"provider": provider}
    base = {"base.png": "d0"}
    before = one(base | {"a.png": "d1"}, **(fields | {field: "a.png"}))
    moved = one(base | {"photos/b.png": "d1"}, **(fields | {field: "photos/b.png"}))
    other = one(base | {"a.png": "d2"}, **(fields | {field: "a.png"}))
    without = one(base, **fields)
    assert (moved.key, moved.fingerprint) == (before.key, before.fingerprint)
    assert len({before.key, other.key, without.key}) == 3
    assert len({before.fingerprint, other.fingerprint, without.fingerprint}) == 3


def test_the_order_of_pictures_counts() -> None:
    """And so does how often one is given; a picture is not a mask."""
    files = {"a": "d1", "b": "d2"}
    drafts = [one(files, image=names) for names in (("a", "b"), ("b", "a"), ("a", "a"), "a")]
    drafts.append(one(files, image="a", mask="b"))
    assert len({draft.key for draft in drafts}) == len({draft.fingerprint for draft in drafts}) == 5


@pytest.mark.parametrize("provider", [None, "placeholder"])
def test_the_request_holds_the_digests(provider: str | None) -> None:
    """The Key is the hash of the Request that would be sent, the short way as the long one."""
    (item,) = plans({"a": "d1", "b": "d2"}, image=("a", "b"), mask="a", provider=provider)
    assert item.request is not None
    assert (item.request.images, item.request.mask) == (("d1", "d2"), "d1")
    assert key(item.request) == item.draft.key


def test_kinds_of_rows_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand rows with a picture each are one kind; one, two and no pictures are three."""
    decided: list[Row] = []
    real = imagegen.planner.blueprint_of

    def count(row: Row, *more: Any) -> Any:
        decided.append(row)
        return real(row, *more)

    monkeypatch.setattr(imagegen.planner, "blueprint_of", count)
    names = [f"{n}.png" for n in range(1000)]
    rows = [{"model": MODEL, "prompt": "A mug", "image": name, "mask": name} for name in names]
    found = planned(rows, looking({name: f"d{name}" for name in names}))
    assert len({item.draft.key for item in found}) == 1000
    assert len(decided) == 1
    planned([*rows[:2], {"model": MODEL, "image": ("a", "b")}, {"model": MODEL}], looking({}))
    assert len(decided) == 4


def test_what_was_never_fetched_is_to_be_bought() -> None:
    """Each is counted with its price, is said to be so, and is never taken for another."""
    rows = [{"model": MODEL, "prompt": "A mug", "image": f"https://a.example/{n}.png"} for n in (1, 2, 2)]
    found = planned(rows, looking({}))
    totals = Totals()
    assert [totals.add(item) for item in found] == ["buy", "buy", "shared"]
    assert all(UNFETCHED in item.notes for item in found)
    assert totals.all.cost == 2 * (found[0].cost or 0) > 0


def test_what_could_not_be_fetched_is_not_bought() -> None:
    """The picture lacks what it is to be made from, and costs nothing."""
    (item,) = plans({}, image="gone")
    assert (item.state, item.reason, item.cost) == ("lacking", "it answers 404", 0)
