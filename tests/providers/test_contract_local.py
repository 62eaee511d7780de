"""This machine against the contract: tiny random weights, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen import catalog
from imagegen.domain.request import Request
from imagegen.localsettings import LocalSettings
from imagegen.providers import Provider
from imagegen.providers.local import tiny
from imagegen.providers.local.provider import Local
from imagegen.providers.local.studio import Stock
from imagegen.providers.local.weights import look
from tests.providers.contract import Contract

#: What diffusers' schedulers do with NumPy and torch is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

OFFER = catalog.load(()).models["sdxl"].offer("local")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tiny SDXL; torch on one thread, so that nothing depends on the machine's cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tiny.write(tmp_path_factory.mktemp("tiny"), ["sdxl"])["sdxl"]
    torch.set_num_threads(threads)


class TestLocal(Contract):
    """In this process, eager."""

    hourly: int | None = None

    @pytest.fixture
    def provider(self, weights: Path, tmp_path: Path) -> Iterator[Provider]:
        assert OFFER is not None
        stock, settings = Stock({"sdxl": weights}, tmp_path), LocalSettings(device="cpu", compile="eager")
        provider = Local(stock, settings, {"sdxl": OFFER}, self.hourly)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self, weights: Path) -> Request:
        digest = look(weights).digest
        more = {"steps": 2, "guidance": 5.0, "scheduler": "euler", "seed": 1, "wire_format": "png"}
        return Request(provider="local", model="sdxl", prompt="A mug", weights=digest, width=64, height=64, **more)

    @pytest.fixture
    def refused(self, request_: Request) -> Request:
        from dataclasses import replace

        return replace(request_, width=60)


class TestLocalByTheHour(TestLocal):
    """What it takes is booked by the time."""

    hourly = 3_600 * 10**9
