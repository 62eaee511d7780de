"""What others published of SDXL and FLUX on GPUs, to stand beside figures of one's own: data, each with its source.

Nothing here was measured by us. Other steps and settings are not comparable as they stand: `at` says what the same
arithmetic in the same time would be for another picture, which is an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.forecast.flops import work
from imagegen.forecast.speed import HOUR

#: When the sources were read.
READ_ON = "2026-11-22"

_TUTORIAL = "diffusers, tutorial on accelerating inference, and the diffusion-fast repository, December 2023"
_FAL = "fal-ai, stable-diffusion-benchmarks"
_DEVLOG = "PyTorch, torch.compile and Diffusers, May 2026"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One published figure: `seconds` a picture of 1024x1024 on one `gpu` in `steps` steps. `model`: the catalogue's
    name. `mfu`: share of the GPU's bfloat16 peak by our arithmetic; None where the format makes it meaningless."""

    gpu: str
    model: str
    setting: str
    steps: int
    seconds: float
    mfu: float | None
    source: str

    @property
    def per_hour(self) -> float:
        """Pictures an hour."""
        return HOUR / self.seconds

    def at(self, tflop: float) -> float | None:
        """Pictures an hour of `tflop` TFLOP each at this figure's rate of arithmetic; None where that is not known."""
        found = work(self.model, 1024, 1024, self.steps)
        return self.per_hour * found.tflop / tflop if found and tflop > 0 else None


ANCHORS = (
    Anchor("A100 80GB", "sdxl", "diffusers, batch 1, fp32", 30, 7.36, None, _TUTORIAL),
    Anchor("A100 80GB", "sdxl", "diffusers, batch 1, bf16, SDPA, eager", 30, 3.31, 0.40, _TUTORIAL),
    Anchor("A100 80GB", "sdxl", "diffusers, batch 1, bf16, compiled (max-autotune)", 30, 2.54, 0.525, _TUTORIAL),
    Anchor("A100", "sdxl", "diffusers, batch 1, fp16, SDPA, eager", 50, 5.933, 0.37, _FAL),
    Anchor("A100", "sdxl", "diffusers, batch 1, fp16, compiled", 50, 5.132, 0.43, _FAL),
    Anchor("A100", "sdxl", "TensorRT 9.0, batch 1, CUDA graphs", 50, 4.102, 0.54, _FAL),
    Anchor(
        "H100", "sdxl", "MLPerf v4.1 offline, TensorRT, FP8 UNet", 20, 8 / 16.348, 0.58, "MLCommons, inference v4.1"
    ),
    Anchor(
        "H200", "sdxl", "MLPerf v5.0 offline, TensorRT, FP8 UNet", 20, 8 / 18.989, 0.67, "MLCommons, inference v5.0"
    ),
    Anchor("H100", "flux-dev", "diffusers, batch 1, bf16, eager", 28, 6.7, 0.32, _DEVLOG),
    Anchor("H100", "flux-dev", "diffusers, batch 1, bf16, compiled", 28, 4.5, 0.47, _DEVLOG),
)


def published(model: str) -> tuple[Anchor, ...]:
    """The figures for `model`, the slowest first as they were published."""
    return tuple(each for each in ANCHORS if each.model == model)
