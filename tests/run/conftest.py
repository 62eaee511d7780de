"""What tests of whole runs share. Whoever spends is held to the server's bill afterwards."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.run.cloudrun import Driver, Place, guarded
from tests.run.localrun import TORCH, LocalPlace


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The local server, in this process: its requests, charges and faults are at hand."""
    with Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """What starts runs quickly, for as long as tests last."""
    with Driver() as driver:
        yield driver


@pytest.fixture
def place(tmp_path: Path, cloud: Cloud, driver: Driver) -> Iterator[Place]:
    """A folder for runs against `cloud`. At the end its ledger's total must be the server's bill."""
    with guarded(tmp_path / "place", cloud, driver) as place:
        yield place


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """What a command changes in its process is put back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, interval = [signal.getsignal(number) for number in numbers], sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny models that the demo names, as `imagegen models tiny FOLDER --loras --controls` writes them."""
    from imagegen.cli.model_tiny import write

    folder = tmp_path_factory.mktemp("tiny")
    write(folder, ["sdxl", "sdxl-refiner", "sd3", "flux", "flux2"], True, True)
    return folder


@pytest.fixture(scope="session")
def torch_driver() -> Iterator[Driver]:
    """A driver whose children have torch imported already."""
    with Driver(*TORCH) as driver:
        yield driver


@pytest.fixture
def here(tmp_path: Path, tiny_models: Path, torch_driver: Driver) -> LocalPlace:
    """A place for runs on this machine."""
    return LocalPlace(tmp_path / "place", tiny_models, torch_driver)
