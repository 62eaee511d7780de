"""Encoders: one text through CLIP or T5, as diffusers' pipelines send it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen.providers.local.parts import Parts

if TYPE_CHECKING:
    from torch import Tensor


class Encoded(NamedTuple):
    """What one encoder said. `hidden`: the layer before the last, 1 x T x D; `pooled`: 1 x P."""

    hidden: Tensor
    pooled: Tensor
    cut: bool


def clip(parts: Parts, number: str, text: str, *, length: int | None = None) -> Encoded:
    """`text` through CLIP `number` ("" or "_2"). `length`: tokens, else the tokenizer's own limit."""
    tokenizer, encoder = parts.get(f"tokenizer{number}"), parts.get(f"text_encoder{number}")
    ids, cut = tokens(tokenizer, text, length or tokenizer.model_max_length)
    out = encoder(ids.to(encoder.device), output_hidden_states=True)
    pooled = out.text_embeds if "text_embeds" in out else out.pooler_output
    return Encoded(out.hidden_states[-2], pooled, cut)


def t5(parts: Parts, number: str, text: str, length: int) -> tuple[Tensor, bool]:
    """`text` through T5 `number`: the last layer, 1 x `length` x D; and whether the text was cut."""
    encoder = parts.get(f"text_encoder{number}")
    ids, cut = tokens(parts.get(f"tokenizer{number}"), text, length)
    hidden: Tensor = encoder(ids.to(encoder.device))[0]
    return hidden, cut


def tokens(tokenizer: Any, text: str, length: int) -> tuple[Tensor, bool]:
    """The ids of `text`, padded to `length`; and whether there were more."""
    padded = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    whole = tokenizer(text, truncation=False, verbose=False)["input_ids"]
    return padded.input_ids, len(whole) > length
