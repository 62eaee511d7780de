"""Piece: one picture as the engine makes it, everything decided. Pure: no torch, no picture library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

#: What a piece starts from: nothing, a picture, or a picture of which only the masked part is painted anew.
Kind = Literal["text", "image", "inpaint"]

#: Strength of a piece with a picture that states none.
DEFAULT_STRENGTH = 0.6
#: Strength of an inpainting that states none: the masked part starts from noise alone.
DEFAULT_INPAINT_STRENGTH = 1.0

#: What a control image may be: a picture in which edges or depth are found, or the map of them already.
CONTROLS = ("canny", "depth", "canny-map", "depth-map")

#: Families that are made from text alone here: FLUX.2 takes pictures in another way, as things to look at.
TEXT_ONLY = frozenset({"flux2"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture to make. Nothing is looked up any more.

    `negative`: "" for none. `scheduler`: a name of the field, "" for the weights' own. `image` and `mask` are
    bytes of picture files; the mask is transparent (or white) where the picture is painted anew. `strength`:
    0 keeps the picture, 1 forgets it. `loras`: (path of the file, weight). `control`: one of CONTROLS, "" for none;
    `control_image` the bytes of the picture that holds the shapes, `control_scale` how strongly it does. `refine_at`:
    share of the way, above 0 and below 1, after which the refiner goes on; None without it.
    """

    prompt: str
    negative: str
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    scheduler: str
    image: bytes | None = None
    mask: bytes | None = None
    strength: float | None = None
    loras: tuple[tuple[str, float], ...] = ()
    control: str = ""
    control_image: bytes | None = None
    control_scale: float = 1.0
    refine_at: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture made: `array` is uint8, height x width x 3 (RGB); `facts` belong into its sidecar."""

    array: NDArray[numpy.uint8]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A picture that came out broken; `reason` is a sentence for the person who wanted it."""

    reason: str


def kind_of(piece: Piece) -> Kind:
    """What `piece` starts from."""
    if piece.image is None:
        return "text"
    return "image" if piece.mask is None else "inpaint"


def net_of(piece: Piece) -> str:
    """The kind of ControlNet that holds `piece`: "canny", "depth", or "" for none."""
    return piece.control.removesuffix("-map")


def strength_of(piece: Piece) -> float:
    """The strength `piece` is made with; 1.0 for one from text alone."""
    return strength_with(piece.strength, image=piece.image is not None, mask=piece.mask is not None)


def strength_with(said: float | None, *, image: bool, mask: bool) -> float:
    """The strength of a picture that starts from an image and a mask, or not; `said` is its own, where it has one."""
    if not image:
        return 1.0
    if said is not None:
        return said
    return DEFAULT_INPAINT_STRENGTH if mask else DEFAULT_STRENGTH


def begins_at(steps: int, strength: float, *, flow: bool) -> int:
    """The step, of `steps`, with which a picture of `strength` begins; `steps` when nothing is left to do.

    Flow-matching models (SD 3.5, FLUX) round the steps left out, the others the steps done: diffusers'
    pipelines do so, and so one strength means the same here and there.
    """
    done = min(steps * strength, steps)
    left_out = int(max(steps - done, 0)) if flow else max(steps - int(done), 0)
    return left_out if strength > 0 else steps
