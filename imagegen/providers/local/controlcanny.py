"""Canny's edges of a picture, in NumPy, step by step as OpenCV's `Canny` finds them with its usual settings.

ControlNets for "canny" were trained on maps of that function at thresholds of 100 and 200, without any blur before
it; so there is none here. Whole numbers throughout: the same bytes on every machine. J. Canny, "A Computational
Approach to Edge Detection", 1986.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

#: Strength of an edge, in brightness steps of Sobel's filter: below LOW none, above HIGH surely one, between them one
#: that goes on from another.
LOW, HIGH = 100, 200
#: The tangent of 22.5 degrees, times 2^15.
_TANGENT = 13573


def edges(picture: NDArray[numpy.uint8], low: int = LOW, high: int = HIGH) -> NDArray[numpy.uint8]:
    """255 where `picture` (height x width x channels) has an edge, 0 elsewhere; height x width."""
    import numpy as np

    across, down = _slopes(picture)
    strength = np.abs(across) + np.abs(down)
    # Of the colours, the one that changes most.
    best = strength.argmax(axis=-1)[..., None]
    across, down, strength = (np.take_along_axis(each, best, -1)[..., 0] for each in (across, down, strength))
    crest = (strength > low) & _thin(across, down, strength)
    return np.where(_joined(crest & (strength > high), crest), 255, 0).astype(np.uint8)


def _slopes(picture: NDArray[numpy.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sobel's filters, to the right and downwards; beyond its edges the picture goes on as it ends."""
    import numpy as np

    wide = np.pad(picture.astype(np.int64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    columns = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2]


def _thin(across: NDArray[Any], down: NDArray[Any], strength: NDArray[Any]) -> NDArray[Any]:
    """Where the strength is greatest in the direction in which the brightness changes, of eight."""
    import numpy as np

    around = np.pad(strength, 1)
    height, width = strength.shape

    def at(row: int, column: int) -> NDArray[Any]:
        return around[1 + row : 1 + row + height, 1 + column : 1 + column + width]

    slow = np.abs(across) * _TANGENT
    steep = slow + (np.abs(across) << 16)
    rise = np.abs(down) << 15
    level = (strength > at(0, -1)) & (strength >= at(0, 1))
    upright = (strength > at(-1, 0)) & (strength >= at(1, 0))
    falling = (strength > at(-1, -1)) & (strength > at(1, 1))
    rising = (strength > at(-1, 1)) & (strength > at(1, -1))
    slanting = np.where((across < 0) == (down < 0), falling, rising)
    found: NDArray[Any] = np.where(rise < slow, level, np.where(rise > steep, upright, slanting))
    return found


def _joined(sure: NDArray[Any], crest: NDArray[Any]) -> NDArray[Any]:
    """What is `sure`, and all of `crest` that touches it or touches what does, corners included."""
    import numpy as np

    padded = np.pad(sure, 1)
    width = padded.shape[1]
    found, left = padded.ravel().copy(), (np.pad(crest, 1) & ~padded).ravel()
    steps = np.array([row * width + column for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column])
    front = np.flatnonzero(found)
    while front.size:
        near = np.unique((front[:, None] + steps).ravel())
        front = near[left[near]]
        left[front], found[front] = False, True
    joined: NDArray[Any] = found.reshape(padded.shape)[1:-1, 1:-1]
    return joined
