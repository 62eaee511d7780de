"""Pictures in and out: bytes of a picture file -> the numbers a VAE reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagegen.picture import inspect
from imagegen.providers.hosted.masks import painted

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def pixels(data: bytes, width: int, height: int) -> Tensor:
    """The picture in `data` as 1 x 3 x `height` x `width`, float32 from -1 to 1, what is see-through on white.
    One of another size is scaled, and cropped at its edges where the shape differs. Raises BadPicture."""
    import numpy as np
    import torch

    array = np.asarray(fitted(data, width, height), dtype=np.float32) / 255.0
    return (torch.from_numpy(array) * 2.0 - 1.0).permute(2, 0, 1).unsqueeze(0).contiguous()


def fitted(data: bytes, width: int, height: int) -> Image:
    """The picture in `data` in RGB at `width` x `height`, as `pixels` takes it. Raises BadPicture."""
    return _fitted(_on_white(inspect(data).image), width, height)


def mask(data: bytes, width: int, height: int) -> Tensor:
    """The mask in `data` (transparent or white where the picture is painted anew) as 1 x 1 x `height` x `width`:
    1 there, 0 elsewhere, nothing between. Raises BadPicture."""
    import numpy as np
    import torch

    grey = _fitted(inspect(painted(data)).image.convert("L"), width, height)
    array = (np.asarray(grey, dtype=np.float32) / 255.0 >= 0.5).astype(np.float32)
    return torch.from_numpy(array)[None, None]


def _on_white(image: Image) -> Image:
    from PIL import Image as pillow

    if not (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info):
        return image.convert("RGB")
    clear = image.convert("RGBA")
    ground = pillow.new("RGBA", clear.size, "white")
    ground.alpha_composite(clear)
    return ground.convert("RGB")


def _fitted(image: Image, width: int, height: int) -> Image:
    from PIL import Image as pillow
    from PIL import ImageOps

    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), pillow.Resampling.LANCZOS)
