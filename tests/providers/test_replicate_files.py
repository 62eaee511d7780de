"""Input pictures on their way to Replicate."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO

import pytest

from imagegen.domain.outcome import FREE, Failed, Made
from imagegen.providers.hosted.remote import Remote
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.replicates import Connects, ask, connecting, digest, noise, one, pixels, service
from tests.providers.slips import MemorySlip

SMALL, LARGE = picture("small", 64, 48), noise()
MASK = picture("mask", 64, 48, alpha=True)


@pytest.fixture
def connects(cloud: Cloud) -> Iterator[Connects]:
    with connecting(cloud) as connects:
        yield connects


@pytest.fixture
def provider(connects: Connects) -> Remote:
    return connects()


def test_small_pictures_go_along_and_large_ones_before(provider: Remote, cloud: Cloud) -> None:
    """Up to 256 kB a picture is a part of the request; a larger one is uploaded, once for all rows made from it."""
    for number in range(2):
        made = one(
            provider,
            pixels("flux-2-pro", prompt=f"{number}", images=(digest(LARGE), digest(SMALL))),
            None,
            LARGE,
            SMALL,
        )
        assert isinstance(made, Made)
    first, second = (body["input"]["input_images"] for _, body in service(cloud).sent)
    assert first == second
    assert first[0].startswith(f"{cloud.url('replicate')}/v1/files/")
    assert first[1].startswith("data:image/png;base64,")
    assert list(service(cloud).files.values()) == [LARGE]
    assert service(cloud).uploads == 1


def test_a_failed_upload_costs_nothing(provider: Remote, cloud: Cloud) -> None:
    """An upload comes before the intent: what goes wrong with it is free, and worth another try."""
    service(cloud).broken_uploads = 1
    slip = MemorySlip()
    request_ = pixels("flux-2-pro", images=(digest(LARGE),))
    outcome = one(provider, request_, slip, LARGE)
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.charge, slip.calls, cloud.requests) == (True, FREE, [], [])
    assert isinstance(one(provider, request_, None, LARGE), Made)


@pytest.mark.parametrize("model", ["flux-dev", "sdxl"])
def test_pictures_are_fitted_where_they_decide_the_size(provider: Remote, cloud: Cloud, model: str) -> None:
    """img2img answers in the size of its picture, so the picture goes out in the size that was asked for; a mask is
    white where it was transparent."""
    from PIL import Image

    request_ = (
        ask(model=model, images=(digest(SMALL),), strength=0.6, width=576, height=448, aspect_ratio="4:3")
        if model == "flux-dev"
        else pixels(model, 768, 576, images=(digest(SMALL),), mask=digest(MASK), strength=0.6)
    )
    made = one(provider, request_, None, SMALL, MASK)
    assert isinstance(made, Made), made
    given = service(cloud).sent[0][1]["input"]
    assert given["prompt_strength"] == 0.6
    assert ("aspect_ratio" in given, "width" in given) == (False, model == "sdxl")
    with Image.open(BytesIO(made.artifact.data)) as came:
        assert came.size == (request_.width, request_.height)
    if model == "sdxl":
        with Image.open(BytesIO(b64decode(given["mask"].partition(",")[2]))) as mask:
            assert (mask.mode, mask.size) == ("L", (768, 576))
            # The mask fades from transparent at its left to opaque at its right, below a bar that is opaque.
            assert mask.getpixel((5, 500)) > 230  # type: ignore[operator]
            assert mask.getpixel((760, 500)) < 20  # type: ignore[operator]
            assert mask.getpixel((5, 20)) == 0


def test_a_picture_that_has_the_size_goes_out_as_it_is(provider: Remote, cloud: Cloud) -> None:
    """Nothing is encoded anew without need."""
    exact = picture("exact", 576, 448, "jpeg")
    request_ = ask(model="flux-dev", images=(digest(exact),), width=576, height=448, aspect_ratio="4:3")
    assert isinstance(one(provider, request_, None, exact), Made)
    assert b64decode(service(cloud).sent[0][1]["input"]["image"].partition(",")[2]) == exact
