"""OpenAI's edits: what is refused while planning, the parts that go over the wire, and what they are booked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from imagegen.domain.given import Given
from imagegen.domain.outcome import Failed, Made
from imagegen.providers.openai import OpenAI
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.contract import known, outcomes
from tests.providers.openais import OFFERS, ask, connect
from tests.providers.slips import MemorySlip

MUG, CUP = picture("mug", 640, 480, "jpeg"), picture("cup", 300, 200, "webp")
MASK = picture("mask", 640, 480, alpha=True)
A, B, M = "a" * 64, "b" * 64, "c" * 64
PHOTO, HOLE = Given("jpeg", 640, 480, 99_000), Given("png", 640, 480, 20_000, alpha=True)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


INPUTS = {digest(data): data for data in (MUG, CUP, MASK)}


@pytest.fixture
def provider(cloud: Cloud) -> Iterator[OpenAI]:
    offers = dict(OFFERS)
    offers["gpt-image-1.5"] = replace(OFFERS["gpt-image-1"], api_name="gpt-image-1.5")
    offers["gpt-image-1-mini"] = replace(OFFERS["gpt-image-1"], api_name="gpt-image-1-mini")
    offers["text-only"] = replace(OFFERS["gpt-image-2"], can=frozenset({"text"}))
    offers["no-mask"] = replace(OFFERS["gpt-image-2"], can=frozenset({"edit"}))
    offers["dall-e-2"] = replace(OFFERS["gpt-image-2"], api_name="dall-e-2", qualities=("low",))
    provider = connect(cloud, offers=offers)
    yield provider
    provider.close()


@pytest.mark.parametrize(
    ("changes", "given", "says"),
    [
        ({"mask": M, "images": ()}, {}, "add `image`"),
        ({"images": (A,) * 17}, {}, "at most 16 input pictures, not 17"),
        ({"model": "text-only"}, {}, "edits no pictures"),
        ({"model": "dall-e-2"}, {}, "edits no pictures"),
        ({"model": "dall-e-3", "quality": "standard"}, {}, "edits no pictures"),
        ({"model": "no-mask", "mask": M}, {}, "takes no mask"),
        ({"safety": "low"}, {}, "no safety level"),
        ({"options": '{"moderation":"low"}'}, {}, "no option 'moderation'"),
        ({"options": '{"input_fidelity":"high"}'}, {}, "no option 'input_fidelity'"),
        ({"model": "gpt-image-1-mini", "options": '{"input_fidelity":"high"}'}, {}, "must be one of low"),
        ({"images": (), "model": "gpt-image-1.5", "options": '{"input_fidelity":"high"}'}, {}, "no option"),
        ({"strength": 0.5}, {}, "no strength"),
        ({"control_image": B}, {}, "no control image"),
        ({"width": 1000}, {}, "multiples of 16"),
        ({}, {A: replace(PHOTO, format="avif")}, "the input picture is an AVIF"),
        ({"images": (A, B)}, {A: PHOTO, B: replace(PHOTO, format="avif")}, "input picture 2 is an AVIF"),
        ({}, {A: replace(PHOTO, bytes=50_000_000)}, "50,000,000 bytes"),
        ({"mask": M}, {A: PHOTO, M: replace(HOLE, format="webp")}, "the mask is a WebP"),
        ({"mask": M}, {A: PHOTO, M: replace(HOLE, alpha=False)}, "no alpha channel"),
        ({"mask": M}, {A: PHOTO, M: replace(HOLE, bytes=4_000_000)}, "the mask has 4,000,000 bytes"),
        ({"mask": M}, {A: PHOTO, M: replace(HOLE, width=480, height=640)}, "480x640, the picture 640x480"),
    ],
)
def test_planning_refuses(provider: OpenAI, changes: dict[str, Any], given: dict[str, Given], says: str) -> None:
    """What the service would refuse is one sentence; pictures that nobody has seen are not judged."""
    sentence = provider.refuses(ask(**({"images": (A,)} | changes)), given)
    assert sentence is not None
    assert says in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"images": (A,) * 16},
        {"mask": M},
        {"model": "gpt-image-1.5", "options": '{"input_fidelity":"high"}'},
        {"model": "gpt-image-1-mini", "options": '{"input_fidelity":"low"}'},
        {"background": "transparent", "options": '{"complexity":"low"}'},
    ],
)
def test_planning_lets_pass(provider: OpenAI, changes: dict[str, Any]) -> None:
    """What the service takes, looked at or not."""
    request = ask(**({"images": (A,)} | changes))
    assert provider.refuses(request) is None
    assert provider.refuses(request, {A: PHOTO, M: HOLE}) is None


@pytest.mark.parametrize("names", [(MUG,), (MUG, CUP)])
@pytest.mark.parametrize("masked", [False, True])
def test_the_very_bytes_are_sent_in_order(
    cloud: Cloud, provider: OpenAI, names: tuple[bytes, ...], masked: bool
) -> None:
    """One request, its parts the bytes that the digests name, and only the fields that were asked for."""
    digests = [digest(data) for data in names]
    request = ask("A mug", images=tuple(digests), mask=digest(MASK) if masked else None, width=1216, height=640)
    slip = MemorySlip()
    (made,) = outcomes(provider, [request], slip, INPUTS)
    assert isinstance(made, Made)
    (asked,) = cloud.requests
    assert (asked.path, asked.status, slip.calls) == ("/v1/images/edits", 200, ["sending", "receive"])
    fields = {"model": "gpt-image-2.5-flare", "prompt": "A mug", "size": "1216x640", "quality": "low"}
    wanted = fields | {"output_format": "png", "image": digests} | ({"mask": [digest(MASK)]} if masked else {})
    assert asked.body == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mask": digest(MASK)},
        {"model": "gpt-image-1", "options": '{"input_fidelity":"high","output_compression":80}', "wire_format": "webp"},
        {"model": "gpt-image-2", "background": "transparent"},
    ],
)
def test_what_is_booked_is_the_bill(cloud: Cloud, provider: OpenAI, changes: dict[str, Any]) -> None:
    """Tokens of the pictures that went in are part of it, to the nanodollar."""
    request = ask(**({"images": (digest(MUG), digest(CUP))} | changes))
    results = outcomes(provider, [request], inputs=INPUTS)
    assert isinstance(results[0], Made), results
    plain = outcomes(provider, [replace(request, images=(), mask=None, options=None, wire_format="png")])
    assert isinstance(plain[0], Made)
    assert known(results + plain) == cloud.bill
    assert (known(results) or 0) > (known(plain) or 0) > 0


def test_samples_share_one_call(cloud: Cloud, provider: OpenAI) -> None:
    """Three samples are one edit with n = 3, and three charges that add up to its bill."""
    batch = [ask(images=(digest(MUG),), sample=sample) for sample in range(3)]
    results = outcomes(provider, batch, inputs=INPUTS)
    assert (len(cloud.requests), cloud.requests[0].body["n"]) == (1, 3)
    assert known(results) == cloud.bill


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "is not at hand"),
        ({digest(MUG): b"no picture"}, "is not a PNG"),
        ({digest(MUG): MUG, digest(MASK): CUP}, "the mask is a WebP"),
    ],
)
def test_nothing_is_sent_without_right_pictures(
    cloud: Cloud, provider: OpenAI, inputs: dict[str, bytes], says: str
) -> None:
    """Bytes that are missing or spoilt end the row, free, before the wire."""
    slip = MemorySlip()
    (result,) = outcomes(provider, [ask(images=(digest(MUG),), mask=digest(MASK))], slip, inputs)
    assert isinstance(result, Failed)
    assert says in result.reason
    assert (result.charge.amount, slip.calls, cloud.requests) == (0, [], [])


@pytest.mark.parametrize("usage", [None, [], {"input_tokens": 7, "output_tokens": 196}])
def test_a_bill_without_details_is_unknown(provider: OpenAI, usage: Any) -> None:
    """Tokens of words and of pictures have different prices: without both counts nobody knows the sum."""
    import json

    (result,) = outcomes(
        provider, [ask(images=(A,))], MemorySlip(answer=json.dumps({"data": [{}], "usage": usage}).encode())
    )
    assert isinstance(result, Failed)
    assert result.charge.amount is None
