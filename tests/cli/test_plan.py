"""`imagegen plan`: a line a picture, and everything about it for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagegen.domain.request import digest
from tests.cli.conftest import Imagegen

SHOP = """imagegen: 1
routes: guide
rows:
  - {id: mug, prompt: A stoneware mug, use_case: product_shot}
  - {id: mug-small, prompt: A stoneware mug, use_case: thumbnail, n: 2}
  - {id: mug-again, prompt: A stoneware mug, use_case: thumbnail}
  - {id: header, prompt: A street, use_case: blog_header}
  - {id: wide, prompt: x, model: gpt-image-1, size: 4000x100}
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """A manifest with samples, equal rows and a refused one."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    return "shop.yaml"


def events(text: str) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_every_picture_has_a_line(imagegen: Imagegen, shop: str, home: Path) -> None:
    """Id, state, model, provider, sizes and price, in columns; reasons below; totals at the end."""
    done = imagegen("plan", shop)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "mug           buy      dall-e-3@standard  openai     1024x1024              $0.04",
        "mug-small #1  buy      flux-schnell       replicate  512x512               $0.003",
        "mug-small #2  buy      flux-schnell       replicate  512x512               $0.003",
        "mug-again     shared   flux-schnell       replicate  512x512                $0.00",
        "header        buy      dall-e-3@standard  openai     1792x1024 → 1024x576   $0.04",
    ]
    assert lines[5] == "wide          refused"
    assert lines[6].startswith("  gpt-image-1 makes no size")
    assert "$0.086 for 5 pictures (shop.yaml, routes guide)" in lines
    assert not home.exists()


def test_what_holds_for_many_pictures_is_said_once(imagegen: Imagegen, shop: str) -> None:
    """A retired model is one note with a count, not a line a picture."""
    notes = imagegen("plan", shop).stderr.splitlines()
    assert [note for note in notes if "dall-e-3" in note] == [
        "note: dall-e-3 was shut down on 2026-05-12, gpt-image-2.5-flare replaces it; priced as it was (2 pictures)"
    ]


def test_machines_get_everything_that_would_be_done(imagegen: Imagegen, shop: str) -> None:
    """Row, model, parameters, key, price, hit or miss a picture, and the catalogue's digest at the end."""
    *rows, summary = events(imagegen("plan", shop, "--json").stdout)
    assert [row["id"] for row in rows] == ["mug", "mug-small", "mug-small", "mug-again", "header", "wide"]
    first, again, wide = rows[0], rows[3], rows[5]
    assert (first["state"], first["model"], first["provider"]) == ("buy", "dall-e-3", "openai")
    assert (first["cost_usd"], first["at_most_usd"], first["basis"], first["hit"]) == ("0.04", "0.04", "exact", False)
    assert first["key"] == digest(first["parameters"])
    assert first["place"] == "shop.yaml:4:5"
    assert (again["state"], again["cost_usd"], again["key"]) == ("shared", "0", rows[1]["key"])
    assert (wide["state"], wide["cost_usd"], wide["parameters"]) == ("refused", None, None)
    assert (summary["event"], summary["rows"], summary["pictures"], summary["cost_usd"]) == ("plan", 5, 5, "0.086")
    assert len(summary["catalogue"]) == 64


def test_the_first_rows_alone_can_be_planned(imagegen: Imagegen, shop: str) -> None:
    """`--limit` counts rows, not pictures, and what comes later is not even read."""
    (shop_path := Path(shop)).write_text(SHOP + "  - {id: mug, prompt: an id twice}\n")
    done = imagegen("plan", shop_path, "--limit", "2")
    assert done.returncode == 0
    assert done.stdout.startswith("mug ")
    assert "$0.046 for 3 pictures" in done.stdout


def test_a_wrong_manifest_ends_with_2(imagegen: Imagegen, tmp_path: Path) -> None:
    """A misspelt model is no refusal: it is an error at its row."""
    (tmp_path / "rows.csv").write_text("prompt,model\na mug,dall-e-33\n")
    done = imagegen("plan", "rows.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "rows.csv:2:1: no model is called 'dall-e-33'; did you mean dall-e-3?" in done.stderr


def test_flags_change_the_plan(imagegen: Imagegen, shop: str) -> None:
    """`--model`, `--provider` and `--optimize` hold for every row."""
    *rows, _ = events(imagegen("plan", shop, "--json", "--model", "sdxl", "--provider", "local", "--limit", "3").stdout)
    assert {(row["model"], row["provider"]) for row in rows} == {("sdxl", "local")}
    refused = imagegen("plan", shop, "--optimize", "cheapest")
    assert refused.returncode == 2
    assert "cheapest" in refused.stderr
