"""Results and summaries to write about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imagegen.domain.money import nano
from imagegen.domain.result import Result, Summary


@pytest.fixture
def result() -> Callable[..., Result]:
    """A made picture for $0.04, with anything changed that is named."""

    def build(**changes: Any) -> Result:
        values: dict[str, Any] = {
            "id": "mug",
            "state": "made",
            "prompt": "A stoneware mug on linen",
            "file": "mug.png",
            "model": "dall-e-3",
            "provider": "openai",
            "use_case": "product_shot",
            "width": 1024,
            "height": 768,
            "format": "png",
            "cost": nano("0.04"),
            "estimate": nano("0.04"),
        }
        return Result(**(values | changes))

    return build


@pytest.fixture
def summary() -> Callable[..., Summary]:
    """The summary of a run that made one picture, with anything changed that is named."""

    def build(**changes: Any) -> Summary:
        values: dict[str, Any] = {
            "exit_code": 0,
            "rows": 1,
            "counts": {"made": 1},
            "estimated": nano("0.04"),
            "spent": nano("0.04"),
            "manifest": "shop/catalog.yaml",
            "seconds": 12.0,
        }
        return Summary(**(values | changes))

    return build
