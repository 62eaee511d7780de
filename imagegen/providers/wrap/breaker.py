"""Breaking: while a provider is down, one call at a time finds out whether it is back; the others wait for that."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from imagegen.clock import Clock
from imagegen.domain.outcome import Failed, Outcome, Unknown
from imagegen.domain.request import Request
from imagegen.providers import Provider, Slip
from imagegen.providers.wrap.base import HELD, INTERRUPTED, Wrapper, all_failed, submits
from imagegen.providers.wrap.limit import Limited

#: What tells an outage: nothing answers, or what answers is overloaded.
_DOWN = ("connection", "overload")
#: Calls looked back on, and how many of them in a row open the breaker: fewer than one request is tried, so that
#: nobody gives up before the breaker does.
_LAST, _ROW = 20, 5
#: Seconds after which an address is given up where nothing ever answered: it may be a wrong one.
_NEVER = 20.0
#: Seconds between looks while somebody else's probe is on its way.
_LOOK = 0.25

_Turn = Literal["go", "probe", "stopped", "enough"]


class Breaking(Wrapper):
    """Opens at 5 failures in a row, or when half of the last 20 calls failed: for want of a connection, from
    overload, or with nobody knowing what became of them, so that an outage does not make an unknown of every row.
    Then probes, with pauses that double from `shortest` to `longest` seconds. Gives up `patience` seconds after it
    opened: whoever waits is told that the provider cannot be used now. Where nothing ever answered it gives up after
    20 seconds."""

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        *,
        shortest: float = 0.5,
        longest: float = 30.0,
        patience: float = 600.0,
    ) -> None:
        super().__init__(provider, clock)
        self._shortest, self._longest, self._patience = shortest, longest, patience
        self._lock = threading.Lock()
        self._last: deque[bool] = deque(maxlen=_LAST)
        self._row = 0
        self._since: float | None = None
        self._pause, self._next, self._probing = shortest, 0.0, False
        self._prober: int | None = None
        self._answered = False
        if isinstance(provider, Limited):
            provider.held = self._holds

    @property
    def is_open(self) -> bool:
        """Whether the provider is taken to be down."""
        return self._since is not None

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """The provider's outcomes, once it is worth asking."""
        if not submits(slip):
            yield from self.provider.generate(batch, inputs, slip)
            return
        held = True
        while held:
            turn = "go" if self._since is None else self._wait()
            if turn == "stopped":
                yield from all_failed(batch, INTERRUPTED)
                return
            if turn == "enough":
                reason = f"the provider has been down for {self._patience / 60:g} minutes; run again later"
                if not self._answered:
                    reason = "the provider cannot be reached; check the network and its address, then run again"
                yield from all_failed(batch, reason, stops="provider")
                return
            down, held = None, False
            try:
                for outcome in self.provider.generate(batch, inputs, slip):
                    held = isinstance(outcome, Failed) and outcome.reason is HELD
                    if not held:
                        down = _is_down(outcome)
                        self._answered = self._answered or getattr(outcome, "because", None) != "connection"
                        yield outcome
            finally:
                self._note(down, probe=turn == "probe")

    @property
    def _limit(self) -> float:
        return self._patience if self._answered else min(self._patience, _NEVER)

    def _holds(self) -> bool:
        """Whether who waited for a turn must not send any more: the breaker opened, and this is not the probe."""
        return self._since is not None and self._prober != threading.get_ident()

    def _wait(self) -> _Turn:
        """What to do, when it is time to do it."""
        while True:
            turn, pause = self._turn()
            if turn is not None:
                return turn
            if self.clock.wait(pause):
                return "stopped"

    def _turn(self) -> tuple[_Turn | None, float]:
        """What to do now, or how long to wait before asking again."""
        with self._lock:
            if self._since is None:
                return "go", 0.0
            now = self.clock.monotonic()
            if now - self._since >= (self._limit):
                return "enough", 0.0
            if not self._probing and now >= self._next:
                self._probing, self._prober = True, threading.get_ident()
                return "probe", 0.0
            return None, _LOOK if self._probing else max(self._next - now, 0.01)

    def _note(self, down: bool | None, *, probe: bool) -> None:
        """Remember how a call went; None: it never came to an end, which says nothing."""
        with self._lock:
            if probe:
                self._probed(down)
            elif down is not None and self._since is None:
                self._counted(down)

    def _probed(self, down: bool | None) -> None:
        self._probing, self._prober = False, None
        if down is False:
            self._since, self._row = None, 0
            self._last.clear()
            return
        self._pause = min(self._pause * 2, self._longest)
        self._next = self.clock.monotonic() + self._pause

    def _counted(self, down: bool) -> None:
        self._last.append(down)
        self._row = self._row + 1 if down else 0
        half = len(self._last) == _LAST and 2 * sum(self._last) >= _LAST
        if self._row >= _ROW or half:
            self._since = self.clock.monotonic()
            self._pause, self._next = self._shortest, self._since + self._shortest


def _is_down(outcome: Outcome) -> bool:
    return isinstance(outcome, Unknown) or (isinstance(outcome, Failed) and outcome.because in _DOWN)
