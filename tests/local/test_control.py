"""ControlNet against diffusers' own pipelines, and what the engine promises of it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import tiny
from imagegen.providers.local.bucket import bucket_of, graph_of
from imagegen.providers.local.control import Controls
from imagegen.providers.local.controlfolder import look_control
from imagegen.providers.local.engine import Engine
from imagegen.providers.local.piece import Piece
from tests.local.engines import BATCH, PIECE, THEIRS, apart, arrays, hole, png
from tests.local.test_engine_parity import asked, assert_equal, opened

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

NETS = ("sdxl-canny", "sdxl-depth", "depth-estimator")
HELD = [
    replace(piece, guidance=5.0, negative="", control="canny-map", control_image=png(seed=20 + n))
    for n, piece in enumerate(BATCH[:3])
]


@pytest.fixture(scope="module")
def nets(workshop: Workshop) -> dict[str, Path]:
    folder = workshop.weights().folder.parent
    return {name.removeprefix("sdxl-"): tiny.write_control(folder, name) for name in NETS}


@pytest.fixture(scope="module")
def engine(workshop: Workshop, nets: dict[str, Path]) -> Engine:
    """Eager, with all nets."""
    return workshop.fresh(controls=nets)


@pytest.fixture(scope="module")
def pipeline(workshop: Workshop, nets: dict[str, Path]) -> Any:
    """diffusers' own pipelines with the tiny canny net, by the middle of their names."""
    import diffusers

    workshop.pipeline("sdxl", "StableDiffusionXLPipeline")
    net = diffusers.ControlNetModel.from_pretrained(nets["canny"], local_files_only=True)

    def made(kind: str) -> Any:
        parts = workshop.pipeline("sdxl", "StableDiffusionXLPipeline").components
        found = getattr(diffusers, f"StableDiffusionXLControlNet{kind}Pipeline")(**parts, controlnet=net)
        found.set_progress_bar_config(disable=True)
        return found

    return made


def shown(pieces: list[Piece]) -> list[Any]:
    return [opened(piece.control_image or b"") for piece in pieces]


@pytest.mark.parametrize("scheduler", ["", "dpm++-2m-karras", "heun", "euler-a"])
def test_from_text_as_diffusers_does(engine: Engine, pipeline: Any, scheduler: str) -> None:
    pieces = [replace(piece, scheduler=scheduler) for piece in HELD]
    ours = arrays(engine.make(pieces))
    assert_equal(ours, asked(pipeline(""), pieces, image=shown(pieces)))
    free = arrays(engine.make([replace(piece, control="", control_image=None) for piece in pieces]))
    assert min(apart(*pair) for pair in zip(ours, free, strict=True)) > 3


@pytest.mark.parametrize(("guidance", "scale"), [(5.0, 0.5), (1.0, 0.8)])
def test_scale_and_no_guidance_as_diffusers_does(engine: Engine, pipeline: Any, guidance: float, scale: float) -> None:
    pieces = [replace(piece, guidance=guidance, control_scale=scale) for piece in HELD]
    theirs = asked(pipeline(""), pieces, image=shown(pieces), controlnet_conditioning_scale=scale)
    assert_equal(arrays(engine.make(pieces)), theirs)


def test_from_a_picture_as_diffusers_does(engine: Engine, pipeline: Any) -> None:
    pieces = [replace(piece, image=png(seed=n), strength=0.75) for n, piece in enumerate(HELD)]
    given = {"image": [opened(piece.image or b"") for piece in pieces], "control_image": shown(pieces)}
    theirs = asked(pipeline("Img2Img"), pieces, **given, strength=0.75, controlnet_conditioning_scale=1.0)
    assert_equal(arrays(engine.make(pieces)), theirs)


@pytest.mark.parametrize("strength", [1.0, 0.75])
def test_inpainting_as_diffusers_does(engine: Engine, pipeline: Any, strength: float) -> None:
    """The background behind a product: what is outside the mask stays, and the net holds the product's shape."""
    from PIL import ImageOps

    pieces = [replace(piece, image=png(seed=n), mask=hole(), strength=strength) for n, piece in enumerate(HELD)]
    white = ImageOps.invert(opened(hole()).getchannel("A"))
    given = {"image": [opened(piece.image or b"") for piece in pieces], "mask_image": [white] * 3, "strength": strength}
    given |= {"control_image": shown(pieces), "controlnet_conditioning_scale": 1.0, "width": 64, "height": 64}
    assert_equal(arrays(engine.make(pieces)), asked(pipeline("Inpaint"), pieces, **given))


