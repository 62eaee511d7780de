"""Queue: pictures at a lower price for whoever can wait a day. What every provider's batches have in common.

A batch is one attempt: it is tagged with the slip's id before it is sent, so that it is found again when its number
was lost. Submitting never waits for the pictures; a slip that carries the number is looked at once, and when the
batch is over its lines are read, each as one outcome.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Semaphore
from typing import Any, Protocol

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Failed, Outcome, Pending, Refused, Unknown
from imagegen.domain.request import Key, Request, key
from imagegen.providers import Limits, Provider, Slip
from imagegen.providers.hosted.rest import Cut

#: Seconds after which it is worth another look.
CHECK_AFTER = 300.0
#: So many finished batches are read at once: each is held in memory whole.
READ_AT_ONCE = 2


class Gone(Exception):
    """The provider does not know the batch: it has it no more, or another key's account has it."""


class Dialect(Protocol):
    """How one provider's batches are spoken of. Methods raise what `errors` names, or Cut, for what a server or a
    network does."""

    name: str

    def errors(self) -> tuple[type[Exception], ...]:
        """What the wire may raise."""

    def outcome(self, error: Exception) -> Failed | Refused | Unknown:
        """What `error` means for a request that would have been paid for; its `key` is still empty."""

    def shares(self, request: Request) -> Hashable:
        """Requests with equal values may ride in one batch."""

    def prepare(self, batch: Sequence[Request], inputs: Mapping[str, bytes], tag: str) -> Any:
        """Bring everything there that the batch needs, free of charge; what `create` is to be called with."""

    def create(self, prepared: Any, tag: str) -> str:
        """Start the batch; its number. From here on it costs money."""

    def find(self, tag: str, sent: float) -> str | bool | None:
        """The number of the batch that bears `tag`; False when it is certain that there is none; None: unclear."""

    def look(self, number: str) -> Any | None:
        """What there is to fetch; None while the batch is at work. Raises Gone, Cut and what `errors` names."""

    def results(self, look: Any) -> Iterator[bytes]:
        """Everything that came of the batch, in pieces, as `read` understands it."""

    def read(self, answer: bytes, batch: Mapping[Key, Request]) -> Iterable[Outcome]:
        """One outcome per request of `batch`. Raises ValueError for an answer that is not whole."""


