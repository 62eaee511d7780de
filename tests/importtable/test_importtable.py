"""The import table: what is not about pictures stays to the character, and every picture is where it belongs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.result import Result
from imagegen.importtable import Given, Giver
from imagegen.manifest import open_manifest

EXPORT = (
    "Handle,Title,Body (HTML),Price,Image Src,Image Position,Note\r\n"
    'mug,"Mug, blue","<p>A ""good"" mug\r\nfor tea</p>",1.10,https://old/mug.jpg,1,\r\n'
    "mug,,,1.20,,,large\r\n"
    'cup,Cup,"plain, quoted",007,,,=1+1\r\n'
    "\r\n"
    "jug,Jug,,5,https://old/jug.jpg,1,\r\n"
    "jug,,,,https://old/jug2.jpg,2,\r\n"
    "lid,Lid,,,,,last"
)

COLUMNS = {"Image Src": "https://cdn/{{ file }}", "Image Position": "{{ position }}", "Alt": "{{ row.Title }}"}


def give(
    folder: Path,
    source: str | bytes,
    pictures: Iterable[tuple[int, str]],
    columns: dict[str, str] = COLUMNS,
    name: str = "products.csv",
    source_keys: str = "",
    **table: Any,
) -> tuple[str, Given]:
    """The table with pictures (line, file), and what was said of it."""
    (folder / name).write_bytes(source.encode() if isinstance(source, str) else source)
    file = "import" + Path(name).suffix
    said = json.dumps({"table": {"file": file, "columns": columns} | table})
    path = folder / "m.yaml"
    path.write_text(
        f"imagegen: 1\nsource: {{file: {name}, each: {{prompt: A picture}}{source_keys}}}\noutput: {said}\n"
    )
    giver = Giver(path, open_manifest(path).header)
    results = [result(line, file, place=f"{folder / name}:{line}") for line, file in pictures]
    target = folder / file
    with open(target, "w", encoding=giver.encoding, newline="") as out:
        given = giver.write(results, out)
    return target.read_bytes().decode(giver.encoding), given


def result(line: int, file: str, **more: Any) -> Result:
    values: dict[str, Any] = {"id": f"row{line}", "state": "made", "prompt": "A picture", "file": file}
    return Result(**(values | more))


def test_every_line_of_an_export(tmp_path: Path) -> None:
    """Pictures on their rows, further ones below the product with the key alone, positions over the product; all
    else to the character: quotes, line ends within cells, blank lines, the missing end of the last line."""
    text, given = give(tmp_path, EXPORT, [(2, "a.webp"), (2, "b.webp"), (4, "c.webp"), (5, "d.webp"), (7, "e.webp")])
    assert text == (
        "Handle,Title,Body (HTML),Price,Image Src,Image Position,Note,Alt\r\n"
        'mug,"Mug, blue","<p>A ""good"" mug\r\nfor tea</p>",1.10,https://cdn/a.webp,1,,"Mug, blue"\r\n'
        "mug,,,1.20,https://cdn/c.webp,2,large,\r\n"
        'mug,,,,https://cdn/b.webp,3,,"Mug, blue"\r\n'
        'cup,Cup,"plain, quoted",007,https://cdn/d.webp,1,=1+1,Cup\r\n'
        "\r\n"
        "jug,Jug,,5,https://cdn/e.webp,1,,Jug\r\n"
        "jug,,,,https://old/jug2.jpg,2,,\r\n"
        "lid,Lid,,,,,last,"
    )
    assert (given.pictures, given.lines, given.unfilled, given.lost) == (5, 8, 0, 0)


def test_further_pictures_come_behind_the_products_own(tmp_path: Path) -> None:
    """The product's second picture in the source keeps its position, and ours counts on."""
    text, _ = give(tmp_path, EXPORT, [(7, "a.webp"), (7, "b.webp")])
    assert "jug,Jug,,5,https://cdn/a.webp,1,,Jug\r\njug,,,,https://old/jug2.jpg,2,,\r\n" in text
    assert "jug,,,,https://cdn/b.webp,3,,Jug\r\n" in text


def test_pictures_that_are_there_may_be_kept(tmp_path: Path) -> None:
    """`existing: keep`: a line that has a picture keeps it, and ours goes below; an empty one takes it."""
    text, _ = give(tmp_path, EXPORT, [(2, "a.webp"), (5, "b.webp"), (9, "c.webp")], existing="keep")
    lines = text.split("\r\n")
    assert lines[2].endswith("1.10,https://old/mug.jpg,1,,") or lines[2].endswith("https://old/mug.jpg,1,,")
    assert 'mug,,,,https://cdn/a.webp,2,,"Mug, blue"' in lines
    assert 'cup,Cup,"plain, quoted",007,https://cdn/b.webp,1,=1+1,Cup' in lines
    assert lines[-1] == "lid,Lid,,,https://cdn/c.webp,1,last,Lid"