def test_the_map_decides(engine: Engine) -> None:
    two = [HELD[0], replace(HELD[0], control_image=png(seed=77))]
    assert apart(*arrays(engine.make(two))) > 3


def test_every_row_is_held_as_strongly_as_it_says(engine: Engine) -> None:
    rows = [replace(HELD[0], control_scale=scale) for scale in (0.0, 0.5, 1.5)]
    pictures = arrays(engine.make(rows))
    free = arrays(engine.make([replace(HELD[0], control="", control_image=None)]))[0]
    assert apart(pictures[0], free) <= 1
    assert apart(pictures[1], pictures[2]) > 1
    for row, picture in zip(rows, pictures, strict=True):
        assert apart(arrays(engine.make([row]))[0], picture) <= 1


@pytest.mark.parametrize("mode", ["regional", "full"])
def test_compiled_it_paints_the_same_and_compiles_once(
    workshop: Workshop, nets: dict[str, Path], engine: Engine, mode: str
) -> None:
    import torch

    compiled = workshop.fresh(controls=nets, compile=mode, backend="eager")
    pieces = [replace(piece, steps=2) for piece in HELD]
    first = arrays(compiled.make(pieces))
    assert max(apart(*pair) for pair in zip(first, arrays(engine.make(pieces)), strict=True)) <= 1
    with torch._dynamo.config.patch(error_on_recompile=True):
        again = [replace(piece, control_scale=0.4, control_image=png(seed=99)) for piece in pieces]
        compiled.make(again)
        assert np.array_equal(arrays(compiled.make(pieces[::-1]))[::-1], first)


def test_a_map_is_found_once_and_fits_the_picture(engine: Engine) -> None:
    before = engine.controls.found
    square = replace(PIECE, control="canny", control_image=png(40, 40, seed=7), width=64, height=96)
    found = engine.controls.map(square)
    assert (found.shape, found.dtype, set(np.unique(found)) <= {0, 255}) == ((96, 64, 3), np.uint8, True)
    engine.controls.map(replace(square, prompt="another", seed=1))
    assert engine.controls.found == before + 1
    engine.controls.map(replace(square, width=96))
    assert engine.controls.found == before + 2


def test_edges_and_depth_are_what_their_maps_are(engine: Engine) -> None:
    """A map that was found, given as a map, paints the same picture."""
    from PIL import Image

    edges = engine.controls.map(replace(PIECE, control="canny", control_image=steps()))[..., 0]
    # The box is from 10 to 39 across and from 20 to 47 down; a line runs on the first side of each jump.
    assert edges[25:40].any(axis=0).nonzero()[0].tolist() == [9, 39]
    assert edges[:, 15:35].any(axis=1).nonzero()[0].tolist() == [19, 47]
    for kind in ("canny", "depth"):
        piece = replace(PIECE, control=kind, control_image=steps())
        found = engine.controls.map(piece)
        assert len(np.unique(found)) > 1
        out = io.BytesIO()
        Image.fromarray(found).save(out, "PNG")
        given = replace(piece, control=f"{kind}-map", control_image=out.getvalue())
        assert np.array_equal(*arrays(engine.make([piece, given])))


def steps() -> bytes:
    """A dark picture with a bright box in it."""
    from PIL import Image

    image = Image.new("RGB", (64, 64), (20, 20, 20))
    image.paste((230, 230, 230), (10, 20, 40, 48))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_depth_is_transformers_own(engine: Engine, nets: dict[str, Path]) -> None:
    import torch
    import transformers

    from imagegen.providers.local import pictures

    piece = replace(PIECE, control="depth", control_image=png(50, 30, seed=5), width=96)
    image = pictures.fitted(piece.control_image or b"", 96, 64)
    with torch.inference_mode():
        seen = transformers.DPTImageProcessor.from_pretrained(nets["depth-estimator"])(image, return_tensors="pt")
        model = transformers.DPTForDepthEstimation.from_pretrained(nets["depth-estimator"]).eval()
        depth = torch.nn.functional.interpolate(
            model(**seen).predicted_depth[None], (64, 96), mode="bicubic", align_corners=False
        )[0, 0]
    depth = (depth - depth.min()) / (depth.max() - depth.min()) * 255
    with torch.inference_mode():
        ours = engine.controls.map(piece)
    assert np.abs(ours[..., 0] - depth.numpy()).max() <= 0.51
    assert (ours.min(), ours.max()) == (0, 255)


