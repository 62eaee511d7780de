"""What is trained for, beside diffusers' own schedulers and its own weighting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from imagegen.providers.local.training.objective import objective
from tests.local.engines import THEIRS

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS
CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def drawn() -> tuple[Any, Any, Any]:
    import torch

    source = torch.Generator().manual_seed(1)
    clean, noise = (torch.randn(4, 4, 8, 8, generator=source) for _ in range(2))
    return clean, noise, torch.tensor([0.0, 0.2503, 0.6, 0.99999])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("gamma", [None, 5.0])
def test_sdxl_is_noised_and_weighed_as_diffusers_does(workshop: Workshop, kind: str, gamma: float | None) -> None:
    import torch
    from diffusers import DDPMScheduler
    from diffusers.training_utils import compute_snr

    config = {**CONFIG, "prediction_type": kind, "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}
    ours, theirs = objective("sdxl", config, gamma), DDPMScheduler(**CONFIG, prediction_type=kind)
    clean, noise, moments = drawn()
    times = ours.times(moments)
    assert times.tolist() == [0, 250, 600, 999]
    assert torch.allclose(ours.noised(clean, noise, times), theirs.add_noise(clean, noise, times), atol=1e-6)
    target = noise if kind == "epsilon" else theirs.get_velocity(clean, noise, times)
    guess = torch.zeros_like(clean)
    wanted = (guess - target).square().mean((1, 2, 3))
    if gamma is not None:
        snr = compute_snr(theirs, times)
        wanted = wanted * snr.clamp(max=gamma) / (snr if kind == "epsilon" else snr + 1)
    assert torch.allclose(ours.loss(guess, clean, noise, times), wanted, rtol=1e-4)
    assert ours.loss(target, clean, noise, times).max() < 1e-10


def test_flux_walks_straight(workshop: Workshop) -> None:
    """From noise alone at 1000 to nearly clean at 1; right is the direction, wherever one is."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    ours, theirs = objective("flux", {}, None), FlowMatchEulerDiscreteScheduler()
    clean, noise, moments = drawn()
    times = ours.times(moments)
    assert times.tolist() == [1000, 750, 400, 1]
    assert torch.allclose(ours.noised(clean, noise, times), theirs.scale_noise(clean, times, noise), atol=1e-6)
    assert torch.equal(ours.noised(clean, noise, times)[0], noise[0])
    assert ours.loss(noise - clean, clean, noise, times).tolist() == [0.0] * 4
