"""What helps SDXL keep to a picture's shapes, on disk: ControlNets, and the model that finds depth in a picture.

Looked at as weights are, without torch and without trusting them: a folder with one configuration and safetensors.
`look_control` is the way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError
from imagegen.providers.local.digests import Digests, together
from imagegen.providers.local.tensorfiles import Part, part
from imagegen.providers.local.vetting import check_config, check_files
from imagegen.providers.local.weights import Weights, revision_of

CONFIG = "config.json"
#: How a depth model wants its pictures prepared.
PROCESSOR = "preprocessor_config.json"
CONTROLNET, DEPTH_ESTIMATOR = "controlnet", "depth-estimator"
#: Kind -> what people call it, and how the files of its weights begin.
TITLES = {CONTROLNET: "ControlNet", DEPTH_ESTIMATOR: "depth model"}
STEMS = {CONTROLNET: "diffusion_pytorch_model", DEPTH_ESTIMATOR: "model"}

#: Classes of transformers that estimate depth; all of them have their pictures prepared by DPT's processor.
DEPTH_CLASSES = ("DPTForDepthEstimation", "DepthAnythingForDepthEstimation")
_PROCESSORS = ("DPTImageProcessor", "DPTImageProcessorFast", "DPTFeatureExtractor")
#: What a net and the UNet that it helps have in common. How many transformer layers a net has is its own affair:
#: small nets do with none.
_COMMON = (
    "cross_attention_dim",
    "block_out_channels",
    "layers_per_block",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
)
_LAST = "controlnet_mid_block.weight"
_AGAIN = "download it again"


@dataclass(frozen=True)
class Control:
    """A net or a depth model on disk. `digest` is its name in Keys ("" where it was only glanced at), `kind` one of
    TITLES, `size` the bytes of what is loaded, `revision` the hub's commit where it is known."""

    folder: Path
    kind: str
    digest: str
    revision: str | None
    size: int
    part: Part = field(repr=False, hash=False)
    config: Mapping[str, Any] = field(repr=False, hash=False)
    files: tuple[str, ...] = field(repr=False, default=())

    @property
    def title(self) -> str:
        """What people call it."""
        return TITLES[self.kind]

    @property
    def dtypes(self) -> frozenset[str]:
        """The types of its numbers, in torch's words."""
        return self.part.dtypes

    @property
    def cross_attention_dim(self) -> int | None:
        """How wide the texts are that a ControlNet reads; None for a depth model."""
        said = self.config.get("cross_attention_dim")
        return said if isinstance(said, int) else None


def look_control(folder: Path, digests: Path | None = None) -> Control:
    """The net or depth model in `folder`, checked, with its digest. `digests`: the JSON file that remembers those of
    large files. Raises SettingsError (one line) for a folder that is neither, is damaged, or could run code."""
    found = glance_control(folder)
    memory = Digests(digests)
    paths = [found.folder / name for name in found.files]
    lines = [(path.name, path.stat().st_size, memory.of(path, str(path))) for path in paths]
    memory.keep()
    return replace(found, digest=together(lines))


def glance_control(folder: Path) -> Control:
    """As `look_control`, without reading the weights themselves: the digest is ""."""
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        what = "is a single file" if folder.exists() else "is not there"
        raise SettingsError(f"{folder} {what}", "name the folder of a ControlNet")
    check_files(folder, ())
    if not (folder / CONFIG).is_file():
        raise SettingsError(f"{folder} is no ControlNet and no depth model: it has no {CONFIG}", _AGAIN)
    config = check_config(folder / CONFIG)
    kind = check_kind(folder / CONFIG, config)
    # The folder is what elsewhere is a component's: its files are named without it.
    found = part(folder.parent, folder.name, STEMS[kind])
    files = {CONFIG, *(Path(name).name for name in found.files)}
    if kind == CONTROLNET:
        _check_net(folder, config, found)
    else:
        _check_processor(folder)
        files.add(PROCESSOR)
    return Control(
        folder=folder,
        kind=kind,
        digest="",
        revision=revision_of(folder),
        size=sum((folder / name).stat().st_size for name in files),
        part=found,
        config=config,
        files=tuple(sorted(files)),
    )


def check_kind(path: Path, config: Mapping[str, Any]) -> str:
    """CONTROLNET or DEPTH_ESTIMATOR, whichever the configuration at `path` is of. Raises SettingsError."""
    said, classes = config.get("_class_name"), config.get("architectures")
    if said == "ControlNetModel":
        if config.get("conditioning_channels", 3) != 3 or config.get("global_pool_conditions"):
            raise SettingsError(
                f"{path} is of a ControlNet that reads no ordinary picture", "take one for canny or depth"
            )
        return CONTROLNET
    if said is None and isinstance(classes, list) and len(classes) == 1 and classes[0] in DEPTH_CLASSES:
        if config.get("backbone") or config.get("use_pretrained_backbone") or config.get("use_timm_backbone"):
            raise SettingsError(f"{path}: its backbone lies elsewhere", "take a depth model that is whole")
        return DEPTH_ESTIMATOR
    named = said or (classes[0] if isinstance(classes, list) and classes else None)
    raise SettingsError(
        f"{path} is of {f'a {named}' if named else 'nothing known'}, no ControlNet and no depth model",
        "ControlNets of SDXL are run, and depth models of the DPT and Depth Anything kind",
    )


def check_fits(control: Control, weights: Weights) -> None:
    """Refuses a net that was made for another model than `weights`. Raises SettingsError."""
    unet = weights.configs[weights.family.denoiser]
    for key in _COMMON:
        if key in control.config and key in unet and control.config[key] != unet[key]:
            what = f"{control.folder} is a ControlNet for another model: its {key} is {control.config[key]}"
            raise SettingsError(f"{what}, and {weights.folder.name}'s is {unet[key]}", "take one made for SDXL")


def _check_net(folder: Path, config: Mapping[str, Any], found: Part) -> None:
    """The net's last layer is there, as wide as its configuration says."""
    last, widths = found.tensors.get(_LAST), config.get("block_out_channels")
    wide = widths[-1] if isinstance(widths, list) and widths else None
    if last is None or (wide is not None and tuple(last.shape[:2]) != (wide, wide)):
        raise SettingsError(f"{folder} holds no whole ControlNet: {_LAST} is not as it should be", _AGAIN)


def _check_processor(folder: Path) -> None:
    path = folder / PROCESSOR
    if not path.is_file():
        raise SettingsError(f"{folder} has no {PROCESSOR}, which says how pictures are prepared", _AGAIN)
    said = check_config(path)
    kind = said.get("image_processor_type") or said.get("feature_extractor_type")
    if kind not in _PROCESSORS:
        raise SettingsError(f"{path} is of a {kind}; pictures are prepared by {_PROCESSORS[0]}", "take another model")
