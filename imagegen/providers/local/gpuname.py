"""Which GPU of the catalogue a device is, by the name that its driver gives it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagegen.catalog.gpus import Gpu

#: Words of other GPUs that share a name: slower boards, and parts of one.
_OTHERS = frozenset({"laptop", "mobile", "mig", "nvl", "ti", "super", "max", "ada"})
#: Boards whose PCIe variant is slower than what the catalogue counts.
_NOT_PCIE = frozenset({"h100"})


def recognised(gpus: Sequence[Gpu], device: str) -> Gpu | None:
    """The first of `gpus` all of whose name's words stand in `device`, such as "NVIDIA GeForce RTX 4090"; None for
    another GPU, a variant with another speed, or what is no GPU."""
    words = frozenset(re.findall(r"[a-z0-9]+", device.lower()))
    if words & _OTHERS:
        return None
    for gpu in gpus:
        named = set(gpu.name.split("-"))
        if named <= words and not (named & _NOT_PCIE and "pcie" in words):
            return gpu
    return None
