"""Step caching: what is asked for, which nets run, what is kept, and that mates and places still change no byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import tiny
from imagegen.providers.local.extras import Extras
from imagegen.providers.local.piece import Piece
from imagegen.providers.local.stepcache import METHODS, StepCache, parse, refuses
from imagegen.providers.local.stepnets import Gate, Gates, Shallow, Steps
from tests.local.engines import BATCH, THEIRS, apart, arrays, png

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

EIGHT = [replace(piece, steps=8) for piece in BATCH]
FLOWING = [replace(piece, guidance=3.5, negative="") for piece in EIGHT]
CASES = [
    ("sdxl", "deepcache:3", EIGHT),
    ("sdxl", "tgate:4", EIGHT),
    ("sd3", "taylorseer:3", FLOWING),
    ("flux", "taylorseer:3", FLOWING),
    ("flux2", "taylorseer:3", FLOWING),
]
IDS = [f"{name} {text}" for name, text, _ in CASES]


def made(workshop: Workshop, name: str, text: str, batch: list[Piece], **options: Any) -> list[Any]:
    return arrays(workshop.fresh(name, extras=Extras(step_cache=text), **options).make(batch))


def same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("deepcache:3", "deepcache:3"),
        (" DeepCache : 03 ", "deepcache:3"),
        ("tgate", "tgate:10"),
        ("TaylorSeer", "taylorseer:3"),
        ("none", ""),
        ("", ""),
    ],
)
def test_one_text_for_each_meaning(text: str, canonical: str) -> None:
    found = parse(text)
    assert (found.text if found else "") == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deepcach:3", "step_cache 'deepcach:3' is unknown; did you mean deepcache:3?"),
        ("t-gate", "did you mean tgate:10?"),
        ("magic", "is unknown; there are deepcache:3, tgate:10, taylorseer:3"),
        ("deepcache:0", "'0' is no number from 1 to 100; write every how many steps one is whole, as deepcache:3"),
        ("deepcache:²", "is no number"),
        ("tgate:soon", "'soon' is no number from 1 to 100; write how many steps look at the text, as tgate:10"),
        ("first_block_cache:0.1", "is not offered; it decides for a whole batch at once, so a picture would depend"),
        ("deepcache:3:1", "is no number"),
        ("3", "is unknown"),
    ],
)
def test_what_nobody_can_do_is_said(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "family", "steps", "sentence"),
    [
        ("deepcache:3", "sdxl", 25, None),
        ("deepcache:3", "sdxl", None, None),
        ("deepcache:3", "flux", None, "step_cache deepcache:3: DeepCache does not fit flux; there taylorseer does"),
        (
            "taylorseer:3",
            "sdxl",
            None,
            "step_cache taylorseer:3: TaylorSeer does not fit sdxl; there deepcache and tgate do",
        ),
        ("tgate:10", "sdxl-refiner", None, "step_cache tgate:10: T-GATE does not fit sdxl-refiner"),
        (
            "tgate:10",
            "sdxl",
            10,
            "step_cache tgate:10 does not fit 10 steps: ask for more steps, or leave out step_cache",
        ),
        ("deepcache:1", "sdxl", 1, None),
    ],
)
def test_which_fits_which(text: str, family: str, steps: int | None, sentence: str | None) -> None:
    cache = parse(text)
    assert cache is not None
    assert refuses(cache, family, steps) == sentence


def test_every_method_has_a_family_and_a_usual_number() -> None:
    assert {name: parse(name) for name in METHODS} == {
        name: StepCache(name, method.usual) for name, method in METHODS.items()
    }
    assert all(refuses(StepCache(name, method.usual), method.families[0]) is None for name, method in METHODS.items())


@pytest.mark.parametrize(
    ("name", "text", "batch"),
    [("sdxl", "deepcache:1", EIGHT), ("flux", "taylorseer:1", FLOWING), ("sd3", "taylorseer:1", FLOWING)],
)
def test_where_every_step_is_whole_nothing_changes(workshop: Workshop, name: str, text: str, batch: Any) -> None:
    assert same(made(workshop, name, text, batch), arrays(workshop.engine(name).make(batch)))


@pytest.mark.parametrize(("name", "text", "batch"), CASES, ids=IDS)
def test_pictures_change_and_mates_places_and_padding_do_not_change_them(
    workshop: Workshop, name: str, text: str, batch: list[Piece]
) -> None:
    engine = workshop.fresh(name, extras=Extras(step_cache=text))
    whole = arrays(engine.make(batch))
    plain = arrays(workshop.engine(name).make(batch))
    assert all(apart(*pair) > 0 for pair in zip(whole, plain, strict=True))
    assert same(arrays(engine.make(batch[::-1])), whole[::-1])
    strange = replace(batch[0], prompt="an old map", seed=99, guidance=12.0)
    assert same(arrays(engine.make([strange, *batch[:2], strange]))[1:3], whole[:2])
    assert same(arrays(engine.make(batch[:3], padded_to=4)), whole[:3])
    assert apart(arrays(engine.make(batch[:1]))[0], whole[0]) <= 1


@pytest.mark.parametrize(
    ("name", "text", "batch", "mode"),
    [(*CASES[0], "full"), (*CASES[1], "regional"), (*CASES[3], "regional")],
    ids=[f"{IDS[0]} full", f"{IDS[1]} regional", f"{IDS[3]} regional"],
)
def test_compiled_it_paints_the_same_and_compiles_once(
    workshop: Workshop, name: str, text: str, batch: list[Piece], mode: str
) -> None:
    import torch

    torch._dynamo.reset()
    try:
        engine = workshop.fresh(name, extras=Extras(step_cache=text), compile=mode, backend="eager")
        first = arrays(engine.make(batch[:2]))
        with torch._dynamo.config.patch(error_on_recompile=True):
            assert same(arrays(engine.make(batch[:2])), first)
            engine.make([replace(piece, seed=77, steps=9) for piece in batch[:2]])
    finally:
        torch._dynamo.reset()
    eager = made(workshop, name, text, batch[:2])
    assert max(apart(*pair) for pair in zip(first, eager, strict=True)) <= 1


def calls(module: Any) -> list[int]:
    """The rows of every call of `module` from now on."""
    rows: list[int] = []
    module.register_forward_hook(lambda _, args, given, made: rows.append(len(args[0])), with_kwargs=True)
    return rows


def test_deepcache_runs_what_lies_deep_every_nth_step_only(workshop: Workshop) -> None:
    engine = workshop.fresh(extras=Extras(step_cache="deepcache:3"))
    unet = engine.parts.get("unet")
    deep, shallow = calls(unet.mid_block), calls(unet.conv_in)
    engine.make(EIGHT)
    # Steps 0, 3 and 6 of 8; with guidance two rows for each of four pictures.
    assert (deep, shallow) == ([8] * 3, [8] * 8)
    engine.make(EIGHT)
    assert len(deep) == 6
    unguided = [replace(piece, guidance=1.0) for piece in EIGHT]
    engine.make(unguided)
    assert deep[6:] == [4] * 3


def test_tgate_looks_at_the_text_in_the_first_steps_only_and_then_leaves_guidance(workshop: Workshop) -> None:
    engine = workshop.fresh(extras=Extras(step_cache="tgate:3"))
    unet = engine.parts.get("unet")
    read = calls(unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k)
    rows = calls(unet.conv_in)
    engine.make(EIGHT)
    assert (read, rows) == ([8] * 3, [8] * 3 + [4] * 5)
    # From a picture at half strength four steps are left: all the same, the first three look.
    engine.make([replace(piece, image=png(), strength=0.5) for piece in EIGHT])
    assert rows[8:] == [8] * 3 + [4]


def test_a_gate_beyond_the_last_step_changes_nothing(workshop: Workshop) -> None:
    few = [replace(piece, image=png(), strength=0.5) for piece in EIGHT]
    assert same(made(workshop, "sdxl", "tgate:5", few), arrays(workshop.engine().make(few)))


def test_flux_is_asked_in_whole_steps_only(workshop: Workshop) -> None:
    engine = workshop.fresh("flux", extras=Extras(step_cache="taylorseer:3"))
    asked = calls(engine.parts.get("transformer").proj_out)
    engine.make(FLOWING)
    # 0, 1, 2, then 4 and 7 of 8.
    assert asked == [4] * 5


def test_loras_and_step_caching_go_together(workshop: Workshop) -> None:
    path = str(tiny.write_lora(workshop.weights().folder.parent, "sdxl", 4))
    worn = [replace(piece, loras=((path, 1.0),)) for piece in EIGHT[:2]]
    for text in ("deepcache:3", "tgate:4"):
        engine = workshop.fresh(extras=Extras(step_cache=text))
        bare, with_lora = arrays(engine.make(EIGHT[:2])), arrays(engine.make(worn))
        assert min(apart(*pair) for pair in zip(bare, with_lora, strict=True)) > 1
        assert same(arrays(engine.make(EIGHT[:2])), bare)


def asking(unet: Any, seed: int, *, held: bool) -> Callable[[Any], Any]:
    """One call of the UNet, with numbers out of `seed`; `held`: with what a ControlNet adds."""
    import torch

    source = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Any:
        return torch.randn(shape, generator=source)

    sample, tokens = some(2, 4, 16, 24), some(2, 7, 64)
    added = {"text_embeds": some(2, 32), "time_ids": some(2, 6)}
    more: dict[str, Any] = {}
    if held:
        level = [(32, 16, 24)] * 3 + [(32, 8, 12)] + [(64, 8, 12)] * 2
        more["down_block_additional_residuals"] = [some(2, *shape) for shape in level]
        more["mid_block_additional_residual"] = some(2, 64, 8, 12)

    def ask(net: Any) -> Any:
        time = torch.tensor(500.0)
        given = {key: list(value) if isinstance(value, list) else value for key, value in more.items()}
        with torch.no_grad():
            return net(sample, time, encoder_hidden_states=tokens, added_cond_kwargs=added, return_dict=False, **given)

    return ask


@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_the_first_level_alone_is_the_whole_net_with_the_deep_replaced(workshop: Workshop, held: bool) -> None:
    """Beside diffusers' own forward, into which what was kept is put by a hook."""
    import torch

    unet = workshop.fresh().parts.get("unet")
    shallow = Shallow(unet)
    asking(unet, 1, held=held)(unet)
    kept = shallow.kept
    later = asking(unet, 2, held=held)
    ours = later(shallow)[0]
    assert torch.equal(shallow.kept, kept)

    def replaced(block: Any, args: Any, given: dict[str, Any]) -> Any:
        return args, {**given, "hidden_states": kept}

    unet.up_blocks[-1].register_forward_pre_hook(replaced, with_kwargs=True)
    assert torch.equal(ours, later(unet)[0])
    assert list(shallow.net.state_dict()) != list(unet.state_dict())
    assert unet.down_blocks[0].downsamplers is not None


