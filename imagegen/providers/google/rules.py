"""What Google would refuse, as sentences for the plan, beyond what the catalogue says of an offer. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers.google.ask import is_imagen, size_of, weight
from imagegen.providers.hosted.rules import Rule, Rules, flag, number, one_of, short_text

#: Most bytes of one request, its pictures in base64.
REQUEST_BYTES = 20 * 10**6
LEVELS = ("OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE")

_GEMINI: dict[str, Rule] = {"temperature": number(0, 2), "top_p": number(0, 1)}
_VERTEX: dict[str, Rule] = _GEMINI | {"person_generation": one_of("ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE")}
_IMAGEN: dict[str, Rule] = {
    "person_generation": one_of("DONT_ALLOW", "ALLOW_ADULT", "ALLOW_ALL"),
    "enhance_prompt": flag,
    "language": short_text,
}


def rules(vertex: bool) -> Rules:
    """What the Gemini API takes, or Vertex."""

    def options(request: Request, offer: Offer) -> Mapping[str, Rule]:
        return _IMAGEN if is_imagen(offer) else _VERTEX if vertex else _GEMINI

    return Rules(options_of=options, safety=LEVELS, picture_bytes=REQUEST_BYTES)


def refusal(request: Request, offer: Offer, given: Mapping[str, Given], vertex: bool) -> str | None:
    """Why the offer would not make `request`; None when it would."""
    if is_imagen(offer) and not vertex:
        return f"{request.model} is asked for at Vertex only: `provider: vertex`, at an address that still serves it"
    if is_imagen(offer) and request.safety == "OFF":
        return f"{request.model} has no safety level 'OFF'; it has {', '.join(LEVELS[1:])}"
    return _words(request, offer) or _too_much(request, given)


def _words(request: Request, offer: Offer) -> str | None:
    """Words for ratio and resolution that the model does not know, or that are not those of the pixels."""
    if size_of(request, offer):
        return None
    sizes = (offer.sizes.default, *offer.sizes.sizes)
    asked = [("aspect ratio", request.aspect_ratio, [size.ratio for size in sizes])]
    asked.append(("resolution", request.resolution, [size.resolution for size in sizes]))
    for what, said, known in asked:
        if said is not None and said not in known:
            listed = ", ".join(dict.fromkeys(word for word in known if word)) or "none"
            return f"{request.model} has no {what} {said}; it has {listed}"
    words = " ".join(word for word in (request.aspect_ratio, request.resolution) if word)
    return f"{request.model} makes no {request.width}x{request.height} that is {words}"


def _too_much(request: Request, given: Mapping[str, Given]) -> str | None:
    """More bytes than one request may have; of pictures that are not known nothing is said."""
    pictures = sum(given[digest].bytes for digest in request.images if digest in given)
    if weight(request.prompt, pictures) <= REQUEST_BYTES:
        return None
    return (
        f"the input pictures have {pictures:,} bytes; in one request {request.provider} takes about "
        f"{REQUEST_BYTES * 3 // 4:,}: make them smaller"
    )
