"""What Replicate's models take and cost, independently of the package: inputs by type and range, sizes, prices."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from imagegen import container

SDXL = "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
FILE = "file"
_FORMS = ("webp", "jpg", "png")
_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
_CUSTOM = ("custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3")
_FAST = {
    "prompt": str,
    "aspect_ratio": _RATIOS,
    "num_outputs": (1, 4),
    "num_inference_steps": (1, 4),
    "seed": int,
    "output_format": _FORMS,
    "output_quality": (0, 100),
    "disable_safety_checker": bool,
    "go_fast": bool,
    "megapixels": ("1", "0.25"),
}
_FLUX_2 = {
    "prompt": str,
    "input_images": list,
    "aspect_ratio": ("match_input_image", *_CUSTOM),
    "width": (256, 2048),
    "height": (256, 2048),
    "seed": int,
    "output_format": _FORMS,
    "output_quality": (0, 100),
}
_KONTEXT = {
    "prompt": str,
    "input_image": FILE,
    "aspect_ratio": ("match_input_image", *_RATIOS, "2:1", "1:2"),
    "seed": int,
    "output_format": ("jpg", "png"),
    "safety_tolerance": (0, 6),
    "prompt_upsampling": bool,
}
#: Model -> its inputs: a type, a range, the words that may stand, a file.
INPUTS: dict[str, dict[str, Any]] = {
    "black-forest-labs/flux-schnell": _FAST,
    "black-forest-labs/flux-dev": _FAST
    | {"num_inference_steps": (1, 50), "guidance": (0.0, 10.0), "image": FILE, "prompt_strength": (0.0, 1.0)},
    "black-forest-labs/flux-1.1-pro": {
        "prompt": str,
        "image_prompt": FILE,
        "aspect_ratio": _CUSTOM,
        "width": (256, 1440),
        "height": (256, 1440),
        "safety_tolerance": (1, 5),
        "seed": int,
        "prompt_upsampling": bool,
        "output_format": _FORMS,
        "output_quality": (0, 100),
    },
    "black-forest-labs/flux-2-pro": _FLUX_2
    | {"safety_tolerance": (1, 5), "resolution": ("match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP")},
    "black-forest-labs/flux-2-flex": _FLUX_2
    | {"safety_tolerance": (1, 5), "steps": (1, 50), "guidance": (1.5, 10.0), "prompt_upsampling": bool},
    "black-forest-labs/flux-2-dev": _FLUX_2
    | {"width": (256, 1440), "height": (256, 1440), "go_fast": bool, "disable_safety_checker": bool},
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "stability-ai/stable-diffusion-3.5-large": {
        "prompt": str,
        "negative_prompt": str,
        "aspect_ratio": ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"),
        "cfg": (1.0, 10.0),
        "image": FILE,
        "prompt_strength": (0.0, 1.0),
        "seed": int,
        "output_format": _FORMS,
    },
    SDXL: {
        "prompt": str,
        "negative_prompt": str,
        "image": FILE,
        "mask": FILE,
        "width": (64, 4096),
        "height": (64, 4096),
        "num_outputs": (1, 4),
        "scheduler": (
            "DDIM",
            "DPMSolverMultistep",
            "HeunDiscrete",
            "KarrasDPM",
            "K_EULER_ANCESTRAL",
            "K_EULER",
            "PNDM",
        ),
        "num_inference_steps": (1, 500),
        "guidance_scale": (1.0, 50.0),
        "prompt_strength": (0.0, 1.0),
        "seed": int,
        "refine": ("no_refiner", "expert_ensemble_refiner", "base_image_refiner"),
        "high_noise_frac": (0.0, 1.0),
        "refine_steps": int,
        "apply_watermark": bool,
        "lora_scale": (0.0, 1.0),
        "disable_safety_checker": bool,
    },
}
#: Models whose output is a list.
LISTS = ("black-forest-labs/flux-schnell", "black-forest-labs/flux-dev", SDXL)
#: Nanodollars for each picture, where that is what is paid for.
EACH = {
    "black-forest-labs/flux-schnell": 3_000_000,
    "black-forest-labs/flux-dev": 25_000_000,
    "black-forest-labs/flux-1.1-pro": 40_000_000,
    "black-forest-labs/flux-kontext-pro": 50_000_000,  # not known: what the tests declare
}
#: Nanodollars a second of an L40S.
SECOND = 975_000
_PIXELS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
_KONTEXT_PIXELS = {
    "1:1": (1024, 1024),
    "16:9": (1392, 752),
    "9:16": (752, 1392),
    "4:3": (1184, 880),
    "3:4": (880, 1184),
    "3:2": (1248, 832),
    "2:3": (832, 1248),
    "21:9": (1568, 672),
    "9:21": (672, 1568),
}


class Order(NamedTuple):
    """What a right request comes to: the picture's size, its format, and its price where time has no part in it."""

    width: int
    height: int
    form: str
    amount: int


