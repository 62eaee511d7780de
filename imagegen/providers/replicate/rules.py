"""What a model at Replicate would refuse, as sentences for the plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.request import Request
from imagegen.providers.hosted.rules import Rule, Rules, options_of
from imagegen.providers.replicate.schemas import MEGAPIXELS, REFINER, SCHEMAS, Dial, Schema, schema_of

#: Of an edge of an input picture, the least that may stay when it is cut to the size asked for.
KEPT_PERCENT = 90


def _options(request: Request, offer: Offer) -> Mapping[str, Rule]:
    schema = schema_of(offer.api_name)
    return schema.options if schema else {}


def _range(dial: Dial | None) -> tuple[float, float] | None:
    return (dial.low, dial.high) if dial else None


def _guidance(offer: Offer) -> tuple[float, float] | None:
    schema = schema_of(offer.api_name)
    return _range(schema.guidance) if schema else None


def _steps(offer: Offer) -> tuple[int, int] | None:
    schema = schema_of(offer.api_name)
    bounds = _range(schema.steps) if schema else None
    return (int(bounds[0]), int(bounds[1])) if bounds else None


RULES = Rules(options_of=_options, steps=_steps, guidance=_guidance, strength=True, picture_bytes=100 * 10**6)


def refusal(request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
    """The first reason beyond `RULES` why `offer` would not make `request`."""
    schema = schema_of(offer.api_name)
    if schema is None:
        known = ", ".join(sorted(SCHEMAS))
        return f"this version does not know the inputs of {offer.api_name} at replicate; it knows {known}"
    return (
        _size(request, schema)
        or _named("scheduler", request.scheduler, schema.schedulers, request.model)
        or _named("refiner", refiner_of(request), schema.refiners, request.model)
        or _dials(request, schema)
        or _tolerance(request, schema)
        or _pictures(request, schema, given)
        or _mask(request, given)
    )


def refiner_of(request: Request) -> str | None:
    """The refiner by Replicate's name."""
    return REFINER if request.refiner in ("True", "true") else request.refiner


def _size(request: Request, schema: Schema) -> str | None:
    if schema.shape != "ratio":
        return None
    if request.aspect_ratio is None:
        return f"{request.model} at replicate takes ratios only: give its sizes in the catalogue as WIDTHxHEIGHT RATIO"
    if not schema.megapixels or request.resolution is None:
        return None
    problem = MEGAPIXELS(request.resolution)
    return f"megapixels must be {problem}, not {request.resolution!r}" if problem else None


def _named(what: str, value: str | None, known: tuple[str, ...], model: str) -> str | None:
    if value is None or value in known:
        return None
    return f"{model} at replicate has no {what} {value!r}; it has {', '.join(known) or 'none'}"


def _dials(request: Request, schema: Schema) -> str | None:
    """What a catalogue file may promise and the model has not."""
    if request.steps is not None and schema.steps is None:
        return f"{request.model} at replicate takes no inference steps"
    if request.guidance is not None and schema.guidance is None:
        return f"{request.model} at replicate takes no guidance scale"
    if request.images and schema.picture is None:
        return f"{request.model} at replicate takes no input pictures"
    if request.strength is not None and not schema.strength:
        return f"{request.model} at replicate takes no strength"
    return None


def _tolerance(request: Request, schema: Schema) -> str | None:
    asked = options_of(request).get("safety_tolerance")
    if schema.safe_edits is None or not request.images or asked is None or asked <= schema.safe_edits:
        return None
    return f"option safety_tolerance may be {schema.safe_edits} at most with an input picture, not {asked}"


def _pictures(request: Request, schema: Schema, given: Mapping[str, Given]) -> str | None:
    width, height = request.width, request.height
    if not schema.fitted or not request.images or not width or not height:
        return None
    if schema.longest and max(width, height) > schema.longest:
        return (
            f"{request.model} at replicate makes no edge above {schema.longest} from a picture, so not {width}x{height}"
        )
    found = given.get(request.images[0])
    if found is None:
        return None
    less, more = sorted((width * found.height, height * found.width))
    if 100 * less >= KEPT_PERCENT * more:
        return None
    return (
        f"the input picture is {found.width}x{found.height} and {width}x{height} is asked for: "
        f"{request.model} keeps the picture's shape, so crop it first or ask for a size of its shape"
    )


def _mask(request: Request, given: Mapping[str, Given]) -> str | None:
    found = given.get(request.mask or "")
    if found is None or found.alpha:
        return None
    return "the mask has no alpha channel: make it a PNG that is transparent where the edit happens"
