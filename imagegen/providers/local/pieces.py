"""Pieces of Requests: everything that a Request names by digest is looked up here, and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from imagegen.domain.request import Request
from imagegen.errors import SettingsError
from imagegen.picture import inspect
from imagegen.providers.local.digests import Digests
from imagegen.providers.local.piece import Piece


def piece_of(request: Request, inputs: Mapping[str, bytes], digests: Digests) -> Piece:
    """The Piece of `request`. `inputs`: see `Provider.generate`. Raises BadPicture for an input that is no picture,
    SettingsError for a LoRA file that was changed since it was planned, StorageError for one that is gone."""
    image = inputs[request.images[0]] if request.images else None
    mask = inputs[request.mask] if request.mask else None
    shapes = inputs[request.control_image] if request.control_image else None
    said = json.loads(request.options or "{}")
    for data in (image, mask, shapes):
        if data is not None:
            inspect(data)  # one that cannot be read must not take the rest of its batch with it
    return Piece(
        prompt=request.prompt,
        negative=request.negative_prompt or "",
        width=request.width or 0,
        height=request.height or 0,
        steps=request.steps or 0,
        guidance=request.guidance or 0.0,
        seed=request.seed or 0,
        scheduler=request.scheduler or "",
        image=image,
        mask=mask,
        strength=request.strength,
        loras=tuple((_lora(digest, inputs, digests), weight) for digest, weight in request.loras),
        control=request.control or "",
        control_image=shapes,
        control_scale=said.get("control_scale", 1.0),
        refine_at=said.get("refine_at"),
    )


def _lora(digest: str, inputs: Mapping[str, bytes], digests: Digests) -> str:
    path = Path(inputs[digest].decode())
    if digests.of(path, str(path)) != digest:
        raise SettingsError(f"{path} was changed since it was planned", "run again")
    return str(path)