def test_only_products_with_a_picture(tmp_path: Path) -> None:
    """`rows: made` leaves the others out whole, and a product that has one in whole."""
    text, given = give(tmp_path, EXPORT, [(4, "a.webp"), (8, "b.webp")], rows="made")
    assert [line.partition(",")[0] for line in text.split("\r\n")] == ["Handle", "mug", "for tea</p>\"", "mug", "jug",
                                                                       "jug", ""]  # fmt: skip
    assert "mug,,,1.20,https://cdn/a.webp,2,large," in text
    assert given.lines == 4


def test_the_last_row_may_be_followed(tmp_path: Path) -> None:
    """A line below the last one, where the source has no end of line there."""
    text, _ = give(tmp_path, EXPORT, [(9, "a.webp"), (9, "b.webp")])
    assert text.endswith("lid,Lid,,,https://cdn/a.webp,1,last,Lid\r\nlid,,,,https://cdn/b.webp,2,,Lid")


def test_without_a_key_lines_are_repeated_whole(tmp_path: Path) -> None:
    """No column says what belongs together: every row is by itself, a further picture's line has all its cells."""
    text, _ = give(tmp_path, "SKU,Title\n1,Mug\n1,Cup\n", [(2, "a.png"), (2, "b.png"), (3, "c.png")])
    assert text == (
        "SKU,Title,Image Src,Image Position,Alt\n"
        "1,Mug,https://cdn/a.png,1,Mug\n1,Mug,https://cdn/b.png,2,Mug\n1,Cup,https://cdn/c.png,1,Cup\n"
    )
    grouped, _ = give(tmp_path, "SKU,Title\n1,Mug\n1,Cup\n", [(2, "a.png"), (2, "b.png"), (3, "c.png")], key="SKU")
    assert grouped == (
        "SKU,Title,Image Src,Image Position,Alt\n"
        "1,Mug,https://cdn/a.png,1,Mug\n1,Cup,https://cdn/c.png,2,Cup\n1,,https://cdn/b.png,3,Mug\n"
    )


@pytest.mark.parametrize("state", ["failed", "refused", "unknown", "skipped", "waiting"])
def test_only_pictures_that_are_there(tmp_path: Path, state: Any) -> None:
    """Rows without one keep their cells; rows of other files are somebody else's."""
    (tmp_path / "products.csv").write_text(EXPORT, newline="")
    path = tmp_path / "m.yaml"
    table = json.dumps({"table": {"file": "import.csv", "columns": {"Image Src": "{{ file }}"}}})
    path.write_text(f"imagegen: 1\nsource: {{file: products.csv, each: {{prompt: A picture}}}}\noutput: {table}\n")
    giver, out = Giver(path, open_manifest(path).header), io.StringIO()
    place = f"{tmp_path / 'products.csv'}:2"
    given = giver.write([result(2, "m.png", place=f"{path}:2"), result(2, "a.png", state=state, place=place)], out)
    assert out.getvalue() == EXPORT
    assert (given.pictures, given.lost) == (0, 0)


