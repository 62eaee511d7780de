"""Request and Key: every parameter that shapes the picture is in the Key, and nothing else."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.domain.request import Request, canonical, canonical_json, derived_seed, digest, key, nfc

BASE = Request(provider="openai", model="gpt-image-2", prompt="A mug", width=1024, height=1024, quality="low")

#: field -> two other values for it
OTHER: dict[str, tuple[Any, Any]] = {
    "provider": ("fal", "local"),
    "model": ("dall-e-3", "gpt-image-2.5-flare"),
    "prompt": ("A cup", "a mug"),
    "address": ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"),
    "kind": ("judge", "edit"),
    "stands_for": ("dall-e-3", "sdxl"),
    "negative_prompt": ("blur", "Blur"),
    "width": (1536, 1025),
    "height": (1536, 1025),
    "aspect_ratio": ("1:1", "16:9"),
    "resolution": ("1K", "2K"),
    "wire_format": ("png", "webp"),
    "quality": ("medium", "high"),
    "steps": (20, 30),
    "guidance": (7.0, 7.5),
    "scheduler": ("euler", "ddim"),
    "seed": (0, 1),
    "sample": (1, 2),
    "strength": (0.5, 0.0),
    "control": ("depth", "canny"),
    "refiner": ("sdxl-refiner", "True"),
    "safety": ("low", "auto"),
    "background": ("opaque", "transparent"),
    "options": ('{"style":"vivid"}', '{"style":"natural"}'),
    "weights": ("0" * 64, "1" * 64),
    "step_cache": ("teacache:0.2", "teacache:0.3"),
    "images": (("0" * 64,), ("0" * 64, "1" * 64)),
    "mask": ("0" * 64, "1" * 64),
    "control_image": ("0" * 64, "1" * 64),
    "loras": ((("0" * 64, 1.0),), (("0" * 64, 0.8),)),
}


def test_every_field_is_varied_here() -> None:
    """A field that is added to Request must be added to this table."""
    assert set(OTHER) == {field.name for field in fields(Request)}


@pytest.mark.parametrize("name", OTHER)
def test_every_field_is_in_the_key(name: str) -> None:
    """Two values of one field are two pictures, and a third when it is not said."""
    first, second = OTHER[name]
    assert len({key(BASE), key(replace(BASE, **{name: first})), key(replace(BASE, **{name: second}))}) == 3


def test_the_order_of_input_pictures_is_in_the_key() -> None:
    """First and second input picture are not the same thing."""
    one, two = "0" * 64, "1" * 64
    assert key(replace(BASE, images=(one, two))) != key(replace(BASE, images=(two, one)))


def test_equal_requests_share_a_key() -> None:
    """Whatever is equal field by field is one picture."""
    assert key(replace(BASE)) == key(BASE)
    assert len(key(BASE)) == 64


def test_this_key_is_the_same_in_every_version() -> None:
    """The canonical form may not change unnoticed: every picture ever bought would be bought again."""
    text = '{"height":1024,"kind":"image","model":"gpt-image-2","prompt":"A mug","provider":"openai","quality":"low",'
    text += '"sample":0,"v":1,"width":1024}'
    assert canonical_json(canonical(BASE)) == text
    assert key(BASE) == "6c770a888dc33bddad783794d351e79341827223a5db6aadbd6a96ee59d96e7f"


def test_a_prompt_is_one_text_however_it_is_composed() -> None:
    """NFC and NFD of one text are one picture; letter case, inner space and look-alikes are not."""
    assert key(replace(BASE, prompt="cafe\u0301")) == key(replace(BASE, prompt="caf\u00e9"))
    others = ["SALE", "sale", "SALE ", "S ALE", "ＳALE", "\u0405ALE"]
    assert len({key(replace(BASE, prompt=prompt)) for prompt in others}) == len(others)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_prompt_has_one_key(prompt: str) -> None:
    """Any text at all has a key, the same in both normal forms, and its canonical JSON is JSON of the NFC text."""
    composed, decomposed = unicodedata.normalize("NFC", prompt), unicodedata.normalize("NFD", prompt)
    assert key(replace(BASE, prompt=composed)) == key(replace(BASE, prompt=decomposed))
    assert json.loads(canonical_json(canonical(replace(BASE, prompt=prompt))))["prompt"] == nfc(prompt) == composed


def test_canonical_json_is_one_text_per_value() -> None:
    """Keys are sorted, nothing is spaced or escaped without need."""
    assert canonical_json({"b": [1, 2.5, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,2.5,null]}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_derived_seed_depends_on_all_the_rest() -> None:
    """Equal requests derive equal seeds, other prompts others; a seed that stands there does not count."""
    values = canonical(BASE)
    assert derived_seed(values) == derived_seed(values | {"seed": 5})
    assert 0 <= derived_seed(values) < 2**31
    assert len({derived_seed(canonical(replace(BASE, prompt=str(n)))) for n in range(50)}) == 50
