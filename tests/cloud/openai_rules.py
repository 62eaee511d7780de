"""What the real service accepts: fields, types, values by model. Strict: no wrong request passes a test."""

from __future__ import annotations

from typing import Any, NamedTuple

FIELDS: dict[str, type] = {
    "prompt": str,
    "model": str,
    "n": int,
    "size": str,
    "quality": str,
    "background": str,
    "output_format": str,
    "output_compression": int,
    "moderation": str,
    "complexity": str,
    "safety_identifier": str,
    "user": str,
    "response_format": str,
    "style": str,
}
VALUES = {
    "background": {"auto", "opaque", "transparent"},
    "output_format": {"png", "jpeg", "webp"},
    "moderation": {"auto", "low"},
    "complexity": {"low", "medium", "high"},
    "response_format": {"url", "b64_json"},
    "style": {"vivid", "natural"},
}
THREE = {"auto", "1024x1024", "1536x1024", "1024x1536"}
DALLE_SIZES = {"1024x1024", "1792x1024", "1024x1792"}
SQUARES = {"256x256", "512x512", "1024x1024"}
GPT_ONLY = {"background", "output_format", "output_compression", "moderation", "complexity"}
DALLE_ONLY = {"response_format", "style"}
FIRST = (
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-1.5-2025-12-16",
    "chatgpt-image-latest",
)
SECOND = ("gpt-image-2", "gpt-image-2-2026-04-21")
LATER = (
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
)
DALLE = {"dall-e-2": SQUARES, "dall-e-3": DALLE_SIZES}
LONGEST = {"dall-e-2": 1000, "dall-e-3": 4000}
MODELS = (*FIRST, *SECOND, *LATER, *DALLE)


class Flaw(NamedTuple):
    """Why a request is refused: HTTP status, code, the field at fault and the message."""

    status: int
    code: str | None
    param: str | None
    message: str
    type: str = "invalid_request_error"


def flaw(body: Any) -> Flaw | None:
    """The first thing wrong with a generation request, None when it is right."""
    if not isinstance(body, dict):
        return Flaw(400, None, None, "We could not parse the JSON body of your request.")
    return _fields(body) or _model(body) or _prompt(body) or _values(body) or _size(body)


def _fields(body: dict[str, Any]) -> Flaw | None:
    for name, value in body.items():
        if name not in FIELDS:
            return Flaw(400, "unknown_parameter", name, f"Unknown parameter: '{name}'.")
        if not isinstance(value, FIELDS[name]) or isinstance(value, bool):
            return Flaw(400, "invalid_type", name, f"Invalid type for '{name}'.")
    missing = next((name for name in ("prompt", "model") if name not in body), None)
    if missing:
        return Flaw(400, "missing_required_parameter", missing, f"Missing required parameter: '{missing}'.")
    return None


def _model(body: dict[str, Any]) -> Flaw | None:
    model = body["model"]
    if model not in MODELS:
        return Flaw(404, "model_not_found", "model", f"The model '{model}' does not exist.")
    wrong = (GPT_ONLY if model in DALLE else DALLE_ONLY) & body.keys()
    if wrong:
        name = min(wrong)
        return Flaw(400, "unknown_parameter", name, f"Unknown parameter: '{name}'.")
    return None


def _prompt(body: dict[str, Any]) -> Flaw | None:
    most = LONGEST.get(body["model"], 32_000)
    if not body["prompt"]:
        return Flaw(400, "empty_string", "prompt", "Invalid 'prompt': empty string.")
    if len(body["prompt"]) > most:
        return Flaw(400, "string_above_max_length", "prompt", f"Invalid 'prompt': longer than {most}.")
    return None


def qualities(model: str) -> set[str]:
    """The words a model knows for quality."""
    if model in DALLE:
        return {"standard", "hd"} if model == "dall-e-3" else {"standard"}
    return {"auto", "low", "medium", "high"} | ({"xhigh", "max"} if model in LATER else set())


def _values(body: dict[str, Any]) -> Flaw | None:
    for name, values in (*VALUES.items(), ("quality", qualities(body["model"]))):
        if name in body and body[name] not in values:
            return Flaw(400, "invalid_value", name, f"Invalid value, not one of {sorted(values)}.")
    if not 1 <= body.get("n", 1) <= (1 if body["model"] == "dall-e-3" else 10):
        return Flaw(400, "integer_out_of_range", "n", "Invalid 'n'.")
    form = body.get("output_format", "png")
    if body.get("background") == "transparent" and form == "jpeg":
        return Flaw(400, "invalid_value", "background", "Transparent background needs png or webp.")
    if "output_compression" in body and (form == "png" or not 0 <= body["output_compression"] <= 100):
        return Flaw(400, "invalid_value", "output_compression", "0-100, and only with jpeg or webp.")
    return None


def _size(body: dict[str, Any]) -> Flaw | None:
    model, size = body["model"], body.get("size", "auto")
    fixed = DALLE.get(model) or (THREE if model in FIRST else None)
    if "size" not in body or (fixed is None and size == "auto"):
        return None
    right = size in fixed if fixed is not None else _flexible(size)
    return None if right else Flaw(400, "invalid_value", "size", f"Invalid size '{size}' for {model}.")


def _flexible(size: str) -> bool:
    parts = size.split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        return False
    short, long = sorted(int(part) for part in parts)
    return (
        short > 0
        and short % 16 == 0
        and long % 16 == 0
        and long <= 3840
        and long <= 3 * short
        and 655_360 <= short * long <= 8_294_400
    )
