"""Looks: everything that was measured on one picture, and what was left out and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from imagegen.choose import models, pixels
from imagegen.choose.extras import OCR, SAFETY
from imagegen.choose.wording import Wording, compare, unreadable
from imagegen.picture import BadPicture, Picture, inspect

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Looks:
    """`flaw` says why a picture is no use at all: it does not decode, or is blank. `wording` is None where no text
    was asked for or OCR could not look, `nsfw` likewise: `left_out` says what cannot be measured here at all, `failed`
    what could not on this picture. `sharpness` and `contrast` from 0 to 1, see `imagegen.choose.pixels`."""

    flaw: str | None = None
    width: int = 0
    height: int = 0
    format: str = ""
    blank: bool = False
    sharpness: float = 0.0
    contrast: float = 0.0
    wording: Wording | None = None
    nsfw: float | None = None
    left_out: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def unsafe(self) -> bool:
        """Whether the safety check looked and said no."""
        return self.nsfw is not None and self.nsfw >= models.UNSAFE


def look(data: bytes | Picture, *, text: str | None = None, safe: bool = False) -> Looks:
    """Measure one picture; with `text` also whether that is readable in it, with `safe` whether its content is.
    What no installed extra can measure is in `left_out`. Bytes that are no picture have a flaw and nothing else."""
    try:
        picture = inspect(data) if isinstance(data, bytes) else data
    except BadPicture as bad:
        return Looks(flaw=bad.reason)
    if picture.blank:
        flaw = "the picture is blank: all of it is one colour"
        return Looks(flaw, picture.width, picture.height, picture.format, blank=True)
    image = pixels.seen(picture)
    left_out: list[str] = []
    failed: list[str] = []
    wording = nsfw = None
    if text is not None:
        why = OCR.missing() or unreadable(text)
        wording = None if why else _tried(lambda: compare(text, models.read_lines(image)), failed)
        left_out += [why] if why else []
    if safe:
        why = SAFETY.missing()
        nsfw = None if why else _tried(lambda: models.nsfw(image), failed)
        left_out += [why] if why else []
    sharpness, contrast = pixels.sharpness(image), pixels.contrast(image)
    size = (picture.width, picture.height, picture.format)
    return Looks(None, *size, False, sharpness, contrast, wording, nsfw, tuple(left_out), tuple(failed))


def _tried(measure: Callable[[], T], failed: list[str]) -> T | None:
    try:
        return measure()
    except models.Unmeasured as problem:
        failed.append(str(problem))
        return None