def test_carrying_on_is_what_diffusers_hook_does(workshop: Workshop) -> None:
    import torch
    from diffusers.hooks import TaylorSeerCacheConfig, apply_taylorseer_cache

    engine = workshop.fresh("flux")
    net = engine.parts.get("transformer")
    pace = Steps("taylorseer:3").pace(net)
    config = net.config
    source = torch.Generator().manual_seed(3)

    def given() -> dict[str, Any]:
        rows, tokens = 2, 16
        return {
            "hidden_states": torch.randn(rows, tokens, config.in_channels, generator=source),
            "timestep": torch.rand(rows, generator=source),
            "guidance": torch.full((rows,), 3.5),
            "pooled_projections": torch.randn(rows, config.pooled_projection_dim, generator=source),
            "encoder_hidden_states": torch.randn(rows, 5, config.joint_attention_dim, generator=source),
            "txt_ids": torch.zeros(5, 3),
            "img_ids": torch.zeros(tokens, 3),
            "return_dict": False,
        }

    steps = [given() for _ in range(11)]
    with torch.no_grad():
        ours = [pace.next()[0](**each)[0] for each in steps]
        light = TaylorSeerCacheConfig(cache_interval=3, use_lite_mode=True, taylor_factors_dtype=torch.float32)
        apply_taylorseer_cache(net, light)
        with net.cache_context("cond"):
            theirs = [net(**each)[0] for each in steps]
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_what_a_gate_repeats_is_the_mean_of_both_halves() -> None:
    import torch

    found = torch.arange(8.0).view(4, 2)
    gate = Gate(lambda *_, **__: found)
    gate.phase = "half"
    assert torch.equal(gate(None, found), found)
    gate.phase = "repeat"
    assert gate(None, found).tolist() == [[2.0, 3.0], [4.0, 5.0]]
    gate.phase = "keep"
    gate(None, found)
    gate.phase = "repeat"
    assert torch.equal(gate(None, found), found)