class Queue:
    """A Provider, and a Finder, over the batches of the provider `live`, whose rules hold here too."""

    def __init__(self, dialect: Dialect, live: Provider, limits: Limits) -> None:
        self._dialect, self._live, self._limits = dialect, live, limits
        self._reading = Semaphore(READ_AT_ONCE)

    @property
    def limits(self) -> Limits:
        """As wiring set them."""
        return self._limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """What the provider refuses live."""
        return self._live.refuses(request, given)

    def shares(self, request: Request) -> Hashable:
        """What the dialect says."""
        return self._dialect.shares(request)

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """Submit the batch, or look at it once; see `imagegen.providers.Provider`."""
        if len({self.shares(request) for request in batch}) != 1:
            raise ValueError("a batch must hold requests of equal `shares`")
        named = {key(request): request for request in batch}
        if slip.remote_id is None and slip.answer is None:
            return iter(self._submitted(named, inputs, slip))
        return self._collected(named, slip)

    def find(self, slip: Slip, sent: float) -> bool | None:
        """See `imagegen.providers.Finder`."""
        try:
            found = self._dialect.find(slip.id, sent)
        except self._wire():
            return None
        if isinstance(found, str):
            slip.accepted(found, told={"at": sent})
            return True
        return found

    def over(self, number: str) -> bool:
        """Whether the batch `number` is over, as far as can be told now."""
        try:
            return self._dialect.look(number) is not None
        except self._wire():
            return False

    def close(self) -> None:
        """Close the connections of both, if they keep any."""
        for each in (self._dialect, self._live):
            close = getattr(each, "close", None)
            if close is not None:
                close()

    def _wire(self) -> tuple[type[Exception], ...]:
        return (Gone, Cut, *self._dialect.errors())

    def _submitted(self, named: Mapping[Key, Request], inputs: Mapping[str, bytes], slip: Slip) -> list[Outcome]:
        stopped = {name: Failed(name, why) for name, each in named.items() if (why := self._stops(each, inputs))}
        going = {name: each for name, each in named.items() if name not in stopped}
        ends: Mapping[Key, Outcome] = self._sent(going, inputs, slip) if going else {}
        return [stopped.get(name) or ends[name] for name in named]

    def _sent(self, going: Mapping[Key, Request], inputs: Mapping[str, bytes], slip: Slip) -> dict[Key, Outcome]:
        dialect = self._dialect
        try:
            prepared = dialect.prepare(list(going.values()), inputs, slip.id)
        except Cut as cut:
            return _all(going, Failed("", f"not sent: {cut.reason}", retryable=True, because="connection"))
        except dialect.errors() as error:
            return _all(going, _uncharged(dialect.outcome(error)))
        slip.sending()
        try:
            number = dialect.create(prepared, slip.id)
        except Cut:
            return _all(going, Pending("", CHECK_AFTER))
        except dialect.errors() as error:
            outcome = dialect.outcome(error)
            # Whether it arrived is found out by its tag.
            return _all(going, Pending("", CHECK_AFTER) if isinstance(outcome, Unknown) else outcome)
        slip.accepted(number, told={"at": time.time()})
        return _all(going, Pending("", CHECK_AFTER))

    def _stops(self, request: Request, inputs: Mapping[str, bytes]) -> str | None:
        """Why `request` does not go along, if it does not."""
        digests = (*request.images, *((request.mask,) if request.mask else ()))
        if not digests or (reason := self.refuses(request)):
            return self.refuses(request)
        from imagegen.inputs import BadInput, local

        given = {}
        for digest in digests:
            if digest not in inputs:
                return f"the input picture {digest[:12]}… is not at hand"
            try:
                given[digest] = local.look(inputs[digest])
            except BadInput as problem:
                return f"an input picture {problem.what}"
        return reason or self.refuses(request, given)

    def _collected(self, named: Mapping[Key, Request], slip: Slip) -> Iterator[Outcome]:
        with self._reading:
            try:
                answer = self._fetched(slip) if slip.remote_id is not None else slip.answer
                if answer is not None:
                    yield from self._read(answer, named)
                    return
                waits = ""
            except Gone:
                waits = f"{self._dialect.name} knows no such batch with this key"
                if time.time() - slip.told.get("at", time.time()) > self._limits.keeps:
                    yield from _all(named, Unknown("", f"{waits}, and keeps none so long")).values()
                    return
            except (Cut, ConnectionError) as cut:
                waits = f"its batch could not be fetched: {getattr(cut, 'reason', cut)}"
            except self._dialect.errors() as error:
                waits = f"its batch could not be looked at: {self._dialect.outcome(error).reason}"
        yield from _all(named, Pending("", CHECK_AFTER, waits)).values()

    def _fetched(self, slip: Slip) -> bytes | None:
        """Everything that came of the batch; None while it is at work. What an interrupted process fetched is only
        used where the provider has it no more: to fetch it again is free."""
        try:
            look = self._dialect.look(slip.remote_id or "")
        except Gone:
            if slip.answer is None:
                raise
            return slip.answer
        return None if look is None else slip.receive(self._dialect.results(look))

    def _read(self, answer: bytes, named: Mapping[Key, Request]) -> Iterator[Outcome]:
        left = dict(named)
        try:
            for outcome in self._dialect.read(answer, named):
                if left.pop(outcome.key, None) is not None:
                    yield outcome
        except ValueError as problem:
            yield from _all(left, Unknown("", f"what came of the batch cannot be read: {problem}")).values()
            return
        yield from _all(left, Unknown("", f"{self._dialect.name}: the batch is over and says nothing of it")).values()


def _all(named: Mapping[Key, Request], outcome: Outcome) -> dict[Key, Outcome]:
    return {name: replace(outcome, key=name) for name in named}


def _uncharged(outcome: Failed | Refused | Unknown) -> Failed | Refused:
    """What went wrong before the batch was sent cost nothing, whatever became of it."""
    if not isinstance(outcome, Unknown):
        return outcome
    reason = outcome.reason.replace(": possibly charged", "").replace(", possibly charged", "")
    return Failed("", f"what the batch needs did not arrive: {reason}", retryable=True, because="connection")
