"""What the pixels say without any model: how sharp a picture is, and how much contrast it has. Pillow only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen.picture import Picture, eight_bits, pillow

if TYPE_CHECKING:
    from PIL.Image import Image

#: Larger pictures are measured at this longer edge, so that figures of different sizes compare.
_EDGE = 1024
#: The variance of the Laplacian at which sharpness is a half: 100 is the usual border of "blurred" for 8 bits.
_HALF = 100.0
#: The span of brightness, of 255, that is contrast enough.
_SPAN = 128.0


def seen(picture: Picture) -> Image:
    """The pixels as RGB. Where they are see-through, on white or on black, whichever shows more of what is there."""
    image = picture.image
    if not picture.alpha:
        return eight_bits(image)
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    bright = _mean(image.convert("L").histogram(alpha.point(lambda value: 255 if value > 32 else 0)))
    canvas: Image = pillow().new("RGBA", image.size, (0, 0, 0, 255) if bright > 127 else (255, 255, 255, 255))
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def sharpness(image: Image) -> float:
    """From 0 (nothing but smooth) to 1: v / (v + 100) of the variance v of the Laplacian. Noise counts as sharp."""
    from PIL import ImageFilter

    grey = _grey(image)
    if min(grey.size) < 3:
        return 0.0
    # 128 in the middle: a difference of more than 127 is cut off, so that a few hard edges are not everything.
    kernel = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
    inner = grey.filter(kernel).crop((1, 1, grey.width - 1, grey.height - 1))  # the filter leaves the rim as it was
    variance = _variance(inner.histogram())
    return variance / (variance + _HALF)


def contrast(image: Image) -> float:
    """From 0 (one tone) to 1: the span of brightness without the darkest and the brightest hundredth, against
    half of what there is. A white background is no fault; all nearly white or nearly black is."""
    histogram = _grey(image).histogram()
    low, high = _percentile(histogram, 0.01), _percentile(histogram, 0.99)
    return min(1.0, (high - low) / _SPAN)


def _grey(image: Image) -> Image:
    grey = image.convert("L")
    longer = max(grey.size)
    if longer <= _EDGE:
        return grey
    size = max(1, round(grey.width * _EDGE / longer)), max(1, round(grey.height * _EDGE / longer))
    resampling: Any = pillow().Resampling.BOX
    return grey.resize(size, resampling, reducing_gap=2.0)


def _mean(histogram: list[int]) -> float:
    return sum(value * count for value, count in enumerate(histogram)) / max(1, sum(histogram))


def _variance(histogram: list[int]) -> float:
    mean, total = _mean(histogram), max(1, sum(histogram))
    return sum(count * (value - mean) ** 2 for value, count in enumerate(histogram)) / total


def _percentile(histogram: list[int], share: float) -> int:
    wanted, so_far = share * sum(histogram), 0
    for value, count in enumerate(histogram):
        so_far += count
        if so_far >= wanted:
            return value
    return 255
