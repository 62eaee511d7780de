"""SDXL: two CLIPs and a UNet; with guidance one call with 2B rows, the negative prompts first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.denoise import Predict, guided
from imagegen.providers.local.encoders import clip
from imagegen.providers.local.model import factors, stacked
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import Embedding, Texts

if TYPE_CHECKING:
    from torch import Tensor

#: (latents as the UNet sees them, its time, texts, what goes in beside them) -> more arguments for the UNet.
Hold = Callable[["Tensor", "Tensor", "Tensor", Mapping[str, "Tensor"]], Mapping[str, Any]]

#: The refiner is told how beautiful the picture shall be: its pipeline's own figures.
_BEAUTY, _UGLINESS = 6.0, 2.5


class SDXL:
    """SDXL base, its refiner, and their few-step descendants."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._config = parts.config("unet")
        self.steps = Steps()
        #: The refiner has one encoder only.
        self._clips = [number for number in ("", "_2") if f"text_encoder{number}" in parts]

    @property
    def _embedded(self) -> bool:
        """Whether guidance goes into the UNet as a number (LCM), in place of a second pass."""
        return self._config.get("time_cond_proj_dim") is not None

    def encode(self, text: str) -> Embedding:
        """The layers before the last side by side, and the last encoder's pooled vector."""
        import torch

        made = [clip(self._parts, number, text) for number in self._clips]
        tokens = torch.cat([each.hidden for each in made], dim=-1).cpu()
        return Embedding(tokens, made[-1].pooled.cpu(), any(each.cut for each in made))

    def negatives(self, piece: Piece) -> str | None:
        """None without guidance, and where the weights want nothing at all in place of an empty text."""
        zeros = not piece.negative and bool(self._parts.index.get("force_zeros_for_empty_prompt"))
        return None if zeros or not self._twice(piece) else piece.negative

    def timing(self, width: int, height: int, steps: int) -> dict[str, Any]:
        """Nothing: SDXL's times depend on the steps alone."""
        return {}

    def predictor(self, pieces: Sequence[Piece], texts: Texts, hold: Hold | None = None) -> Predict:
        """One UNet call a step, for all of `pieces`. `hold`: a ControlNet's, asked before each call."""
        import torch

        unet = self._parts.get("unet")
        # Asked once: diffusers walks through all of a net's modules to find either.
        device, dtype = unet.device, unet.dtype
        twice = self._twice(pieces[0])
        rows = [texts.get(piece.prompt) for piece in pieces]
        if twice:
            rows = [self._negative(piece, texts, row) for piece, row in zip(pieces, rows, strict=True)] + rows
        tokens, pooled = stacked(rows, self._parts)
        added = {"text_embeds": pooled, "time_ids": self._sizes(pieces, twice).to(device, dtype)}
        guidance = factors(pieces, device)
        number = self._number(pieces).to(device, dtype) if self._embedded else None
        prompted = tokens[-len(pieces) :], {name: rows[-len(pieces) :] for name, rows in added.items()}
        pace = self.steps.pace(unet, twice)

        def predict(latents: Tensor, time: Tensor) -> Tensor:
            net, guides = pace.next()
            double = twice and guides
            words, beside = (tokens, added) if double else prompted
            both = (torch.cat([latents, latents]) if double else latents).to(dtype)
            more = hold(both, time, words, beside) if hold else {}
            made: Tensor = net(
                both,
                time,
                encoder_hidden_states=words,
                timestep_cond=number,
                added_cond_kwargs=beside,
                return_dict=False,
                **more,
            )[0].float()
            return guided(made, guidance) if double else made

        return predict

    def _twice(self, piece: Piece) -> bool:
        return piece.guidance > 1 and not self._embedded

    def _negative(self, piece: Piece, texts: Texts, like: Embedding) -> Embedding:
        import torch

        text = self.negatives(piece)
        if text is not None:
            return texts.get(text)
        return Embedding(torch.zeros_like(like.tokens), torch.zeros_like(like.pooled))

    def _sizes(self, pieces: Sequence[Piece], twice: bool) -> Tensor:
        """What the UNet is told of the picture: its size before and after cropping, or its beauty."""
        import torch

        refines = bool(self._parts.index.get("requires_aesthetics_score"))
        rows = []
        for ugly in [True, False] if twice else [False]:
            last = [_UGLINESS if ugly else _BEAUTY]
            rows += [[p.height, p.width, 0, 0, *(last if refines else [p.height, p.width])] for p in pieces]
        return torch.tensor(rows, dtype=torch.float32)

    def _number(self, pieces: Sequence[Piece]) -> Tensor:
        """Guidance - 1 of each piece as sines and cosines, as LCM's UNet reads it."""
        import torch

        half = int(self._config["time_cond_proj_dim"]) // 2
        waves = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1)))
        angles = torch.tensor([(piece.guidance - 1) * 1000.0 for piece in pieces])[:, None] * waves[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=1)
