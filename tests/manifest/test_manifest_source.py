"""Sources, templates, matrices and output names: rows made from a table."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.row import Placed
from imagegen.errors import ManifestError
from imagegen.manifest import check, open_manifest

HEAD = "imagegen: 1\n"
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def made(folder: Path, text: str, **tables: str) -> list[Placed]:
    """The rows of a manifest of this text, beside tables `NAME.csv`."""
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(table)
    (folder / "m.yaml").write_text(HEAD + text)
    return list(open_manifest(folder / "m.yaml").rows())


def example(folder: Path, manifest: str, table: str) -> list[Placed]:
    """The rows of a manifest that ships with the project, beside its table; skips where that is absent."""
    if not (DATA / table).exists():
        pytest.skip(f"{table} is not in ../shared/data")
    shutil.copy(ROOT / "manifests" / manifest, folder)
    shutil.copy(DATA / table, folder)
    return list(open_manifest(folder / manifest).rows())


def test_parti_prompts_give_a_row_each(tmp_path: Path) -> None:
    """The 1,632 prompts come through unchanged, with an id of their own and their tags."""
    rows = example(tmp_path, "parti.yaml", "PartiPrompts.tsv")
    lines = (DATA / "PartiPrompts.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert [placed.row.prompt for placed in rows] == [line.split("\t")[0].strip() for line in lines]
    assert len({placed.row.id for placed in rows}) == 1632
    assert rows[0].row.tags == ("Abstract", "Basic")


def test_parti_ids_do_not_depend_on_the_order(tmp_path: Path) -> None:
    """Reordering a file changes no id."""
    rows = example(tmp_path, "parti.yaml", "PartiPrompts.tsv")
    table = tmp_path / "PartiPrompts.tsv"
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([head, *reversed(lines)]), encoding="utf-8")
    again = open_manifest(tmp_path / "parti.yaml").rows()
    assert {placed.row for placed in again} == {placed.row for placed in rows}


def test_shop_export_gives_a_row_for_each_product(tmp_path: Path) -> None:
    """Variants without a title are skipped, and the description is plain text."""
    rows = example(tmp_path, "shopify.yaml", "shopify-apparel.csv")
    assert len(rows) == 20
    assert rows[1].row.id == "classic-varsity-top"
    assert rows[1].row.prompt.startswith("Product photo of Classic Varsity Top on a light background. Womens casual")
    assert not any(mark in placed.row.prompt for placed in rows for mark in "<>")


@pytest.mark.parametrize(
    "where", ["row.Stock", "{{ row.Stock }}", "Stock", "row['Stock'] != ''", "row.Stock | int > 0"]
)
def test_where_is_judged_by_truth(tmp_path: Path, where: str) -> None:
    """A condition may stand with or without braces; an empty cell is false."""
    text = f'source: {{file: t.csv, where: "{where}", each: {{prompt: "{{{{ row.Title }}}}"}}}}\n'
    rows = made(tmp_path, text, t="Title,Stock\nMug,3\nCup,\n")
    assert [placed.row.prompt for placed in rows] == ["Mug"]


def test_where_chooses_rows_of_a_plain_source(tmp_path: Path) -> None:
    """Without `each` the columns of a source are row fields."""
    rows = made(tmp_path, "source: {file: t.csv, where: stock}\n", t="prompt,n,stock\nMug,2,1\nCup,3,\n")
    assert [(placed.row.prompt, placed.row.n) for placed in rows] == [("Mug", 2)]


def test_each_is_a_template_throughout(tmp_path: Path) -> None:
    """Texts within lists and mappings are templates too; what comes out blank counts as absent."""
    text = """
source:
  file: t.csv
  each:
    id: "{{ sku }}"
    prompt: "{{ row['A title'] | upper }}"
    seed: "{{ row.seed }}"
    needs_text: "{{ row.seed == '7' }}"
    tags: ["{{ sku }}", fixed]
    options: {fal: {label: "{{ row.sku }}", strength: 0.5}}
