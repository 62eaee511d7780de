"""Renditions: further sizes of every picture, made from the original for nothing, whenever they are asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Imagegen, Ran, Write, manifest, opened

ROWS = ("id: mug, prompt: A mug", "id: cup, prompt: A cup, n: 2")
HEAD = "defaults: {use_case: product_shot, format: webp}"


def with_renditions(said: str) -> str:
    return manifest(*ROWS, head=f"{HEAD}\noutput: {{renditions: {said}}}")


def pictures(folder: Path) -> dict[str, tuple[tuple[int, int], str | None]]:
    """Every picture of a folder by its path, with size and format."""
    found = [path for path in folder.rglob("*") if path.suffix in (".webp", ".png", ".jpg") and path.is_file()]
    return {str(path.relative_to(folder)): opened(path) for path in found}


def ran(paid: Imagegen, write: Write, said: str | None, *more: str) -> Ran:
    write("rows.yaml", manifest(*ROWS, head=HEAD) if said is None else with_renditions(said))
    return paid("run", "rows.yaml", "--json", *more)


def test_made_with_the_pictures(paid: Imagegen, write: Write, tmp_path: Path) -> None:
    """Each has its size and format in a folder of its name, and the results say where."""
    done = ran(paid, write, "{card: 512x512, og: {size: 640x200, format: jpeg, encode_quality: 70}}")
    assert done.code == 0, done.err
    big, card, og = ((1024, 1024), "WEBP"), ((512, 512), "WEBP"), ((640, 200), "JPEG")
    assert pictures(tmp_path / "out/rows") == {
        **{f"{stem}.webp": big for stem in ("mug", "cup-1", "cup-2")},
        **{f"card/{stem}.webp": card for stem in ("mug", "cup-1", "cup-2")},
        **{f"og/{stem}.jpg": og for stem in ("mug", "cup-1", "cup-2")},
    }
    lines = [json.loads(line) for line in (tmp_path / "out/rows/results.jsonl").read_text().splitlines()]
    assert lines[0]["renditions"] == {"card": "card/mug.webp", "og": "og/mug.jpg"}
    again = ran(paid, write, "{card: 512x512, og: {size: 640x200, format: jpeg, encode_quality: 70}}")
    assert set(again.states.values()) == {"kept"}
    assert again.events[0]["renditions"] == {"card": "card/mug.webp", "og": "og/mug.jpg"}


def test_another_size_costs_nothing(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Added, changed and taken away on finished rows: no request, the files that are wanted and no others."""
    assert ran(paid, write, None).code == 0
    asked, folder = len(cloud.charges), tmp_path / "out/rows"
    for said, names in (
        ("{card: 512x512}", {"card": (512, 512)}),
        ("{card: 256x256, tiny: 64x64}", {"card": (256, 256), "tiny": (64, 64)}),
        ("{tiny: 64x64}", {"tiny": (64, 64)}),
    ):
        again = ran(paid, write, said)
        assert (again.code, again.summary["spent_usd"]) == (0, "0"), again.err
        found = {path: size for path, (size, _) in pictures(folder).items() if "/" in path}
        assert found == {f"{name}/{s}.webp": size for name, size in names.items() for s in ("mug", "cup-1", "cup-2")}
    assert not (folder / "card").exists()
    assert len(cloud.charges) == asked


