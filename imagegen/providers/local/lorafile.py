"""LoRA files: what one is, from its header alone, and whether it fits given weights. Pure but for reading.

Read are diffusers' own form (`lora.down`/`lora.up`), peft's (`lora_A`/`lora_B`) and kohya's (`lora_down`/`lora_up`
under names with underscores). A LoRA may change the denoiser only: what text encoders say is kept between batches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagegen.errors import SettingsError
from imagegen.providers.local import header
from imagegen.providers.local.digests import Digests
from imagegen.providers.local.families import FAMILIES
from imagegen.providers.local.loranames import kohya
from imagegen.providers.local.recipes import Recipe, named
from imagegen.providers.local.weights import Weights, known_as

#: The largest rank that is taken unless the settings say more: each rank costs time on every step.
MOST_RANK = 128

_PICKLES = frozenset({".bin", ".ckpt", ".pt", ".pth"})
#: Endings of tensors -> the format, and whether it is the way down to the rank (A), up again (B) or a number.
_ENDINGS = (
    (re.compile(r"[._]lora_A(\.[^.]+)?\.weight$"), "peft", "A"),
    (re.compile(r"[._]lora_B(\.[^.]+)?\.weight$"), "peft", "B"),
    (re.compile(r"\.lora_down\.weight$"), "kohya", "A"),
    (re.compile(r"\.lora_up\.weight$"), "kohya", "B"),
    (re.compile(r"[._]lora\.down\.weight$"), "diffusers", "A"),
    (re.compile(r"[._]lora\.up\.weight$"), "diffusers", "B"),
    (re.compile(r"\.lora_linear_layer\.down\.weight$"), "diffusers", "A"),
    (re.compile(r"\.lora_linear_layer\.up\.weight$"), "diffusers", "B"),
    (re.compile(r"\.alpha$"), "", "number"),
)
#: Tensors of methods that are no plain LoRA.
_OTHERS = (
    ("dora_scale", "a DoRA"),
    ("lora_magnitude_vector", "a DoRA"),
    ("hada_", "a LoHa"),
    ("lokr_", "a LoKr"),
    ("oft_", "an OFT"),
    ("lora_mid", "a LoCon with a middle layer"),
)
#: What training scripts call every LoRA that they write.
_USUAL_NAMES = frozenset({"pytorch_lora_weights", "adapter_model", "lora"})
_ENCODERS = ("lora_te", "text_encoder", "te1_", "te2_", "te3_", "text_model", "conditioner")
_BEGINNINGS = ("lora_unet_", "base_model.model.", "unet.", "transformer.", "diffusion_model.")


@dataclass(frozen=True, slots=True)
class Target:
    """One change: of the module `name` (as the file has it), from `inputs` down to `rank` and up to `outputs`."""

    name: str
    rank: int
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Lora:
    """What a LoRA file is. `families`: those whose modules it names, by name alone. `recipe`: of a few-step LoRA."""

    path: Path
    format: str
    targets: tuple[Target, ...]
    encoders: bool
    families: tuple[str, ...]
    recipe: Recipe | None
    size: int

    @property
    def rank(self) -> int:
        """The largest rank of its changes."""
        return max(target.rank for target in self.targets)

    def digest(self, digests: Path | None = None) -> str:
        """SHA-256 of the file, its name in Keys. `digests`: the JSON file that remembers those of large files."""
        memory = Digests(digests)
        found = memory.of(self.path, str(self.path))
        memory.keep()
        return found


def read(path: Path) -> Lora:
    """The LoRA in `path`. Raises SettingsError: no safetensors, damaged, or no LoRA that is read here."""
    path = path.expanduser().absolute()
    if path.suffix.lower() in _PICKLES:
        what = f"{path} is a pickle, which can run any program when it is loaded"
        raise SettingsError(what, "take the LoRA's safetensors file")
    if not path.is_file():
        raise SettingsError(f"{path} is not there" if not path.exists() else f"{path} is no file")
    found = header.read(path)
    for part, what in _OTHERS:
        if any(part in name for name in found.tensors):
            raise SettingsError(f"{path} is {what}; plain LoRAs are read", "convert it to a LoRA")
    halves, kind = _halves(path, found.tensors)
    encoders = any(map(_of_encoder, halves))
    targets = tuple(_targets(path, {name: pair for name, pair in halves.items() if not _of_encoder(name)}))
    if not targets:
        only = "changes only text encoders" if encoders else "holds no LoRA"
        raise SettingsError(f"{path} {only}", "name a LoRA of the denoiser")
    return Lora(path, kind, targets, encoders, _families(targets), named(_called(path)), found.size)


def refuses(lora: Lora | Path, weights: Weights, most_rank: int = MOST_RANK) -> str | None:
    """A sentence when `lora` cannot be used with `weights`; None when it can."""
    if isinstance(lora, Path):
        try:
            lora = read(lora)
        except SettingsError as problem:
            return str(problem)
    if lora.encoders:
        return f"{lora.path} also changes text encoders, which LoRAs here may not; train or export it without them"
    if lora.rank > most_rank:
        return f"{lora.path} has rank {lora.rank}; at most {most_rank} is taken"
    title = weights.family.title
    if lora.format == "kohya" and weights.family.name == "sd3" and "sd3" in lora.families:
        return f"{lora.path} is in kohya's format, which is not read for {title}; convert it to diffusers' format"
    modules = shapes(weights)
    names = table(lora, weights, modules)
    for target in lora.targets:
        parts = names.get(target.name)
        if parts is None:
            return _not_there(lora, weights, target)
        inputs, outputs = modules[parts[0]][0], sum(modules[part][1] for part in parts)
        if (target.inputs, target.outputs) != (inputs, outputs):
            sizes = f"takes {target.inputs} numbers and gives {target.outputs}, and there {inputs} and {outputs}"
            return f"{lora.path} is for another model than {weights.folder.name}: its {target.name} {sizes}"
    return None


def shapes(weights: Weights) -> dict[str, tuple[int, int]]:
    """Module -> (inputs, outputs), of the denoiser's matrices and convolutions."""
    return {
        name.removesuffix(".weight"): (tensor.shape[1], tensor.shape[0])
        for name, tensor in weights.parts[weights.family.denoiser].tensors.items()
        if name.endswith(".weight") and len(tensor.shape) in (2, 4)
    }


