"""Each picture's own chance: float32, drawn on the CPU from the picture's seed alone.

Neither neighbours nor the place in the batch nor the device or its number format change what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def generators(seeds: Sequence[int]) -> list[Generator]:
    """One CPU generator per picture. Schedulers that draw at every step draw from these too."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def draw(sources: Sequence[Generator], shape: tuple[int, ...]) -> Tensor:
    """Normal noise, float32 on the CPU, one picture of `shape` from each source, stacked."""
    import torch

    return torch.stack([torch.randn(shape, generator=source, dtype=torch.float32) for source in sources])
