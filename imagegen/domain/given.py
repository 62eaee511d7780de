"""Given: what is known of an input picture without decoding it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Given:
    """What the header of an input picture says, for those who may refuse it. `alpha`: each pixel of a PNG has its
    own transparency (a palette's does not count)."""

    format: Literal["png", "jpeg", "webp", "avif"]
    width: int
    height: int
    bytes: int
    alpha: bool = False


#: Input pictures by their digest, as far as they are known: here none is.
NOT_LOOKED_AT: Mapping[str, Given] = MappingProxyType({})
