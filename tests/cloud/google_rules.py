"""What Google's image models take and charge, written down a second time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.cloud.judges import strict
from tests.cloud.service import Flaw

#: Ratio -> pixels at 1K, of the models from the third generation on. 2K and 4K are twice and four times as wide.
WIDE = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
EXTREME = WIDE | {"1:4": (512, 2048), "4:1": (2048, 512), "1:8": (384, 3072), "8:1": (3072, 384)}
SECOND = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
SCALE = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}
IMAGEN = {"1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408), "16:9": (1408, 768)}
#: Nanodollars a picture.
IMAGEN_PRICES = {
    "imagen-3.0-generate-002": 40_000_000,
    "imagen-3.0-fast-generate-001": 20_000_000,
    "imagen-4.0-generate-001": 40_000_000,
    "imagen-4.0-ultra-generate-001": 60_000_000,
    "imagen-4.0-fast-generate-001": 20_000_000,
}
TOTAL = 20 * 10**6


@dataclass(frozen=True)
class Kind:
    """A model. `rates` in nanodollars a token: prompt, picture out, text out. `given`: tokens of an input picture."""

    ratios: Mapping[str, tuple[int, int]]
    tokens: Mapping[str, int]
    rates: tuple[int, int, int]
    inputs: int = 14
    given: int = 1120
    thinks: bool = True
    sized: bool = True
    form: str = "png"


MODELS = {
    "gemini-nano-banana-2.1": Kind(EXTREME, {"1K": 1120, "2K": 1680, "4K": 3780}, (1_500, 30_000, 7_500)),
    "gemini-3-pro-image": Kind(WIDE, {"1K": 1120, "2K": 1120, "4K": 2000}, (2_000, 120_000, 12_000), form="jpeg"),
    "gemini-3.1-flash-lite-image": Kind(WIDE, {"1K": 1120}, (250, 30_000, 1_500)),
    "gemini-3.1-flash-image": Kind(EXTREME, {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}, (500, 60_000, 3_000)),
    "gemini-2.5-flash-image": Kind(
        SECOND, {"1K": 1290}, (300, 30_000, 2_500), inputs=3, given=258, thinks=False, sized=False
    ),
}


def bad(message: str) -> Flaw:
    """An argument that is not taken."""
    return Flaw(400, "", message)


def content_flaw(model: str, body: Mapping[str, Any], vertex: bool) -> Flaw | None:
    """What is wrong with a request to `generateContent`."""
    kind = MODELS[model]
    config = body.get("generationConfig")
    if set(body) - {"contents", "generationConfig", "safetySettings"} or not isinstance(config, dict):
        return bad(f"unknown field in {sorted(body)}")
    if set(config) - {"responseModalities", "imageConfig", "temperature", "topP"}:
        return bad(f"unknown field in generationConfig: {sorted(config)}")
    if config.get("responseModalities") not in (["IMAGE"], ["TEXT", "IMAGE"]):
        return bad("responseModalities")
    for name, most in (("temperature", 2), ("topP", 1)):
        if name in config and (not isinstance(config[name], int | float) or not 0 <= config[name] <= most):
            return bad(name)
    return _contents(body.get("contents"), kind) or _shape(config.get("imageConfig", {}), kind, vertex) or _levels(body)


def _contents(contents: Any, kind: Kind) -> Flaw | None:
    if not isinstance(contents, list) or len(contents) != 1 or set(contents[0]) != {"parts", "role"}:
        return bad("contents")
    if contents[0]["role"] != "user":
        return bad("role")
    texts = [part for part in contents[0]["parts"] if set(part) == {"text"} and isinstance(part["text"], str)]
    pictures = [part for part in contents[0]["parts"] if set(part) == {"inlineData"}]
    if len(texts) != 1 or not texts[0]["text"].strip() or len(texts) + len(pictures) != len(contents[0]["parts"]):
        return bad("parts")
    if len(pictures) > kind.inputs:
        return bad(f"at most {kind.inputs} pictures")
    return next((flaw for part in pictures if (flaw := _inline(part["inlineData"]))), None)


def _inline(inline: Any) -> Flaw | None:
    # Google reads both spellings, and its SDK writes this one; and both alphabets of base64.
    inline = {"mimeType" if name == "mime_type" else name: value for name, value in inline.items()}
    if set(inline) != {"mimeType", "data"}:
        return bad("inlineData")
    try:
        data = base64.b64decode(inline["data"], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return bad("data is not base64")
    heads = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8", "image/webp": b"RIFF"}
    head = heads.get(inline["mimeType"])
    return None if head and data.startswith(head) else bad(f"no {inline['mimeType']}")


def _shape(shape: Any, kind: Kind, vertex: bool) -> Flaw | None:
    known = {"aspectRatio", "imageSize"} | ({"personGeneration"} if vertex else set())
    if not isinstance(shape, dict) or set(shape) - known:
        return bad(f"imageConfig: {shape}")
    if shape.get("aspectRatio", "1:1") not in kind.ratios:
        return bad(f"aspectRatio {shape['aspectRatio']}")
    if "imageSize" in shape and (not kind.sized or shape["imageSize"] not in kind.tokens):
        return bad(f"imageSize {shape['imageSize']}")
    people = shape.get("personGeneration", "ALLOW_ALL")
    return None if people in ("ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE") else bad("personGeneration")


def _levels(body: Mapping[str, Any]) -> Flaw | None:
    for level in body.get("safetySettings", ()):
        harm = str(level.get("category", "")).removeprefix("HARM_CATEGORY_")
        if harm not in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT"):
            return bad("category")
        if level.get("threshold") not in (
            "OFF",
            "BLOCK_NONE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_LOW_AND_ABOVE",
        ):
            return bad("threshold")
    return None


def predict_flaw(model: str, body: Mapping[str, Any]) -> Flaw | None:
    """What is wrong with a request to `predict`."""
    given = body.get("parameters")
    if set(body) != {"instances", "parameters"} or not isinstance(given, dict):
        return bad("fields")
    if not isinstance(body["instances"], list) or [set(each) for each in body["instances"]] != [{"prompt"}]:
        return bad("instances")
    checks = {
        "sampleCount": lambda value: value == 1,
        "aspectRatio": lambda value: value in IMAGEN,
        "sampleImageSize": lambda value: model.startswith("imagen-4") and "fast" not in model and value in ("1K", "2K"),
        "includeRaiReason": lambda value: value is True,
        "safetySetting": lambda value: str(value).startswith("BLOCK_"),
        "personGeneration": lambda value: value in ("DONT_ALLOW", "ALLOW_ADULT", "ALLOW_ALL"),
        "enhancePrompt": lambda value: isinstance(value, bool),
        "language": lambda value: isinstance(value, str),
        "outputOptions": lambda value: value in ({"mimeType": "image/png"}, {"mimeType": "image/jpeg"}),
    }
    return next((bad(name) for name, value in given.items() if name not in checks or not checks[name](value)), None)


def judge_flaw(body: Mapping[str, Any]) -> Flaw | None:
    """The first thing wrong with a request to a vision model, None when it is right."""
    if set(body) != {"contents", "generationConfig"} or len(body["contents"]) != 1:
        return bad(f"wrong fields: {sorted(body)}")
    first, *rest = body["contents"][0]["parts"]
    if set(first) != {"text"} or len(rest) < 2 or any(set(part) != {"inlineData"} for part in rest):
        return bad("a text and two pictures at least are expected here")
    flaw = next((flaw for part in rest if (flaw := _inline(part["inlineData"]))), None)
    if flaw:
        return flaw
    config = dict(body["generationConfig"])
    wanted = {
        "candidateCount": 1,
        "mediaResolution": "MEDIA_RESOLUTION_HIGH",
        "responseMimeType": "application/json",
        "thinkingConfig": {"thinking_level": "MINIMAL"},  # so the SDK spells it; the API takes either spelling
    }
    for name, value in wanted.items():
        if config.pop(name, None) != value:
            return bad(f"{name} must be {value}")
    if not 1 <= config.pop("maxOutputTokens", 0) <= 65_536:
        return bad("maxOutputTokens is out of range")
    wrong = strict(config.pop("responseJsonSchema", None))
    return bad(wrong) if wrong else bad(f"unknown: {sorted(config)}") if config else None