def test_a_thousand_rows(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A rendition added to a finished manifest of 1,000 rows: 0 requests and 1,000 new files."""
    write("tiny.yaml", "sizes: {tiny: {list: [64x64]}}\nmodels: {sdxl: {sizes: tiny}}\n")
    head = "provider: placeholder\ndefaults: {model: sdxl, size: 64x64, fit: cover, format: jpeg}"
    rows = tuple(f"id: r{n:04}, prompt: Picture {n % 5}" for n in range(1000))
    write("many.yaml", manifest(*rows, head=head))
    assert paid("run", "many.yaml", "--catalog", "tiny.yaml").code == 0
    write("many.yaml", manifest(*rows, head=f"{head}\noutput: {{renditions: {{thumb: 16x16}}}}"))
    again = paid("run", "many.yaml", "--catalog", "tiny.yaml", "--json")
    assert (again.code, again.summary["made"], again.summary["rows"]) == (0, 0, 1000), again.err
    assert len(list((tmp_path / "out/many/thumb").glob("*.jpg"))) == 1000
    assert cloud.charges == []


def test_an_edited_file_is_left_alone(paid: Imagegen, write: Write, tmp_path: Path) -> None:
    """What a person drew over stays, picture or rendition, and the cache never learns of it."""
    assert ran(paid, write, "{card: 512x512}").code == 0
    folder, cache = tmp_path / "out/rows", tmp_path / "home/cache"
    other = (folder / "cup-1.webp").read_bytes()
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.rglob("*.png")}
    assert before
    for name in ("mug.webp", "card/mug.webp"):
        (folder / name).write_bytes(other)
    again = ran(paid, write, "{card: 500x500, og: 64x64}")
    assert again.code == 0, again.err
    mug = next(event for event in again.events if event["id"] == "mug")
    assert "card/mug.webp was edited" in mug["reason"]
    assert (folder / "mug.webp").read_bytes() == other
    assert (folder / "card/mug.webp").read_bytes() == other
    assert opened(folder / "card/cup-1.webp")[0] == (500, 500)
    assert opened(folder / "og/mug.webp")[0] == (64, 64)
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.rglob("*.png")} == before


def test_a_lost_rendition_comes_back(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A rendition that was deleted, and one that was torn, are made again from the original."""
    assert ran(paid, write, "{card: 512x512}").code == 0
    bill, folder = cloud.bill, tmp_path / "out/rows/card"
    whole = (folder / "cup-1.webp").read_bytes()
    (folder / "mug.webp").unlink()
    (folder / "cup-1.webp").write_bytes(whole[:100])
    assert ran(paid, write, "{card: 512x512}").code == 0
    assert opened(folder / "mug.webp")[0] == (512, 512)
    assert (folder / "cup-1.webp").read_bytes() == whole
    assert cloud.bill == bill


def test_never_enlarged(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A rendition larger than the picture: a larger one is generated; where none can be, planning refuses the row;
    a picture that was made before is too small, and the row says what to do."""
    done = ran(paid, write, "{og: 1200x630}")
    assert done.code == 0, done.err
    assert {charge.size for charge in cloud.charges} == {"1200x1200"}
    found = pictures(tmp_path / "out/rows")
    assert (found["mug.webp"][0], found["og/mug.webp"][0]) == ((1024, 1024), (1200, 630))
    small = ran(paid, write, "{og: 1300x630}")
    assert small.code == 3
    assert "the rendition og cannot be made" in small.events[0]["reason"]
    assert "--redo" in small.events[0]["reason"]
    impossible = ran(paid, write, "{og: 9000x9000}", "--redo", "mug")
    assert impossible.code == 2
    assert "9000x9000" in impossible.err
    assert "fit: cover" in impossible.err
    assert ran(paid, write, "{og: {size: 1300x630, fit: cover}}").code == 0


@pytest.mark.parametrize(
    ("said", "rows", "expected"),
    [
        ("{card: 512x512, Card: 9x9}", ROWS, "Card and card are one folder"),
        ("{CON: 512x512}", ROWS, "no name for a rendition"),
        ("{card: {size: big}}", ROWS, "no size"),
        ("{card: {size: 9x9, fit: best}}", ROWS, "fit"),
        ("{card: {width: 9}}", ROWS, "size"),
    ],
)
def test_bad_ones(imagegen: Imagegen, write: Write, said: str, rows: tuple[str, ...], expected: str) -> None:
    """One line with the place in the manifest, exit 2."""
    write("rows.yaml", manifest(*rows, head=f"output: {{renditions: {said}}}"))
    done = imagegen("validate", "rows.yaml")
    assert (done.code, len(done.errors)) == (2, 1)
    assert "rows.yaml:2:" in done.err
    assert expected in done.err


def test_a_picture_among_the_renditions(imagegen: Imagegen, write: Write) -> None:
    """A row whose name leads into a rendition's folder is an error at its place."""
    head = 'provider: placeholder\noutput: {name: "Card/{{ id }}", renditions: {card: 512x512}}'
    write("rows.yaml", manifest("id: mug, prompt: A mug", head=head))
    done = imagegen("run", "rows.yaml")
    assert done.code == 2
    assert "rows.yaml:5:" in done.err
    assert "among the renditions 'card'" in done.err
