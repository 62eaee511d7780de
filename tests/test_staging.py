"""Staging: planned pictures become lines of the work list, each with the file it will have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.model import Finish
from imagegen.domain.request import key
from imagegen.kinds import fingerprint
from imagegen.lane import request_of
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Staged
from imagegen.output import OutputFolder
from imagegen.planned import Planned, Seen
from imagegen.planner import plan
from imagegen.staging import SHELF, finish_of, finish_text, output_stem, stage
from tests.planning import placed, planned, preset


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    """A prepared folder."""
    made = OutputFolder(tmp_path / "out")
    made.prepare()
    return made


def one(**fields: Any) -> Planned:
    """The first planned picture of one row called mug."""
    return planned([{"id": "mug", "prompt": "A mug", "model": "dall-e-3"} | fields])[0]


def about(line: Staged) -> dict[str, Any]:
    """What results will say of it, beyond its columns."""
    parsed: dict[str, Any] = json.loads(line.about)
    return parsed


def kept(item: Planned, folder: OutputFolder, **more: Any) -> Planned:
    """The same, with its picture in the folder already."""
    written = folder.write("mug.png", b"picture")
    finish = finish_text(item.draft.blueprint.finish)
    values = {"row": "mug", "sample": 0, "fingerprint": fingerprint(item.row), "key": "k" * 64, "digest": "d" * 64}
    values |= {"provider": "openai", "model": "gpt-image-1", "address": None, "finish": finish, "file": "mug.png"}
    values |= {"bytes": written.bytes, "mtime_ns": written.mtime_ns, "about": '{"made": {"seed": 7}}'}
    return item._replace(state="kept", cost=0, most=0, seen=Seen("kept", "", Holding(**(values | more))))


def test_a_picture_to_buy(folder: OutputFolder) -> None:
    """The line holds everything a worker needs: who makes it, for how much, the request itself, and its file."""
    item = one(priority=1, use_case="product_shot")
    line = stage(item, 7, folder)
    assert (line.seq, line.row, line.sample, line.state, line.priority) == (7, "mug", 0, "todo", 1)
    assert (line.provider, line.model, line.file, line.fold) == ("openai", "dall-e-3", "mug.png", "mug.png")
    assert (line.estimate, line.most) == (item.cost, item.most)
    assert line.estimate == 40_000_000
    assert line.request is not None
    assert request_of(line.request) == item.request
    assert key(request_of(line.request)) == line.key == item.draft.key
    assert line.fingerprint == fingerprint(item.row)
    assert about(line) == {
        "prompt": "A mug",
        "place": "rows.csv:2",
        "use_case": "product_shot",
        "why": "dall-e-3 on openai: the row names dall-e-3",
        "size": [1024, 1024],
    }


def test_a_placeholder_says_for_what_it_stands_in(folder: OutputFolder) -> None:
    """Model, place in the results and the real price are told; it costs nothing itself."""
    line = stage(one(provider="placeholder"), 0, folder)
    assert (line.provider, line.model, line.estimate, line.most) == ("placeholder", "placeholder", 0, 0)
    assert (about(line)["stands_for"], about(line)["real"]) == ("dall-e-3", 40_000_000)


def test_a_refused_row_keeps_what_it_said(folder: OutputFolder) -> None:
    """It asks nobody, has no price, and refused.csv gets its own fields back."""
    item = one(quality="low", tags=["a"], max_price="0.01")
    assert item.state == "refused"
    line = stage(item, 0, folder)
    assert (line.state, line.provider, line.model, line.key, line.request) == ("refused", "", None, None, None)
    assert (line.estimate, line.reason) == (None, item.reason)
    assert about(line)["fields"] == {"model": "dall-e-3", "quality": "low", "tags": ["a"], "max_price": "0.01"}


@pytest.mark.parametrize(("state", "begins"), [("unknown", "unknown"), ("flawed", "failed")])
def test_what_was_paid_for_before_begins_at_its_end(folder: OutputFolder, state: Any, begins: str) -> None:
    """Nothing is done for it, nothing more is expected to be spent, and the reason is told."""
    line = stage(one()._replace(state=state, reason="why", cost=0, most=0), 0, folder)
    assert (line.state, line.reason, line.estimate, line.most) == (begins, "why", 0, 0)


def test_what_the_cache_has_asks_nobody(folder: OutputFolder) -> None:
    """Its lane is the shelf; whose picture it is stays known."""
    line = stage(one()._replace(state="cached", cost=0, most=0), 0, folder)
    assert (line.state, line.provider, line.estimate, line.most) == ("todo", SHELF, 0, 0)
    assert (about(line)["there"], about(line)["held"]) == ("cached", ["openai", None])


def test_redo_is_written_on_the_line(folder: OutputFolder) -> None:
    """The worker must not take the old picture out of the cache."""
    assert about(stage(one(), 0, folder, frozenset({"mug"})))["redo"] is True
    assert "redo" not in about(stage(one(), 0, folder, frozenset({"cup"})))


def test_a_kept_picture_needs_nothing(folder: OutputFolder) -> None:
    """It goes under the model that made it, and its making is remembered."""
    line = stage(kept(one(), folder), 0, folder)
    assert (line.state, line.provider, line.model) == ("kept", "openai", "gpt-image-1")
    assert (line.key, line.digest, line.estimate) == ("k" * 64, "d" * 64, 0)
    assert (about(line)["made"], line.request) == ({"seed": 7}, None)


SPOILT = {
    "gone": lambda path: path.unlink(),
    "changed": lambda path: path.write_bytes(b"edited"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_kept_picture_whose_file_is_not_as_it_was_is_finished_anew(folder: OutputFolder, case: str) -> None:
    """The shelf's lane looks after it; what was there is known by name, size and time."""
    item = kept(one(), folder)
    SPOILT[case](folder.path / "mug.png")
    line = stage(item, 0, folder)
    assert (line.state, line.provider) == ("todo", SHELF)
    assert about(line)["was"][:2] == ["mug.png", 7]