def table(lora: Lora, weights: Weights, modules: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    """A module's bare name in the file of `lora` -> the modules of `weights` that it stands for."""
    if lora.format != "kohya":
        return {name: (name,) for name in modules}
    layers = weights.configs[weights.family.denoiser].get("layers_per_block", 2)
    return kohya(weights.family.name, modules, layers if isinstance(layers, int) else 2)


def _not_there(lora: Lora, weights: Weights, target: Target) -> str:
    what, title = f"it changes {target.name}, which {weights.folder.name} does not have", weights.family.title
    if weights.family.name in lora.families:
        return f"{lora.path} is for another {title}, or names its modules in a way that is not read: {what}"
    titles = " or ".join(FAMILIES[name].title for name in lora.families) or "another model"
    return f"{lora.path} is for {titles}, not for {title}: {what}"


def _called(path: Path) -> str:
    """The name that tells what a LoRA is: of the file, or of its hub or folder where every LoRA has the same."""
    return known_as(path.parent) if path.stem.lower() in _USUAL_NAMES else path.name


def _halves(path: Path, tensors: Mapping[str, header.Tensor]) -> tuple[dict[str, dict[str, header.Tensor]], str]:
    """Module (with its beginning) -> its A and B, and the format of the file."""
    halves: dict[str, dict[str, header.Tensor]] = {}
    kinds = set()
    for name, tensor in tensors.items():
        found = ending(name)
        if found is None:
            raise SettingsError(f"{path} is no LoRA that is read here: it holds {name[:80]!r}", "name a LoRA file")
        module, kind, half = found
        if half != "number":
            kinds.add(kind)
            halves.setdefault(module, {})[half] = tensor
    if len(kinds) != 1:
        raise SettingsError(
            f"{path} holds no LoRA" if not kinds else f"{path} mixes formats: {', '.join(sorted(kinds))}"
        )
    return halves, kinds.pop()


def ending(name: str) -> tuple[str, str, str] | None:
    """Module, format and half of the tensor called `name`."""
    for pattern, kind, half in _ENDINGS:
        found = pattern.search(name)
        if found:
            return name[: found.start()], kind, half
    return None


def _of_encoder(name: str) -> bool:
    return name.startswith(_ENCODERS) or bare(name).startswith(_ENCODERS)


def _targets(path: Path, halves: Mapping[str, Mapping[str, header.Tensor]]) -> Iterator[Target]:
    for name, pair in halves.items():
        down, up = pair.get("A"), pair.get("B")
        if down is None or up is None:
            raise SettingsError(f"{path} is damaged: half of {name} is missing", "download it again")
        flat = math.prod(up.shape[2:]) == 1
        if len(down.shape) not in (2, 4) or len(up.shape) not in (2, 4) or not flat or down.shape[0] != up.shape[1]:
            raise SettingsError(f"{path} is damaged: the halves of {name} do not fit each other", "download it again")
        yield Target(bare(name), down.shape[0], down.shape[1], up.shape[0])


def bare(name: str) -> str:
    """The module's name without what tools put before and into it."""
    for beginning in _BEGINNINGS:
        name = name.removeprefix(beginning)
    name = re.sub(r"\.processor\.to_(q|k|v|out)$", r".to_\1", name)
    return re.sub(r"\.to_out$", ".to_out.0", name) if re.search(r"\.attn\d\.to_out$", name) else name


def _families(targets: tuple[Target, ...]) -> tuple[str, ...]:
    names = " ".join(target.name for target in targets)
    if re.search(r"(down|up)_blocks|mid_block|(input|output)_blocks|middle_block", names):
        return _unets(targets)
    if "joint_blocks" in names:
        return ("sd3",)
    if re.search(r"to_qkv_mlp_proj|linear_in\b|linear_out\b", names):
        return ("flux2",)
    if re.search(r"single_(transformer_)?blocks|double_blocks", names):
        return ("flux",) if re.search(r"proj_mlp|norm\.linear|mod_lin|modulation_lin", names) else ("flux", "flux2")
    return ("sd3", "flux", "flux2") if "transformer_blocks" in names else ()


def _unets(targets: tuple[Target, ...]) -> tuple[str, ...]:
    """By the width of the text that its cross-attention reads: 2048 is SDXL's, 1280 the refiner's."""
    widths = {target.inputs for target in targets if re.search(r"attn2[._]to_[kv]$", target.name)}
    if widths & {768, 1024}:
        return ()
    return ("sdxl-refiner",) if widths == {1280} else ("sdxl",)