@pytest.mark.parametrize(("name", "text", "batch"), CASES, ids=IDS)
def test_no_step_waits_and_nothing_is_kept_after_the_last(
    workshop: Workshop, name: str, text: str, batch: list[Piece]
) -> None:
    """On the meta device a tensor has no value: who asks for one fails."""
    import torch

    engine = workshop.fresh(name, extras=Extras(step_cache=text))
    engine.prepare(batch)
    net = engine.parts.get(engine.weights.family.denoiser).to("meta")
    predict = engine.model.predictor(batch, engine.texts)
    latents = torch.empty(4, net.config.in_channels if name == "sdxl" else 4, 8, 8, device="meta")
    if name == "flux2":
        latents = torch.empty(4, net.config.in_channels, 4, 4, device="meta")
    with torch.inference_mode():
        shapes = {predict(latents, torch.empty((), device="meta")).shape for _ in range(8)}
    assert shapes == {latents.shape}
    fitted: Any = engine.model.steps._fitted
    engine.model.steps.forget()
    if isinstance(fitted, Shallow):
        assert fitted.kept is None
    elif isinstance(fitted, Gates):
        assert all(gate.kept is None for gate in fitted.each)
    else:
        assert name != "sdxl"


def test_layer_by_layer_from_the_cpu_it_is_the_same(workshop: Workshop) -> None:
    from imagegen.providers.local.parts import in_groups

    ask = asking(None, 1, held=False)
    later = asking(None, 2, held=False)
    found = []
    for offloaded in (False, True):
        unet = workshop.fresh().parts.get("unet")
        steps = Steps("deepcache:2")
        steps.fit(unet)
        if offloaded:
            in_groups(unet, "cpu")
        pace = steps.pace(unet)
        found.append([asked(pace.next()[0])[0] for asked in (ask, later, ask, later)])
    assert all(bool((one == other).all()) for one, other in zip(*found, strict=True))


