"""Fleet: one process for each device, all fed from one list; one that dies is replaced and its pictures are made again.

A process talks in frames over its standard input and output: see `worker`. It gets none of the caller's keys.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Condition, Lock
from typing import Any

from imagegen.domain.request import Request
from imagegen.errors import SettingsError, StorageError
from imagegen.localsettings import LocalSettings
from imagegen.providers.local.frames import read, write
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.studio import Done, Stock, most_at_once

#: How often a batch is begun: a device that fails twice over the same pictures fails because of them.
TRIES = 2
#: Variables that a device's process sees, and how the names of others begin that it sees: no key is called so.
_SEEN = frozenset(
    {
        *("PATH", "HOME", "USER", "TMPDIR", "TEMP", "TMP", "LANG", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
        *("CC", "CXX", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "IMAGEGEN_HOME"),
    }
)
_SEEN_AS = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "OMP_", "MKL_", "TORCH", "PYTORCH_", "TRITON_", "PYTHON")


class WorkerDied(RuntimeError):
    """A device's process ended while it made pictures, twice over."""


class Fleet:
    """A Studio for several devices. `make` may be called by as many threads at once as there are devices."""

    def __init__(self, stock: Stock, settings: LocalSettings, devices: Sequence[str]) -> None:
        self.batch = most_at_once(settings)
        self.tell: Callable[[str], None] = lambda text: None
        self._free = [_Worker(stock, settings, device) for device in devices]
        self._all, self._change = tuple(self._free), Condition()

    def expect(self, pictures: int, shapes: int) -> None:
        """So many `pictures` are to come, in so many shapes: each device makes its share."""
        for worker in self._all:
            worker.expects = -(-pictures // len(self._all)), shapes

    def make(self, request: Request, pieces: Sequence[Piece]) -> Done:
        """As Studio.make, on a device that is free, best on one that has the model already. Raises WorkerDied."""
        worker = self._take(request.weights or "")
        try:
            for _ in range(TRIES):
                try:
                    return worker.make(request, pieces, self._say)
                except (EOFError, OSError):
                    why = worker.ended()
                    self._say(f"the process of {worker.device} {why}; another one makes its pictures again")
            raise WorkerDied(f"its process {why} over these pictures {TRIES} times")
        finally:
            with self._change:
                self._free.append(worker)
                self._change.notify()

    def close(self) -> None:
        """End all processes."""
        for worker in self._all:
            worker.end()

    def _take(self, weights: str) -> _Worker:
        with self._change:
            while not self._free:
                self._change.wait()
            best = next((each for each in self._free if each.weights == weights), self._free[0])
            self._free.remove(best)
            best.weights = weights
            return best

    def _say(self, text: str) -> None:
        self.tell(text)


class _Worker:
    """One device's process, started when it is first needed."""

    def __init__(self, stock: Stock, settings: LocalSettings, device: str) -> None:
        self._start_with, self.device = (stock, settings, device), device
        self.weights, self.expects = "", (0, 1)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def make(self, request: Request, pieces: Sequence[Piece], say: Callable[[str], None]) -> Done:
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        write(process.stdin, ("make", self.expects, request, list(pieces)))
        self.expects = max(0, self.expects[0] - len(pieces)), self.expects[1]
        while True:
            kind, said = read(process.stdout)
            if kind == "told":
                say(f"{self.device}: {said}")
            elif kind == "made":
                made: Done = said
                return made
            else:
                raise _raised(kind, *said)

    def ended(self) -> str:
        """How the process came to its end, which it has."""
        process, self._process = self._process, None
        if process is None:
            return "could not be started"
        with suppress(OSError):
            process.stdin.close() if process.stdin else None
        process.kill()
        code = process.wait()
        if process.stdout:
            process.stdout.close()
        return f"died of signal {-code}" if code < 0 else f"ended with {code}"

    def end(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            process.stdin.close() if process.stdin else None  # it ends when nothing can come any more
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "imagegen.providers.local.worker"]
        self._process = process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(self.device)
        )
        assert process.stdin is not None
        stock, settings, device = self._start_with
        write(process.stdin, (stock, settings, "cuda" if device.startswith("cuda") else device))
        return process


def _environment(device: str) -> dict[str, str]:
    """What the process of `device` sees: no keys, and of several GPUs its own alone."""
    seen = {name: value for name, value in os.environ.items() if name in _SEEN or name.startswith(_SEEN_AS)}
    seen["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return seen | _visible(device, os.environ)


def _visible(device: str, environ: Mapping[str, str]) -> dict[str, str]:
    if not device.startswith("cuda"):
        return {}
    number = int(device.partition(":")[2] or 0)
    named = [each for each in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    return {"CUDA_VISIBLE_DEVICES": named[number].strip() if number < len(named) else str(number)}


def _raised(kind: str, what: str, todo: str) -> Exception:
    kinds: dict[str, Any] = {"settings": SettingsError, "storage": StorageError}
    return kinds[kind](what, todo) if kind in kinds else RuntimeError(what)
