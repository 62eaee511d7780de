"""`imagegen explain`: one row's choice, and why every other model lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Imagegen

SHOP = """imagegen: 1
rows:
  - {id: mug, prompt: A stoneware mug, use_case: product_shot}
  - {id: cover, prompt: A street, use_case: og_image, n: 2}
  - {id: wide, prompt: x, model: gpt-image-1, size: 4000x100}
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Three rows: a plain one, one with samples, one that is refused."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    return "shop.yaml"


def test_the_choice_is_one_sentence_with_its_facts(imagegen: Imagegen, shop: str, home: Path) -> None:
    """Choice, model, provider, size, price, key and state, then the losers with a reason each."""
    done = imagegen("explain", shop, "mug", COLUMNS="140")
    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "mug: gpt-image-2.5-flare on openai: the first choice for product_shot"
    facts = dict(line.split("  ", 1) for line in lines[2 : lines.index("Not taken") - 1])
    assert facts["Model"].strip() == "GPT Image 2.5 Flare (gpt-image-2.5-flare), standard tier"
    assert facts["Size"].strip() == "1024x1024, as it comes"
    assert facts["State"].strip() == "not there yet: would be made"
    assert facts["Price"].strip() == "~$0.0132 a picture (as read on 2026-11-22)"
    losers = lines[lines.index("Not taken") + 1 :]
    assert any(line.startswith("flux-2-pro on bfl, replicate ") and "comes first" in line for line in losers)
    assert any(line.startswith("flux-2-pro on together ") and "no known price" in line for line in losers)
    assert not home.exists()


def test_how_a_picture_is_finished_is_said(imagegen: Imagegen, shop: str) -> None:
    """What is generated and what becomes of it; each sample has its key."""
    done = imagegen("explain", shop, "cover", COLUMNS="140")
    assert "made at 1200x640, cut by 1.6 % to 1200x630" in done.stdout
    assert done.stdout.count("not there yet") == 2


def test_a_refused_row_says_why(imagegen: Imagegen, shop: str) -> None:
    """The reason comes first, with what to do; explaining a refusal is no failure."""
    done = imagegen("explain", shop, "wide", COLUMNS="200")
    assert done.returncode == 0
    assert done.stdout.startswith("wide: refused: gpt-image-1 makes no size that gives 4000x100")


@pytest.mark.parametrize(("row", "said"), [("mugg", "did you mean mug?"), ("zzzzzz", "`imagegen plan shop.yaml`")])
def test_a_row_that_is_not_there_is_an_error(imagegen: Imagegen, shop: str, row: str, said: str) -> None:
    """The nearest id is offered, else where to find them."""
    done = imagegen("explain", shop, row)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"shop.yaml: no row is called '{row}'; {said}" in done.stderr


def test_routes_and_placeholders_change_the_answer(imagegen: Imagegen, shop: str) -> None:
    """With the guide's routes the row goes to DALL-E 3; as a placeholder it costs nothing and says what it would."""
    assert imagegen("explain", shop, "mug", "--routes", "guide").stdout.startswith("mug: dall-e-3 on openai")
    done = imagegen("explain", shop, "mug", "--routes", "guide", "--provider", "placeholder", COLUMNS="140")
    assert "placeholder, in place of openai" in done.stdout
    assert "$0.00; the model itself: $0.04" in done.stdout


def test_machines_get_the_same(imagegen: Imagegen, shop: str) -> None:
    """One object: pictures as `plan` gives them, and the losers."""
    done = imagegen("explain", shop, "cover", "--json")
    found = json.loads(done.stdout)
    assert (found["event"], found["id"], len(found["pictures"])) == ("explain", "cover", 2)
    assert found["pictures"][0]["key"] != found["pictures"][1]["key"]
    assert {"model", "provider", "reason"} == set(found["losers"][0])
