"""Inputs: the pictures that come with a row, named by what is in them and not by what they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from imagegen.domain.given import Given
from imagegen.domain.request import Request
from imagegen.domain.row import Place, Row

#: The provider whose pictures stand in for others.
PLACEHOLDER = "placeholder"
#: A mask that is made from the picture to be changed.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Inputs:
    """A row's input pictures by the SHA-256 of their bytes; by what the row calls them where those are not known
    yet (`unknown`). `files` says where the bytes of each digest lie, `given` what they are. `trouble`: why one of
    them cannot be had."""

    images: tuple[str, ...] = ()
    mask: str | None = None
    control: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    unknown: bool = False
    trouble: str = ""
    given: Mapping[str, Given] = field(default_factory=dict, compare=False)

    @property
    def native(self) -> tuple[int, int] | None:
        """Width and height of the first picture, where they are known."""
        first = self.given.get(self.images[0]) if self.images else None
        return (first.width, first.height) if first and first.width and first.height else None

    def into(self, request: Request) -> Request:
        """`request` with these pictures."""
        return replace(request, images=self.images, mask=self.mask, control_image=self.control)

    def said(self) -> dict[str, Any]:
        """The pictures that are given, by their field."""
        given = {"image": list(self.images) or None, "mask": self.mask, "control": self.control}
        return {name: value for name, value in given.items() if value is not None}


#: Finds the input pictures of a row that stands at a place. Raises ManifestError there.
Resolve = Callable[[Row, Place], Inputs]


def has_inputs(row: Row) -> bool:
    """Whether any input picture comes with `row`."""
    return row.image is not None or row.mask is not None or row.control is not None


def images_of(row: Row) -> tuple[str, ...]:
    """What `row` calls its input pictures, in their order."""
    return () if row.image is None else (row.image,) if isinstance(row.image, str) else row.image


def mask_of(row: Row) -> str | None:
    """What `row` calls its mask; none is made for a placeholder."""
    return None if row.mask == AUTO and row.provider == PLACEHOLDER else row.mask


def named(row: Row, place: Place) -> Inputs:
    """The input pictures of `row` by name only: nobody looks whether they are there."""
    return Inputs(images_of(row), mask_of(row), row.control, unknown=True)
