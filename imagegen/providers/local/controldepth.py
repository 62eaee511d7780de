"""Depth of a picture, near is bright, by a model of transformers (DPT, Depth Anything)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.providers.local.controlfolder import Control

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from PIL.Image import Image


class Depth:
    """The depth model in `control`, on `device`; float32, for it runs once for each picture."""

    def __init__(self, control: Control, device: str) -> None:
        import torch
        import transformers

        from imagegen.providers.local.parts import quiet

        quiet()
        made = getattr(transformers, control.config["architectures"][0])
        where = str(control.folder)
        only: dict[str, Any] = {"local_files_only": True}
        try:
            self._processor = transformers.DPTImageProcessor.from_pretrained(where, **only)
            model = made.from_pretrained(where, use_safetensors=True, variant=control.part.variant, **only)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            plain = " ".join(str(error).split())[:200]
            raise SettingsError(f"{where} does not load: {plain}", "download it again") from error
        self._model = model.float().to(device).eval().requires_grad_(False)
        self._device = device

    def of(self, image: Image) -> NDArray[numpy.uint8]:
        """The depth of `image`, height x width x 3, from 0 for the farthest to 255 for the nearest in it; 0 all over
        where all is equally far."""
        import numpy as np
        import torch

        seen = self._processor(images=image, return_tensors="pt")["pixel_values"]
        found = self._model(seen.to(self._device)).predicted_depth.float()
        size = (image.height, image.width)
        flat = torch.nn.functional.interpolate(found[:, None], size=size, mode="bicubic", align_corners=False)[0, 0]
        near = flat - flat.min()
        share = near / near.max().clamp_min(torch.finfo(torch.float32).tiny)
        grey: NDArray[np.uint8] = (share * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return np.repeat(grey[..., None], 3, axis=-1)
