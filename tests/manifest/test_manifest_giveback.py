"""`output.table` in a manifest: what is wrong with it is found before anything is bought, and at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen.errors import ManifestError
from imagegen.manifest import check, open_manifest

TABLE = "Handle,Title,Price\nmug,,\nmug,Mug,3\n"


def written(folder: Path, table: str, source: str = "p.csv", more: str = "") -> Path:
    """A manifest over a table of products; `table` is what stands below output.table, from line 4 on."""
    (folder / "p.csv").write_text(TABLE)
    (folder / "p.jsonl").write_text('{"Handle": "mug", "Title": "Mug"}\n')
    path = folder / "m.yaml"
    lines = "\n".join(f"    {line}" for line in table.splitlines())
    rows = f"source: {{file: {source}, where: row.Title, each: {{id: a, prompt: A mug}}}}" if source else "rows: []"
    path.write_text(f"imagegen: 1\noutput:\n  table:\n{lines}\n{more}{rows}\n")
    return path


GOOD = "file: import.csv\ncolumns:\n  Image Src: 'https://cdn/{{ file | urlencode }}'\n  Alt: '{{ row.Title }}'"

WRONG = [
    ("columns: {A: b}", "p.csv", (4, 5), "output.table.file: it is missing"),
    ("file: import.csv", "p.csv", (4, 5), "output.table.columns: it is missing"),
    ("file: import.csv\ncolumns: {}", "p.csv", (5, 14), "output.table.columns"),
    ("file: import.csv\ncolums: {A: b}", "p.csv", (5, 5), "unknown key output.table.colums; did you mean columns?"),
    ("file: import.csv\ncolumns: {A: }", "p.csv", (5, 18), "output.table.columns.A: nothing is not text"),
    ("file: ../import.csv\ncolumns: {A: b}", "p.csv", (4, 11), "'../import.csv' is no plain file name"),
    ("file: Results.csv\ncolumns: {A: b}", "p.csv", (4, 11), "Results.csv is the name of another file there"),
    ("file: import.xlsx\ncolumns: {A: b}", "p.csv", (4, 11), "is to be like its source, a .csv file; end it in .csv"),
    ("file: import.csv\ncolumns: {A: b}", "p.jsonl", (4, 11), "end it in .jsonl or .ndjson"),
    ("file: import.csv\ncolumns: {A: b}", "", (4, 5), "there is no source; add source:, or take output.table out"),
    ("file: import.csv\nkey: handel\ncolumns: {A: b}", "p.csv", (5, 10), "'handel'; did you mean Handle?"),
    ("file: import.csv\nkey: SKU\ncolumns: {A: b}", "p.csv", (5, 10), "the columns are Handle, Title, Price"),
    ("file: import.csv\nrows: some\ncolumns: {A: b}", "p.csv", (5, 11), "'some' is not known; use 'all' or 'made'"),
    ("file: import.csv\ncolumns: {A: '{{ fil }}'}", "p.csv", (5, 18), "the name 'fil', which is not there; did you"),
    ("file: import.csv\ncolumns: {A: '{{ row.Titel }}'}", "p.csv", (5, 18), "'Titel', which is not there; did you"),
    ("file: import.csv\ncolumns: {A: \"{{ row['Alt Text'] }}\"}", "p.csv", (5, 18), "there are Handle, Title, Price"),
    ("file: import.csv\ncolumns: {A: '{{ renditions.card }}'}", "p.csv", (5, 18), "the rendition 'card'"),
    ("file: import.csv\ncolumns: {A: '{{ file'}", "p.csv", (5, 18), "the template cannot be read"),
    ("file: import.csv\ncolumns: {A: '{{ position / row.Price }}'}", "p.csv", (5, 18), "the template fails"),
    ("file: import.jsonl\ncolumns: {A: '{{ row.Alt }}'}", "p.jsonl", (5, 18), "speaks of 'Alt', which is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "source", "where", "said"), WRONG, ids=[said[:40] for *_, said in WRONG])
def test_what_is_wrong_has_a_place(tmp_path: Path, table: str, source: str, where: tuple[int, int], said: str) -> None:
    """Line and column in the manifest, what is wrong, what to do."""
    path = written(tmp_path, table, source)
    with pytest.raises(ManifestError) as caught:
        open_manifest(path)
    assert said in str(caught.value)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize("more", ["", "  renditions: {card: 64x64}\n"])
def test_what_is_right_is_opened(tmp_path: Path, more: str) -> None:
    """It is read with its defaults; what the first row lacks that `where` leaves out does no harm."""
    table = f"{GOOD}\n  Card: '{{{{ renditions.card }}}}'" if more else GOOD
    manifest = open_manifest(written(tmp_path, f"{table}\n  First: '{{{{ row.Title.split()[0] }}}}'", more=more))
    assert check(manifest) == 1
    found = manifest.header.output.table
    assert found is not None
    assert (found.file, found.key, found.rows, found.existing) == ("import.csv", None, "all", "replace")


def test_a_manifest_without_it_reads_no_templates(tmp_path: Path) -> None:
    """Nothing changes for manifests that do not ask for a table."""
    (tmp_path / "p.csv").write_text("prompt\nA mug\n")
    path = tmp_path / "m.yaml"
    path.write_text("imagegen: 1\nsource: {file: p.csv}\n")
    assert open_manifest(path).header.output.table is None
