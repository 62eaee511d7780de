"""Masks: a manifest's are transparent where the edit happens; many providers want them painted white there."""

from __future__ import annotations

import io


def painted(mask: bytes) -> bytes:
    """`mask` as a grey PNG: white where it is transparent, black where it is opaque, between where it is between.
    One without transparency is taken to be painted already and stays as it is. Raises BadPicture when it cannot be
    decoded."""
    from imagegen.picture import inspect, pillow

    found = inspect(mask)
    if not found.alpha:
        return mask
    solid = found.image.convert("RGBA").getchannel("A")
    out = io.BytesIO()
    pillow().eval(solid, lambda value: 255 - value).save(out, "PNG")
    return out.getvalue()
