"""Black Forest Labs and Stability against the contract."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tests.cloud.pictures import picture
from tests.providers.bfls import bfl, flux, stability, stable
from tests.providers.contract import Supplied, WireContract

#: A picture, and a mask with an alpha channel: both as large as the contract's own picture.
PICTURE, MASK = picture("mug", 64, 48, "jpeg"), picture("mask", 64, 48, alpha=True)
LARGER = picture("cup", 96, 96)
PICTURES = {hashlib.sha256(data).hexdigest(): data for data in (PICTURE, MASK, LARGER)}


class TestBfl(WireContract):
    """FLUX.2, whose price depends on its megapixels."""

    connect = staticmethod(lambda cloud: Supplied(bfl(cloud), PICTURES))
    asked = flux()
    wrong = flux(width=250)


class TestBflFill(TestBfl):
    """Inpainting: a picture and a mask go in."""

    # What a fault does has nothing to do with what goes in.
    test_no_fault_raises = test_the_next_request_fares_well = None  # type: ignore[assignment]

    asked = flux("flux-fill", aspect_ratio="4:3", images=tuple(PICTURES)[:1], mask=tuple(PICTURES)[1])
    wrong = flux("flux-fill")


class TestStability(WireContract):
    """Stable Diffusion 3.5."""

    connect = staticmethod(lambda cloud: Supplied(stability(cloud), PICTURES))
    asked = stable()
    wrong = stable(seed=2**32 - 1)


class TestStabilityEdits(TestStability):
    """The same from a picture."""

    # What a fault does has nothing to do with what goes in.
    test_no_fault_raises = test_the_next_request_fares_well = None  # type: ignore[assignment]

    asked = stable(images=tuple(PICTURES)[2:], strength=0.5)
    wrong = replace(stable(images=tuple(PICTURES)[:1]), strength=None)
