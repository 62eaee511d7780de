"""What a LoRA file is, from its header alone; and a sentence where it does not fit the weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen.errors import SettingsError
from imagegen.providers.local import lorafile
from imagegen.providers.local.weights import Weights, glance
from tests.local.folders import MODULES, lora, model, safetensors

BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
QUERY = {f"unet.{BLOCK}.attn1.to_q": (8, 8)}


@pytest.fixture
def sdxl(tmp_path: Path) -> Weights:
    return glance(model(tmp_path / "sdxl"))


#: What a file calls modules that the tiny SDXL has, in each form.
FORMS = {
    "peft": ({f"unet.{BLOCK}.attn1.to_q": (8, 8), f"unet.{BLOCK}.attn2.to_k": (16, 8)}, "peft"),
    "peft itself": ({f"base_model.model.{BLOCK}.attn1.to_q": (8, 8)}, "peft"),
    "diffusers": ({f"unet.{BLOCK}.attn1.to_q": (8, 8), f"unet.{BLOCK}.attn1.to_out.0": (8, 8)}, "diffusers"),
    "processor": ({f"unet.{BLOCK}.attn1.processor.to_q": (8, 8), f"unet.{BLOCK}.attn1.processor.to_out": (8, 8)},
                  "diffusers"),
    "kohya": (
        {
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": (8, 8),
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v": (16, 8),
            "lora_unet_middle_block_2_in_layers_2": (8, 8),
            "lora_unet_output_blocks_0_1_proj_in": (8, 8),
            "lora_unet_output_blocks_2_2_conv": (8, 8),
            "lora_unet_input_blocks_3_0_op": (8, 8),
            "lora_unet_time_embed_0": (4, 8),
        },
        "kohya",
    ),
    "kohya, diffusers' names": ({f"lora_unet_{BLOCK.replace('.', '_')}_attn1_to_q": (8, 8)}, "kohya"),
}  # fmt: skip


@pytest.mark.parametrize(("modules", "form"), FORMS.values(), ids=FORMS)
def test_reads_each_form(
    tmp_path: Path, sdxl: Weights, modules: dict[str, tuple[int, int]], form: str, request: pytest.FixtureRequest
) -> None:
    """And every one of these fits: `refuses` finds each module in the weights, whatever it is called."""
    written = "processor" if request.node.callspec.id == "processor" else form
    path = lora(tmp_path / "style.safetensors", modules, rank=6, form=written)
    found = lorafile.read(path)
    assert (found.format, found.rank, len(found.targets)) == (form, 6, len(modules))
    assert found.families == ("sdxl",)
    assert not found.encoders
    assert lorafile.refuses(found, sdxl) is None


@pytest.mark.parametrize(
    ("family", "modules", "form"),
    [
        ("flux", {"transformer.transformer_blocks.0.attn.to_q": (6, 6)}, "peft"),
        ("flux", {"lora_unet_double_blocks_0_img_attn_qkv": (6, 18)}, "kohya"),
        ("flux", {"lora_unet_single_blocks_0_linear1": (6, 42)}, "kohya"),
        ("flux2", {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj": (10, 60)}, "peft"),
        ("flux2", {"lora_unet_single_blocks_0_linear1": (10, 60)}, "kohya"),
        ("sd3", {"transformer.transformer_blocks.0.attn.add_q_proj": (12, 12)}, "peft"),
    ],
)
def test_fits_its_own_family_and_no_other(
    tmp_path: Path, family: str, modules: dict[str, tuple[int, int]], form: str
) -> None:
    """Kohya's one matrix is three or four of diffusers', and their outputs together."""
    path = lora(tmp_path / "style.safetensors", modules, form=form)
    for other in MODULES:
        said = lorafile.refuses(path, glance(model(tmp_path / other, other)))
        assert (said is None) == (other == family), (other, said)


def test_says_for_which_model_it_is(tmp_path: Path, sdxl: Weights) -> None:
    path = lora(tmp_path / "flux.safetensors", {"transformer.single_transformer_blocks.0.proj_mlp": (6, 24)})
    said = lorafile.refuses(path, sdxl)
    assert said == (
        f"{path} is for FLUX.1, not for SDXL: it changes single_transformer_blocks.0.proj_mlp, which sdxl does not have"
    )
    path = lora(tmp_path / "sd15.safetensors", {f"unet.{BLOCK}.attn2.to_k": (768, 320)})
    assert lorafile.read(path).families == ()
    assert "takes 768 numbers and gives 320, and there 16 and 8" in (lorafile.refuses(path, sdxl) or "")


REFUSED = {
    "a text encoder's part": (
        {**QUERY, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj": (4, 4)},
        "peft",
        4,
        "also changes text encoders, which LoRAs here may not",
    ),
    "kohya's text encoder": (
        {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": (8, 8), "lora_te2_text_model_x": (4, 4)},
        "kohya",
        4,
        "also changes text encoders",
    ),
    "a rank too high": (QUERY, "peft", 200, "has rank 200; at most 128 is taken"),
    "another width": ({f"unet.{BLOCK}.attn1.to_q": (320, 320)}, "peft", 4, "is for another model than sdxl: its"),
    "another width behind": ({f"unet.{BLOCK}.attn2.to_k": (16, 12)}, "peft", 4, "takes 16 numbers and gives 12, and"),
    "a module that is not there": (
        {"unet.down_blocks.7.attentions.0.proj_in": (8, 8)},
        "peft",
        4,
        "is for another SDXL, or names its modules in a way that is not read: it changes down_blocks.7",
    ),
}


@pytest.mark.parametrize(("modules", "form", "rank", "message"), REFUSED.values(), ids=REFUSED)
def test_one_sentence_for_what_does_not_fit(
    tmp_path: Path, sdxl: Weights, modules: dict[str, tuple[int, int]], form: str, rank: int, message: str
) -> None:
    path = lora(tmp_path / "style.safetensors", modules, rank, form)
    said = lorafile.refuses(path, sdxl) or ""
    assert message in said
    assert str(path) in said
    assert "\n" not in said


def test_the_limit_of_ranks_can_be_another(tmp_path: Path, sdxl: Weights) -> None:
    path = lora(tmp_path / "style.safetensors", QUERY, rank=200)
    assert lorafile.refuses(path, sdxl, most_rank=200) is None


def test_kohyas_form_is_not_read_for_sd3(tmp_path: Path) -> None:
    path = lora(tmp_path / "x.safetensors", {"lora_unet_joint_blocks_0_x_block_attn_qkv": (12, 36)}, form="kohya")
    said = lorafile.refuses(path, glance(model(tmp_path / "sd3", "sd3")))
    assert said == f"{path} is in kohya's format, which is not read for SD 3.5; convert it to diffusers' format"


def _file(tensors: dict[str, tuple[int, ...]]) -> bytes:
    return safetensors(tensors)


NO_LORA = {
    "a pickle": ("style.pt", b"x", "is a pickle, which can run any program when it is loaded"),
    "no safetensors": ("style.safetensors", b"x" * 50, "is no safetensors file"),
    "weights": ("style.safetensors", _file({"unet.conv_in.weight": (4, 4)}), "is no LoRA that is read here"),
    "only numbers": ("style.safetensors", _file({"lora_unet_a.alpha": ()}), "holds no LoRA"),
    "half": ("style.safetensors", _file({"unet.a.lora_A.weight": (4, 8)}), "half of unet.a is missing"),
    "halves that do not fit": (
        "style.safetensors",
        _file({"unet.a.lora_A.weight": (4, 8), "unet.a.lora_B.weight": (8, 5)}),
        "the halves of unet.a do not fit each other",
    ),
    "two forms": (
        "style.safetensors",
        _file({"unet.a.lora_A.weight": (4, 8), "unet.a.lora_B.weight": (8, 4), "lora_unet_b.lora_down.weight": (4, 8)}),
        "mixes formats: kohya, peft",
    ),
    "a DoRA": ("style.safetensors", _file({"lora_unet_a.dora_scale": (8,)}), "is a DoRA; plain LoRAs are read"),
    "a LoHa": ("style.safetensors", _file({"lora_unet_a.hada_w1_a": (8, 8)}), "is a LoHa"),
    "a LoKr": ("style.safetensors", _file({"lora_unet_a.lokr_w1": (8, 8)}), "is a LoKr"),
    "text encoders alone": (
        "style.safetensors",
        _file({"lora_te1_a.lora_down.weight": (4, 8), "lora_te1_a.lora_up.weight": (8, 4)}),
        "changes only text encoders",
    ),
}


@pytest.mark.parametrize(("name", "data", "message"), NO_LORA.values(), ids=NO_LORA)
def test_what_is_no_lora(tmp_path: Path, sdxl: Weights, name: str, data: bytes, message: str) -> None:
    """`read` raises the sentence, `refuses` says it."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        lorafile.read(path)
    assert message in str(caught.value)
    assert lorafile.refuses(path, sdxl) == str(caught.value)


