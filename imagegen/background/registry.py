"""Which library tells subjects from backgrounds: one that a package registers, else rembg where it is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from imagegen.errors import SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Where packages register a class, or a function that makes one, without arguments.
GROUP = "imagegen.background"


class Remover(Protocol):
    """A library behind our words. `name` and `version` together say what decides its answers: another model is
    another version."""

    name: str
    version: str

    def refuses(self) -> str | None:
        """Why it cannot be used now, as a sentence with what to do; asked while planning, so that it must not
        download anything."""

    def alpha(self, image: Image) -> Image:
        """For an RGB picture one of the same size in mode L: 255 where the subject is, 0 where it is not."""


@cache
def remover() -> Remover:
    """The library to use. Raises SettingsError, one line, where there is none, more than one, or a broken one."""
    points = {point.value: point for point in entry_points(group=GROUP)}
    if len(points) > 1:
        names = " and ".join(sorted(_package(point) for point in points.values()))
        raise SettingsError(f"{names} both tell subjects from backgrounds", "uninstall one of them")
    if points:
        return _made(next(iter(points.values())))
    if find_spec("rembg") is None:
        raise SettingsError("no library for it is installed", 'pip install "rembg[cpu,cli]"')
    from imagegen.background.rembg import Rembg

    return Rembg()


def _made(point: EntryPoint) -> Remover:
    try:
        made: Remover = point.load()()
        lacks = [name for name in ("name", "version", "refuses", "alpha") if not hasattr(made, name)]
        if lacks:
            raise TypeError(f"has no {lacks[0]}")
    except Exception as error:
        # Somebody else's code, run for the first time: whatever it raises, the person needs to know whose it is.
        said = (str(error).strip().splitlines() or [""])[0][:200]
        what = f"{_package(point)} cannot be used for backgrounds: {type(error).__name__}: {said}"
        raise SettingsError(what, "update or uninstall it") from error
    return made


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