"""
    first, second = (placed.row for placed in made(tmp_path, text, t="sku,A title,seed\nm1,Mug,7\n,Cup,\n"))
    assert (first.id, first.prompt, first.seed, first.needs_text, first.tags) == ("m1", "MUG", 7, True, ("m1", "fixed"))
    assert first.options == {"fal": {"label": "m1", "strength": 0.5}}
    assert (second.id[:4], second.seed, second.needs_text) == ("cup-", None, False)


def test_a_cell_is_never_a_template(tmp_path: Path) -> None:
    """Braces that come from a table are text."""
    rows = made(tmp_path, "source: {file: t.csv, each: {prompt: '{{ row.T }}'}}\n", t="T\n{{ 7 * 7 }}\n")
    assert rows[0].row.prompt == "{{ 7 * 7 }}"


@pytest.mark.parametrize("column", ["items", "values", "keys", "get", "copy", "pop"])
def test_a_column_named_like_a_method_is_that_column(tmp_path: Path, column: str) -> None:
    """`row.items` is the cell, never a method of the row."""
    rows = made(
        tmp_path, f"source: {{file: t.csv, each: {{prompt: '{{{{ row.{column} }}}}'}}}}\n", t=f"{column},b\ncell,x\n"
    )
    assert rows[0].row.prompt == "cell"


@pytest.mark.parametrize("expression", ["row.items", "row.Title.upper", "row.get"])
def test_a_method_never_becomes_text(tmp_path: Path, expression: str) -> None:
    """A method that is not called is an error, so that no prompt holds its name."""
    text = f"source: {{file: t.csv, each: {{prompt: '{{{{ {expression} }}}}'}}}}\n"
    with pytest.raises(ManifestError, match="method"):
        made(tmp_path, text, t="Title\nMug\n")


def test_json_sources_keep_numbers(tmp_path: Path) -> None:
    """From JSONL a template sees numbers, true and false, and null as empty text."""
    (tmp_path / "t.jsonl").write_text('{"t": "Mug", "n": 2, "v": 1.10, "b": true, "x": null}\n')
    text = 'source: {file: t.jsonl, where: n > 1, each: {prompt: "{{ t }} {{ n + 1 }} {{ v }} {{ b }} [{{ x }}]"}}\n'
    assert made(tmp_path, text)[0].row.prompt == "Mug 3 1.10 true []"


def test_false_in_a_json_source_is_not_absent(tmp_path: Path) -> None:
    """False and 0 stand above a default; null and empty text do not."""
    lines = ['{"prompt": "a", "needs_text": false, "seed": 0}', '{"prompt": "b", "needs_text": null, "seed": ""}']
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    rows = made(tmp_path, "defaults: {needs_text: true, seed: 7}\nsource: {file: t.jsonl}\n")
    assert [(placed.row.needs_text, placed.row.seed) for placed in rows] == [(False, 0), (True, 7)]


def test_matrix_multiplies_rows(tmp_path: Path) -> None:
    """Each row is made once for every combination; the id gains the values in the order of the variables."""
    text = """
matrix: {colour: [red, deep blue], angle: [front, side]}
rows:
  - {id: mug, prompt: "A {{ colour }} mug, {{ angle }} view"}
"""
    assert [(placed.row.id, placed.row.prompt) for placed in made(tmp_path, text)] == [
        ("mug-red-front", "A red mug, front view"),
        ("mug-red-side", "A red mug, side view"),
        ("mug-deep blue-front", "A deep blue mug, front view"),
        ("mug-deep blue-side", "A deep blue mug, side view"),
    ]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("mug", ["mug-red-1.10", "mug-red-true"]),
        ("{{ v }}-mug", ["1.10-mug-red", "true-mug-red"]),
        ("{{ v }}{{ colour }}", ["1.10red", "truered"]),
    ],
)
def test_an_id_gains_only_the_variables_it_does_not_name(tmp_path: Path, name: str, ids: list[str]) -> None:
    """What the id names itself is not added again; values print as they were written."""
    text = f'matrix: {{colour: [red], v: [1.10, true]}}\nrows:\n  - {{id: "{name}", prompt: "{{{{ colour }}}}"}}\n'
    assert [placed.row.id for placed in made(tmp_path, text)] == ids


def test_matrix_multiplies_a_source(tmp_path: Path) -> None:
    """Every chosen row of a table is made once for each combination."""
    text = 'matrix: {c: [red, blue]}\nsource: {file: t.csv, each: {id: "{{ T }}", prompt: "{{ c }} {{ row.T }}"}}\n'
    rows = made(tmp_path, text, t="T\nmug\ncup\n")
    assert [placed.row.id for placed in rows] == ["mug-red", "mug-blue", "cup-red", "cup-blue"]
    assert [placed.place.line for placed in rows] == [2, 2, 3, 3]


def test_a_matrix_variable_stands_before_a_column_of_its_name(tmp_path: Path) -> None:
    """The plain name is the variable; the column is still there under `row`."""
    text = 'matrix: {c: [red]}\nsource: {file: t.csv, each: {prompt: "{{ c }} {{ row.c }}"}}\n'
    assert made(tmp_path, text, t="c,d\nblue,x\n")[0].row.prompt == "red blue"


def test_combinations_without_an_id_differ(tmp_path: Path) -> None:
    """A made id speaks of the combination even where the prompt does not, so no row is merely a numbered other."""
    rows = made(tmp_path, "matrix: {c: [red, blue]}\nrows: [{prompt: mug}]\n")
    assert len({placed.row.id for placed in rows}) == 2
    assert not any(placed.row.id.endswith("-2") for placed in rows)


def test_a_source_without_each_needs_a_prompt_column(tmp_path: Path) -> None:
    """The table is named, not the manifest, when its columns are no row fields; a default prompt will do."""
    source = "source: {file: t.csv}\n"
    with pytest.raises(ManifestError, match=r"t\.csv:1:1: there is no column prompt; the columns are id, title"):
        made(tmp_path, source, t="id,title\na,b\n")
    assert made(tmp_path, source + "defaults: {prompt: p}\n")[0].row.prompt == "p"


def test_output_name_is_a_template(tmp_path: Path) -> None:
    """A name may speak of the row's fields, matrix variables and the table's columns."""
    text = """
