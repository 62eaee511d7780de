"""Sheet: pictures of a few prompts with the LoRA of the moment, side by side in one PNG, made by the engine itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.files import storage_error, write_whole
from imagegen.providers.local.piece import Piece, Pixels

if TYPE_CHECKING:
    from imagegen.providers.local.engine import Engine
    from imagegen.providers.local.weights import Weights

#: Prompts where nobody says which: so many captions.
USUAL = 4
#: Pixels between pictures, the edge of one on the sheet at most, and the grey of what is missing.
_GAP, _EDGE, _GREY = 8, 512, (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sheet shows. `size`: the edge of its pictures when they are made; `guidance` None: as the weights like."""

    prompts: tuple[str, ...]
    size: int
    steps: int
    guidance: float
    seed: int

    def pieces(self, lora: Path) -> list[Piece]:
        """Its pictures: the same seeds on every sheet, so that only the LoRA differs."""
        worn = ((str(lora), 1.0),)
        return [
            Piece(prompt, "", self.size, self.size, self.steps, self.guidance, self.seed + number, "", loras=worn)
            for number, prompt in enumerate(self.prompts)
        ]


class Sheets:
    """Makes sheets on one device. Nothing of it is kept in memory between two of them but what the encoders said."""

    def __init__(self, weights: Weights, device: str, dtype: str, wanted: Wanted) -> None:
        self._weights, self._device, self._dtype, self._wanted = weights, device, dtype, wanted
        self._engine: Engine | None = None

    def make(self, lora: Path, to: Path) -> list[str]:
        """Write the sheet with `lora` to `to`; what is wrong with its pictures, a sentence each. Raises StorageError,
        SettingsError for a LoRA that does not fit, torch.OutOfMemoryError."""
        from imagegen.providers.local.engine import Engine

        if self._engine is None:
            self._engine = Engine(self._weights, device=self._device, dtype=self._dtype, compile="eager")
        pieces = self._wanted.pieces(lora)
        try:
            self._engine.prepare(pieces)
            self._engine.drop_encoders()
            made = [one for piece in pieces for one in self._engine.make([piece])]
        finally:
            self._engine.close()
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, to.parent) from None
        write_whole(to, _grid([one.array if isinstance(one, Pixels) else None for one in made], self._wanted.size))
        return [
            f"{piece.prompt[:60]!r}: {one.reason}"
            for piece, one in zip(pieces, made, strict=True)
            if not isinstance(one, Pixels)
        ]


def _grid(arrays: Sequence[Any], size: int) -> bytes:
    """A PNG with the pictures in rows; grey for one that came out broken."""
    from PIL import Image

    edge = min(size, _EDGE)
    wide = next(columns for columns in range(1, len(arrays) + 1) if columns * columns >= len(arrays))
    high = -(-len(arrays) // wide)
    sheet = Image.new("RGB", (wide * (edge + _GAP) - _GAP, high * (edge + _GAP) - _GAP), "white")
    for number, array in enumerate(arrays):
        picture = Image.new("RGB", (size, size), _GREY) if array is None else Image.fromarray(array)
        place = (number % wide * (edge + _GAP), number // wide * (edge + _GAP))
        sheet.paste(picture.resize((edge, edge), Image.Resampling.LANCZOS) if edge != size else picture, place)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
