"""The names that tools give to the modules a LoRA changes -> the names of diffusers' modules. Pure.

Diffusers and peft write the module's own name. Kohya's scripts write the names of the makers' own code with
underscores for dots: `input_blocks_4_1` of SDXL's UNet, `double_blocks_0_img_attn_qkv` of FLUX, where one matrix is
three of diffusers'. The tables are built from the modules that the weights have, so what is not in them fits not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RESNET = {
    "conv1": "in_layers.2",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
}
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")

_STREAMS = (("img", "attn.to_{}", "attn.to_out.0", "ff"), ("txt", "attn.add_{}_proj", "attn.to_add_out", "ff_context"))
_FLUX: dict[str, tuple[str, ...]] = {
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "time_in_in_layer": ("time_text_embed.timestep_embedder.linear_1",),
    "time_in_out_layer": ("time_text_embed.timestep_embedder.linear_2",),
    "guidance_in_in_layer": ("time_text_embed.guidance_embedder.linear_1",),
    "guidance_in_out_layer": ("time_text_embed.guidance_embedder.linear_2",),
    "vector_in_in_layer": ("time_text_embed.text_embedder.linear_1",),
    "vector_in_out_layer": ("time_text_embed.text_embedder.linear_2",),
    "final_layer_linear": ("proj_out",),
    "final_layer_adaLN_modulation_1": ("norm_out.linear",),
}
_FLUX2: dict[str, tuple[str, ...]] = {
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "time_in_in_layer": ("time_guidance_embed.timestep_embedder.linear_1",),
    "time_in_out_layer": ("time_guidance_embed.timestep_embedder.linear_2",),
    "final_layer_linear": ("proj_out",),
}


def kohya(family: str, modules: Iterable[str], layers: int = 2) -> dict[str, tuple[str, ...]]:
    """Kohya's name, without its beginning `lora_unet_` -> the modules it stands for, of a denoiser that has `modules`.
    `layers`: of each block of a UNet. SD 3.5 has none that diffusers reads."""
    known = set(modules)
    if family in ("flux", "flux2"):
        flux = _flux(known) if family == "flux" else _flux2(known)
        return {name: parts for name, parts in flux.items() if known.issuperset(parts)}
    if family not in ("sdxl", "sdxl-refiner"):
        return {}
    attending = {".".join(name.split(".")[:2]) for name in known if ".attentions." in name}
    table: dict[str, tuple[str, ...]] = {}
    for name in known:
        table[name.replace(".", "_")] = table[_maker(name, layers, attending).replace(".", "_")] = (name,)
    return table


def _maker(name: str, layers: int, attending: set[str]) -> str:
    """The name of a UNet's module in the makers' own code."""
    if name in _UNET:
        return _UNET[name]
    middle = _MIDDLE.fullmatch(name)
    if middle:
        kind, place, rest = middle[1], int(middle[2]), middle[3]
        return f"middle_block.{1 if kind == 'attentions' else 2 * place}.{_inner(kind, rest)}"
    found = _BLOCK.fullmatch(name)
    if not found:
        return name
    way, block, kind, place, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    first = block * (layers + 1) + (way == "down")
    if kind == "downsamplers":
        return f"input_blocks.{first + layers}.0.op"
    if kind == "upsamplers":
        behind = 2 if f"up_blocks.{block}" in attending else 1
        return f"output_blocks.{first + layers}.{behind}.{rest}"
    where = "input_blocks" if way == "down" else "output_blocks"
    return f"{where}.{first + place}.{int(kind == 'attentions')}.{_inner(kind, rest)}"


def _inner(kind: str, rest: str) -> str:
    return _RESNET.get(rest, rest) if kind == "resnets" else rest


def _flux(modules: set[str]) -> dict[str, tuple[str, ...]]:
    table = dict(_FLUX)
    for n in _numbers(modules, "transformer_blocks"):
        head, its = f"double_blocks_{n}", f"transformer_blocks.{n}"
        for stream, three, out, forward in _STREAMS:
            norm = "norm1" if stream == "img" else "norm1_context"
            table[f"{head}_{stream}_attn_qkv"] = tuple(f"{its}.{three.format(part)}" for part in "qkv")
            table[f"{head}_{stream}_attn_proj"] = (f"{its}.{out}",)
            table[f"{head}_{stream}_mlp_0"] = (f"{its}.{forward}.net.0.proj",)
            table[f"{head}_{stream}_mlp_2"] = (f"{its}.{forward}.net.2",)
            table[f"{head}_{stream}_mod_lin"] = (f"{its}.{norm}.linear",)
    for n in _numbers(modules, "single_transformer_blocks"):
        head, its = f"single_blocks_{n}", f"single_transformer_blocks.{n}"
        table[f"{head}_linear1"] = (*(f"{its}.attn.to_{part}" for part in "qkv"), f"{its}.proj_mlp")
        table[f"{head}_linear2"] = (f"{its}.proj_out",)
        table[f"{head}_modulation_lin"] = (f"{its}.norm.linear",)
    return table


def _flux2(modules: set[str]) -> dict[str, tuple[str, ...]]:
    table = dict(_FLUX2)
    for n in _numbers(modules, "transformer_blocks"):
        head, its = f"double_blocks_{n}", f"transformer_blocks.{n}"
        for stream, three, out, forward in _STREAMS:
            table[f"{head}_{stream}_attn_qkv"] = tuple(f"{its}.{three.format(part)}" for part in "qkv")
            table[f"{head}_{stream}_attn_proj"] = (f"{its}.{out}",)
            table[f"{head}_{stream}_mlp_0"] = (f"{its}.{forward}.linear_in",)
            table[f"{head}_{stream}_mlp_2"] = (f"{its}.{forward}.linear_out",)
    for n in _numbers(modules, "single_transformer_blocks"):
        head, its = f"single_blocks_{n}", f"single_transformer_blocks.{n}"
        table[f"{head}_linear1"] = (f"{its}.attn.to_qkv_mlp_proj",)
        table[f"{head}_linear2"] = (f"{its}.attn.to_out",)
    return table


def _numbers(modules: set[str], blocks: str) -> list[int]:
    found = (re.match(rf"{blocks}\.(\d+)\.", name) for name in modules)
    return sorted({int(match[1]) for match in found if match})
