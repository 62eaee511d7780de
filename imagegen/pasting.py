"""Pasting: a Request as the one line that a person pastes into a tool without an API.

Some such tools (Midjourney) take flags behind the prompt: `--ar 16:9 --no text --seed 7 --v 6.1`. An offer whose
catalogue entry has `sent` is one of them; for others the line is the prompt alone. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import gcd
from typing import Any

from imagegen.domain.handoff import HANDOFF
from imagegen.domain.model import Offer
from imagegen.domain.request import Key, Request

#: Letters of a code: none is mistaken for another.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE = 7

_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_ADDRESS = re.compile(r"https?://\S*|\bwww\.\S+", re.IGNORECASE)
_FLAG = re.compile(r"(?<!\S)-{2,}\w+")
#: Dashes that a tool with flags may read as the beginning of one.
_DASHES = re.compile(r"\s*-{2,}\s*|(?<!\S)[\u2012-\u2015]+(?=\w)")
_NAME = re.compile(r"[a-z][a-z0-9]*")
#: What fields of a row say; `options` must not say it once more.
_OF_THE_ROW = {"ar": "aspect_ratio or size", "aspect": "aspect_ratio or size", "no": "negative_prompt", "seed": "seed"}


def refusal(request: Request, offer: Offer) -> str | None:
    """A sentence when `request` cannot be put into a line that says what its row says."""
    said = {"prompt": request.prompt, "negative_prompt": request.negative_prompt or ""}
    for name, text in said.items():
        if found := _ADDRESS.search(text):
            return f"the {name} holds the address {found[0]}, and pictures by address are not handed over; take it out"
        if offer.sent and (found := _FLAG.search(text)):
            fields = "size, negative_prompt and seed are fields of a row, other flags go into options.handoff"
            return f"the {name} holds {found[0]}, which {request.model} takes for a flag; take it out: {fields}"
        if offer.sent and re.search(r"\{.*\}", text, re.DOTALL):
            many = f"of which {request.model} makes a picture for each part"
            return f"the {name} holds {{…}}, {many}; write a row for each instead"
    return _wrong_option(_options(request), offer)


def _wrong_option(options: Mapping[str, Any], offer: Offer) -> str | None:
    if options and not offer.sent:
        return f"options.handoff: {offer.api_name} takes no flags; take them out"
    for name, value in options.items():
        if name in _OF_THE_ROW:
            return f"options.handoff.{name}: write {_OF_THE_ROW[name]} in the row instead"
        if not _NAME.fullmatch(name):
            return f"options.handoff: {name!r} is no flag; write its name without dashes, such as stylize: 250"
        if isinstance(value, dict | list) or value is None or "--" in str(value) or str(value) != folded(str(value)):
            return f"options.handoff.{name}: {value!r} is no value of a flag; write a word or a number"
    return None


def folded(text: str) -> str:
    """`text` on one line: line breaks, tabs and controls are spaces."""
    return _GAPS.sub(" ", text).strip()


def words(request: Request, offer: Offer) -> str:
    """The prompt as it is pasted, without flags. What only looks like a flag (a dash) becomes a single hyphen."""
    return _dashed(request.prompt) if offer.sent else folded(request.prompt)


def line(request: Request, offer: Offer) -> str:
    """The whole line to paste: the prompt and, where the tool takes flags, these."""
    return " ".join([words(request, offer), *flags(request, offer)])


def flags(request: Request, offer: Offer) -> list[str]:
    """The flags in the order in which they are written: "--ar 16:9"; none for a tool that takes none."""
    return [f"--{name} {value}".rstrip() for name, value in _flags(request, offer)] if offer.sent else []


def _flags(request: Request, offer: Offer) -> Iterator[tuple[str, str]]:
    yield "ar", ratio(request)
    if request.negative_prompt and (without := _dashed(request.negative_prompt)):
        yield "no", without
    if request.seed is not None:
        yield "seed", str(request.seed)
    for name, value in {**offer.sent, **_options(request)}.items():
        if value is not False:
            yield name, "" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def ratio(request: Request) -> str:
    """ "16:9": what the catalogue calls the size, else its pixels in lowest terms."""
    if request.aspect_ratio:
        return request.aspect_ratio
    width, height = request.width or 1, request.height or 1
    shared = gcd(width, height)
    return f"{width // shared}:{height // shared}"


def code(key: Key) -> str:
    """Seven letters and digits that name a picture; the same every time, another for every Key."""
    number, found = int(key[:16], 16), ""
    while len(found) < _CODE:
        number, place = divmod(number, len(_LETTERS))
        found += _LETTERS[place]
    return found


def _dashed(text: str) -> str:
    return _DASHES.sub(lambda found: "-" if found[0][0] > "-" else " - ", folded(text)).strip()


def _options(request: Request) -> dict[str, Any]:
    found = json.loads(request.options) if request.options and request.provider == HANDOFF else {}
    return found if isinstance(found, dict) else {}
