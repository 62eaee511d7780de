"""Files find their rows by what they say; what leads to several rows, or to none, is not guessed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from imagegen.handoff.matching import File, match
from imagegen.handoff.names import flat, natural, plain
from imagegen.handoff.slots import Slot
from tests.handoff.conftest import JOB, slots_of

ROWS: list[dict[str, Any]] = [
    {"id": "mug", "prompt": "A stoneware mug on rough linen, morning light"},
    {"id": "mug-small", "prompt": "A stoneware mug on rough linen, morning light", "aspect_ratio": "16:9"},
    {"id": "cup", "prompt": "A cup's shadow at noon", "aspect_ratio": "3:2"},
    {"id": "wall", "prompt": "Wallpaper of ferns", "n": 3, "seed": 7},
    {"id": "art deco", "prompt": "Red mug"},
    {"id": "art-nouveau", "prompt": "Red mug on a table with a very long story behind it that goes on and on"},
    {"id": "twin", "prompt": "Same words in the beginning, then these", "size": "1024x1024"},
    {"id": "twin2", "prompt": "Same words in the beginning, then those", "size": "1024x1024"},
]


def given(name: str, *prompts: str, size: tuple[int, int] = (1024, 1024)) -> File:
    return File(name, hashlib.sha256(name.encode()).hexdigest(), *size, prompts=prompts)


def found(files: list[File], rows: list[dict[str, Any]] | None = None, **said: Any) -> dict[str, tuple[str, ...]]:
    """File -> (state, the slot's name, by what)."""
    slots = slots_of(*(ROWS if rows is None else rows))
    matches = match(files, slots, **said)
    return {one.file.name: (one.state, one.slot.name if one.slot else "", one.by or "") for one in matches}


def the(slots: list[Slot], name: str) -> Slot:
    return next(slot for slot in slots if slot.name == name)


@pytest.mark.parametrize(
    ("file", "state", "slot", "by"),
    [
        (given("mug.png"), "taken", "mug", "name"),
        (given("MUG (1).PNG"), "taken", "mug", "name"),
        (given("mug_small copy.webp", size=(1456, 816)), "taken", "mug-small", "name"),
        (given("wall-2.png"), "taken", "wall #2", "name"),
        (given("wall.png"), "taken", "wall #1", "name"),
        (given("art_deco.png"), "taken", "art deco", "name"),
        (given("x.png", "Wallpaper of ferns --ar 1:1 --seed 9 --v 6.1"), "taken", "wall #3", "embedded prompt"),
        (given("x.png", "wallpaper of  FERNS"), "taken", "wall #1", "embedded prompt"),
        (given("x.png", "Somebody", "A cup's shadow at noon --ar 3:2", size=(1344, 896)), "taken", "cup",
         "embedded prompt"),
        (given(f"acme_A_cups_shadow_at_noon_{JOB}_0.png", size=(1344, 896)), "taken", "cup", "prompt words"),
        (given(f"acme_studio.fr_A_cups_shadow_at_n_{JOB}.png", size=(1344, 896)), "taken", "cup", "prompt words"),
        (given(f"A_cups_shadow_at_noon_--ar_32_--v_6.1_{JOB}_3.png", size=(1344, 896)), "taken", "cup", "prompt words"),
        (given(f"acme_A_stoneware_mug_on_rough_{JOB}_1.png"), "taken", "mug", "prompt words"),
        (given(f"acme_A_stoneware_mug_on_rough_{JOB}_1.png", size=(1456, 816)), "taken", "mug-small", "prompt words"),
        (given(f"acme_Red_mug_{JOB}_1.png"), "taken", "art deco", "prompt words"),
        (given(f"acme_Red_mug_on_a_table_with_a_{JOB}_1.png"), "taken", "art-nouveau", "prompt words"),
        (given("final mug-small v2.png", size=(1456, 816)), "taken", "mug-small", "id in the name"),
        (given("2026 wall final.png"), "taken", "wall #1", "id in the name"),
        # what is not taken
        (given(f"acme_Same_words_in_the_beginning_then_{JOB}_1.png"), "ambiguous", "", "prompt words"),
        (given("IMG_1234.png"), "unmatched", "", ""),
        (given(f"acme_A_st_{JOB}.png"), "unmatched", "", ""),
        (given("mug.png", "A cup's shadow at noon"), "ambiguous", "", ""),
        (given("mug-small.png"), "unfit", "mug-small", "name"),
        (given("twin.png", size=(1000, 1000)), "unfit", "twin", "name"),
        (File("mug.png", trouble="not a picture"), "unusable", "", ""),
    ],
)  # fmt: skip
def test_one_file(file: File, state: str, slot: str, by: str) -> None:
    """By the surest evidence there is."""
    assert found([file]) == {file.name: (state, slot, by)}


def test_a_code_is_believed_whatever_else_is_said() -> None:
    """It was put there on purpose."""
    slots = slots_of(*ROWS)
    name = f"mug {the(slots, 'wall #2').code.upper()}.png"
    (one,) = match([given(name, "Red mug")], slots)
    assert one.slot is not None
    assert (one.state, one.slot.name, one.by) == ("taken", "wall #2", "code")


def test_several_pictures_of_one_row_are_dealt_out_by_name() -> None:
    """As many as it has: Midjourney makes four of a prompt."""
    names = [f"acme_Wallpaper_of_ferns_{JOB}_{n}.png" for n in (10, 2, 0)]
    assert found([given(name) for name in names]) == {
        names[2]: ("taken", "wall #1", "prompt words"),
        names[1]: ("taken", "wall #2", "prompt words"),
        names[0]: ("taken", "wall #3", "prompt words"),
    }


def test_one_too_many_is_nobodys_guess() -> None:
    """None of them is taken, and the others do not suffer."""
    files = [given("a mug.png"), given("b mug.png"), given("cup.png", size=(1344, 896))]
    states = found(files)
    assert {name: said[0] for name, said in states.items()} == {
        "a mug.png": "ambiguous", "b mug.png": "ambiguous", "cup.png": "taken",
    }  # fmt: skip


def test_a_name_given_on_purpose_comes_before_words_and_ids() -> None:
    """What a person renamed is the one that he chose; the rest of the row's pictures stay where they are."""
    chosen, other = given("cup.png", size=(1344, 896)), given(f"acme_A_cups_shadow_at_noon_{JOB}_0.png")
    assert found([other, chosen]) == {
        "cup.png": ("taken", "cup", "name"),
        other.name: ("ambiguous", "cup", "prompt words"),
    }


def test_the_same_picture_twice_counts_once() -> None:
    """A copy is no second picture."""
    one, again = given("mug.png"), File("mug (1).png", given("mug.png").digest, 1024, 1024)
    assert found([again, one]) == {"mug.png": ("taken", "mug", "name"), "mug (1).png": ("unmatched", "", "")}


def test_by_order() -> None:
    """Only when asked: by name as people count, or the oldest first; names do not count then."""
    rows = [{"id": name} for name in ("first", "second", "third")]
    files = [File(f"{n}.png", str(n), 1024, 1024, mtime_ns=-n) for n in (10, 9, 1, 2)]
    by_name = found(files, rows, order="name")
    assert [by_name[f"{n}.png"][:2] for n in (1, 2, 9)] == [("taken", "first"), ("taken", "second"), ("taken", "third")]
    assert by_name["10.png"] == ("unmatched", "", "")
    by_time = found(files, rows, order="time")
    assert [by_time[f"{n}.png"][1] for n in (10, 9, 2, 1)] == ["first", "second", "third", ""]


def test_rows_that_are_equal_share_a_picture() -> None:
    """One line to paste, one picture, and either id names it."""
    rows = [{"id": "one", "prompt": "A mug"}, {"id": "two", "prompt": "A mug"}]
    (slot,) = slots_of(*rows)
    assert slot.also == ["two"]
    assert found([given("two.png")], rows) == {"two.png": ("taken", "one", "name")}


@pytest.mark.parametrize(
    ("fit", "size", "state"),
    [("auto", (1024, 1024), "unfit"), ("cover", (1024, 1024), "taken"), ("auto", (1500, 860), "taken"),
     ("auto", (1100, 640), "unfit"), ("cover", (320, 200), "taken")],
)  # fmt: skip
def test_the_shape_must_do(fit: str, size: tuple[int, int], state: str) -> None:
    """A picture that would be enlarged or lose more than a tenth is not booked, unless the row's fit allows it."""
    rows = [{"id": "wide", "prompt": "A mug", "size": "1280x720", "fit": fit}]
    assert found([given("wide.png", size=size)], rows)["wide.png"][0] == state


def test_thousands_are_no_hardship() -> None:
    """Each finds its own among ten thousand rows that begin alike."""
    rows = [{"id": f"r{n}", "prompt": f"A picture of thing number {n} in a row"} for n in range(2000)]
    files = [given(f"acme_A_picture_of_thing_number_{n}_in_a_{JOB}_0.png") for n in range(2000)]
    assert {said[:2] for said in found(files[:3], rows).values()} == {("taken", "r0"), ("taken", "r1"), ("taken", "r2")}
    assert {said[0] for said in found(files, rows).values()} == {"taken"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("A cup's  SHADOW!", "acupsshadow"), ("Straße", "strasse"), ("\u202b قط", "قط"), ("🐈", "🐈"), ("e\u0301", "é")],
)
def test_flat(text: str, said: str) -> None:
    """What is compared: letters and digits, in one form."""
    assert flat(text) == said


def test_names_without_what_was_added() -> None:
    """A browser's count, a copy's mark and a job's id are no part of a name; numbers count as numbers."""
    assert plain(f"acme_A_mug_{JOB}_0 (2)") == "acme_A_mug"
    assert plain("mug - Copy (3)") == "mug"
    assert sorted(["10", "9b", "9a", "a"], key=natural) == ["9a", "9b", "10", "a"]
