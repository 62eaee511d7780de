"""What a server of the user's own is asked: OpenAI's body, and the fields that its models can take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request, nfc
from imagegen.providers.hosted import rules as shared
from imagegen.providers.hosted.rules import options_of
from imagegen.providers.openai import edits, rules
from imagegen.servers import FIELDS, OwnServer

#: Fields of the body that are ours to fill.
_OURS = frozenset({"model", "prompt", "n", "size", "quality", "response_format", "output_format", "background", "user"})
_OURS_TOO = frozenset({"image", "mask", "stream", "partial_images"})


def refusal(
    request: Request, offer: Offer, server: OwnServer, given: Mapping[str, Given] = NOT_LOOKED_AT
) -> str | None:
    """The first reason why the request cannot be asked for; None when it can. What the catalogue entry says that the
    model can do is believed; options go out as they are."""
    lacking = next((name for name in FIELDS if getattr(request, name) is not None and not _can(name, offer)), None)
    if lacking:
        words = "negative prompt" if lacking == "negative_prompt" else lacking
        return f"{request.model} at {offer.provider} takes no {words}; its catalogue entry does not list it under can"
    if request.safety is not None:
        return f"{request.model} at {offer.provider} has no safety level; leave out `safety`"
    bare = replace(request, options=None, negative_prompt=None, seed=None, steps=None, guidance=None)
    return (
        rules.refusal(bare, offer, given)
        or shared.prompt(request, offer, rules.MAX_PROMPT)
        or _options(request, server)
    )


def body(request: Request, offer: Offer, server: OwnServer, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that the SDK knows, and those that it need not know, for `n` samples of `request`."""
    known: dict[str, Any] = {"model": offer.api_name, "prompt": nfc(request.prompt)}
    if request.width and request.height:
        known["size"] = f"{request.width}x{request.height}"
    if request.quality:
        known["quality"] = request.quality
    if request.background:
        known["background"] = request.background
    if request.wire_format and len(offer.formats) > 1:
        known["output_format"] = request.wire_format
    if server.response_format:
        known["response_format"] = server.response_format
    if n > 1:
        known["n"] = n
    values = {server.fields[name]: getattr(request, name) for name in FIELDS}
    own = {name: value for name, value in values.items() if value is not None}
    return known, {**own, **options_of(request), **offer.sent}


def _can(name: str, offer: Offer) -> bool:
    return {"negative_prompt": "negative"}.get(name, name) in offer.can


def _options(request: Request, server: OwnServer) -> str | None:
    """Options are the server's own affair, but for fields that have a place of their own."""
    try:
        given = options_of(request)
    except ValueError:
        return "options must be a mapping of names to values"
    for name, value in given.items():
        if name in _OURS | _OURS_TOO or name in server.fields.values():
            return f"option {name} has a field of its own in the row; use that"
        if not isinstance(value, str | int | float | bool):
            return f"option {name} must be a text, a number, true or false, not {value!r}"
    return None


def parts(request: Request, inputs: Mapping[str, bytes], given: Mapping[str, Given]) -> dict[str, Any]:
    """The input pictures as the SDK takes them."""
    return edits.parts(request, inputs, given) if given else {}