@pytest.mark.parametrize(
    ("change", "file"), [({"format": "webp"}, "mug.webp"), ({"format": "jpeg", "encode_quality": 50}, "mug.jpg")]
)
def test_another_finish_is_made_of_the_same_picture(folder: OutputFolder, change: dict[str, Any], file: str) -> None:
    """A new format is another file of the kept original, which nobody is asked for."""
    held = kept(one(), folder)
    line = stage(one(**change)._replace(state="kept", seen=held.seen), 0, folder)
    assert (line.state, line.provider, line.file, line.key) == ("todo", SHELF, file, "k" * 64)
    assert about(line)["was"][0] == "mug.png"


def test_a_kept_picture_that_nothing_could_make_stays_as_it_was_finished(folder: OutputFolder) -> None:
    """Without a decision of today, yesterday's finish and file count."""
    made = one(encode_quality=50)
    line = stage(one(quality="low")._replace(state="kept", seen=kept(made, folder).seen), 0, folder)
    assert (line.state, line.file) == ("kept", "mug.png")
    assert line.finish == finish_text(made.draft.blueprint.finish)


FINISHES = [
    Finish(),
    Finish(512, 512, "cover", "webp", 80),
    Finish(fit="none", format="avif"),
    Finish(width=1200, height=630, format="jpeg"),
]


@pytest.mark.parametrize("finish", FINISHES, ids=str)
def test_a_finish_is_read_back_as_it_was_written(finish: Finish) -> None:
    """The text compares equal exactly when the finish does."""
    assert finish_of(finish_text(finish)) == finish
    assert len({finish_text(each) for each in FINISHES}) == len(FINISHES)


NAMES = [
    ({}, None, "mug"),
    ({"id": "a/b"}, None, "a-b-c14cddc0"),
    ({"id": "../mug"}, None, "mug-"),
    ({"id": "con"}, None, "_con-"),
    ({"n": 2}, None, "mug-1"),
    ({}, "shop/mug", "shop/mug"),
    ({"n": 2}, "shop/mug", "shop/mug-1"),
    ({}, "../../mug", "picture-"),
]


@pytest.mark.parametrize(("fields", "name", "stem"), NAMES)
def test_a_files_name_comes_from_the_manifest_or_the_id(fields: dict[str, Any], name: str | None, stem: str) -> None:
    """Safe everywhere, told apart by a hash where it had to be changed, numbered where a row has several."""
    row = placed([{"id": "mug", "prompt": "A mug"} | fields])[0]._replace(name=name)
    found = output_stem(next(plan([row], preset())).draft)
    assert ".." not in found
    assert found.startswith(stem) if stem.endswith("-") else found == stem


def test_files_that_are_one_on_some_platform_have_one_fold(folder: OutputFolder) -> None:
    """Letter case does not tell files apart everywhere, accents do."""
    folds = [stage(one(id=name), 0, folder).fold for name in ("Caf\u00e9", "CAF\u00c9", "caf\u00e9", "cafe")]
    assert folds[0] == folds[1] == folds[2] != folds[3]
