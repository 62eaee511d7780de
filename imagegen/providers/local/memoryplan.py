"""Memory, the decisions: how many pictures fit at once, and what is done when even one does not. Pure: no torch.

    fewer pictures at once -> encoders dropped -> tiles -> stage by stage -> layer by layer -> a Flaw

A measure is taken only where it can help: tiles change a picture's tone, and help the VAE alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from imagegen.providers.local.bucket import Bucket, Part, ladder

#: The text encoders are dropped once the texts are encoded.
ENCODERS = "encoders-dropped"
#: The VAE works in small tiles.
TILES = "tiles"
#: Texts, then the denoiser, then the VAE: only what is at work is on the device.
STAGES = "stages"
#: The denoiser stays on the CPU, and its layers go to the device one by one.
GROUPS = "groups"
#: The text encoders run on the CPU.
HOST = "encoders-on-cpu"
MEASURES = (ENCODERS, TILES, STAGES, GROUPS, HOST)

#: Share of free memory that is left alone: what a batch needs is not exactly so many times what one picture does.
SPARE = 0.1
#: Pictures at once where the user sets no limit: more of them are hardly made sooner.
MOST = 16


class Stage(Enum):
    """What the engine is at."""

    TEXT = "text"
    #: An input picture goes through the VAE.
    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"


#: What helps where memory runs out, in the order it is tried. The VAE works on one picture at a time, whatever the
#: batch; an encoder on one text.
_HELPS = {
    Stage.TEXT: (ENCODERS, HOST),
    Stage.ENCODE: (ENCODERS, TILES, STAGES, GROUPS),
    Stage.DENOISE: (ENCODERS, STAGES, GROUPS),
    Stage.DECODE: (ENCODERS, TILES, STAGES),
}

_SAID = {
    ENCODERS: "the text encoders are dropped before the rest is done",
    TILES: "the VAE works in tiles, which can change the tone a little",
    STAGES: "texts, denoiser and VAE take turns, each on the device only while it works",
    GROUPS: "the denoiser stays in the computer's memory, and its layers go to the device one by one, which is slow",
    HOST: "the text encoders run on the CPU",
}


@dataclass(frozen=True, slots=True)
class Means:
    """How a bucket is made within the memory there is. `batch`: pictures at once that fit, 0 where nobody knows yet;
    `measures`: those of MEASURES that are taken."""

    batch: int = 0
    measures: frozenset[str] = frozenset()

    @property
    def tiles(self) -> bool:
        """Whether the VAE works in small tiles."""
        return TILES in self.measures

    @property
    def groups(self) -> bool:
        """Whether the denoiser's layers go to the device one by one."""
        return GROUPS in self.measures

    @property
    def staged(self) -> bool:
        """Whether only what is at work is on the device."""
        return STAGES in self.measures or self.groups

    @property
    def offload(self) -> list[str]:
        """What is kept off the device, for sidecars."""
        return [each for each in MEASURES if each in self.measures and each != TILES]


def after(means: Means, stage: Stage, rows: int) -> Means | None:
    """What to do next when memory ran out at `stage` with `rows` pictures at once; None when nothing is left to do."""
    if stage is Stage.DENOISE and rows > 1:
        return replace(means, batch=halved(rows))
    for measure in _HELPS[stage]:
        if measure not in means.measures:
            batch = 1 if stage is Stage.DENOISE else means.batch
            return replace(means, batch=batch, measures=means.measures | {measure})
    return replace(means, batch=halved(rows)) if rows > 1 else None


def said(before: Means, now: Means, width: int, height: int) -> str:
    """The step from `before` to `now` as a sentence for people."""
    what = f"memory ran out for pictures of {width}x{height}"
    new = now.measures - before.measures
    way = _SAID[min(new, key=MEASURES.index)] if new else f"{now.batch} are made at once"
    return f"{what}: from now on {way}"


def halved(rows: int) -> int:
    """The next smaller batch of the ladder; `rows` is 2 or more."""
    return ladder(rows - 1)[0]


def fits(free: int, to_come: int, each: int, most: int = MOST) -> int:
    """Pictures at once, of the ladder: `free` bytes on the device, `to_come` of weights that are not there yet,
    `each` for one picture beside the weights. 1 at the least: whether that fits, only trying tells."""
    room = int(free * (1 - SPARE)) - to_come
    return ladder(min(most, max(1, room // max(1, each))))[0]


def scaled(each: int, seen: Bucket, wanted: Bucket) -> int:
    """Bytes for one picture of `wanted`, where one of `seen` took `each`: they grow with its pixels and its passes."""
    pixels = wanted.width * wanted.height / (seen.width * seen.height)
    return int(each * pixels * (1 + wanted.guided) / (1 + seen.guided))


def cut(rows: int, limit: int, padded_to: int | None, *, fixed: bool) -> list[Part]:
    """`rows` in batches of at most `limit`, and of at most `padded_to` where that is given. `fixed`: all of one
    shape."""
    size = max(1, min(limit, padded_to or limit))
    whole, rest = divmod(rows, size)
    return [Part(size, size)] * whole + ([Part(rest, size if fixed else rest)] if rest else [])


def name_of(bucket: Bucket, device: str, dtype: str) -> str:
    """What a bucket is remembered by: all of it that memory depends on."""
    beside = [bucket.kind, *(["guided"] if bucket.guided else []), *([bucket.control] if bucket.control else [])]
    beside += ["refined"] if bucket.refine_at else []
    return "|".join([bucket.weights, device, dtype, f"{bucket.width}x{bucket.height}", *beside])


def too_large(width: int, height: int, device: str, total: int | None) -> str:
    """Why a picture cannot be made here, and what to do."""
    memory = f"the {total / 2**30:.1f} GiB of {device}" if total else f"the memory of {device}"
    return (
        f"a picture of {width}x{height} does not fit into {memory}, even alone and with everything else moved away; "
        "ask for a smaller size, or use a GPU with more memory"
    )
