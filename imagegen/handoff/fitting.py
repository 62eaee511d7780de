"""Fitting: whether a picture of some size can become the picture of a slot. Pure."""

from __future__ import annotations

from imagegen.handoff.slots import Slot

Shape = tuple[int, int]

#: Of an edge, at least this many percent stay when one shape is cut to the other.
NEAR_PERCENT = 90


def near(one: Shape, other: Shape) -> bool:
    """Whether two pictures have nearly the same shape."""
    less, more = sorted((one[0] * other[1], one[1] * other[0]))
    return 100 * less >= NEAR_PERCENT * more


def misfit(size: Shape, slot: Slot) -> str:
    """Why a picture of `size` cannot become the slot's; "" when it can."""
    said, finish = f"it is {size[0]}x{size[1]}", slot.finish
    if slot.strict and finish.fit in ("auto", "none") and not near(size, (slot.width, slot.height)):
        return f"{said}, and {slot.row} is to be {slot.ratio}; write fit: cover to cut it"
    if finish.fit == "auto" and (size[0] < (finish.width or 0) or size[1] < (finish.height or 0)):
        return f"{said}, smaller than the {finish.width}x{finish.height} of {slot.row}; download it upscaled"
    for each in finish.renditions:
        if each.fit == "auto" and (size[0] < each.width or size[1] < each.height):
            needed = f"{each.width}x{each.height}"
            return f"{said}, too small for the rendition {each.name} of {needed}; download it upscaled"
    return ""
