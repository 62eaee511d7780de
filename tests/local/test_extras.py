"""The opt-in adapters as values, and what their packages are asked for.

torchao and torch-tensorrt are not installed here and no GPU is: in their place stand small packages with the few names
that are called, so that what is chosen, said and passed on is tested. What the real ones then do is not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegen.domain.request import Request, canonical_json, key
from imagegen.errors import SettingsError
from imagegen.providers.local import compiling, quantize, tensorrt
from imagegen.providers.local.extras import PLAIN, Extras, extras_of, key_parts, marks, missing, refuses
from tests.local.engines import PIECE, THEIRS, arrays

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS

INT8, FP8, TRT = Extras(quantize="int8"), Extras(quantize="fp8"), Extras(accelerate="tensorrt")
DEEP = Extras(step_cache="deepcache:3")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, PLAIN),
        ({"quantize": None, "accelerate": False, "step_cache": False}, PLAIN),
        ({"quantize": " INT8 "}, INT8),
        ({"accelerate": "tensorrt", "quantize": "none"}, TRT),
        ({"step_cache": "DeepCache"}, DEEP),
    ],
)
def test_what_settings_say(said: dict[str, Any], found: Extras) -> None:
    assert extras_of(said) == found


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"quantise": "int8"},
            "quantise is unknown; did you mean quantize? there are quantize, accelerate, step_cache",
        ),
        ({"quantize": "int9"}, "quantize is 'int9'; did you mean int8? there are none, int8, fp8"),
        ({"quantize": 8}, "quantize is 8; there are none, int8, fp8"),
        ({"accelerate": "tensor-rt"}, "accelerate is 'tensor-rt'; did you mean tensorrt? there are none, tensorrt"),
        ({"step_cache": "deepcash"}, "did you mean deepcache:3?"),
        ({"step_cache": 3}, "step_cache '3' is unknown"),
    ],
)
def test_what_they_cannot_say(said: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        extras_of(said)
    assert message in str(raised.value)


A100, L4, T4 = (8, 0), (8, 9), (7, 5)


@pytest.mark.parametrize(
    ("extras", "options", "sentence"),
    [
        (PLAIN, {"device": "cpu"}, None),
        (INT8, {}, None),
        (INT8, {"device": "cuda", "capability": A100}, None),
        (
            INT8,
            {"device": "cuda:1", "capability": T4},
            "quantize: int8 needs compute capability 8.0 (A100, RTX 30 and newer), and this GPU has 7.5",
        ),
        (
            FP8,
            {"device": "cuda", "capability": A100},
            "quantize: fp8 needs compute capability 8.9 (L4, RTX 40, H100 and newer), and this GPU has 8.0",
        ),
        (FP8, {"device": "cuda", "capability": L4, "dtype": "bf16"}, None),
        (
            FP8,
            {"device": "cuda", "capability": L4, "dtype": "fp16"},
            "quantize: fp8 works on bf16 weights only, and dtype is fp16",
        ),
        (
            INT8,
            {"device": "cpu"},
            "quantize: int8 needs an NVIDIA GPU of compute capability 8.0 (A100, RTX 30 and newer), and this is cpu",
        ),
        (
            INT8,
            {"loras": [("a", 1.0)]},
            "quantize: int8 and LoRAs do not go together: LoRAs are added to weights that are not quantised",
        ),
        (TRT, {}, None),
        (TRT, {"device": "mps"}, "accelerate: tensorrt needs an NVIDIA GPU, and this is mps"),
        (
            TRT,
            {"loras": [("a", 1.0)]},
            "accelerate: tensorrt and LoRAs do not go together: an engine is built with its weights",
        ),
        (
            TRT,
            {"compile": "regional"},
            "accelerate: tensorrt builds the whole denoiser, and compile is regional: leave out one of them",
        ),
        (
            replace(TRT, quantize="int8"),
            {},
            "accelerate: tensorrt and quantize: int8 do not go together: leave out one of them",
        ),
        (
            replace(TRT, step_cache="tgate:10"),
            {},
            "accelerate: tensorrt and step_cache: tgate:10 do not go together: leave out one of them",
        ),
        (DEEP, {"loras": [("a", 1.0)], "device": "cpu", "steps": 25}, None),
        (
            DEEP,
            {"steps": 3},
            "step_cache deepcache:3 does not fit 3 steps: ask for more steps, or leave out step_cache",
        ),
        (replace(INT8, step_cache="deepcache:3"), {"device": "cuda", "capability": A100, "steps": 25}, None),
    ],
)
def test_what_a_planner_is_told(extras: Extras, options: dict[str, Any], sentence: str | None) -> None:
    given = {"capability": None, "device": "auto", "loras": (), **options}
    assert refuses(extras, "sdxl", **given) == sentence


def test_how_the_denoiser_is_then_compiled() -> None:
    assert PLAIN.compiled("auto", "inductor") == ("auto", "inductor")
    assert TRT.compiled("auto", "inductor") == ("full", "torch_tensorrt")
    assert INT8.compiled("auto", "inductor") == ("regional", "inductor")
    assert INT8.compiled("full", "inductor") == ("full", "inductor")


def test_what_changes_pictures_changes_their_keys() -> None:
    def keyed(extras: Extras) -> str:
        parts = key_parts(extras)
        options = canonical_json({"quantize": parts["quantize"]}) if "quantize" in parts else None
        made = Request(provider="local", model="sdxl", prompt="a mug", step_cache=parts.get("step_cache"))
        return key(replace(made, options=options))

    every = [PLAIN, INT8, FP8, DEEP, Extras(step_cache="deepcache:4"), replace(INT8, step_cache="deepcache:3")]
    assert len({keyed(extras) for extras in every}) == len(every)
    assert key_parts(TRT) == key_parts(PLAIN) == {}


def test_sidecars_name_what_was_used(workshop: Workshop) -> None:
    engine = workshop.fresh(extras=DEEP)
    made: Any = engine.make([replace(PIECE, steps=6)])[0]
    assert {name: made.facts[name] for name in ("quantize", "accelerate", "step_cache")} == marks(DEEP)
    assert marks(DEEP) == {"quantize": None, "accelerate": None, "step_cache": "deepcache:3"}
    assert marks(INT8)["adapters"] == {"torchao": "unknown"}


@pytest.mark.parametrize(
    ("name", "extras", "options", "message"),
    [
        ("flux", DEEP, {}, "DeepCache does not fit flux; there taylorseer does"),
        ("sdxl", INT8, {}, "quantize: int8 needs an NVIDIA GPU"),
        ("sdxl", TRT, {}, "accelerate: tensorrt needs an NVIDIA GPU, and this is cpu"),
    ],
)
def test_an_engine_refuses_before_it_loads(
    workshop: Workshop, name: str, extras: Extras, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        workshop.fresh(name, extras=extras, **options)


def test_an_engine_refuses_too_few_steps(workshop: Workshop) -> None:
    with pytest.raises(SettingsError, match="step_cache deepcache:3 does not fit 3 steps"):
        workshop.fresh(extras=DEEP).make([replace(PIECE, steps=3)])


def test_what_is_not_installed_is_said_with_the_command(workshop: Workshop) -> None:
    assert missing(PLAIN) is None
    assert missing(DEEP) is None
    ao = 'quantize needs the extra quantize: pip install "imagegen-batch[quantize]"'
    trt = 'accelerate: tensorrt needs the extra tensorrt: pip install "imagegen-batch[tensorrt]"'
    assert (missing(INT8), missing(TRT)) == (ao, trt)
    with pytest.raises(SettingsError) as raised:
        quantize.apply("int8", workshop.engine().parts.get("unet"))
    assert str(raised.value) == ao
    with pytest.raises(SettingsError) as raised:
        tensorrt.prepare(None)
    assert str(raised.value) == trt


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts packages in the place of those that are not installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, source: str) -> None:
        folder = tmp_path / name.replace(".", "/")
        folder.mkdir(parents=True)
        (tmp_path / name.split(".", maxsplit=1)[0] / "__init__.py").touch()
        (folder / "__init__.py").write_text(source)

    yield put
    for name in [name for name in sys.modules if name.split(".")[0] in ("torchao", "torch_tensorrt")]:
        del sys.modules[name]


TORCHAO = """
import torch

