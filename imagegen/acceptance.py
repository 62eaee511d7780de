"""Acceptance: a picture that was paid for and does not pass its row's rules is followed by another attempt, as long as
the row allows one. Looks at pictures; buys nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

from imagegen.domain.drafts import ATTEMPTS_APART
from imagegen.domain.request import Request, canonical, derived_seed, request_of
from imagegen.ledger.jobs import Job
from imagegen.picture import Picture

MARK = '"accept":'
#: In a line's `about`: what the attempts before this one took, in nanodollars.
PAID = "paid"


class Objection(NamedTuple):
    """Why a picture is not accepted; and what is asked for next, with the line's `about` then. None: no more."""

    reason: str
    request: Request | None
    about: dict[str, Any]


def objection(job: Job, picture: bytes | Picture, charge: int | None = 0, flaw: str | None = None) -> Objection | None:
    """What speaks against `picture`, which took `charge`, by the rules of its row: its `flaw` where it is known to be
    no use. None when nothing does, or there are no rules."""
    if MARK not in job.about:
        return None
    about = json.loads(job.about)
    rules = about.get("accept")
    if rules is None:
        return None
    reason = flaw or _judged(picture, rules)
    if not reason:
        return None
    following = further(Objection(reason, request_of(job.request), about))
    if following is None:
        tries = about.get("tries", 1)
        return Objection(f"not accepted{f' in {tries} attempts' if tries > 1 else ''}: {reason}", None, about)
    return following._replace(about=following.about | {PAID: about.get(PAID, 0) + (charge or 0)})


def further(asked: Objection) -> Objection | None:
    """What is asked for after that; None where the row allows no more attempts."""
    rules, tries = asked.about["accept"], asked.about.get("tries", 1)
    if asked.request is None or tries >= rules["attempts"]:
        return None
    # The next picture is another one: nothing of it is there.
    about = {name: value for name, value in asked.about.items() if name not in ("there", "held", "was", "had")}
    return Objection(asked.reason, _next(asked.request, rules["seed"], tries), about | {"tries": tries + 1})


def _judged(picture: bytes | Picture, rules: dict[str, Any]) -> str:
    """What is wrong with `picture` by `rules`; "" for nothing."""
    from imagegen.choose import check
    from imagegen.domain.row import Accept

    accept = Accept(text=rules["text"], safe=rules["safe"], attempts=rules["attempts"])
    return "; ".join(check(picture, accept, rules["wording"]).reasons)


def _next(request: Request, seed: int | None, tries: int) -> Request:
    """The same picture, asked for once more: another sample and, where seeds are sent, another seed."""
    following = replace(request, sample=request.sample % ATTEMPTS_APART + ATTEMPTS_APART * tries)
    if request.seed is None:
        return following
    if seed is not None:
        return replace(following, seed=(seed + following.sample) % 2**32)
    return replace(following, seed=derived_seed(canonical(following)))
