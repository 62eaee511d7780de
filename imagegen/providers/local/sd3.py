"""SD 3.5: two CLIPs and T5, a transformer, true guidance: one call with 2B rows, the negative prompts first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.denoise import Predict, guided
from imagegen.providers.local.encoders import clip, t5
from imagegen.providers.local.model import factors, latent_shape, stacked
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.schedulers import shift
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import Embedding, Texts

if TYPE_CHECKING:
    from torch import Tensor

#: Tokens: what the model's pipeline gives CLIP and T5.
CLIP_TOKENS, T5_TOKENS = 77, 256
_MOST_SHIFT = 1.16


class SD3:
    """SD 3.5 Large, Large Turbo and Medium."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._config = parts.config("transformer")
        self.steps = Steps()

    def encode(self, text: str) -> Embedding:
        """Both CLIPs side by side, filled up with zeros to T5's width, then T5; the CLIPs' pooled vectors joined."""
        import torch

        length = min(CLIP_TOKENS, self._parts.get("tokenizer").model_max_length)
        made = [clip(self._parts, number, text, length=length) for number in ("", "_2")]
        narrow = torch.cat([each.hidden for each in made], dim=-1).cpu()
        wide, cut = self._t5(text)
        narrow = torch.nn.functional.pad(narrow, (0, wide.shape[-1] - narrow.shape[-1]))
        pooled = torch.cat([each.pooled for each in made], dim=-1).cpu()
        # Where T5 reads the whole text, nothing is lost by what CLIP does not see.
        return Embedding(torch.cat([narrow, wide], dim=-2), pooled, cut)

    def negatives(self, piece: Piece) -> str | None:
        """An empty text is encoded like any other."""
        return piece.negative if piece.guidance > 1 else None

    def timing(self, width: int, height: int, steps: int) -> dict[str, Any]:
        """The shift by size, where the weights ask for one."""
        scheduler = self._parts.config("scheduler")
        if not scheduler.get("use_dynamic_shifting"):
            return {}
        _, high, wide = latent_shape(self._parts, width, height)
        patch = int(self._config["patch_size"])
        return {"mu": shift((high // patch) * (wide // patch), scheduler, _MOST_SHIFT)}

    def predictor(self, pieces: Sequence[Piece], texts: Texts) -> Predict:
        """One transformer call a step, for all of `pieces`."""
        import torch

        transformer = self._parts.get("transformer")
        # Asked once: diffusers walks through all of a net's modules to find either.
        device, dtype = transformer.device, transformer.dtype
        twice = pieces[0].guidance > 1
        rows = [texts.get(piece.prompt) for piece in pieces]
        if twice:
            rows = [texts.get(piece.negative) for piece in pieces] + rows
        tokens, pooled = stacked(rows, self._parts)
        guidance = factors(pieces, device)

        pace = self.steps.pace(transformer)

        def predict(latents: Tensor, time: Tensor) -> Tensor:
            both = torch.cat([latents, latents]) if twice else latents
            net, _ = pace.next()
            made: Tensor = net(
                hidden_states=both.to(dtype),
                timestep=time.expand(both.shape[0]),
                encoder_hidden_states=tokens,
                pooled_projections=pooled,
                return_dict=False,
            )[0].float()
            return guided(made, guidance) if twice else made

        return predict

    def _t5(self, text: str) -> tuple[Tensor, bool]:
        import torch

        if "text_encoder_3" in self._parts:
            hidden, cut = t5(self._parts, "_3", text, T5_TOKENS)
            return hidden.cpu(), cut
        dtype = self._parts.get("text_encoder").dtype
        return torch.zeros(1, T5_TOKENS, int(self._config["joint_attention_dim"]), dtype=dtype), False
