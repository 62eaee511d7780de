"""What goes over the wire, as the JSON of Google's API, and the same in the words of its SDK. Pure.

`body` is a whole request to a Gemini image model; a line of a batch holds the same.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from imagegen.domain.model import Offer, Size
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted.pictures import media_type
from imagegen.providers.hosted.rules import options_of

#: What a safety level holds for.
HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
#: Options of a request that stand beside the picture's shape, not among the settings of the text.
_OF_PICTURES = {"person_generation": "personGeneration"}
_OPTIONS = {"temperature": "temperature", "top_p": "topP"}


def is_imagen(offer: Offer) -> bool:
    """Whether the model is asked as Imagen was, by `:predict`; all others write content."""
    return offer.api_name.startswith("imagen")


def body(request: Request, offer: Offer, inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """The JSON of a request to `generateContent`. `inputs` holds the bytes of the request's pictures by digest."""
    options = options_of(request)
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    config |= {wire: options[name] for name, wire in _OPTIONS.items() if name in options}
    shape = _shape(request, offer) | {wire: options[name] for name, wire in _OF_PICTURES.items() if name in options}
    if shape:
        config["imageConfig"] = shape
    parts = [{"text": nfc(request.prompt)}, *(_inline(inputs[digest]) for digest in request.images)]
    whole = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
    if request.safety:
        levels = [{"category": f"HARM_CATEGORY_{harm}", "threshold": request.safety} for harm in HARMS]
        whole["safetySettings"] = levels
    return whole


def for_sdk(whole: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The contents and the config that make the SDK send `body`'s `whole`."""
    contents = [{**each, "parts": [_sdk_part(part) for part in each["parts"]]} for each in whole["contents"]]
    config = _snake(whole["generationConfig"])
    if "safetySettings" in whole:
        config["safety_settings"] = _snake(whole["safetySettings"])
    return contents, config


def prediction(request: Request, offer: Offer) -> tuple[str, dict[str, Any]]:
    """The prompt and the config for Imagen, as the SDK takes them."""
    config = {
        "number_of_images": 1,
        "include_rai_reason": True,
        **_snake(_shape(request, offer)),
        "output_mime_type": f"image/{request.wire_format}" if request.wire_format else None,
        "safety_filter_level": request.safety,
        **options_of(request),
    }
    return nfc(request.prompt), {name: value for name, value in config.items() if value is not None}


def size_of(request: Request, offer: Offer) -> Size | None:
    """The offer's size that `request` asks for, in pixels or in words; None when it has none such."""
    pixels = (request.width, request.height) if request.width and request.height else None
    for size in (offer.sizes.default, *offer.sizes.sizes):
        if pixels not in (None, (size.width, size.height)):
            continue
        if request.aspect_ratio in (None, size.ratio) and request.resolution in (None, size.resolution):
            return size
    return None


def weight(prompt: str, pictures: int) -> int:
    """About how many bytes a request has whose input pictures have `pictures` bytes in all."""
    return -(-pictures * 4 // 3) + len(prompt.encode("utf-8", "surrogatepass")) + 1024


def _shape(request: Request, offer: Offer) -> dict[str, Any]:
    """Ratio and resolution in Google's words. A model of one resolution is not told which."""
    size = size_of(request, offer)
    shape = {"aspectRatio": size.ratio, "imageSize": size.resolution if _many(offer) else None} if size else {}
    return {name: value for name, value in shape.items() if value is not None}


def _many(offer: Offer) -> bool:
    """Whether the model makes pictures in more than one resolution."""
    return len({size.resolution for size in (offer.sizes.default, *offer.sizes.sizes)}) > 1


def _inline(data: bytes) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type(data) or "image/png", "data": b64encode(data).decode()}}


def _sdk_part(part: Mapping[str, Any]) -> dict[str, Any]:
    inline = part.get("inlineData")
    if inline is None:
        return dict(part)
    return {"inline_data": {"mime_type": inline["mimeType"], "data": b64decode(inline["data"])}}


def _snake(value: Any) -> Any:
    """`value` with its keys in the SDK's spelling."""
    if isinstance(value, Mapping):
        return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): _snake(each) for name, each in value.items()}
    return [_snake(each) for each in value] if isinstance(value, list) else value
