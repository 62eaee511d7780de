"""Models that are asked for a ratio and choose the pixels themselves: what stands in a Request, and in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagegen.catalog import load
from imagegen.errors import SettingsError
from tests.planning import planned, preset

OFFER = """
source: me
read_on: 2026-11-22
models:
  mine: {title: Mine, maker: Me, best_for: tests, typical_seconds: 1,
         sizes: {exact: %s, list: [1024x1024 1:1]}, offers: {stability: {api_name: core, price: 0.01}}}
"""


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("stable-image-core", (None, None, "16:9")),
        ("sd-3.5-large", (None, None, "16:9")),
        ("flux-1.1-pro-ultra", (2752, 1536, "16:9")),
        ("flux-2-pro", (1200, 672, None)),
    ],
)
def test_only_promised_pixels_are_asked_for(model: str, asked: tuple[Any, ...]) -> None:
    """The picture is finished to the row's size either way."""
    fields = {"model": model, "size": "1200x672"} | ({"provider": "stability"} if model == "sd-3.5-large" else {})
    (picture,) = planned([fields], preset("current"))
    request = picture.request
    assert request is not None
    assert (request.width, request.height, request.aspect_ratio) == asked
    finish = picture.draft.blueprint.finish
    assert (finish.width, finish.height) == (1200, 672)


def test_a_file_says_so(tmp_path: Path) -> None:
    """`exact: false`; anything that is neither yes nor no is an error."""
    path = tmp_path / "mine.yaml"
    for word, exact in (("false", False), ("true", True)):
        path.write_text(OFFER % word)
        assert load([path]).models["mine"].offers[0].sizes.exact is exact
    path.write_text(OFFER % "nearly")
    with pytest.raises(SettingsError, match="true or false"):
        load([path])
