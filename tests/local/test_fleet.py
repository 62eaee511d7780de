"""A process for each device: the same pictures as in one, whichever process makes them and whichever dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagegen.domain.request import Request
from imagegen.errors import SettingsError
from imagegen.localsettings import LocalSettings, local_settings
from imagegen.providers.local.fleet import Fleet, WorkerDied, _environment
from imagegen.providers.local.piece import Piece, Pixels
from imagegen.providers.local.studio import Done, Stock, Studio
from imagegen.providers.local.weights import look
from tests.local.engines import Workshop

#: What diffusers' schedulers do with NumPy and torch is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SETTINGS = LocalSettings(device="cpu", compile="eager")


@pytest.fixture
def stock(workshop: Workshop, tmp_path: Path) -> Stock:
    return Stock({"sdxl": workshop.weights().folder}, tmp_path)


@pytest.fixture
def fleet(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Two processes on one thread each."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = Fleet(stock, SETTINGS, ["cpu", "cpu"])
    yield found
    found.close()


def _asked(stock: Stock, prompt: str) -> tuple[Request, list[Piece]]:
    weights = look(stock.folders["sdxl"]).digest
    request = Request(provider="local", model="sdxl", prompt=prompt, weights=weights, steps=2, width=64, height=64)
    return request, [Piece(prompt, "", 64, 64, 2, 5.0, seed, "euler") for seed in (1, 2)]


def _bytes(made: object) -> list[bytes]:
    assert isinstance(made, Done)
    assert all(isinstance(each, Pixels) for each in made.pictures)
    return [each.array.tobytes() for each in made.pictures if isinstance(each, Pixels)]


def _pids(fleet: Fleet) -> list[int]:
    return [worker._process.pid for worker in fleet._all if worker._process]


def test_two_at_once_make_what_one_makes(fleet: Fleet, stock: Stock) -> None:
    """Each in a process of its own; what was made stays with the model that made it; close ends both."""
    alone = Studio(stock, SETTINGS)
    prompts = ("a mug", "a cup")
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda prompt: fleet.make(*_asked(stock, prompt)), prompts))
    assert [_bytes(each) for each in made] == [_bytes(alone.make(*_asked(stock, prompt))) for prompt in prompts]
    pids = _pids(fleet)
    assert len(set(pids)) == 2
    fleet.close()
    assert not any(Path(f"/proc/{pid}/stat").exists() for pid in pids)


def test_one_that_dies_is_replaced_and_its_pictures_are_made_again(fleet: Fleet, stock: Stock) -> None:
    """Killed while it works: the same bytes, and one line about it."""
    told: list[str] = []
    fleet.tell = told.append
    wanted = _bytes(fleet.make(*_asked(stock, "a mug")))
    (pid,) = _pids(fleet)
    with ThreadPoolExecutor(1) as threads:
        os.kill(pid, signal.SIGSTOP)
        making = threads.submit(fleet.make, *_asked(stock, "a mug"))
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        assert _bytes(making.result()) == wanted
    assert [line for line in told if "died" in line] == [
        "the process of cpu died of signal 9; another one makes its pictures again"
    ]
    assert _pids(fleet) != [pid]


def test_pictures_over_which_two_die_are_given_up(fleet: Fleet, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next batch is made all the same."""
    request, pieces = _asked(stock, "a mug")
    with monkeypatch.context() as changed:
        changed.setattr("sys.executable", "/bin/false")
        with pytest.raises(WorkerDied, match="ended with 1 over these pictures 2 times"):
            fleet.make(request, pieces)
    assert len(_bytes(fleet.make(request, pieces))) == 2


def test_what_a_process_refuses_comes_through(fleet: Fleet, stock: Stock) -> None:
    """As one line, with what to do."""
    _, pieces = _asked(stock, "a mug")
    other = Request(provider="local", model="sdxl", prompt="a mug", weights="0" * 64)
    with pytest.raises(SettingsError, match="the weights of sdxl were changed since it was planned; run again"):
        fleet.make(other, pieces)


def test_a_process_sees_its_own_gpu_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs are counted among those that the caller may see."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:canary@host")
    assert "canary" not in str({k: v for k, v in _environment("cpu").items() if k != "PYTEST_CURRENT_TEST"})
    assert _environment("cuda:1")["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert _environment("cuda:1")["CUDA_VISIBLE_DEVICES"] == "6"


@pytest.mark.parametrize(
    ("said", "devices"),
    [("cpu", ("cpu",)), (["cuda:0", "cuda:1"], ("cuda:0", "cuda:1")), ("cuda:2, cuda:3", ("cuda:2", "cuda:3"))],
)
def test_devices(said: object, devices: tuple[str, ...]) -> None:
    assert local_settings({"device": said}).devices == devices


@pytest.mark.parametrize("said", ["gpu", ["auto", "cuda:1"], [], ["cuda:x"]])
def test_devices_that_cannot_be(said: object) -> None:
    with pytest.raises(SettingsError, match=r"local\.device"):
        local_settings({"device": said})
