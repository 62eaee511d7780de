"""`output.table` from the manifest to the file: every run leaves the source table with its pictures in it."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from e2e.conftest import ROOT, SHARED, Imagegen, Write

MANIFEST = """\
imagegen: 1
defaults: {provider: placeholder, size: 256x256, format: png}
source:
  file: products.csv
  where: row.Title
  each: {id: "{{ row.Handle }}", prompt: "Photo of {{ row.Title }}"}
matrix: {angle: [front, side]}
output:
  name: "p/{{ id }}"
  renditions: {card: 64x64}
  table:
    file: import.csv
    columns:
      Image Src: "https://cdn.example.com/{{ file | urlencode }}"
      Image Position: "{{ position }}"
      Image Alt Text: "{{ row.Title }}"
      Card: "{{ renditions.card }}"
"""
PRODUCTS = "Handle,Title,Price\nmug,Mug,1.10\nmug,,1.20\nthé noir,Dish,3\n"
#: A row, its variant, and a line for the second angle; the file's name is made safe, its address encoded.
IMPORT = """\
Handle,Title,Price,Image Src,Image Position,Image Alt Text,Card
mug,Mug,1.10,https://cdn.example.com/p/mug-front.png,1,Mug,card/p/mug-front.png
mug,,1.20,,,,
mug,,,https://cdn.example.com/p/mug-side.png,2,Mug,card/p/mug-side.png
thé noir,Dish,3,https://cdn.example.com/p/th%C3%A9%20noir-front.png,1,Dish,card/p/thé noir-front.png
thé noir,,,https://cdn.example.com/p/th%C3%A9%20noir-side.png,2,Dish,card/p/thé noir-side.png
"""


def test_every_run_leaves_the_table(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """After the first run, after one that makes nothing, after one of a part; and it is told."""
    write("m.yaml", MANIFEST)
    write("products.csv", PRODUCTS)
    table = tmp_path / "out" / "m" / "import.csv"
    first = imagegen("run", "m.yaml")
    assert first.code == 0, first.err
    assert "the source with its pictures: out/m/import.csv (4 pictures, 5 lines)" in first.err
    assert table.read_text(encoding="utf-8") == IMPORT
    for more in ((), ("--only", "mug-front"), ("--limit", "1")):
        table.unlink()
        assert imagegen("run", "m.yaml", *more).code == 0
        assert table.read_text(encoding="utf-8") == IMPORT
    with open(table, encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            assert not line["Card"] or (table.parent / line["Card"]).exists()


def test_the_source_is_never_overwritten(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """A run into the manifest's own folder, under the source's name, leaves the source and says why."""
    write("m.yaml", MANIFEST.replace("import.csv", "products.csv"))
    write("products.csv", PRODUCTS)
    ran = imagegen("run", "m.yaml", "-o", ".")
    assert ran.code == 0
    assert "is the source itself and was not written; name another file" in ran.err
    assert (tmp_path / "products.csv").read_text(encoding="utf-8") == PRODUCTS


def test_a_template_that_fails_at_the_end_fails_no_run(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """The picture is made and booked; the row stays as it was, and it is told which."""
    write("m.yaml", MANIFEST.replace('{{ row.Title }}"\n      Card', '{{ 6 // (row.Price | int) }}"\n      Card'))
    write("products.csv", PRODUCTS.replace(",3\n", ",free\n"))
    ran = imagegen("run", "m.yaml")
    assert ran.code == 0
    assert "2 pictures could not be filled in; the first: m.yaml" in ran.err
    assert "thé noir,Dish,free,,,,\n" in (tmp_path / "out/m/import.csv").read_text(encoding="utf-8")


def test_a_wrong_template_is_found_before_anything_is_bought(imagegen: Imagegen, write: Write) -> None:
    """By every command that opens the manifest."""
    write("m.yaml", MANIFEST.replace('row.Title }}"\n      Card', 'row.Titel }}"\n      Card'))
    write("products.csv", PRODUCTS)
    for command in ("validate", "cost-estimate", "run"):
        ran = imagegen(command, "m.yaml")
        assert ran.code == 2
        assert ran.errors == [
            "error: m.yaml:16:23: output.table: the template speaks of the column 'Titel', which is not there;"
            " did you mean Title?"
        ]


@pytest.mark.skipif(not (SHARED / "shopify-apparel.csv").exists(), reason="the data set is not part of the project")
def test_a_real_export(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """A shop's own file comes back with two pictures for each product, and nothing else in it changed."""
    source = (SHARED / "shopify-apparel.csv").read_bytes()
    write("products.csv", source)
    each = '{id: "{{ row.Handle }}", n: 2, prompt: "Photo of {{ row.Title }}"}'
    manifest = MANIFEST.replace("matrix: {angle: [front, side]}\n", "").replace("  renditions: {card: 64x64}\n", "")
    manifest = manifest.replace('      Card: "{{ renditions.card }}"\n', "").replace("256x256", "64x64")
    write("m.yaml", manifest.replace('{id: "{{ row.Handle }}", prompt: "Photo of {{ row.Title }}"}', each))
    assert imagegen("run", "m.yaml").code == 0
    found = check_export(tmp_path / "products.csv", tmp_path / "out/m/import.csv", "https://cdn.example.com/")
    assert set(found.values()) == {2}


def test_the_shop_example_makes_one(imagegen: Imagegen, tmp_path: Path) -> None:
    """The example's table has a picture of ours for each product, and all else as it was."""
    shop = ROOT / "examples/shop"
    assert imagegen("run", shop / "shop.yaml", "--provider", "placeholder", "-o", "shop").code == 0
    table = tmp_path / "shop/import.csv"
    assert set(check_export(shop / "products.csv", table, "https://cdn.example.com/shop/").values()) == {1}


def check_export(source: Path, table: Path, address: str) -> dict[str, int]:
    """Hold an import table against its source: handle -> how many of our pictures it has. `address` is where they
    are said to be; each of them lies in the table's folder."""
    before, after = lines_of(source), lines_of(table)
    ours = {"Image Src", "Image Position", "Image Alt Text"}
    variants = [line for line in after if line["Option1 Value"]]
    assert [strip(line, ours) for line in variants] == [strip(line, ours) for line in before]
    assert {cell for line in after if line not in variants for cell in strip(line, {"Handle", *ours}).values()} <= {""}
    positions, counts = defaultdict(list), dict.fromkeys((line["Handle"] for line in before), 0)
    for line in after:
        if line["Image Src"]:
            positions[line["Handle"]].append(int(line["Image Position"]))
        if line["Image Src"].startswith(address):
            assert (table.parent / line["Image Src"].removeprefix(address)).exists()
            assert line["Image Alt Text"]
            counts[line["Handle"]] += 1
    assert all(found == list(range(1, len(found) + 1)) for found in positions.values()), positions
    return counts


def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV."""
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def strip(line: dict[str, str], names: set[str]) -> dict[str, str]:
    """The cells of a line but for some."""
    return {name: cell for name, cell in line.items() if name not in names}


def test_drafts_are_no_pictures_of_the_table(imagegen: Imagegen, write: Write, tmp_path: Path) -> None:
    """A row that comes by way of drafts has one line like any other."""
    write(
        "m.yaml", MANIFEST.replace("provider: placeholder", "provider: placeholder, strategy: draft_refine, drafts: 2")
    )
    write("products.csv", PRODUCTS)
    done = imagegen("run", "m.yaml")
    assert done.code == 0, done.err
    assert "12 made (8 of them drafts)" in done.err
    assert (tmp_path / "out" / "m" / "import.csv").read_text(encoding="utf-8") == IMPORT
