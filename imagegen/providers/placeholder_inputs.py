"""The input pictures of a placeholder, small in its corner: whoever looks sees that they arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagegen import picture

if TYPE_CHECKING:
    from PIL.Image import Image

#: Edges in pixels below which there is no room for them, and how many are shown.
SMALLEST, MOST = 200, 4


def inset(target: Image, inputs: Sequence[bytes], paper: tuple[int, int, int]) -> None:
    """Put `inputs` into the upper left of `target`, side by side on `paper`. Raises BadPicture."""
    if min(target.size) < SMALLEST:
        return
    edge, border = min(target.size) // 5, max(2, min(target.size) // 160)
    left = top = min(target.size) // 28
    for data in inputs[:MOST]:
        small = picture.eight_bits(_over_paper(picture.inspect(data).image, paper))
        small.thumbnail((edge, edge))
        target.paste(paper, (left - border, top - border, left + small.width + border, top + small.height + border))
        target.paste(small, (left, top))
        left += small.width + 3 * border


def _over_paper(image: Image, paper: tuple[int, int, int]) -> Image:
    """A copy of `image`, without what can be seen through."""
    if not image.has_transparency_data:
        return image.copy()
    from PIL import Image as images

    clear = image.convert("RGBA")
    ground = images.new("RGBA", clear.size, (*paper, 255))
    ground.alpha_composite(clear)
    return ground.convert("RGB")
