"""Judging: a vision model scores pictures. What is the same whoever serves it: one call, and its answer's text.

The answer is kept as the model wrote it; `imagegen.choose.judge` reads it strictly. It was paid for either way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.judge import Judge
from imagegen.domain.outcome import UNKNOWN_CHARGE, Artifact, Charge, Failed, Made, Outcome, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers import Limits, Slip
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.hosted import OneByOne, Reached
from imagegen.providers.hosted.rest import Cut, NotSent
from imagegen.providers.hosted.server import one_line

JSON = "application/json"
#: No call has more; such a figure is no count.
_MOST_TOKENS = 10**9


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer holds: the model's `text`; None: none, since it `refused`, or else since it `ended` so. The tokens
    that were counted, None where that is not said; and facts of the call. `banned`: the account is asked no more."""

    text: str | None
    refused: str = ""
    ended: str = ""
    banned: bool = False
    tokens: tuple[int, int] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class JudgeSpeaker(Reached, Protocol):
    """A dialect in which vision models are asked."""

    def ask(
        self, request: Request, judge: Judge, pictures: Sequence[bytes], slip: Slip
    ) -> tuple[bytes, Mapping[str, Any]]:
        """Send it once (`slip.sending()` first, the answer through `slip.receive`) and return the answer and facts
        of the call. Raises NotSent, Cut, Denied."""

    def read(self, data: bytes) -> Said | None:
        """What a complete answer holds; None where it is not of the dialect."""


class Judging(OneByOne):
    """A Provider of answers about pictures; `judges` by the name that requests call them."""

    def __init__(self, speaker: JudgeSpeaker, judges: Mapping[str, Judge], limits: Limits) -> None:
        super().__init__(speaker, limits)
        self._speaker, self._judges = speaker, judges

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when no judge of this provider can be asked for `request`."""
        judge = self._judges.get(request.model)
        if request.kind != "judge":
            return f"{request.model} judges pictures here; it is asked for nothing else"
        if judge is None:
            return f"{self.server.name} has no vision model called {request.model}"
        if len(request.images) < 2:
            return "there is nothing to choose: a judge compares two pictures or more"
        if len(request.images) > judge.max_inputs:
            return f"{judge.name} takes {judge.max_inputs} pictures at once"
        return None

    def _one(self, request: Request, inputs: Mapping[str, bytes], slip: Slip) -> Outcome:
        server, judge = self.server, self._judges.get(request.model)
        if slip.answer is not None and judge is not None:
            return self._read(slip.answer, judge, {})
        if slip.answer is not None:
            return Unknown("", f"{server.name} has no vision model called {request.model} any more: possibly charged")
        if slip.remote_id is not None:
            return Unknown("", f"{server.name} keeps no answers: this one cannot be fetched again")
        no = self.refuses(request)
        if no or judge is None:
            return Failed("", no or "")
        lacks = next((digest for digest in request.images if digest not in inputs), None)
        stopped = self._gone.get(request.model) or (lacks and f"the picture {lacks[:12]}… is not at hand")
        if stopped:
            return Failed("", stopped)
        try:
            data, facts = self._speaker.ask(request, judge, [inputs[digest] for digest in request.images], slip)
        except (NotSent, Cut, Denied) as error:
            return self._denied(error, request)
        return self._read(data, judge, facts)

    def _read(self, data: bytes, judge: Judge, facts: Mapping[str, Any]) -> Outcome:
        server = self.server
        said = self._speaker.read(data)
        evidence = server.hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if said is None:
            what = "paid for, but the answer is not that of a model"
            return Failed("", what, charge=UNKNOWN_CHARGE, evidence=evidence)
        charge = Charge(judge.charge(*said.tokens), "usage") if said.tokens else UNKNOWN_CHARGE
        why = server.hide(one_line(said.refused or said.ended, 200))
        if said.banned:
            what = f"{server.name} has limited or disabled the account for what it was used for ({why})"
            return Failed("", what, stops_provider=True, charge=charge, evidence=evidence)
        if said.text is None and said.refused:
            return Refused("", f"{judge.name} would not look: {why}", charge)
        if said.text is None:
            what = f"paid for, but {judge.name} wrote nothing" + (f" ({why})" if why else "")
            return Failed("", what, charge=charge, evidence=evidence)
        kept = {**facts, **said.facts} | ({"tokens": list(said.tokens)} if said.tokens else {})
        # JSON may hold half characters, which no file can.
        return Made("", Artifact(server.hide(said.text).encode("utf-8", "replace"), JSON, kept), charge)


def options(request: Request) -> tuple[dict[str, Any], int]:
    """The JSON Schema of the answer, and the most tokens that it may have."""
    said = json.loads(request.options or "{}")
    return said["schema"], said["most_tokens"]


def counted(usage: Any, *names: str) -> int | None:
    """The sum of the counts called `names` in `usage`, those left out counting nothing; None where the first is left
    out, or one is no count."""
    if not isinstance(usage, Mapping) or usage.get(names[0]) is None:
        return None
    found = [usage[name] for name in names if usage.get(name) is not None]
    return sum(found) if all(type(each) is int and 0 <= each <= _MOST_TOKENS for each in found) else None
