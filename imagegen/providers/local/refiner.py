"""The refiner: SDXL's second model does the last part of the way, on the base model's own latents.

    base's steps -> latents with the noise that is left -> refiner's steps -> decode

The way is one: the refiner's steps are those that the base model leaves out, with the same scheduler, begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.errors import SettingsError
from imagegen.providers.local import compiling
from imagegen.providers.local.denoise import Predict, Start, denoise
from imagegen.providers.local.families import REFINER
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.precision import Precision
from imagegen.providers.local.schedulers import Walk
from imagegen.providers.local.text import Texts
from imagegen.providers.local.unet import SDXL
from imagegen.providers.local.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor

#: Noise levels that SDXL was trained with, where its scheduler's configuration is silent.
_LEVELS = 1000


class Refiner:
    """The refiner in `weights`, on the base model's device and in its number format. Its VAE is not used. Raises
    SettingsError for other weights."""

    def __init__(self, weights: Weights, precision: Precision, device: str, text_bytes: int) -> None:
        if weights.family.name != REFINER.name:
            what = f"{weights.folder} is {weights.family.title}, named as the refiner"
            raise SettingsError(what, "name an SDXL refiner: imagegen models pull sdxl-refiner")
        self.weights = weights
        self.parts = Parts(weights, precision, device)
        self.model = SDXL(self.parts)
        self.texts = Texts(self.model.encode, text_bytes)
        self._mode = "eager"

    def prepare(self, pieces: Iterable[Piece]) -> None:
        """Encode the texts of those of `pieces` that are refined."""
        refined = [piece for piece in pieces if piece.refine_at is not None]
        self.texts.all(piece.prompt for piece in refined)
        self.texts.all(text for piece in refined if (text := self.model.negatives(piece)) is not None)

    def drop_encoders(self) -> None:
        """Free its text encoder's memory. A text that is not kept loads it again."""
        self.parts.drop("text_encoder_2")

    def drop(self) -> None:
        """Free all its memory."""
        self.parts.drop(*self.parts.index)
        self._mode = "eager"

    def predictor(self, pieces: Sequence[Piece], mode: str, backend: str, channels_last: bool) -> Predict:
        """Its denoiser, bound to `pieces`. `mode`, `backend`: how the base model's is compiled, and so this one."""
        import torch

        if not self.parts.loaded("unet") and channels_last:
            self.parts.get("unet").to(memory_format=torch.channels_last)
        if mode != self._mode:
            compiling.apply(mode, REFINER.name, self.parts.get("unet"), None, backend=backend)
            self._mode = mode
        return self.model.predictor(pieces, self.texts)

    def facts(self, piece: Piece) -> dict[str, Any] | None:
        """What refined `piece`, for its sidecar."""
        if piece.refine_at is None:
            return None
        return {"weights": self.weights.digest, "revision": self.weights.revision, "at": piece.refine_at}


def check_refined(piece: Piece, family: str, refiner: Refiner | None) -> None:
    """Refuses a piece that is to be refined and cannot be. Raises SettingsError."""
    if piece.refine_at is None:
        return
    if family != "sdxl":
        raise SettingsError("only SDXL has a refiner", "leave out refine_at")
    if refiner is None:
        raise SettingsError("no refiner is there to go on", "run: imagegen models pull sdxl-refiner")
    if not 0 < piece.refine_at < 1:
        raise SettingsError(f"refine_at is {piece.refine_at:g}", "give a share above 0 and below 1, as 0.8")


def in_two(
    walk: Walk, share: float, base: Predict, refine: Predict, start: Start, anew: Callable[[int], Walk]
) -> Tensor:
    """The finished latents: `walk` with `base` until `share` of it, then with `refine`. `anew`: the same way with a
    fresh scheduler, from the step given. Raises SettingsError where one of the two has no step."""
    cut = handover(walk, share)
    if not 0 < cut < len(walk.times):
        who = "the base model" if cut == 0 else "the refiner"
        steps = len(walk.times) // walk.scheduler.order
        raise SettingsError(f"refine_at {share:g} of {steps} steps leaves {who} none", "ask for more steps")
    latents = denoise(walk, base, start, until=cut)
    rest = anew(max(cut, walk.begin) // walk.scheduler.order)
    return denoise(rest, refine, Start(latents, start.kept))


def handover(walk: Walk, share: float) -> int:
    """The place in the times of `walk` from which on the refiner works: the first step with less noise than `share` of
    the way leaves, as diffusers' pipelines count it. Never between the two halves of a second-order step."""
    levels = walk.scheduler.config.get("num_train_timesteps", _LEVELS)
    limit = round(levels - share * levels)
    order = int(walk.scheduler.order)
    return order * sum(1 for time in walk.times[::order] if float(time) >= limit)
