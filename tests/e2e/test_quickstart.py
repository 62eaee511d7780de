"""The first thing anybody runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.e2e.conftest import ROOT, Books, Imagegen, files, opened

QUICKSTART = ROOT / "manifests" / "quickstart.yaml"

PICTURES = {
    "mug.png": ((1024, 1024), "PNG"),
    "mug-thumbnail.png": ((512, 512), "PNG"),
    "sale-banner.png": ((1792, 1024), "PNG"),
    "coffee-shop.png": ((1024, 576), "PNG"),
    "share-card.png": ((1200, 630), "PNG"),
    "trail-shoes.png": ((1024, 1024), "PNG"),
    "market-poster.png": ((1024, 1792), "PNG"),
    "reading-nook.webp": ((1024, 1024), "WEBP"),
}


def test_the_quickstart_makes_eight_pictures_and_the_second_run_none(
    imagegen: Imagegen, tmp_path: Path, books: Books
) -> None:
    """Without a key and in an empty home the quickstart yields pictures, results and report, and says what real models
    would cost; the second run finds everything there and touches no picture."""
    first = imagegen("run", QUICKSTART)
    assert first.code == 0
    assert first.out == ""
    assert "8 made; $0.00 spent" in first.err
    assert "the models they stand in for would cost about $0.1" in first.err
    folder = tmp_path / "out" / "quickstart"
    assert {name: opened(folder / name) for name in files(folder)} == PICTURES
    assert _results(folder, "made") == {name.partition(".")[0] for name in PICTURES}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in PICTURES)
    assert "A stoneware mug with a reactive glaze" in page
    assert not (folder / "refused.csv").exists()
    assert not {path.name for path in folder.glob("**/*.part")}

    before = {name: (folder / name).stat().st_mtime_ns for name in PICTURES}
    inodes = {path.stat().st_ino for path in (tmp_path / "home" / "cache").rglob("*.png")}
    assert not inodes & {(folder / name).stat().st_ino for name in PICTURES}, "an output is a link into the cache"
    second = imagegen("run", QUICKSTART)
    assert second.code == 0
    assert "8 already there; $0.00 spent" in second.err
    assert "the models they stand in for would cost about $0.1" in second.err
    assert "to do" not in second.err
    assert {name: (folder / name).stat().st_mtime_ns for name in PICTURES} == before
    assert _results(folder, "kept") == {name.partition(".")[0] for name in PICTURES}
    assert books.spent == 0
    assert books.ask("SELECT COUNT(*) FROM artifacts") == 8


def test_results_say_the_same_in_both_forms(imagegen: Imagegen, tmp_path: Path) -> None:
    """results.jsonl and results.csv hold the same rows in manifest order, money as text in dollars."""
    assert imagegen("run", QUICKSTART, "-o", "here").code == 0
    lines = [json.loads(line) for line in (tmp_path / "here" / "results.jsonl").read_text().splitlines()]
    with open(tmp_path / "here" / "results.csv", encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert [line["id"] for line in lines] == [name.partition(".")[0] for name in PICTURES]
    assert {line["cost_usd"] for line in lines} == {row["cost_usd"] for row in rows} == {"0"}
    assert [line["stands_for"] for line in lines] == [row["stands_for"] for row in rows]
    assert lines[2]["stands_for"] == "gpt-image-2.5-sunburst"
    assert [(line["width"], line["height"]) for line in lines] == [size for size, _ in PICTURES.values()]


def _results(folder: Path, state: str) -> set[str]:
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    return {line["id"] for line in lines if line["state"] == state and (folder / line["file"]).is_file()}
