"""What Replicate would refuse is refused while planning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.hosted.remote import Remote
from imagegen.providers.replicate import Replicate
from tests.providers.contract import KEY
from tests.providers.replicates import WIDE, ask, offers, pixels


@pytest.fixture
def provider() -> Remote:
    return connected(offers())


def connected(offers: Mapping[str, Offer]) -> Remote:
    """A provider that asks nobody."""
    return Remote(Replicate(KEY, None), offers, Limits())


GIVEN = {
    "wide": Given("png", 1600, 900, 1000),
    "square": Given("png", 512, 512, 1000),
    "clear": Given("png", 512, 512, 1000, alpha=True),
    "avif": Given("avif", 512, 512, 1000),
}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ask(steps=5), "takes steps from 1 to 4, not 5"),
        (ask(width=1024), "does not make 1024x512"),
        (ask(images=("square",)), "takes no input pictures"),
        (ask(options='{"safety_tolerance":2}'), "no option 'safety_tolerance'; it has output_quality"),
        (ask(options='{"output_quality":101}'), "a whole number from 0 to 100"),
        (ask(safety="low"), "has no safety level 'low'"),
        (ask(negative_prompt="fog"), "takes no negative prompt"),
        (ask(background="transparent"), "cannot make transparent backgrounds"),
        (ask(prompt=" "), "the prompt is empty"),
        (ask(prompt="x" * 32_001), "takes at most 32,000"),
        (ask(model="flux-dev", guidance=10.5), "guidance from 0 to 10"),
        (ask(model="flux-dev", images=("avif",)), "is an AVIF"),
        (ask(model="flux-dev", images=("wide",)), "crop it first"),
        (
            ask(model="flux-dev", images=("square",), width=1536, height=640, aspect_ratio="21:9", resolution="1"),
            "no edge above 1440 from a picture",
        ),
        (ask(model="flux-kontext-pro", images=("square",) * 2, width=1024, height=1024), "at most 1 input"),
        (
            ask(
                model="flux-kontext-pro",
                images=("square",),
                width=1024,
                height=1024,
                options='{"safety_tolerance":3}',
            ),
            "2 at most with an input picture, not 3",
        ),
        (
            ask(model="flux-kontext-pro", images=("square",), strength=0.5, width=1024, height=1024),
            "takes no strength",
        ),
        (pixels("flux-2-pro", images=("square",) * 9), "at most 8 input pictures"),
        (pixels("flux-2-pro", 2080, 1024), "does not make 2080x1024"),
        (pixels("flux-2-dev", steps=20), "takes no inference steps"),
        (pixels("flux-2-flex", guidance=1), "guidance from 1.5 to 10"),
        (pixels("flux-1.1-pro", 1000, 1000), "does not make 1000x1000"),
        (ask(model="sd-3.5-large", steps=20, **WIDE), "takes no inference steps"),
        (pixels("sdxl", scheduler="euler"), "no scheduler 'euler'; it has DDIM"),
        (pixels("sdxl", refiner="turbo"), "no refiner 'turbo'"),
        (pixels("sdxl", mask="clear"), "add `image`"),
        (pixels("sdxl", images=("square",), mask="square"), "no alpha channel"),
        (pixels("sdxl", images=("wide",), mask="clear"), "make them one size"),
        (pixels("sdxl", strength=0.5), "takes no strength without `image`"),
        (pixels("sdxl", loras=(("x", 1.0),)), "takes no LoRA"),
    ],
)
def test_refusals(provider: Remote, request_: Request, words: str) -> None:
    """What Replicate would refuse, or quietly do otherwise, is a sentence while planning."""
    refusal = provider.refuses(request_, GIVEN)
    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize(
    "request_",
    [
        ask(),
        ask(model="flux-dev", images=("square",), strength=0.5),
        pixels("flux-2-flex", images=("square",) * 10),
        pixels("sdxl", images=("square",), mask="clear", refiner="base_image_refiner"),
    ],
)
def test_what_is_not_refused(provider: Remote, request_: Request) -> None:
    """And what is right is not."""
    assert provider.refuses(request_, GIVEN) is None


def test_a_model_of_the_users_own_needs_known_inputs() -> None:
    """A catalogue file may name any model; one whose inputs are not known here is refused by name."""
    strange = {"flux-schnell": replace(offers()["flux-schnell"], api_name="somebody/something")}
    refusal = connected(strange).refuses(ask())
    assert refusal is not None
    assert "does not know the inputs of somebody/something" in refusal
