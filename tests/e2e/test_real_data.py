"""Data as people have it: 1,632 prompts of PartiPrompts and a shop's product export."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import ROOT, SHARED, Books, Imagegen, Write, files, opened

PARTI = pytest.mark.skipif(
    not (SHARED / "PartiPrompts.tsv").exists(), reason="PartiPrompts.tsv is not part of the project"
)
SHOP = pytest.mark.skipif(
    not (SHARED / "shopify-apparel.csv").exists(), reason="shopify-apparel.csv is not part of the project"
)
#: Prompts of a normal test; `make soak` takes them all.
SLICE = 60
ALL = pytest.param(
    1632,
    marks=[
        pytest.mark.soak,
        pytest.mark.skipif("IMAGEGEN_SOAK" not in os.environ, reason="long: make soak runs all prompts"),
    ],
)


def parti(folder: Path, count: int) -> Path:
    """manifests/parti.yaml beside the first `count` prompts."""
    lines = (SHARED / "PartiPrompts.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) == 1633
    (folder / "PartiPrompts.tsv").write_text("".join(lines[: count + 1]), encoding="utf-8")
    return Path(shutil.copy(ROOT / "manifests" / "parti.yaml", folder))


@PARTI
@pytest.mark.parametrize("count", [SLICE, ALL])
def test_parti_prompts_become_placeholders(imagegen: Imagegen, tmp_path: Path, books: Books, count: int) -> None:
    """Every prompt of the TSV becomes one picture of the right size, for nothing."""
    ran = imagegen("run", parti(tmp_path, count), "--provider", "placeholder", "--json")
    assert ran.code == 0, ran.err
    _one_each(tmp_path / "out" / "parti", count, (1024, 1024))
    assert ran.summary["made"] == ran.summary["rows"] == count
    assert books.spent == 0


@PARTI
@pytest.mark.parametrize("count", [SLICE, ALL])
def test_parti_prompts_become_pictures(paid: Imagegen, cloud: Cloud, tmp_path: Path, books: Books, count: int) -> None:
    """Every prompt becomes one picture of the right size, each bought once, and the books agree with the bill."""
    ran = paid("run", parti(tmp_path, count), "--json", "--workers", "16", "--yes")
    assert ran.code == 0, ran.err
    _one_each(tmp_path / "out" / "parti", count, (1024, 1024))
    asked = [request.prompt for request in cloud.requests]
    lines = (tmp_path / "PartiPrompts.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted(asked) == sorted({line.split("\t")[0].strip() for line in lines})
    assert cloud.bill == books.spent == round(float(ran.summary["spent_usd"]) * 10**9) > 0
    again = paid("run", "parti.yaml", "--json")
    assert (again.code, again.summary["kept"], again.summary["spent_usd"]) == (0, count, "0")
    assert len(cloud.requests) == count


@SHOP
def test_a_shop_gets_one_picture_for_each_product(paid: Imagegen, cloud: Cloud, tmp_path: Path) -> None:
    """Each product of a Shopify export becomes one picture with its handle's name, on placeholders and then on real
    models; the lines of its variants become none."""
    shutil.copy(SHARED / "shopify-apparel.csv", tmp_path)
    shop = Path(shutil.copy(ROOT / "manifests" / "shopify.yaml", tmp_path))
    with open(SHARED / "shopify-apparel.csv", encoding="utf-8", newline="") as table:
        handles = [row["Handle"] for row in csv.DictReader(table) if row["Title"]]
    drawn = paid("run", shop, "--provider", "placeholder", "-o", "drawn")
    assert drawn.code == 0, drawn.err
    assert files(tmp_path / "drawn") == {f"{handle}.png" for handle in handles}
    assert cloud.requests == []
    made = paid("run", shop, "--json")
    assert made.code == 0, made.err
    _one_each(tmp_path / "out" / "shopify", len(handles), (1024, 1024))
    assert set(made.states) == set(handles)
    assert len(cloud.charges) == len(handles)


def test_html_is_made_plain_and_variants_are_skipped(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """What a shop's editor writes as HTML reaches the model as plain words; a line without a title makes no picture."""
    write("shopify.yaml", (ROOT / "manifests" / "shopify.yaml").read_bytes())
    write(
        "shopify-apparel.csv",
        "Handle,Title,Body (HTML),Tags\n"
        'shirt,Blue Shirt,"<p>Cotton &amp; linen,<br>""slim""</p><script>alert(1)</script><ul><li>S</li></ul>",men\n'
        "shirt,,,\n"
        "shirt,,,\n",
    )
    ran = paid("run", "shopify.yaml", "--json")
    assert ran.code == 0, ran.err
    assert ran.states == {"shirt": "made"}
    (asked,) = cloud.requests
    assert asked.prompt.startswith("Product photo of Blue Shirt on a light background. Cotton & linen,")
    assert not set("<>;") & set(asked.prompt)
    assert "alert" not in asked.prompt


def _one_each(folder: Path, count: int, size: tuple[int, int]) -> None:
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == count
    assert {line["state"] for line in lines} == {"made"}
    assert {line["file"] for line in lines} == files(folder)
    assert {opened(folder / line["file"])[0] for line in lines} == {size}
