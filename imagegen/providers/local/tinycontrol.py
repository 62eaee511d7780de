"""Tiny ControlNets and a tiny depth model, with random weights. Imported late: it needs the extra local."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

#: As `imagegen models pull` calls them -> what makes each net differ from the other.
NETS = {"sdxl-canny": 1, "sdxl-depth": 2}
NAMES = (*NETS, "depth-estimator")

#: What a net has from the UNet that it helps.
_FROM_UNET = (
    "block_out_channels",
    "layers_per_block",
    "down_block_types",
    "transformer_layers_per_block",
    "attention_head_dim",
    "cross_attention_dim",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    "use_linear_projection",
)


def net(name: str, unet: Mapping[str, Any]) -> Any:
    """The ControlNet `name` for the UNet of the configuration `unet`. A fresh one would change nothing, for its last
    layers are zero; these are not."""
    torch: Any = import_module("torch")
    torch.manual_seed(NETS[name])
    made = import_module("diffusers").ControlNetModel(
        **{key: unet[key] for key in _FROM_UNET if key in unet}, conditioning_embedding_out_channels=(8, 8, 16, 16)
    )
    seen = made.controlnet_cond_embedding
    eyes, last = [seen.conv_in, *seen.blocks, seen.conv_out], [*made.controlnet_down_blocks, made.controlnet_mid_block]
    with torch.no_grad():
        for layer in (*eyes, *last):
            # Twice as strong where the net looks at its map, so that the map counts beside all that is random.
            torch.nn.init.normal_(layer.weight, std=(2 if layer in eyes else 1) * layer.weight[0].numel() ** -0.5)
    return made


class DepthEstimator:
    """A depth model of DPT's kind, with how it wants its pictures prepared."""

    def __init__(self) -> None:
        transformers = import_module("transformers")
        config = transformers.DPTConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            head_in_index=-1,
        )
        self._model = transformers.DPTForDepthEstimation(config)
        self._processor = transformers.DPTImageProcessor(size={"height": 32, "width": 32})

    def save_pretrained(self, folder: Path, *, safe_serialization: bool = True) -> None:
        """Write both to `folder`."""
        self._model.save_pretrained(folder, safe_serialization=safe_serialization)
        self._processor.save_pretrained(folder)
