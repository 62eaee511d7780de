"""FLUX.2 klein: Qwen 3 for the text, a transformer on latents whose 2 x 2 squares are one already.

The distilled weights need one call a step; the base ones are guided: one call with 2B rows, the negative ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagegen.providers.local.denoise import Predict, guided
from imagegen.providers.local.model import factors, latent_shape
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.stepnets import Steps
from imagegen.providers.local.text import Embedding, Texts

if TYPE_CHECKING:
    from torch import Tensor

#: Tokens that Qwen is given, and the layers of it that the transformer reads side by side (its pipeline's figures).
TOKENS, LAYERS = 512, (9, 18, 27)

#: The shift by size and steps is read off two lines, fitted at 10 and at 200 steps; above so many patches, off one.
_AT_10, _AT_200, _MOST_PATCHES = (8.73809524e-05, 1.89833333), (0.00016927, 0.45666666), 4300


class Flux2:
    """FLUX.2 klein, from text."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._distilled = bool(parts.index.get("is_distilled"))
        self.steps = Steps()

    def encode(self, text: str) -> Embedding:
        """Qwen's answer to `text` as a message, as far as three of its layers have got."""
        import torch

        tokenizer, encoder = self._parts.get("tokenizer"), self._parts.get("text_encoder")
        message = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        given = tokenizer(message, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
        whole = tokenizer(message, truncation=False, verbose=False)["input_ids"]
        out = encoder(
            input_ids=given.input_ids.to(encoder.device),
            attention_mask=given.attention_mask.to(encoder.device),
            output_hidden_states=True,
            use_cache=False,
        )
        tokens = torch.cat([out.hidden_states[layer] for layer in LAYERS], dim=-1).cpu()
        return Embedding(tokens, tokens.new_zeros(1, 0), len(whole) > TOKENS)

    def negatives(self, piece: Piece) -> str | None:
        """An empty text is encoded like any other."""
        return piece.negative if self._twice(piece) else None

    def timing(self, width: int, height: int, steps: int) -> dict[str, Any]:
        """Even steps down to 1/steps, and the shift by size and steps."""
        import numpy as np

        _, high, wide = latent_shape(self._parts, width, height)
        timing: dict[str, Any] = {"mu": shift(high * wide, steps)}
        if self._parts.config("scheduler").get("use_flow_sigmas"):
            return timing
        return {**timing, "sigmas": np.linspace(1.0, 1 / steps, steps)}

    def predictor(self, pieces: Sequence[Piece], texts: Texts) -> Predict:
        """One transformer call a step, for all of `pieces`."""
        import torch

        transformer = self._parts.get("transformer")
        device, dtype = transformer.device, transformer.dtype
        twice = self._twice(pieces[0])
        rows = [texts.get(piece.prompt).tokens for piece in pieces]
        if twice:
            rows = [texts.get(piece.negative).tokens for piece in pieces] + rows
        tokens = torch.cat(rows).to(device, dtype)
        _, high, wide = latent_shape(self._parts, pieces[0].width, pieces[0].height)
        words = _places(1, 1, tokens.shape[1]).expand(len(rows), -1, -1).to(device)
        places = _places(high, wide, 1).expand(len(rows), -1, -1).to(device)
        guidance = factors(pieces, device)

        pace = self.steps.pace(transformer)

        def predict(latents: Tensor, time: Tensor) -> Tensor:
            both = torch.cat([latents, latents]) if twice else latents
            net, _ = pace.next()
            made: Tensor = net(
                hidden_states=both.flatten(2).transpose(1, 2).to(dtype),
                timestep=time.expand(len(rows)).to(dtype) / 1000,
                guidance=None,
                encoder_hidden_states=tokens,
                txt_ids=words,
                img_ids=places,
                return_dict=False,
            )[0].float()
            made = made.transpose(1, 2).reshape(len(rows), -1, high, wide)
            return guided(made, guidance) if twice else made

        return predict

    def _twice(self, piece: Piece) -> bool:
        return piece.guidance > 1 and not self._distilled


def shift(patches: int, steps: int) -> float:
    """How far the times are moved for a picture of `patches` made in `steps`."""
    many = _AT_200[0] * patches + _AT_200[1]
    if patches > _MOST_PATCHES:
        return many
    few = _AT_10[0] * patches + _AT_10[1]
    slope = (many - few) / 190
    return slope * steps + (many - 200 * slope)


def _places(high: int, wide: int, words: int) -> Tensor:
    """Time, row, column and word of every token, as one row of a batch."""
    import torch

    counts = [torch.arange(count) for count in (1, high, wide, words)]
    return torch.cartesian_prod(*counts).unsqueeze(0)
