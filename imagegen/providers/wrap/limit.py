"""Limited: calls go out no faster than the limits allow, known and learned, and not at all while the provider asked
for silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from imagegen.clock import Clock
from imagegen.domain.outcome import Failed, Outcome, Unknown
from imagegen.domain.request import Request
from imagegen.providers import Limits, Provider, Rates, Slip
from imagegen.providers.wrap.base import HELD, INTERRUPTED, Stops, Wrapper, all_failed, submits
from imagegen.providers.wrap.day import Units
from imagegen.providers.wrap.learn import Learned, Sent
from imagegen.providers.wrap.turns import Turns

#: Longer than this nobody waits for a provider that asked for silence.
PATIENCE = 900.0
#: No wait is shorter: a clock may not be able to tell less.
GRAIN = 0.001
#: The pause after a rate limit that names none.
SHORT_PAUSE = 1.0
#: Seconds between looks for a stop while as many calls are in flight as may be.
LOOK = 0.25
#: Seconds between two times that what was learned about a model is written down.
EVERY = 15.0


class Memory(Protocol):
    """Where one account's findings lie between runs, by model ("" is the whole provider). Never raises."""

    def recall(self, model: str) -> tuple[Mapping[str, Any], float] | None:
        """What was written down, and how many seconds ago."""

    def keep(self, model: str, facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Write `facts` down; what was used of a day is added up. What stands there now."""


class _No(NamedTuple):
    """Why a call may not go out, and what that stops."""

    reason: str
    stops: Stops = ""


class Limited(Wrapper):
    """Each model has a turnstile of its own: whoever is first in it waits, the others behind. `tokens` says what a
    request counts towards a limit of tokens. A model that is closed to the account is asked no more; a refusal of the
    account itself ends who was waiting then (whoever asks later has heard of it, and has reason to).
    `held` tells, to who waited, that nothing is to go out now (see Breaking): that ends as HELD."""

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        tokens: Callable[[Request], int] | None = None,
    ) -> None:
        super().__init__(provider, clock)
        self._tokens = tokens or _prompt_tokens
        self._lock = threading.Condition()
        self._all = Turns("", provider.limits)
        self._models: dict[str, Turns] = {}
        self._memory: Memory | None = None
        self._refusals = 0
        self.held: Callable[[], bool] = lambda: False

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """The provider's outcomes, after waiting for its turn."""
        turns = self._turns(batch[0].model)
        if not submits(slip):
            for outcome in self.provider.generate(batch, inputs, slip):
                self._heed(turns, None, outcome)
                yield outcome
            return
        sent = self._pass(turns, batch)
        if isinstance(sent, _No):
            yield from all_failed(batch, sent.reason, stops=sent.stops)
            return
        try:
            judged: Sent | None = sent
            for outcome in self.provider.generate(batch, inputs, slip):
                self._heed(turns, judged, outcome)
                judged = None  # one call is judged once, however many pictures it is for
                yield outcome
        finally:
            self._ended(turns)

    def attach(self, memory: Memory) -> None:
        """Begin with what `memory` knows, and write down there what is learned."""
        with self._lock:
            self._memory = memory
            for turns in (self._all, *self._models.values()):
                self._recall(turns)

    def keep(self) -> None:
        """Write down what was learned."""
        for turns in (self._all, *self._models.values()):
            self._write(turns)

    def _turns(self, model: str) -> Turns:
        with self._lock:
            if model not in self._models:
                limits = self.limits
                rates = limits.models.get(model, Rates())
                at_once = min(rates.concurrency or limits.concurrency, limits.concurrency)
                self._models[model] = Turns(model, rates, Learned(at_once, _ceiling(limits, rates)))
                self._models[model].kept_at = self.clock.monotonic()
                self._recall(self._models[model])
            return self._models[model]

    def _pass(self, turns: Turns, batch: Sequence[Request]) -> Sent | _No:
        """Wait until `batch` may go; or why it may not."""
        units = len(batch), 1, sum(self._tokens(request) for request in batch)
        began = self._refusals
        with turns.turnstile:
            while True:
                with self._lock:
                    no = self._refuses(turns, units, began)
                    if no is not None:
                        return no
                    now, pause = self.clock.monotonic(), 0.0
                    if turns.full:
                        self._lock.wait(LOOK)
                    else:
                        pause = max(turns.ready_in(units, now), self._all.ready_in(units, now))
                        if pause <= 0:
                            self._all.take(units, now)
                            return turns.take(units, now)
                if self.clock.wait(max(pause, GRAIN) if pause else 0.0):
                    return _No(INTERRUPTED)

    def _refuses(self, turns: Turns, units: Units, began: int) -> _No | None:
        """Why no call of `units` is to be waited for, if there is a reason; `began` refusals were known before."""
        if self._refusals != began:
            return _No(self._all.stopped, "provider")
        if self.held():
            return _No(HELD)
        now, wall = self.clock.monotonic(), self.clock.now()
        each: tuple[tuple[Turns, Stops], ...] = ((self._all, "provider"), (turns, "model"))
        for whose, stops in each:
            reason = (whose.stopped if stops == "model" else "") or whose.refuses(units, wall)
            if not reason and whose.silent_until - now > PATIENCE:
                reason = f"the provider asked to wait {whose.silent_until - now:,.0f} s; run again then"
            if reason:
                return _No(reason, stops)
        return None

    def _heed(self, turns: Turns, sent: Sent | None, outcome: Outcome) -> None:
        """What an outcome says of the calls to come. `sent`: the call that it judges."""
        failed = outcome if isinstance(outcome, Failed) else None
        with self._lock:
            now = self.clock.monotonic()
            if failed and failed.stops_provider:
                self._all.stopped, self._refusals = failed.reason, self._refusals + 1
            if failed and failed.stops_model:
                turns.stopped = failed.reason
            slower = failed is not None and failed.because == "rate"
            silence = SHORT_PAUSE if failed is None or failed.retry_after is None else failed.retry_after
            if failed and (slower or failed.retry_after):
                whose = turns if self.limits.by_model else self._all
                whose.silent_until = max(whose.silent_until, now + silence)
            if sent is not None:
                because = "unknown" if isinstance(outcome, Unknown) else failed.because if failed else None
                turns.judge(sent, because, now, silence)

    def _ended(self, turns: Turns) -> None:
        """A call is over, well or not."""
        with self._lock:
            turns.busy -= 1
            self._lock.notify_all()
            now = self.clock.monotonic()
            due = self._memory is not None and now - turns.kept_at >= EVERY
            if due:
                turns.kept_at = now
        if due:
            self._write(turns)
            self._write(self._all)

    def _recall(self, turns: Turns) -> None:
        found = self._memory.recall(turns.name) if self._memory else None
        if found is not None:
            facts, age = found
            turns.know(facts, age, self.clock.monotonic(), self.clock.now())

    def _write(self, turns: Turns) -> None:
        """Not under the lock: nobody waits for a disk here."""
        with self._lock:
            facts = turns.facts(self.clock.monotonic(), self.clock.now())
        if facts is None or self._memory is None:
            return
        stands = self._memory.keep(turns.name, facts)
        with self._lock:
            turns.know_used(stands or {}, self.clock.now())


def _ceiling(limits: Limits, rates: Rates) -> float | None:
    """The known limit in images a minute."""
    known = [limits.images_per_minute, rates.images_per_minute]
    if limits.max_batch == 1:
        known += [limits.requests_per_minute, rates.requests_per_minute]
    return min((each for each in known if each is not None), default=None)


def _prompt_tokens(request: Request) -> int:
    """The prompt's tokens, estimated from above for English: one for three characters."""
    return len(request.prompt) // 3 + 1
