"""GPUs and what they are compared with, as they stand in a catalogue file. Knows no models and no prices of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from imagegen.catalog.fields import Field, Reader, read_all, suggestion
from imagegen.domain.money import Nano
from imagegen.errors import UsageError

#: The side of the square pictures that GPUs' pictures an hour are counted in.
SIDE = 1024


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU to generate on: its price an hour, and about how many SDXL pictures it makes in one.

    What a forecast needs, where it is known: `peak_tflops`, TFLOP/s in bfloat16 on tensor cores, dense (float16 where
    a GPU has no bfloat16); `memory_gb`; `mfu_scale`, the share of the utilisation published for an A100 with SDXL
    that it reaches, least and most. `peak_source` is where peak and memory are from."""

    name: str
    title: str
    hourly: Nano
    images_per_hour: int
    note: str
    source: str
    read_on: date
    peak_tflops: float | None = None
    memory_gb: float | None = None
    mfu_scale: tuple[float, float] | None = None
    peak_source: str | None = None

    @property
    def per_image(self) -> Nano:
        """The hour's price over its pictures, rounded up to the next nanodollar."""
        return -(-self.hourly // self.images_per_hour)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a break-even is reckoned with where nobody says otherwise. A GPU's pictures are those of the model
    `makes` in `steps` steps; an API is "MODEL@QUALITY". `guide_serverless` are the guide's least and most a
    picture, `today_serverless` is "PROVIDER/MODEL". `volumes` in pictures a month."""

    volumes: tuple[int, ...]
    gpu: str
    makes: str
    steps: int
    guide_api: str
    guide_serverless: tuple[Nano, Nano]
    today_api: str
    today_serverless: str
    source: str
    read_on: date


def _positive(field: Field) -> int:
    count = field.count()
    if count == 0:
        raise field.wrong("must be 1 or more")
    return count


def _shares(field: Field) -> tuple[float, float]:
    ends = [item.number() for item in field.items()]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise field.wrong("must be the least and the most", "write [0.8, 0.9]")
    return ends[0], ends[1]


GPU: dict[str, Reader] = {
    "title": Field.text,
    "hourly": Field.money,
    "images_per_hour": _positive,
    "note": Field.text,
    "source": Field.text,
    "read_on": Field.day,
    "peak_tflops": Field.number,
    "memory_gb": Field.number,
    "mfu_scale": _shares,
    "peak_source": Field.text,
}
#: What need not be said of a GPU.
OPTIONAL = frozenset({"note", "peak_tflops", "memory_gb", "mfu_scale", "peak_source"})


def _range(field: Field) -> tuple[Nano, Nano]:
    ends = [item.money() for item in field.items()] if isinstance(field.value, list) else [field.money()]
    if not 1 <= len(ends) <= 2 or ends[0] > ends[-1]:
        raise field.wrong("must be a price, or the least and the most", "write [0.003, 0.008]")
    return ends[0], ends[-1]


_SIDES: dict[str, dict[str, Reader]] = {
    "guide": {"api": Field.text, "serverless": _range},
    "today": {"api": Field.text, "serverless": Field.text},
}
_COMPARISON: dict[str, Reader] = {
    "volumes": lambda field: tuple(_positive(item) for item in field.items()),
    "gpu": Field.text,
    "makes": Field.text,
    "steps": _positive,
    "source": Field.text,
    "read_on": Field.day,
} | {name: lambda field, readers=readers: read_all(field, readers) for name, readers in _SIDES.items()}


def read_comparison(field: Field, origin: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Comparison: those given in `field` in place of those `known` from files before it."""
    given = read_all(field, _COMPARISON)
    for side in _SIDES:
        given |= {f"{side}_{key}": value for key, value in given.pop(side, {}).items()}
    return {**(known or origin), **given}


def named(gpus: Sequence[Gpu], name: str) -> Gpu:
    """The GPU called `name`, or the only one whose name holds it as a word: "4090" is "rtx-4090".
    Raises UsageError, with the names there are, when there is none."""
    asked = name.strip().lower()
    exact = [gpu for gpu in gpus if gpu.name == asked]
    found = exact or [gpu for gpu in gpus if asked in gpu.name.split("-")]
    if len(found) != 1:
        names = {gpu.name: gpu.title for gpu in gpus}
        raise UsageError(f"no GPU is called {name!r}", f"{suggestion(asked, names)}; one of yours goes under `gpus:`")
    return found[0]