output: {name: "{{ use_case }}/{{ row.sku | slug }}-{{ c }}-{{ n }}"}
defaults: {use_case: hero}
matrix: {c: [red]}
source: {file: t.csv, each: {prompt: "{{ c }}"}}
"""
    assert [placed.name for placed in made(tmp_path, text, t="sku,x\nÄ 1/B,\n")] == ["hero/a-1-b-red-1"]


def test_without_an_output_name_there_is_none(tmp_path: Path) -> None:
    """The name is left to whoever writes the file."""
    assert made(tmp_path, "rows: [{prompt: a}]\n")[0].name is None


def test_equal_rows_are_numbered(tmp_path: Path) -> None:
    """Rows that say the same get -2, -3 in order; another field makes another id."""
    rows = made(
        tmp_path,
        "rows: [{prompt: A red mug!}, {prompt: A red mug!}, {prompt: A red mug!, n: 2}, {prompt: A red mug!}]\n",
    )
    first = rows[0].row.id
    assert first.startswith("a-red-mug-")
    assert [placed.row.id for placed in rows][1::2] == [f"{first}-2", f"{first}-3"]
    assert rows[2].row.id.rpartition("-")[0] == "a-red-mug"


def test_a_given_id_may_meet_a_made_one(tmp_path: Path) -> None:
    """An id that equals one made before it is refused, with the place of the row it was made for."""
    first, second = made(tmp_path, "rows:\n  - {prompt: mug}\n  - {prompt: mug}\n")
    assert second.row.id == f"{first.row.id}-2"
    text = f"rows:\n  - {{prompt: mug}}\n  - {{prompt: mug}}\n  - {{id: {second.row.id}, prompt: cup}}\n"
    with pytest.raises(ManifestError, match=r"m\.yaml:5:5: the id .* is used twice, first at .*m\.yaml:4:5"):
        made(tmp_path, text)


def test_a_made_id_is_the_row_alone(tmp_path: Path) -> None:
    """Defaults, the command line and the kind of file do not change a made id."""
    (tmp_path / "a.csv").write_text("prompt,n,max_price\nmug,2,0.10\n")
    (tmp_path / "b.jsonl").write_text('{"max_price": 0.10, "n": 2, "prompt": " mug "}\n')
    (tmp_path / "c.yaml").write_text(HEAD + "defaults: {format: webp}\nrows: [{prompt: mug, n: 2, max_price: 0.10}]\n")
    names = ("a.csv", "b.jsonl", "c.yaml")
    ids = [next(open_manifest(tmp_path / name, set_fields={"provider": "x"}).rows()).row.id for name in names]
    assert len(set(ids)) == 1


def test_a_template_is_not_run_in_rows_without_a_matrix(tmp_path: Path) -> None:
    """Braces in `rows` are text unless there is a matrix."""
    assert made(tmp_path, "rows: [{prompt: '{{ 1 + 1 }}'}]\n")[0].row.prompt == "{{ 1 + 1 }}"
    assert made(tmp_path, "matrix: {c: [x]}\nrows: [{prompt: '{{ 1 + 1 }}'}]\n")[0].row.prompt == "2"


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Reading 20,000 rows holds no more than their ids."""
    import tracemalloc

    path = tmp_path / "m.csv"
    with path.open("w") as file:
        file.write("id,prompt\n")
        file.writelines(f"row-{index},{'a long prompt ' * 20}{index}\n" for index in range(20_000))
    manifest = open_manifest(path)
    peaks: list[Any] = []
    tracemalloc.start()
    count = check(manifest)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert count == 20_000
    assert peaks[0] < 4_000_000 < path.stat().st_size