class PerRow: pass

class Int8DynamicActivationInt8WeightConfig:
    levels = 127

class Float8DynamicActivationFloat8WeightConfig:
    def __init__(self, granularity):
        assert isinstance(granularity, PerRow), "one scale for all rows"
        self.levels = 15

def quantize_(model, config, filter_fn=None):
    assert not torch.is_inference_mode_enabled()
    for name, module in model.named_modules():
        if filter_fn(module, name):
            scale = module.weight.abs().amax(1, keepdim=True) / config.levels
            rounded = (module.weight / scale).round() * scale
            module.weight = torch.nn.Parameter(rounded, requires_grad=False)
"""


@pytest.mark.parametrize("kind", ["int8", "fp8"])
def test_quantising_rounds_the_blocks_matrices_once(workshop: Workshop, shelf: Any, kind: str) -> None:
    import torch

    engine = workshop.fresh()
    before = arrays(engine.make([PIECE]))[0]
    shelf("torchao.quantization", TORCHAO)
    unet = engine.parts.get("unet")
    old = {name: weight.clone() for name, weight in unet.named_parameters()}
    with torch.inference_mode():
        count = quantize.apply(kind, unet)
        assert quantize.apply(kind, unet) == 0
    changed = {name for name, weight in unet.named_parameters() if not torch.equal(weight, old[name])}
    assert len(changed) == count > 20
    assert all("transformer_blocks" in name and name.endswith(".weight") and "norm" not in name for name in changed)
    assert (arrays(engine.make([PIECE]))[0] != before).any()


@pytest.mark.parametrize("name", ["sdxl", "sd3", "flux", "flux2"])
def test_what_is_quantised_of_each_family(workshop: Workshop, name: str) -> None:
    """No layer that sees one row per picture: the kernels want more than sixteen rows."""
    import torch

    engine = workshop.fresh(name)
    net = engine.parts.get(engine.weights.family.denoiser)
    rows: dict[str, int] = {}
    for path, module in net.named_modules():
        if isinstance(module, torch.nn.Linear) and quantize.takes(path, module.out_features, module.in_features):

            def count(layer: Any, args: Any, path: str = path) -> None:
                rows[path] = args[0].reshape(-1, args[0].shape[-1]).shape[0]

            module.register_forward_pre_hook(count)
    engine.make([replace(PIECE, steps=2, width=128, height=128)])
    assert len(rows) >= 8
    assert min(rows.values()) > 16


def test_what_torchao_cannot_do_is_one_sentence(workshop: Workshop, shelf: Any) -> None:
    unet = workshop.fresh().parts.get("unet")
    fails = "def quantize_(*_, **__): raise NotImplementedError('no\\n kernel')\n"
    shelf("torchao.quantization", "Int8DynamicActivationInt8WeightConfig = dict\n" + fails)
    with pytest.raises(SettingsError) as raised:
        quantize.apply("int8", unet)
    said = 'torchao cannot quantise to int8 here: no kernel; pip install "imagegen-batch[quantize]"'
    assert str(raised.value) == said


TENSORRT = """
import torch

