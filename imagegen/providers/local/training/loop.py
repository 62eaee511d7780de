"""The loop: our own, lean. Every step draws from its own seed, so a resumed training ends with the same bytes.

    latents and embeddings, made once -> noise -> denoiser -> loss -> LoRA, step by step

Gradients are clipped and AdamW set as in diffusers' recipes; the weights under the LoRA are frozen and their layers
computed twice rather than kept (gradient checkpointing), so that SDXL fits into 12 GB.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.errors import NotMade
from imagegen.providers.local.model import Model, model_of
from imagegen.providers.local.parts import Parts
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.precision import Precision, long_name
from imagegen.providers.local.training import adapter, cached, checkpoints
from imagegen.providers.local.training.course import Course
from imagegen.providers.local.training.dataset import Shot
from imagegen.providers.local.training.objective import objective
from imagegen.providers.local.training.plan import Sequel, fitted
from imagegen.providers.local.weights import Weights

if TYPE_CHECKING:
    from torch import Generator, Tensor

#: AdamW as in diffusers' recipes, and the largest norm of a step's gradient.
_BETAS, _EPSILON, _DECAY, _NORM = (0.9, 0.999), 1e-8, 1e-4, 1.0
#: FLUX.1 dev is told its guidance; while training that is 1, no guidance.
_NO_GUIDANCE = 1.0
#: Pictures of the fixed look: with the same noise each time, so that only the LoRA changes its loss.
_LOOKED_AT = 8


class Training:
    """One LoRA under training on one device. `stopped` is asked between pictures while they are encoded."""

    def __init__(
        self, weights: Weights, shots: Sequence[Shot], course: Course, device: str, stopped: Callable[[], bool]
    ) -> None:
        import torch

        self.weights, self.course, self.device = weights, course, device
        self._shots = tuple(shots)
        self._fits = [fitted(shot.width, shot.height, course.size) for shot in shots]
        self._sequel = Sequel(self._fits, course.batch, course.seed)
        self._name = weights.family.denoiser
        # The VAE reads each picture once, so it can afford to be exact.
        self.parts = Parts(weights, Precision(course.dtype, "fp32"), device)
        self._model: Model = model_of(self.parts)
        self._objective = objective(weights.family.name, weights.configs["scheduler"], course.min_snr)
        self._texts = cached.encode_texts(self._model, self.parts, shots)
        self._spreads = cached.encode_pictures(self.parts, shots, self._fits, stopped)
        self.ready = len(self._spreads) == len(self._shots)
        if not self.ready:
            return
        self.denoiser: Any = self.parts.get(self._name)
        self.denoiser.enable_gradient_checkpointing()
        self.parameters = adapter.put(self.denoiser, weights.family.name, course)
        self._optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=course.learning_rate, betas=_BETAS, eps=_EPSILON, weight_decay=_DECAY
        )

    def step(self, step: int) -> float:
        """Do step `step`, which counts from 0; its loss. Raises NotMade where the numbers overflow."""
        import torch

        losses = []
        for turn in range(self.course.accumulate):
            number = step * self.course.accumulate + turn
            rows = self._loss(self._sequel.at(number), self._source(f"{number}"))
            loss: Any = rows.mean() / self.course.accumulate
            loss.backward()
            losses.append(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), _NORM)
        mean, length = torch.stack([torch.stack(losses).sum(), norm]).tolist()
        if not math.isfinite(mean) or not math.isfinite(length):
            self._optimizer.zero_grad()
            raise NotMade(f"training stopped at step {step + 1}: the loss is no number any more")
        for group in self._optimizer.param_groups:
            group["lr"] = self.course.rate(step)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(mean)

    def look(self) -> float:
        """The loss of a fixed look: some pictures, each at its own time, with the same noise whenever one looks."""
        import torch

        places = range(min(_LOOKED_AT, len(self._shots)))
        with torch.no_grad():
            losses = [
                self._loss((place,), self._source(f"look {place}"), torch.tensor([(place + 0.5) / len(places)]))
                for place in places
            ]
            return float(torch.cat(losses).mean())

    def file(self, facts: Mapping[str, Any]) -> bytes:
        """The LoRA as it is now, as a safetensors file."""
        return adapter.as_file(self.parameters, self.weights.family.name, self._name, self.course, facts)

    def state(self) -> dict[str, Tensor]:
        """What AdamW remembers, on the CPU, by parameter."""
        return {
            f"{kind}:{name}": tensor.detach().cpu().contiguous()
            for name, value in self.parameters.items()
            for kind, tensor in self._optimizer.state.get(value, {}).items()
        }

    def restore(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Be as it was when `checkpoint` was written. Raises SettingsError for a damaged one."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            adapter.load(self.parameters, load_file(checkpoint.lora), self._name)
            kept = load_file(checkpoint.folder / checkpoints.OPTIMIZER)
            for name, value in self.parameters.items():
                state = {kind: kept[f"{kind}:{name}"] for kind in ("step", "exp_avg", "exp_avg_sq")}
                # AdamW counts its steps on the CPU, whatever it trains.
                self._optimizer.state[value] = {
                    kind: tensor if kind == "step" else tensor.to(value.device) for kind, tensor in state.items()
                }
        except (OSError, KeyError, RuntimeError, SafetensorError):
            raise checkpoints.damaged(checkpoint.folder) from None

    def move(self, device: str) -> None:
        """Take the denoiser to `device`, out of the way of something else or back."""
        self.denoiser.to(device)

    def _source(self, what: str) -> Generator:
        """Chance of its own for `what`, drawn on the CPU."""
        import torch

        digest = hashlib.sha256(f"{self.course.seed}:{what}".encode()).digest()
        return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)

    def _loss(self, places: Sequence[int], source: Generator, moments: Tensor | None = None) -> Tensor:
        """The loss of each of the pictures at `places`, which have one size."""
        import torch

        def noise() -> Tensor:
            return torch.stack([torch.randn(self._spreads[place].mean.shape, generator=source) for place in places])

        drawn = torch.rand(len(places), generator=source) if moments is None else moments
        wide = noise()
        clean = torch.stack([self._spreads[place].drawn(own) for place, own in zip(places, wide, strict=True)])
        clean, noisy = clean.to(self.device), noise().to(self.device)
        times = self._objective.times(drawn).to(self.device)
        width, height = self._fits[places[0]]
        pieces = [Piece(self._shots[place].caption, "", width, height, 1, _NO_GUIDANCE, 0, "") for place in places]
        kind = self.device.partition(":")[0]
        wanted = getattr(torch, long_name(self.course.dtype))
        with torch.autocast(kind, dtype=wanted, enabled=wanted != torch.float32):
            guess = self._model.predictor(pieces, self._texts)(self._objective.noised(clean, noisy, times), times)
        return self._objective.loss(guess, clean, noisy, times)
