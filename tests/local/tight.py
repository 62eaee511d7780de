"""A device with little memory, for tests on the CPU: it counts what is loaded and what a net takes while it runs, and
raises torch's own error where that is more than there is. The nets are the real ones; it listens at their doors.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from imagegen.providers.local.engine import Engine


class Tight:
    """`engine` on a device of `capacity` bytes. `each`: bytes that one row takes in the denoiser; `pixel`: bytes that
    a latent pixel takes in the VAE's decoder, `seen` in its encoder; `text`: bytes of an encoder at work."""

    def __init__(
        self, engine: Engine, capacity: float = 1e12, *, each: int = 0, pixel: int = 0, seen: int = 0, text: int = 0
    ) -> None:
        self.capacity, self.each, self.pixel, self.seen, self.text = capacity, each, pixel, seen, text
        self.loads: Counter[str] = Counter()
        self.rows: list[int] = []
        self.areas: list[int] = []
        self.raised: list[str] = []
        self.left: list[Any] = []
        self.most = 0
        self._engine = engine
        self._all = [engine.parts, *([engine.refiner.parts] if engine.refiner else [])]
        for parts in self._all:
            self._listen(parts)

    def resident(self) -> int:
        """Bytes of the weights that are on the device."""
        return sum(
            sum(each.numel() * each.element_size() for each in module.parameters())
            for parts in self._all
            for name, module in parts._loaded.items()
            if hasattr(module, "parameters") and name not in parts.on_host and name not in parts.in_groups
        )

    def _listen(self, parts: Any) -> None:
        inner: Callable[[str, Any], None] = parts._finish

        def finish(name: str, module: Any) -> None:
            inner(name, module)
            self.loads[name] += 1
            host = name in parts.on_host
            if not host and name not in parts.in_groups:
                self._need(name, sum(each.numel() * each.element_size() for each in module.parameters()))
            if name == "vae":
                module.decoder.register_forward_pre_hook(self._decoding)
                module.encoder.register_forward_pre_hook(self._encoding)
            elif name.startswith("text_encoder"):
                module.register_forward_pre_hook(lambda net, args: self._need(name, 0 if host else self.text))
            else:
                module.register_forward_pre_hook(self._denoising, with_kwargs=True)

        parts._finish = finish

    def _denoising(self, net: Any, args: Any, given: Any) -> None:
        rows = len(args[0] if args else given["hidden_states"])
        self.rows.append(rows)
        assert all(ref() is None for ref in self.left), "the failed attempt's tensors were still there"
        self._need("denoiser", rows * self.each, args[0] if args else given["hidden_states"])

    def _decoding(self, net: Any, args: Any) -> None:
        self.areas.append(args[0].shape[-1] * args[0].shape[-2])
        self._need("decoder", self.areas[-1] * self.pixel, args[0])

    def _encoding(self, net: Any, args: Any) -> None:
        self._need("encoder", args[0].shape[-1] * args[0].shape[-2] * self.seen, args[0])

    def _need(self, who: str, more: int, tensor: Any = None) -> None:
        import torch

        need = self.resident() + more
        if need > self.capacity:
            self.raised.append(who)
            if tensor is not None:
                self.left.append(weakref.ref(tensor))
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {need} bytes.")
        self.most = max(self.most, need)


def sizes(engine: Engine) -> dict[str, int]:
    """Bytes of the weights of each component."""
    return {name: 4 * part.parameters for name, part in engine.weights.parts.items()}