told = []

@torch._dynamo.register_backend(name="torch_tensorrt")
def backend(graph, inputs, **given):
    told.append(given)
    return graph.forward
"""


def test_tensorrt_is_a_backend_with_static_shapes_and_a_folder_of_ours(
    shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    shelf("torch_tensorrt", TENSORRT)
    monkeypatch.setattr(compiling, "OPTIONS", {})
    tensorrt.prepare(tmp_path / "engines")
    import torch_tensorrt  # type: ignore[import-not-found]

    class Net(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    torch._dynamo.reset()
    try:
        net = Net()
        compiling.apply("full", "sdxl", net, None, backend=tensorrt.BACKEND)
        with torch.no_grad():
            net(torch.ones(2, 4))
            net(torch.ones(3, 4))
    finally:
        torch._dynamo.reset()
        torch._dynamo.backends.registry._BACKENDS.pop("torch_tensorrt", None)
        torch._dynamo.backends.registry._COMPILER_FNS.pop("torch_tensorrt", None)
    # An engine for each shape, weights put in anew from the model that runs.
    assert len(torch_tensorrt.told) == 2
    options = torch_tensorrt.told[0]["options"]
    assert options["engine_cache_dir"] == str(tmp_path / "engines")
    assert Path(options["timing_cache_path"]).parent == tmp_path / "engines"
    assert (options["cache_built_engines"], options["reuse_cached_engines"]) == (True, True)
    assert options["immutable_weights"] is False
    assert (tmp_path / "engines").is_dir()


def test_a_tensorrt_that_does_not_load_is_one_sentence(shelf: Any) -> None:
    shelf("torch_tensorrt", "raise OSError('libnvinfer.so:\\n cannot open')\n")
    with pytest.raises(SettingsError, match=r"torch-tensorrt does not load: libnvinfer\.so: cannot open; pip install"):
        tensorrt.prepare(None)


def test_without_a_home_nothing_is_kept() -> None:
    assert tensorrt.options(None) == {"use_explicit_typing": True}


def test_the_values_need_no_torch() -> None:
    import subprocess

    source = "import sys, imagegen.providers.local.extras; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
