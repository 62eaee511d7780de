"""Treatment: what happens to a row's picture after it is paid for, and what is done to its input before. Pure."""

from __future__ import annotations

from typing import Any

from imagegen.context import Context
from imagegen.domain.inputs import AUTO, PLACEHOLDER
from imagegen.domain.model import Finish, Offer
from imagegen.domain.row import Row
from imagegen.routing import Choice


def wire_format(row: Row, offer: Offer) -> str | None:
    """Lossless where it is to be had: the original stays good for every later format. None where the provider
    decides."""
    for wanted in ("png", "webp", row.format, "jpeg"):
        if wanted in offer.formats:
            return str(wanted)
    return offer.formats[0] if offer.formats else None


def finish_of(row: Row, chosen: Choice, context: Context) -> Finish:
    """How the picture of `row` is finished."""
    size_plan = chosen.size_plan
    wire: Any = wire_format(row, chosen.offer) if row.provider != PLACEHOLDER else "png"
    bare = row.background == "remove" and row.provider != PLACEHOLDER
    if bare and wire == "jpeg":
        wire = "png"
    return Finish(
        width=size_plan.width,
        height=size_plan.height,
        fit=row.fit,
        format=row.format or wire or "png",
        quality=row.encode_quality,
        renditions=context.renditions,
        without=(context.backgrounds()[0] or None) if bare else None,
    )


def refusal(row: Row, context: Context) -> str:
    """Why it cannot be told from its background, as `background: remove` and `mask: auto` want; "" when it can, or
    nobody wants it. A placeholder shows no subject and is left alone."""
    wants = {"background: remove": row.background == "remove", "mask: auto": row.mask == AUTO}
    asked = next((name for name, wanted in wants.items() if wanted), "")
    if not asked or row.provider == PLACEHOLDER:
        return ""
    if row.background == "remove" and row.format == "jpeg":
        return "background: remove needs a format that can be see-through: png, webp or avif, not jpeg"
    if row.mask == AUTO and row.image is None:
        return "mask: auto is made from the picture that is to be changed; give an image"
    no = "" if context.estimating else context.backgrounds()[1]
    return f"{asked}: {no}" if no else ""