FORMS = {
    "semicolons": ("a.csv", "Handle;Title\nmug;Mug\n", 'mug;Mug;"x;y"\n', {}),
    "always quoted": ("a.csv", '"Handle","Title"\n"mug","Mug"\n', '"mug","Mug","x;y"\n', {}),
    "tabs": ("a.tsv", 'Handle\tTitle\nmug\tMug "5"\n', 'mug\tMug "5"\tx;y\n', {}),
    "cp1252": ("a.csv", "Handle,Title\nmug,Käse €\n".encode("cp1252"), "mug,Käse €,x;y\n", {"encoding": "cp1252"}),
    "utf-16": ("a.csv", "Handle,Title\nmug,Käse\n".encode("utf-16"), "mug,Käse,x;y\n", {"encoding": "utf-16"}),
    "a byte order mark": ("a.csv", b"\xef\xbb\xbfHandle,Title\nmug,Mug\n", "mug,Mug,x;y\n", {}),
    "old Mac line ends": ("a.csv", "Handle,Title\rmug,Mug\r", "mug,Mug,x;y\r", {}),
    "JSON": (
        "a.jsonl",
        '{"Handle": "cup", "n": 1.10}\n\n{"Handle": "mug", "n": 1.10, "in": [1e2, {"a": null}], "ö": true}\n',
        '{"Handle": "mug", "n": 1.10, "in": [1e2, {"a": null}], "ö": true, "Src": "x;y"}\n',
        {},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_source_is_kept(tmp_path: Path, form: str) -> None:
    """Encoding, byte order mark, delimiter, quotes and line ends are the source's."""
    name, source, last, keys = FORMS[form]
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    line = 3 if form == "JSON" else 2
    text, given = give(tmp_path, source, [(line, "x;y")], {"Src": "{{ file }}"}, name, more)
    assert text.endswith(last)
    assert given.pictures == 1
    written = (tmp_path / ("import" + Path(name).suffix)).read_bytes()
    raw = source.encode() if isinstance(source, str) else source
    assert written[:3] == raw[:3]
    if form == "JSON":
        assert text.splitlines()[:2] == ['{"Handle": "cup", "n": 1.10}', ""]


def test_what_cannot_be_filled_in_stays_as_it_was(tmp_path: Path) -> None:
    """A value that a template cannot take is counted and told, and the row keeps its cells."""
    source = "Handle,Title,Price\nmug,Mug,3\ncup,Cup,cheap\n"
    columns = {"Src": "{{ file }}", "Half": "{{ 6 // (row.Price | int) }}"}
    text, given = give(tmp_path, source, [(2, "a.png"), (3, "b.png")], columns)
    assert text == "Handle,Title,Price,Src,Half\nmug,Mug,3,a.png,2\ncup,Cup,cheap,,\n"
    assert (given.pictures, given.unfilled) == (1, 1)
    assert "products.csv:3" in given.problem


def test_what_the_encoding_does_not_have_is_a_question_mark(tmp_path: Path) -> None:
    """A table in cp1252 can be written whatever the picture is called."""
    text, _ = give(
        tmp_path, b"Handle,Title\nmug,Mug\n", [(2, "łódź.png")], {"Src": "{{ file }}"}, "a.csv", ", encoding: cp1252"
    )
    assert text.endswith("mug,Mug,?ód?.png\n")


def test_addresses_that_are_none_are_counted(tmp_path: Path) -> None:
    """A space in an address breaks the import; `urlencode` mends it."""
    source = "Handle,Title\nmug,Mug\n"
    _, given = give(tmp_path, source, [(2, "a b.png")], {"Src": "https://cdn/{{ file }}"})
    assert given.unencoded == 1
    text, given = give(tmp_path, source, [(2, "x/a b.png")], {"Src": "https://cdn/{{ file | urlencode }}"})
    assert given.unencoded == 0
    assert "https://cdn/x/a%20b.png" in text


def test_pictures_of_rows_that_are_gone_are_counted(tmp_path: Path) -> None:
    """The source changed while the run was at work: what belongs nowhere is told."""
    _, given = give(tmp_path, "Handle,Title\nmug,Mug\n", [(2, "a.png"), (5, "b.png"), (6, "c.png")])
    assert (given.pictures, given.lost) == (1, 2)
    _, given = give(tmp_path, EXPORT, [(3, "within-a-cell.png"), (4, "a.png")])
    assert (given.pictures, given.lost) == (1, 1)


def test_all_that_templates_know(tmp_path: Path) -> None:
    """The names of a picture; what is not known is empty."""
    (tmp_path / "p.csv").write_text("Handle\nmug\n")
    names = ("id", "file", "prompt", "model", "format", "width", "height", "sample", "position")
    columns = {name: f"{{{{ {name} }}}}" for name in names} | {"card": "{{ renditions.card }}"}
    said = json.dumps({"renditions": {"card": "64x64"}, "table": {"file": "i.csv", "columns": columns}})
    path = tmp_path / "m.yaml"
    path.write_text(f"imagegen: 1\nsource: {{file: p.csv, each: {{prompt: A picture}}}}\noutput: {said}\n")
    out = io.StringIO()
    made = result(
        2,
        "m.png",
        place=f"{tmp_path / 'p.csv'}:2",
        model="sdxl",
        width=512,
        sample=1,
        renditions={"card": "card/m"},
    )
    Giver(path, open_manifest(path).header).write([made], out)
    (line,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert line == {
        "Handle": "mug", "id": "row2", "file": "m.png", "prompt": "A picture", "model": "sdxl", "format": "",
        "width": "512", "height": "", "sample": "2", "position": "1", "card": "card/m",
    }  # fmt: skip


def test_a_large_source_is_streamed(tmp_path: Path) -> None:
    """Twenty thousand products, one in memory at a time: what is held does not grow with the table."""
    import tracemalloc

    count = 20_000
    (tmp_path / "p.csv").write_text("Handle,Title\n" + "".join(f"p{n},Product {n}\n" for n in range(count)))
    path = tmp_path / "m.yaml"
    table = json.dumps({"table": {"file": "i.csv", "columns": {"Src": "{{ file }}"}}})
    path.write_text(f"imagegen: 1\nsource: {{file: p.csv, each: {{prompt: A picture}}}}\noutput: {table}\n")
    giver = Giver(path, open_manifest(path).header)
    pictures = (result(n + 2, f"p{n}.png", place=f"{tmp_path / 'p.csv'}:{n + 2}") for n in range(count))
    with open(tmp_path / "i.csv", "w", encoding="utf-8", newline="") as out:
        tracemalloc.start()
        given = giver.write(pictures, out)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert given.pictures == count
    assert peak < 1_000_000