def test_a_lora_that_is_not_there(tmp_path: Path, sdxl: Weights) -> None:
    assert lorafile.refuses(tmp_path / "no.safetensors", sdxl) == f"{tmp_path / 'no.safetensors'} is not there"


def test_the_digest_is_of_its_bytes(tmp_path: Path) -> None:
    first, second = (lora(tmp_path / name, QUERY) for name in ("a.safetensors", "b.safetensors"))
    assert lorafile.read(first).digest() == lorafile.read(second).digest()
    lora(second, QUERY, rank=8)
    assert lorafile.read(first).digest() != lorafile.read(second).digest()


def test_few_step_loras_are_told_by_name(tmp_path: Path) -> None:
    """By the file's own; by its folder's or its hub's where every training script writes the same."""
    found = lorafile.read(lora(tmp_path / "sdxl_lightning_4step_lora.safetensors", QUERY)).recipe
    assert (found and found.name) == "lightning"
    folder = tmp_path / "models--latent-consistency--lcm-lora-sdxl" / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    found = lorafile.read(lora(folder / "pytorch_lora_weights.safetensors", QUERY)).recipe
    assert (found and found.name) == "lcm"
    (tmp_path / "lightning").mkdir()
    assert lorafile.read(lora(tmp_path / "lightning" / "anime.safetensors", QUERY)).recipe is None