def test_nets_make_buckets_and_scales_do_not() -> None:
    plain, held = bucket_of(PIECE, "w"), bucket_of(HELD[0], "w")
    assert (plain.control, held.control) == ("", "canny")
    assert bucket_of(replace(HELD[0], control="canny", control_scale=0.3), "w") == held
    assert bucket_of(replace(HELD[0], control="depth"), "w") != held
    assert graph_of(plain, 2) != graph_of(held, 2)
    assert sorted({bucket_of(piece, "w") for piece in (PIECE, *HELD)}) == [plain, held]


def test_facts_for_the_sidecar(engine: Engine, nets: dict[str, Path]) -> None:
    piece = replace(PIECE, control="depth", control_image=png(), control_scale=0.7)
    (made,) = engine.make([piece])
    assert made.facts["control"] == {  # type: ignore[union-attr]
        "kind": "depth",
        "scale": 0.7,
        "weights": look_control(nets["depth"]).digest,
        "depth_weights": look_control(nets["depth-estimator"]).digest,
    }
    (free,) = engine.make([PIECE])
    assert free.facts["control"] is None  # type: ignore[union-attr]


def test_dropped_nets_come_again(workshop: Workshop, nets: dict[str, Path]) -> None:
    mine = workshop.fresh(controls={"canny": look_control(nets["canny"])})
    first = arrays(mine.make(HELD))
    mine.close()
    assert np.array_equal(arrays(mine.make(HELD)), first)


@pytest.mark.parametrize("dtype", ["bf16"])
def test_half_precision_makes_sound_pictures(
    workshop: Workshop, nets: dict[str, Path], engine: Engine, dtype: str
) -> None:
    half = arrays(workshop.fresh(controls=nets, dtype=dtype).make(HELD))
    whole = arrays(engine.make(HELD))
    assert np.abs(half[0].astype(int) - whole[0].astype(int)).mean() < 8


REFUSED = [
    ("sdxl", {"control": "pose", "control_image": b""}, "control 'pose' is unknown; use one of: canny, depth,"),
    ("sdxl", {"control": "canny"}, "control canny has no picture to keep to; give a control image"),
    ("sdxl", {"control": "canny", "control_image": b"x"}, "needs a ControlNet for canny, and none is there; run:"),
    ("sd3", {"control": "canny", "control_image": b"x"}, "SD 3.5 takes no ControlNet here; leave out the control"),
]


@pytest.mark.parametrize(("name", "more", "message"), REFUSED)
def test_what_cannot_be_held_is_said(workshop: Workshop, name: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        workshop.engine(name).make([replace(PIECE, **more)])
    assert message in str(raised.value)


def test_depth_needs_a_depth_model_and_its_map_does_not(workshop: Workshop, nets: dict[str, Path]) -> None:
    mine = workshop.fresh(controls={"depth": nets["depth"]})
    piece = replace(PIECE, control="depth", control_image=png())
    with pytest.raises(SettingsError, match=r"needs a depth model, and none is there; .* or give the map as depth-map"):
        mine.make([piece])
    arrays(mine.make([replace(piece, control="depth-map")]))


def test_nets_that_do_not_belong_here(workshop: Workshop, nets: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match=r"FLUX\.1 takes no ControlNet here; SDXL does"):
        workshop.fresh("flux", controls={"canny": nets["canny"]})
    with pytest.raises(SettingsError, match="is a depth model, named as canny; name sdxl-canny"):
        workshop.fresh(controls={"canny": nets["depth-estimator"]})
    with pytest.raises(SettingsError, match="no net is called 'pose'"):
        workshop.fresh(controls={"pose": nets["canny"]})
    other = look_control(nets["canny"])
    narrow = replace(other, config={**other.config, "cross_attention_dim": 768})
    with pytest.raises(SettingsError, match="is a ControlNet for another model: its cross_attention_dim is 768"):
        workshop.fresh(controls={"canny": narrow})
    assert Controls({"canny": other}, workshop.engine().parts).facts(PIECE) is None
