"""Black Forest Labs and Stability against the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Provider, Slip
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.bfls import bfl, flux, stability, stable
from tests.providers.contract import WireContract

#: A picture, and a mask with an alpha channel: both as large as the contract's own picture.
PICTURE, MASK = picture("mug", 64, 48, "jpeg"), picture("mask", 64, 48, alpha=True)
LARGER = picture("cup", 96, 96)
PICTURES = {hashlib.sha256(data).hexdigest(): data for data in (PICTURE, MASK, LARGER)}


class Supplied:
    """A provider that has the bytes of some input pictures at hand, whatever it is given."""

    def __init__(self, inner: Provider) -> None:
        self.inner, self.limits, self.refuses, self.shares = inner, inner.limits, inner.refuses, inner.shares

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        return self.inner.generate(batch, {**PICTURES, **inputs}, slip)


class TestBfl(WireContract):
    """FLUX.2, whose price depends on its megapixels."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        inner = bfl(cloud)
        yield Supplied(inner)
        inner.close()

    @pytest.fixture
    def request_(self) -> Request:
        return flux()

    @pytest.fixture
    def refused(self) -> Request:
        return flux(width=250)


class TestBflFill(TestBfl):
    """Inpainting: a picture and a mask go in."""

    # What a fault does has nothing to do with what goes in.
    test_no_fault_raises = test_the_next_request_fares_well = None  # type: ignore[assignment]

    @pytest.fixture
    def request_(self) -> Request:
        return flux("flux-fill", aspect_ratio="4:3", images=tuple(PICTURES)[:1], mask=tuple(PICTURES)[1])

    @pytest.fixture
    def refused(self) -> Request:
        return flux("flux-fill")


class TestStability(WireContract):
    """Stable Diffusion 3.5."""

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        inner = stability(cloud)
        yield Supplied(inner)
        inner.close()

    @pytest.fixture
    def request_(self) -> Request:
        return stable()

    @pytest.fixture
    def refused(self) -> Request:
        return stable(seed=2**32 - 1)


class TestStabilityEdits(TestStability):
    """The same from a picture."""

    # What a fault does has nothing to do with what goes in.
    test_no_fault_raises = test_the_next_request_fares_well = None  # type: ignore[assignment]

    @pytest.fixture
    def request_(self) -> Request:
        return stable(images=tuple(PICTURES)[2:], strength=0.5)

    @pytest.fixture
    def refused(self) -> Request:
        return replace(stable(images=tuple(PICTURES)[:1]), strength=None)