def wrong(model: str, given: dict[str, Any], files: dict[str, bytes]) -> str:
    """The first thing wrong with an input, "" when it is right. `files`: what was uploaded, by URL."""
    known = INPUTS[model]
    for name, value in given.items():
        if name not in known:
            return f"- input.{name}: Additional property {name} is not allowed"
        if not _right(known[name], value, files):
            return f"- input.{name}: wrong value"
    if not given.get("prompt"):
        return "- input: prompt is required"
    if given.get("aspect_ratio") == "custom" and any(given.get(edge, 1) % 32 for edge in ("width", "height")):
        return "- input: must be multiples of 32"
    if model == SDXL and any(given.get(edge, 0) % 8 for edge in ("width", "height")):
        return "- input: must be multiples of 8"
    if "mask" in given and "image" not in given:
        return "- input.mask: needs an image"
    edits = "input_image" in given
    return "- input.safety_tolerance: 2 at most" if edits and given.get("safety_tolerance", 0) > 2 else ""


def _right(rule: Any, value: Any, files: dict[str, bytes]) -> bool:
    if rule == FILE:
        return picture_of(value, files) is not None
    if rule is list:
        return isinstance(value, list) and all(picture_of(each, files) is not None for each in value)
    if isinstance(rule, type):
        return type(value) is rule
    if isinstance(rule[0], str):
        return value in rule
    kinds: tuple[type, ...] = (int,) if isinstance(rule[0], int) else (int, float)
    return type(value) in kinds and rule[0] <= value <= rule[1]


def picture_of(url: Any, files: dict[str, bytes]) -> tuple[int, int] | None:
    """Width and height of an input picture: a data URL of 256 kB at most, or an uploaded file."""
    if not isinstance(url, str):
        return None
    if url.startswith("data:image/"):
        data = base64.b64decode(url.partition(",")[2], validate=True)
        if len(data) > 256_000:
            return None
    elif urlsplit(url).path in files:
        data = files[urlsplit(url).path]
    else:
        return None
    found = container.read(data)
    return found.width, found.height


def order(model: str, given: dict[str, Any], files: dict[str, bytes]) -> Order:
    """What a right request comes to."""
    width, height = _size(model, given, files)
    form = {"jpg": "jpeg"}.get(given.get("output_format", "webp"), given.get("output_format", "webp"))
    if model != "black-forest-labs/flux-2-pro":
        return Order(width, height, "png" if model == SDXL else form, EACH.get(model, 0))
    area = [(width, height), *(picture_of(each, files) or (0, 0) for each in given.get("input_images", ()))]
    steps = sum(-(-wide * high // (1024 * 1024)) for wide, high in area)
    return Order(width, height, form, 15_000_000 * (1 + steps))


def _size(model: str, given: dict[str, Any], files: dict[str, bytes]) -> tuple[int, int]:
    found = picture_of(given.get("image"), files)
    if found is not None:
        return found
    if "width" in given and given.get("aspect_ratio", "custom") == "custom":
        return given["width"], given["height"]
    table = _KONTEXT_PIXELS if "kontext" in model else _PIXELS
    width, height = table[given.get("aspect_ratio", "1:1")]
    return (width // 2, height // 2) if given.get("megapixels") == "0.25" else (width, height)
