"""A batch as Google reads and writes it: one operation with every request and every answer inside. Pure.

An answer bears the Key of its request in its metadata. Where it bears none, it stands where its request stood: the
API keeps their order, and requests go out in the order of their Keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imagegen import prices
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Refused, Unknown
from imagegen.domain.request import Key, Request, key
from imagegen.providers.google import answer, ask
from imagegen.providers.hosted.rest import parsed
from imagegen.providers.hosted.server import one_line

#: States of a batch that will not change any more, without what the API and its SDK write before them.
ENDS = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
#: Codes of an error, as gRPC numbers them, by their status in HTTP.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 499: 1, 500: 13, 503: 14, 504: 4}
#: Not charged, and worth another try: cancelled, no room, a server error (which Google does not bill), overloaded.
_AGAIN = frozenset({1, 8, 13, 14})
#: Not charged, and no better next time: a wrong argument, an unknown model, no access, a state that forbids it.
_NO = frozenset({3, 5, 7, 9, 16})


@dataclass(frozen=True, slots=True)
class Reader:
    """What is needed to read answers. `hide` takes keys out of texts."""

    offers: Mapping[str, Offer]
    name: str
    hide: Callable[[str], str]


def written(
    batch: Sequence[Request], offers: Mapping[str, Offer], inputs: Mapping[str, bytes], tag: str
) -> dict[str, Any]:
    """The JSON that creates a batch named `tag`."""
    lines = [
        {"request": ask.body(each, offers[each.model], inputs), "metadata": {"key": key(each)}}
        for each in sorted(batch, key=key)
    ]
    return {"batch": {"displayName": tag, "inputConfig": {"requests": {"requests": lines}}}}


def state(operation: Mapping[str, Any]) -> str:
    """SUCCEEDED and its like; "" where it does not say."""
    said = str(_mapping(operation.get("metadata")).get("state") or "")
    return said.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")


def is_over(operation: Mapping[str, Any]) -> bool:
    """Whether the batch will not change any more."""
    return operation.get("done") is True or state(operation) in ENDS


def read(raw: bytes, batch: Mapping[Key, Request], reader: Reader) -> Iterator[Outcome]:
    """One outcome for every request of `batch` of which the provider says something; then those that were certainly
    not made. Raises ValueError for what is not a batch that is over."""
    operation = parsed(raw)
    if not isinstance(operation, Mapping) or not is_over(operation):
        raise ValueError("it is not whole")
    left, made = dict(batch), 0
    for name, line in _named(_lines(operation), sorted(batch)):
        request = left.pop(name, None)
        if request is not None:
            made += isinstance(line.get("response"), Mapping)
            yield _outcome(line, request, str(operation.get("name") or ""), reader)
    for name in left:
        missing = _missing(name, operation, made, reader)
        if missing is not None:
            yield missing


def _lines(operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The answers, wherever the operation keeps them."""
    for place in (_mapping(operation.get("metadata")).get("output"), operation.get("response")):
        lines = _mapping(_mapping(place).get("inlinedResponses")).get("inlinedResponses")
        if isinstance(lines, list) and lines:
            return [_mapping(line) for line in lines]
    return []


def _named(lines: Sequence[Mapping[str, Any]], names: Sequence[Key]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Each answer with the Key of its request. By place only where none is named and none is missing."""
    told = [_mapping(line.get("metadata")).get("key") for line in lines]
    if not any(told) and len(lines) == len(names):
        yield from zip(names, lines, strict=True)
        return
    yield from ((str(name), line) for name, line in zip(told, lines, strict=True) if name)


def _outcome(line: Mapping[str, Any], request: Request, number: str, reader: Reader) -> Outcome:
    """What an answer means for its picture."""
    named, offer, said = key(request), reader.offers[request.model], line.get("response")
    if isinstance(line.get("error"), Mapping):
        return _error(named, line["error"], reader)
    if not isinstance(said, Mapping):
        return Unknown(named, f"{reader.name} says nothing of it in the batch, possibly charged")
    found = answer.content(said, request, offer, {"batch": number}, reader.hide)
    if isinstance(found, Failed):
        found = replace(found, evidence=reader.hide(json.dumps(said)).encode())
    amount = found.charge.amount  # type: ignore[union-attr]  # an answer is never pending
    less = replace(found.charge, amount=prices.discounted(amount, offer.batch_discount) if amount else amount)  # type: ignore[union-attr]
    return replace(found, key=named, charge=less)  # type: ignore[arg-type]


def _error(named: Key, error: Mapping[str, Any], reader: Reader) -> Outcome:
    """What a status in an answer's place means."""
    code, said = _status(error, reader)
    tail = f" ({code}){f': {said}' if said else ''}"
    if code == 3 and "responsible ai" in said.lower():
        return Refused(named, f"{reader.name} refused the prompt{tail}")
    if code in _AGAIN:
        return Failed(named, f"{reader.name} did not make it in the batch{tail}", retryable=True)
    if code in _NO:
        return Failed(named, f"{reader.name} did not take the request{tail}")
    return Unknown(named, f"{reader.name} answered with an error in the batch, possibly charged{tail}")


def _missing(named: Key, operation: Mapping[str, Any], made: int, reader: Reader) -> Failed | None:
    """What became of a picture of which no answer speaks; None where nobody can say. A batch that counts as many
    pictures as came made no others, and one that was refused as a whole made none."""
    stats = _mapping(operation.get("metadata")).get("batchStats")
    code, said = _status(_mapping(operation.get("error")), reader)
    if isinstance(stats, Mapping):
        if _count(stats.get("successfulRequestCount")) != made:
            return None
    elif made or code not in _NO | {8}:
        return None
    tail = f": {said}" if said else ""
    reason = f"{reader.name} did not make it (the batch is {state(operation).lower() or 'over'}){tail}"
    return Failed(named, reason, retryable=code not in _NO)


def _status(error: Mapping[str, Any], reader: Reader) -> tuple[int | None, str]:
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else None
    return _CODES.get(number or 0, number), reader.hide(one_line(str(error.get("message") or "")))


def _count(value: Any) -> int | None:
    """A whole number, as JSON writes long ones; what is left out is none."""
    text = "0" if value is None else str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
