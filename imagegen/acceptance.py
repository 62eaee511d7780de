"""Acceptance: a picture that was paid for and does not pass its row's rules is followed by another attempt, as long as
the row allows one. Looks at pictures; buys nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

from imagegen.domain.request import Request, canonical, derived_seed, request_of
from imagegen.ledger.jobs import Job
from imagegen.picture import Picture

MARK = '"accept":'
#: Between the sample numbers of a picture's attempts: no row has so many samples or drafts.
APART = 100_000


class Objection(NamedTuple):
    """Why a picture is not accepted; and what is asked for next, with the line's `about` then. None: no more."""

    reason: str
    request: Request | None
    about: dict[str, Any]


def objection(job: Job, picture: bytes | Picture) -> Objection | None:
    """What speaks against `picture` by the rules of its row; None when nothing does, or there are none."""
    if MARK not in job.about:
        return None
    about = json.loads(job.about)
    rules = about.get("accept")
    if rules is None:
        return None
    from imagegen.choose import check
    from imagegen.domain.row import Accept

    accept = Accept(text=rules["text"], safe=rules["safe"], attempts=rules["attempts"])
    verdict = check(picture, accept, rules["wording"])
    if verdict.ok:
        return None
    tries = about.get("tries", 1)
    reason = "; ".join(verdict.reasons)
    if tries >= accept.attempts:
        reason = f"not accepted in {tries} attempts: {reason}" if tries > 1 else f"not accepted: {reason}"
        return Objection(reason, None, about)
    following = _next(request_of(job.request), rules["seed"], tries)
    for name in ("there", "held", "was", "had"):  # the next picture is another one
        about.pop(name, None)
    return Objection(reason, following, {**about, "tries": tries + 1})


def _next(request: Request, seed: int | None, tries: int) -> Request:
    """The same picture, asked for once more: another sample and, where seeds are sent, another seed."""
    following = replace(request, sample=request.sample % APART + APART * tries)
    if request.seed is None:
        return following
    if seed is not None:
        return replace(following, seed=(seed + following.sample) % 2**32)
    return replace(following, seed=derived_seed(canonical(following)))
