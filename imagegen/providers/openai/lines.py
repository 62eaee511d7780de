"""Batches as OpenAI reads and writes them: a line of JSON for each picture, in and out, matched by its Key. Pure.

What came of a batch is kept as the lines of its output file and its error file, and a last line of our own with what
the batch itself says; without that one it is not whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from imagegen import prices
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Refused, Unknown
from imagegen.domain.request import Key, Request, key
from imagegen.providers.hosted.server import one_line
from imagegen.providers.openai import answer, rules
from imagegen.providers.openai.errors import CREDIT, POLICY

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
#: Codes of lines and of batches that were not made for want of time, or because somebody stopped them.
NOT_RUN = frozenset({"batch_expired", "batch_cancelled"})
#: Codes of a whole batch that was not begun and may be later.
LATER = frozenset({"token_limit_exceeded", "rate_limit_exceeded", "billing_hard_limit_reached", "slow_down"})
_CLOSING = "imagegen_batch"


@dataclass(frozen=True, slots=True)
class Over:
    """A batch that is over, as it says itself. `counts` None where it does not count."""

    id: str
    status: str
    files: tuple[str, ...] = ()
    counts: tuple[int, int, int] | None = None
    errors: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def closing(self) -> bytes:
        """The last line."""
        said = {"id": self.id, "status": self.status, "counts": self.counts, "errors": list(self.errors)}
        return b"\n" + json.dumps({_CLOSING: said}).encode() + b"\n"


def endpoint(request: Request) -> str:
    """Where `request` goes."""
    return EDITS if request.images else GENERATIONS


def written(batch: Sequence[Request], offers: Mapping[str, Offer], files: Mapping[str, str]) -> bytes:
    """The input file. `files`: the numbers of the input pictures, uploaded before, by digest."""
    return b"".join(
        json.dumps(
            {
                "custom_id": key(each),
                "method": "POST",
                "url": endpoint(each),
                "body": _body(each, offers[each.model], files),
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for each in batch
    )


def _body(request: Request, offer: Offer, files: Mapping[str, str]) -> dict[str, Any]:
    body = {**rules.body(request, offer, 1), **offer.sent}
    if request.images:
        body["images"] = [{"file_id": files[digest]} for digest in request.images]
    if request.mask:
        body["mask"] = {"file_id": files[request.mask]}
    return body


def read(
    raw: bytes, batch: Mapping[Key, Request], offers: Mapping[str, Offer], name: str, hide: Callable[[str], str]
) -> Iterator[Outcome]:
    """One outcome for every request of `batch` of which the provider says something, in the order of the lines; then
    those that were certainly not run. Raises ValueError when the closing line is missing."""
    over = _closing(raw)
    left, answered = dict(batch), 0
    for line in _lines(raw):
        answered += isinstance(line.get("response"), dict) and line["response"].get("status_code") == 200
        request = left.pop(str(line.get("custom_id")), None)
        if request is not None:
            yield _outcome(line, request, offers[request.model], over, name, hide)
    for number, (each, _) in enumerate(left.items(), 1):
        missing = _missing(each, over, number if len(left) == len(batch) else None, answered, name, hide)
        if missing is not None:
            yield missing


def _lines(raw: bytes) -> Iterator[dict[str, Any]]:
    start = 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        try:
            line = json.loads(raw[start:end]) if end > start else None
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict) and "custom_id" in line:
            yield line
        start = end + 1


def _closing(raw: bytes) -> Over:
    last = raw.rstrip(b"\n")
    try:
        said = json.loads(last[last.rfind(b"\n") + 1 :])[_CLOSING]
        counts = None if said["counts"] is None else tuple(said["counts"])
        return Over(said["id"], said["status"], (), counts, said["errors"])
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ValueError("it is not whole") from None


def _outcome(
    line: Mapping[str, Any], request: Request, offer: Offer, over: Over, name: str, hide: Callable[[str], str]
) -> Outcome:
    """What a line means for its picture."""
    named, response, error = key(request), line.get("response"), line.get("error")
    if isinstance(response, dict) and response.get("status_code") == 200:
        facts = {"batch": over.id, **({"request_id": response["request_id"]} if response.get("request_id") else {})}
        raw = json.dumps(response.get("body")).encode()
        (made,) = answer.outcomes(raw, [request], [named], offer, facts, hide)
        amount = made.charge.amount  # type: ignore[union-attr]
        if not amount:
            return made
        less = replace(made.charge, amount=prices.discounted(amount, offer.batch_discount))  # type: ignore[union-attr]
        return replace(made, charge=less)  # type: ignore[arg-type]
    status = response.get("status_code") if isinstance(response, dict) else None
    body = response.get("body") if isinstance(response, dict) else None
    said = body.get("error") if isinstance(body, dict) and isinstance(body.get("error"), dict) else error
    said = said if isinstance(said, dict) else {}
    text = hide(one_line(str(said.get("message") or "")))
    return _refused(named, status, str(said.get("code") or ""), str(said.get("type") or ""), text, name)


def _refused(named: Key, status: Any, code: str, kind: str, said: str, name: str) -> Outcome:
    if code in NOT_RUN:
        return Failed(named, f"{name} did not come to it ({code})", retryable=True)
    if code in POLICY:
        return Refused(named, f"{name} refused the prompt ({code}): {said}")
    if any(word in code or word in kind for word in CREDIT):
        return Failed(named, f"{name} has no credit left ({code}): {said}", retryable=True)
    if status == 429:
        return Failed(named, f"{name} asked to go slower (429 {code}): {said}", retryable=True, because="rate")
    if isinstance(status, int) and 400 <= status < 500 and status != 408:
        return Failed(named, f"{name} did not take the request ({status} {code}): {said}")
    return Unknown(named, f"{name} answered {status or code or 'nothing'} in the batch, possibly charged: {said}")


def _missing(
    named: Key, over: Over, number: int | None, answered: int, name: str, hide: Callable[[str], str]
) -> Failed | None:
    """What became of a picture of which no line speaks; None where nobody can say. A batch that failed was not
    begun, and one that made as many pictures as came made no others."""
    if over.status == "failed":
        own = [each for each in over.errors if number is not None and each.get("line") == number]
        first = (own or list(over.errors) or [{}])[0]
        code = str(first.get("code") or "")
        said = hide(one_line(str(first.get("message") or "it does not say why")))
        reason = f"{name} did not begin the batch{f' ({code})' if code else ''}: {said}"
        others = not own and any(each.get("line") for each in over.errors)
        return Failed(named, reason, retryable=others or code in LATER)
    if over.counts is not None and over.counts[1] == answered:
        return Failed(named, f"{name} did not come to it (the batch is {over.status})", retryable=True)
    return None
