"""The provider that needs nothing: it draws a picture of its own for every request, for nothing.

The same request makes the same bytes, in any process. Every picture says that it is a placeholder, and
for which model it stands in. It knows nothing of plans and files.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Artifact, Charge, Failed, Made, Outcome
from imagegen.domain.request import Request, key, nfc
from imagegen.picture import BadPicture
from imagegen.providers import Limits, Slip
from imagegen.providers.placeholder_art import paint
from imagegen.providers.placeholder_caption import Caption, letter
from imagegen.providers.placeholder_colour import palette
from imagegen.providers.placeholder_inputs import inset

if TYPE_CHECKING:
    from PIL.Image import Image

#: Edges in pixels of a picture for which no size was asked.
DEFAULT_EDGE = 1024
#: Pixels above which nothing is drawn: no decoder of ours would take the picture.
MOST_PIXELS = 64_000_000

#: Placeholders are many and thrown away: fast to write counts more than small.
_ENCODER: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 88},
    "webp": {"quality": 85, "method": 2},
    "avif": {"quality": 75, "speed": 9},
}


class Placeholder:
    """A Provider that draws. `concurrency`: pictures drawn at once, bounded by the machine's cores."""

    def __init__(self, concurrency: int = 4) -> None:
        self._limits = Limits(max_batch=1, concurrency=concurrency)

    @property
    def limits(self) -> Limits:
        """One picture at a time, no rates."""
        return self._limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """None for every request whose picture a computer can hold."""
        width, height = _size(request)
        if width * height > MOST_PIXELS:
            return f"a placeholder of {width}x{height} is larger than {MOST_PIXELS:,} pixels; ask for a smaller size"
        return None

    def shares(self, request: Request) -> Hashable:
        """Any requests might share a batch, if there were batches."""
        return ()

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """Draw the pictures, one Made each."""
        slip.sending()
        for request in batch:
            refusal = self.refuses(request)
            pictures = [inputs[digest] for digest in request.images if digest in inputs]
            try:
                yield Failed(key(request), refusal) if refusal else _made(request, pictures)
            except BadPicture as problem:
                yield Failed(key(request), f"an input picture cannot be used: {problem.reason}")


def _made(request: Request, inputs: Sequence[bytes] = ()) -> Made:
    picture, motif = _drawn(request, inputs)
    form = request.wire_format if request.wire_format in _ENCODER else "png"
    facts = {"placeholder": True, "stands_for": request.stands_for, "motif": motif, "seed": request.seed}
    artifact = Artifact(_encoded(picture, form), f"image/{form}", facts)
    return Made(key(request), artifact, Charge(0, "price"))


def _drawn(request: Request, inputs: Sequence[bytes] = ()) -> tuple[Image, str]:
    """The picture for `request` and the name of its composition, with `inputs` small in its corner. The look comes
    from what is to be seen (prompt, seed, sample), so one prompt looks alike in every size and for every model."""
    look = json.dumps([nfc(request.prompt), request.seed, request.sample])
    random = Random(int.from_bytes(hashlib.sha256(look.encode()).digest(), "big"))  # noqa: S311 - looks, no secret
    colours = palette(random)
    width, height = _size(request)
    picture, motif = paint(width, height, colours, random)
    letter(picture, _caption(request, width, height), colours)
    inset(picture, inputs, colours.paper)
    if request.background == "transparent" and request.wire_format != "jpeg":
        _cut_out(picture)
    return picture, motif


def _caption(request: Request, width: int, height: int) -> Caption:
    stands_for = request.stands_for or ("" if request.model == "placeholder" else request.model)
    return Caption(request.prompt, _id(request), f"{width} x {height}", stands_for)


def _id(request: Request) -> str:
    """The row's id, which the plan puts among the options for this provider."""
    try:
        options = json.loads(request.options or "{}")
    except ValueError:
        return ""
    return str(options.get("id") or "") if isinstance(options, dict) else ""


def _size(request: Request) -> tuple[int, int]:
    return request.width or DEFAULT_EDGE, request.height or DEFAULT_EDGE


def _cut_out(picture: Image) -> None:
    """Make what lies outside a large rounded shape transparent: someone asked for a transparent ground."""
    from PIL import Image, ImageDraw

    width, height = picture.size
    inset = max(1, min(width, height) // 60)
    mask = Image.new("L", (width * 2, height * 2))
    box = (inset * 2, inset * 2, (width - inset) * 2, (height - inset) * 2)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(width, height) // 16, 255)
    picture.putalpha(mask.reduce(2))


def _encoded(picture: Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form.upper(), **_ENCODER[form])
    return buffer.getvalue()
