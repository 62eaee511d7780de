"""The local server's edits: as strict as the real ones, through the SDK that sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.cloud import Cloud
from tests.cloud.pictures import picture

MUG, MASK = picture("mug", 640, 480), picture("mask", 640, 480, alpha=True)
RIGHT: dict[str, Any] = {"model": "gpt-image-2.5-flare", "prompt": "12345678", "size": "1024x1024", "quality": "low"}


def png(data: bytes, media: str = "image/png") -> tuple[str, bytes, str]:
    return ("a.png", data, media)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


def edit(cloud: Cloud, **fields: Any) -> Any:
    with openai.OpenAI(api_key="sk-x", base_url=cloud.base_url, max_retries=0) as client:
        return client.images.edit(**(RIGHT | fields))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"image": []}, "image"),
        ({"image": [png(MUG)] * 17}, "image"),
        ({"image": png(b"no picture")}, "image"),
        ({"image": png(MUG, "image/webp")}, "image"),
        ({"image": png(picture("mug", 64, 64, "jpeg"))}, "image"),
        ({"mask": png(MUG)}, "mask"),
        ({"mask": png(picture("mask", 480, 640, alpha=True))}, "mask"),
        ({"mask": png(picture("mask", 640, 480, "webp", alpha=True), "image/webp")}, "mask"),
        ({"markup": png(MASK)}, "markup"),
        ({"size": "1000x1000"}, "size"),
        ({"quality": "hd"}, "quality"),
        ({"model": "dall-e-2", "quality": "standard"}, "model"),
        ({"input_fidelity": "high"}, "input_fidelity"),
        ({"extra_body": {"moderation": "low"}}, "moderation"),
    ],
)
def test_wrong_edits_are_refused(cloud: Cloud, fields: dict[str, Any], param: str) -> None:
    """The field at fault is named, and nothing is charged."""
    with pytest.raises(openai.BadRequestError) as error:
        edit(cloud, **({"image": png(MUG)} | fields))
    assert (error.value.param, cloud.bill) == (param, 0)


def test_the_bill_counts_the_pictures(cloud: Cloud) -> None:
    """640x480 is 683x512, so two tiles: 65 + 2 x 129 tokens at $8 a million, for the picture and for the mask."""
    answer = edit(cloud, image=png(MUG), mask=png(MASK), n=2)
    assert answer.usage.input_tokens_details.image_tokens == 2 * 323
    assert cloud.bill == 2 * 5_000 + 2 * 323 * 8_000 + 2 * 196 * 30_000
