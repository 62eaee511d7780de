"""The provider that is a person: models without an API.

`run` never asks it: its rows wait. `imagegen handoff import` gives it what a person brought, and it is the same
provider to the loop as any other: the bytes are spooled before anything is booked, so a kill costs nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from imagegen import container, pasting
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.handoff import Brought
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Artifact, Charge, Failed, Made, Outcome, Pending
from imagegen.domain.request import Key, Request, key
from imagegen.inputs import BadInput, local
from imagegen.providers import Limits, Slip

#: Where the figure that is booked comes from: the picture's share of a subscription.
BASIS = "share"
#: Seconds after which it is worth looking again whether a person has brought something.
LATER = 3600.0


class Handoff:
    """A Provider for what a person makes. `offers` by model name; `brought` is what there is, by Key."""

    def __init__(self, offers: Mapping[str, Offer], brought: Mapping[Key, Brought] | None = None) -> None:
        self._offers, self._brought = offers, brought or {}

    @property
    def limits(self) -> Limits:
        """Files are read four at a time."""
        return Limits(max_batch=1, concurrency=4)

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """A sentence when nobody could paste `request` so that it says what its row says."""
        offer = self._offers.get(request.model)
        if offer is None:
            return f"{request.model} is not made by hand"
        if request.images or request.mask or request.control_image:
            return f"{request.model} is handed over as text; take the input pictures out"
        return pasting.refusal(request, offer)

    def shares(self, request: Request) -> Hashable:
        """One file is one picture."""
        return request

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """What was brought, spooled first; `Pending` where nothing was."""
        for request in batch:
            yield self._one(request, key(request), slip)

    def _one(self, request: Request, name: Key, slip: Slip) -> Outcome:
        if slip.answer is not None:
            return _read(slip.answer, name)
        refusal = self.refuses(request)
        if refusal:
            return Failed(name, refusal)
        brought = self._brought.get(name)
        if brought is None or slip.remote_id is not None:
            return Pending(name, LATER)
        try:
            data, _ = local.read(brought.path)
        except BadInput as problem:
            return Failed(name, f"{brought.path.name} {problem.what}; import it again")
        if hashlib.sha256(data).hexdigest() != brought.digest:
            return Failed(name, f"{brought.path.name} was changed after it was looked at; import it again")
        head = json.dumps({"handoff": 1, "share": brought.share, "facts": brought.facts}).encode()
        # First the bytes, then the books: whatever a kill leaves, nobody has to ask whether it was paid for.
        answer = slip.receive([head, b"\n", data], len(head) + 1 + len(data))
        slip.sending()
        return _read(answer, name)


def _read(answer: bytes, name: Key) -> Outcome:
    """What an answer in the spool holds: a line of JSON, then the picture."""
    head, _, data = answer.partition(b"\n")
    try:
        said: Any = json.loads(head)
        share, facts = said["share"], dict(said["facts"])
        form = container.read(data).format
        if isinstance(share, bool) or not isinstance(share, int) or share < 0:
            raise ValueError(f"a share of {share!r}")
    except (ValueError, TypeError, KeyError, RecursionError):
        return Failed(name, "what was left of an import cannot be read; import it again")
    return Made(name, Artifact(data, f"image/{form}", facts), Charge(share, BASIS))
