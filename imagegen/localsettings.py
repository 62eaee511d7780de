"""Local settings: how this machine makes pictures, as `local:` in config.yaml says it. Values only; no torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from imagegen.domain.money import Nano
from imagegen.errors import SettingsError
from imagegen.settingvalues import money, positive

_DEVICE = re.compile(r"auto|all|cpu|mps|cuda(:\d+)?")
#: Setting -> the words that it takes.
_WORDS = {
    "dtype": ("auto", "fp32", "bf16", "fp16"),
    "compile": ("auto", "eager", "regional", "full"),
}


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """How pictures are made here. `device`: "auto" takes the first GPU, else the CPU; "all" every GPU; several stand
    with commas. `batch`: the most pictures at once (None: what fits). `writers`: batches that are compressed and put
    away while the next is made. What an hour of one device costs: `hourly` in nanodollars, else what the catalogue says
    of the `gpu`. `quantize`, `accelerate`, `step_cache`: see `imagegen.providers.local.extras`. `deterministic`: pins
    what can be pinned, so that the same row gives the same bytes on the same machine, whatever else is made with it.
    """

    device: str = "auto"
    dtype: str = "auto"
    compile: str = "auto"
    batch: int | None = None
    writers: int = 3
    hourly: Nano | None = None
    gpu: str | None = None
    quantize: str | None = None
    accelerate: str | None = None
    step_cache: str | None = None
    deterministic: bool = False

    @property
    def devices(self) -> tuple[str, ...]:
        """Each device by itself: one process is started for each of several. "all": every GPU of NVIDIA's there is."""
        named = tuple(each.strip() for each in self.device.split(","))
        return gpus() or ("auto",) if named == ("all",) else named


def local_settings(said: Mapping[str, Any] | None) -> LocalSettings:
    """`said` checked. Raises SettingsError for what it cannot be."""
    found = LocalSettings()
    known = [field.name for field in fields(LocalSettings)]
    for name, value in (said or {}).items():
        if name not in known:
            raise SettingsError(f"local.{name} is unknown", f"there are {', '.join(known)}")
        if value is not None:
            found = replace(found, **{name: _read(name, value)})
    return found


def _read(name: str, value: Any) -> Any:
    if name in ("batch", "writers"):
        return positive(f"local.{name}", value)
    if name == "hourly":
        return money("local.hourly", value)
    if name == "deterministic":
        if str(value).lower() not in ("true", "false"):
            raise SettingsError(f"local.deterministic is {value!r}", "write true or false")
        return str(value).lower() == "true"
    text = str(value).strip()
    if name == "device":
        several = [str(each).strip() for each in value] if isinstance(value, list) else text.split(",")
        alone = len(several) > 1 and not {"auto", "all"}.isdisjoint(several)
        if alone or not several or not all(_DEVICE.fullmatch(each.strip()) for each in several):
            todo = "write auto, cpu, cuda, mps, all, or a list such as [cuda:0, cuda:1]"
            raise SettingsError(f"local.device is {value!r}", todo)
        return ",".join(each.strip() for each in several)
    if name in _WORDS and text not in _WORDS[name]:
        raise SettingsError(f"local.{name} is {value!r}", f"write one of: {', '.join(_WORDS[name])}")
    return text


def gpus() -> tuple[str, ...]:
    """NVIDIA's GPUs as its own tool lists them, without torch, which takes seconds to import."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")  # those that somebody keeps for himself are not ours
    if shown is not None:
        named = [each.strip() for each in shown.split(",")]
        ends = next((at for at, each in enumerate(named) if each in ("", "-1")), len(named))  # as CUDA reads it
        return tuple(f"cuda:{number}" for number in range(ends))
    try:
        said = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(f"cuda:{number}" for number in range(said.count("GPU ")) if f"GPU {number}:" in said)
