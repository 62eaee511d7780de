"""Models and LoRAs on disk, written by hand in milliseconds: real layouts, real headers, no torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen.providers.local.families import FAMILIES

BITS = {"F32": 32, "F16": 16, "BF16": 16, "I64": 64, "F8_E4M3": 8}

_BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
_TWO = "transformer_blocks.0"
#: Family -> its denoiser's matrices, module -> (inputs, outputs): enough of them for LoRAs to aim at.
MODULES: dict[str, dict[str, tuple[int, int]]] = {
    "sdxl": {
        **{f"{_BLOCK}.attn1.to_{part}": (8, 8) for part in ("q", "k", "v", "out.0")},
        **{f"{_BLOCK}.attn2.to_{part}": (16, 8) for part in "kv"},
        "mid_block.resnets.1.conv1": (8, 8),
        "up_blocks.0.upsamplers.0.conv": (8, 8),
        "up_blocks.0.attentions.0.proj_in": (8, 8),
        "down_blocks.0.downsamplers.0.conv": (8, 8),
        "time_embedding.linear_1": (4, 8),
    },
    "sd3": {f"{_TWO}.attn.{part}": (12, 12) for part in ("to_q", "to_k", "to_v", "add_q_proj")},
    "flux": {
        **{f"{_TWO}.attn.to_{part}": (6, 6) for part in ("q", "k", "v", "out.0")},
        **{f"single_transformer_blocks.0.attn.to_{part}": (6, 6) for part in "qkv"},
        "single_transformer_blocks.0.proj_mlp": (6, 24),
    },
    "flux2": {
        **{f"{_TWO}.attn.to_{part}": (10, 10) for part in ("q", "k", "v", "out.0")},
        "single_transformer_blocks.0.attn.to_qkv_mlp_proj": (10, 60),
    },
}
MODULES["sdxl-refiner"] = MODULES["sdxl"]


def safetensors(tensors: Mapping[str, tuple[int, ...]], dtype: str = "F32", **metadata: str) -> bytes:
    """A file with `tensors` (name -> shape), all zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    place = 0
    for name, shape in tensors.items():
        size = BITS[dtype] // 8
        for edge in shape:
            size *= edge
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    return framed(json.dumps(header).encode(), bytes(place))


def framed(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of this header and these bytes; `length`: what it says of the header's length."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def model(folder: Path, family: str = "sdxl", dtype: str = "F32", variant: str | None = None) -> Path:
    """A model in diffusers' layout that passes every check; `folder`. Its tensors are zeros."""
    known = FAMILIES[family]
    index: dict[str, Any] = {"_class_name": known.pipeline, "_diffusers_version": "0.42.1"}
    for name, kinds in known.classes.items():
        if not kinds or (name in known.optional and family == "sdxl-refiner"):
            index[name] = [None, None]
            continue
        of_transformers = name.startswith(("text_encoder", "tokenizer"))
        index[name] = ["transformers" if of_transformers else "diffusers", kinds[0]]
        if name.startswith("tokenizer"):
            write(folder / name / "tokenizer.json", {"model": "tiny"})
            write(folder / name / "tokenizer_config.json", {"model_max_length": 77})
            continue
        write(folder / name / "config.json", {"architectures": [kinds[0]]} if of_transformers else _config(kinds[0]))
        shapes = {"weight": (4, 4)}
        if name == known.denoiser:
            shapes = {f"{module}.weight": (outputs, inputs) for module, (inputs, outputs) in MODULES[family].items()}
        stem = "model" if of_transformers else "diffusion_pytorch_model"
        dot = f".{variant}" if variant else ""
        (folder / name / f"{stem}{dot}.safetensors").write_bytes(safetensors(shapes, dtype))
    scheduler = "EulerDiscreteScheduler" if known.denoiser == "unet" else "FlowMatchEulerDiscreteScheduler"
    index["scheduler"] = ["diffusers", scheduler]
    write(folder / "scheduler" / "scheduler_config.json", {"_class_name": scheduler})
    write(folder / "model_index.json", index)
    return folder


#: What SDXL's UNet and its ControlNets have in common.
SDXL_NET: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "block_out_channels": [320, 640, 8],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2, 10],
    "addition_embed_type": "text_time",
    "projection_class_embeddings_input_dim": 2816,
}


def net(folder: Path, variant: str | None = None) -> Path:
    """A ControlNet for SDXL that passes every check; `folder`. Its tensors are zeros, and few."""
    write(folder / "config.json", {"_class_name": "ControlNetModel", **SDXL_NET})
    data = safetensors({"controlnet_mid_block.weight": (8, 8, 1, 1)}, "F16" if variant else "F32")
    (folder / f"diffusion_pytorch_model{f'.{variant}' if variant else ''}.safetensors").write_bytes(data)
    return folder


def depth_model(folder: Path) -> Path:
    """A depth model of DPT's kind that passes every check; `folder`."""
    write(folder / "config.json", {"architectures": ["DPTForDepthEstimation"], "model_type": "dpt"})
    write(folder / "preprocessor_config.json", {"image_processor_type": "DPTImageProcessor"})
    (folder / "model.safetensors").write_bytes(safetensors({"weight": (4, 4)}))
    return folder


def _config(kind: str) -> dict[str, Any]:
    return {"_class_name": kind, "in_channels": 4, "layers_per_block": 2, "sample_size": 128}


def write(path: Path, values: Mapping[str, Any]) -> Path:
    """`values` as JSON at `path`, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def change(path: Path, **values: Any) -> None:
    """Set keys of the JSON file at `path`."""
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), encoding="utf-8")


def lora(path: Path, modules: Mapping[str, tuple[int, int]], rank: int = 4, form: str = "peft") -> Path:
    """A LoRA of zeros for `modules` (name as in the file -> inputs and outputs). `form`: "peft", "kohya", "diffusers"
    or "processor" (diffusers' oldest)."""
    down, up = {
        "peft": (".lora_A.weight", ".lora_B.weight"),
        "kohya": (".lora_down.weight", ".lora_up.weight"),
        "diffusers": (".lora.down.weight", ".lora.up.weight"),
        "processor": ("_lora.down.weight", "_lora.up.weight"),
    }[form]
    tensors: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs) in modules.items():
        tensors |= {f"{name}{down}": (rank, inputs), f"{name}{up}": (outputs, rank)}
        if form == "kohya":
            tensors[f"{name}.alpha"] = ()
    path.write_bytes(safetensors(tensors))
    return path
