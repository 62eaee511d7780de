"""The engine's small parts, each by itself."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.picture import BadPicture
from imagegen.providers.local import noise, pictures, precision, schedulers
from imagegen.providers.local.piece import Piece, begins_at, kind_of, strength_of
from imagegen.providers.local.text import Embedding, Texts
from tests.local.engines import PIECE, THEIRS, hole, png

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS


@pytest.mark.parametrize(
    ("wanted", "device", "capability", "upcast", "expected"),
    [
        ("auto", "cpu", None, True, ("fp32", "fp32")),
        ("auto", "cuda", (9, 0), True, ("bf16", "bf16")),
        ("auto", "cuda:1", (8, 0), True, ("bf16", "bf16")),
        ("auto", "cuda", (7, 5), True, ("fp16", "fp32")),
        ("auto", "cuda", (7, 5), False, ("fp16", "fp16")),
        ("auto", "cuda", (12, 0), False, ("bf16", "bf16")),
        ("auto", "mps", None, True, ("fp16", "fp32")),
        ("fp32", "cuda", (9, 0), True, ("fp32", "fp32")),
        ("fp16", "cpu", None, True, ("fp16", "fp32")),
    ],
)
def test_formats_by_capability(
    wanted: str, device: str, capability: tuple[int, int] | None, upcast: bool, expected: tuple[str, str]
) -> None:
    found = precision.decide(wanted, device, capability, force_upcast=upcast)
    assert (found.dtype, found.vae) == expected


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(SettingsError, match="dtype 'int3' is unknown; use auto or one of: fp32, bf16, fp16"):
        precision.decide("int3", "cpu")


@pytest.mark.parametrize(
    ("steps", "strength", "flow", "begin"),
    [
        (10, 1.0, False, 0),
        (10, 0.3, False, 7),
        (5, 0.5, False, 3),
        (5, 0.5, True, 2),
        (4, 0.1, False, 4),
        (4, 0.1, True, 3),
        (4, 0.0, True, 4),
        (30, 0.7, False, 9),
    ],
)
def test_where_strength_begins(steps: int, strength: float, flow: bool, begin: int) -> None:
    assert begins_at(steps, strength, flow=flow) == begin


def test_kinds_and_their_usual_strengths() -> None:
    image = replace(PIECE, image=b"x")
    inpaint = replace(image, mask=b"y")
    assert [kind_of(each) for each in (PIECE, image, inpaint)] == ["text", "image", "inpaint"]
    assert [strength_of(each) for each in (PIECE, image, inpaint)] == [1.0, 0.6, 1.0]
    assert strength_of(replace(inpaint, strength=0.25)) == 0.25


def test_noise_is_the_seeds_alone(workshop: Workshop) -> None:
    import torch

    drawn = noise.draw(noise.generators([5, 6, 2**63 - 1]), (4, 8, 8))
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn[1], noise.draw(noise.generators([6]), (4, 8, 8))[0])
    assert torch.equal(drawn[1], torch.randn(4, 8, 8, generator=torch.Generator("cpu").manual_seed(6)))
    assert not torch.equal(drawn[0], drawn[1])


def test_texts_forget_the_longest_unused() -> None:
    import torch

    calls: list[str] = []

    def encode(text: str) -> Embedding:
        calls.append(text)
        return Embedding(torch.zeros(1, 10, 10), torch.zeros(1, 0))

    texts = Texts(encode, most_bytes=800)
    for text in ["a", "b", "a", "c", "a", "b"]:
        texts.get(text)
    assert calls == ["a", "b", "c", "b"]
    assert texts.rows == 4
    texts.all(["b", "b", "d"])
    assert calls == ["a", "b", "c", "b", "d"]


EULER = {"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear", "timestep_spacing": "leading"}


def test_schedulers_take_over_what_the_weights_say(workshop: Workshop) -> None:
    assert type(schedulers.build("", EULER)).__name__ == "EulerDiscreteScheduler"
    made = schedulers.build("dpm++-2m-karras", EULER)
    assert type(made).__name__ == "DPMSolverMultistepScheduler"
    assert (made.config.beta_schedule, made.config.use_karras_sigmas) == ("scaled_linear", True)
    assert schedulers.build("euler-trailing", EULER).config.timestep_spacing == "trailing"
    # DDIM would clip latents as if they were pixels.
    assert schedulers.build("ddim", EULER).config.clip_sample is False


@pytest.mark.parametrize("config", [{}, {"_class_name": "EvilScheduler"}, {"_class_name": "logging"}])
def test_only_schedulers_of_the_list_are_built(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="is unknown; use one of: euler, "):
        schedulers.build("", config)


def test_every_scheduler_of_the_families_is_known() -> None:
    from imagegen.providers.local.families import FAMILIES

    named = {name for family in FAMILIES.values() for name in family.schedulers}
    assert named <= set(schedulers.CLASSES)


def test_the_shift_is_a_line_through_two_points() -> None:
    assert schedulers.shift(256, {}, 1.15) == pytest.approx(0.5)
    assert schedulers.shift(4096, {}, 1.15) == pytest.approx(1.15)
    assert schedulers.shift(4096, {"max_shift": 2.0}, 1.15) == pytest.approx(2.0)


def test_input_pictures_are_fitted_and_laid_on_white() -> None:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(out, "PNG")
    tensor = pictures.pixels(out.getvalue(), 16, 16)
    assert tuple(tensor.shape) == (1, 3, 16, 16)
    assert float(tensor.min()) == 1.0
    exact = pictures.pixels(png(16, 16), 16, 16)
    shown = np.asarray(Image.open(io.BytesIO(png(16, 16)))).astype(float) / 255 * 2 - 1
    assert np.allclose(exact[0].permute(1, 2, 0).numpy(), shown, atol=1e-6)
    assert float(exact.min()) >= -1


def test_masks_are_one_where_the_house_means_anew() -> None:
    mask = pictures.mask(hole(16, 16), 16, 16)
    assert tuple(mask.shape) == (1, 1, 16, 16)
    assert float(mask[..., :8].max()) == 0.0
    assert float(mask[..., 8:].min()) == 1.0


def test_bytes_that_are_no_picture_are_said() -> None:
    with pytest.raises(BadPicture):
        pictures.pixels(b"GIF89a nonsense", 16, 16)


def test_inpainting_keeps_what_the_mask_covers(workshop: Workshop) -> None:
    piece: Piece = replace(PIECE, image=png(), mask=hole(), strength=1.0)
    engine = workshop.engine()
    other = replace(piece, seed=99, prompt="something else")
    first, second = (made.array.astype(int) for made in engine.make([piece, other]))  # type: ignore[union-attr]
    change = np.abs(first - second)
    # The VAE sees a little beyond the mask's edge.
    assert change[:, :16].mean() < change[:, 48:].mean() / 5
