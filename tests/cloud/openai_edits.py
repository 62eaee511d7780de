"""POST /v1/images/edits: the form's parts, what the real service accepts of them, and the tokens that they cost."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from tests.cloud.multipart import Part, parts
from tests.cloud.openai_rules import DALLE, FIELDS, Flaw, flaw

PATH = "/v1/images/edits"
NUMBERS = {name for name, kind in FIELDS.items() if kind is int}
#: Who takes `input_fidelity`, and which.
FIDELITY = {
    "gpt-image-1": {"low", "high"},
    "gpt-image-1.5": {"low", "high"},
    "gpt-image-1.5-2025-12-16": {"low", "high"},
    "gpt-image-1-mini": {"low"},
}
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


class Form:
    """An edit as it arrived: `fields` with their types, `pictures` and `masks` with their bytes."""

    def __init__(self, content_type: str, raw: bytes) -> None:
        found = parts(content_type, raw)
        self.whole = found is not None
        self.parts = found or []
        self.pictures = [part for part in self.parts if part.name in ("image", "image[]")]
        self.masks = [part for part in self.parts if part.name == "mask"]
        self.fields: dict[str, Any] = {}
        for part in self.parts:
            if part.file is None:
                text = part.data.decode("utf-8", "surrogateescape")
                self.fields[part.name] = int(text) if part.name in NUMBERS and text.isdigit() else text

    def noted(self) -> dict[str, Any]:
        """The fields, and of each picture the SHA-256 of the bytes that came."""
        digests = {"image": [_digest(part) for part in self.pictures], "mask": [_digest(part) for part in self.masks]}
        return self.fields | {name: found for name, found in digests.items() if found}

    def flaw(self) -> Flaw | None:
        """The first thing wrong with it, None when it is right."""
        if not self.whole:
            return Flaw(400, None, None, "We could not parse the body of your request as multipart/form-data.")
        plain = {name: value for name, value in self.fields.items() if name != "input_fidelity"}
        if "moderation" in plain:
            return Flaw(400, "unknown_parameter", "moderation", "Unknown parameter: 'moderation'.")
        return flaw(plain) or self._model() or _pictures(self.pictures) or self._mask()

    def tokens(self) -> int:
        """Input tokens of the pictures: tiles of 512 when the short edge is 512, more where they are kept closely."""
        total = 0
        for part in (*self.pictures, *self.masks):
            width, height = Image.open(io.BytesIO(part.data)).size
            scale = min(1.0, 512 / min(width, height))
            tiles = -(-round(width * scale) // 512) * -(-round(height * scale) // 512)
            total += 65 + 129 * tiles
            if self.fields.get("input_fidelity") == "high":
                total += 4096 if width == height else 6144
        return total

    def _model(self) -> Flaw | None:
        model, fidelity = self.fields["model"], self.fields.get("input_fidelity")
        if model in DALLE:
            return Flaw(400, "invalid_value", "model", f"Invalid value: '{model}' edits no pictures.")
        if fidelity is not None and fidelity not in FIDELITY.get(model, ()):
            return Flaw(400, "invalid_value", "input_fidelity", f"'{model}' does not take input_fidelity '{fidelity}'.")
        strangers = {part.name for part in self.parts if part.file is not None} - {"image", "image[]", "mask"}
        if strangers:
            return Flaw(400, "unknown_parameter", min(strangers), f"Unknown parameter: '{min(strangers)}'.")
        return None

    def _mask(self) -> Flaw | None:
        if not self.masks:
            return None
        (mask, *more), first = self.masks, _opened(self.pictures[0])
        found = _opened(mask)
        assert first is not None
        if more or found is None or found.format != "PNG" or len(mask.data) >= 4 * 10**6:
            return Flaw(400, "invalid_image_file", "mask", "Invalid mask: one PNG of less than 4 MB.")
        if found.mode not in ("RGBA", "LA"):
            return Flaw(
                400, "invalid_image_file", "mask", f"Invalid mask: it has no alpha channel but is {found.mode}."
            )
        if found.size != first.size:
            return Flaw(400, "invalid_value", "mask", f"Mask is {found.size}, the image {first.size}.")
        return None


def _pictures(pictures: Sequence[Part]) -> Flaw | None:
    if not pictures:
        return Flaw(400, "missing_required_parameter", "image", "Missing required parameter: 'image'.")
    if len(pictures) > 16 or (len(pictures) > 1 and any(part.name != "image[]" for part in pictures)):
        return Flaw(400, "invalid_value", "image", "Up to 16 pictures, as parts image[].")
    for part in pictures:
        found = _opened(part)
        if found is None or part.file is None or MEDIA.get(str(found.format)) != part.media_type:
            return Flaw(400, "invalid_image_file", "image", f"Invalid image file of type {part.media_type!r}.")
        if len(part.data) >= 50 * 10**6:
            return Flaw(400, "invalid_image_file", "image", "Image files must be smaller than 50 MB.")
    return None


def _opened(part: Part) -> Image.Image | None:
    try:
        return Image.open(io.BytesIO(part.data), formats=("PNG", "JPEG", "WEBP"))
    except OSError:
        return None


def _digest(part: Part) -> str:
    return hashlib.sha256(part.data).hexdigest()
