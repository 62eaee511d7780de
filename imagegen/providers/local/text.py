"""Text: each distinct prompt of a job encoded once, its embedding kept on the CPU.

A text is encoded alone, so its embedding never depends on which others came with it. What is kept is bounded;
a text that fell out is encoded again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

#: Bytes of embeddings kept: 3,000 prompts of SDXL in 16 bit, 200 of FLUX.
MOST_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One text as the denoiser reads it: `tokens` 1 x T x D, `pooled` 1 x P (empty for models that take none).
    `cut`: the text was longer than an encoder takes, and its end is lost there."""

    tokens: Tensor
    pooled: Tensor
    cut: bool = False

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(each.numel() * each.element_size() for each in (self.tokens, self.pooled))


class Texts:
    """Embeddings by text. `rows` counts the texts that went through the encoders."""

    def __init__(self, encode: Callable[[str], Embedding], most_bytes: int = MOST_BYTES) -> None:
        self._encode, self._most = encode, most_bytes
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self._bytes = 0
        self.rows = 0

    def __contains__(self, text: str) -> bool:
        """Whether `text` needs no encoder any more."""
        return text in self._kept

    def get(self, text: str) -> Embedding:
        """The embedding of `text`."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        made = self._encode(text)
        self.rows += 1
        self._kept[text] = made
        self._bytes += made.size
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size
        return made

    def all(self, texts: Iterable[str]) -> None:
        """Encode those of `texts` that are new."""
        for text in dict.fromkeys(texts):
            self.get(text)