def test_a_denoiser_loaded_anew_is_fitted_anew(workshop: Workshop) -> None:
    engine = workshop.fresh(extras=Extras(step_cache="deepcache:3"))
    before = arrays(engine.make(EIGHT[:2]))
    engine.close()
    assert same(arrays(engine.make(EIGHT[:2])), before)


def test_the_share_of_the_work_that_is_left() -> None:
    """SDXL at 1024 x 1024, counted on the real architecture: the figures of docs/local.md."""
    import diffusers
    import torch

    from tests.local.test_flops import UNET, counted, empty

    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**UNET)

    def work(net: Any) -> float:
        def call() -> object:
            added = {"text_embeds": empty(1, 1280), "time_ids": empty(1, 6)}
            return net(
                empty(1, 4, 128, 128), empty(), encoder_hidden_states=empty(1, 77, 2048), added_cond_kwargs=added
            )

        return counted(call) / 1e12

    shallow = Shallow(unet)
    whole = work(unet)
    assert work(shallow) / whole == pytest.approx(0.066, abs=5e-4)
    gates = Gates(unet)
    gates.set("keep")
    work(unet)
    gates.set("repeat")
    after = work(unet)
    assert after / whole == pytest.approx(0.918, abs=5e-4)
    # 25 steps: nine whole ones with deepcache:3; ten with guidance and fifteen without with tgate:10.
    assert pytest.approx(2.49, abs=5e-3) == 25 / (9 + 16 * 0.066)
    assert 50 * whole / (20 * whole + 15 * after) == pytest.approx(1.48, abs=5e-3)
