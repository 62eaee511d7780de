"""Retrying: another try for what is known not to be charged. It never sees money and never sends twice in doubt."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from imagegen.clock import Clock
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import Request
from imagegen.providers import Provider, Slip
from imagegen.providers.wrap.base import INTERRUPTED, Wrapper, submits


@dataclass(slots=True)
class _Tries:
    """What one batch has been through: `tries` that count, rate limits in a row, when the first one came."""

    tries: int = 0
    limited: int = 0
    since: float | None = None


class Retrying(Wrapper):
    """`tries` in all where there was no connection or too much load, with full jitter between them from `base` to
    `cap` seconds. An outage that the breaker inside knows of uses no tries up: the breaker does the waiting, and ends
    it. Nor do rate limits; they end when `patience` seconds of them have passed."""

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        rng: random.Random | None = None,
        *,
        tries: int = 6,
        base: float = 0.5,
        cap: float = 60.0,
        patience: float = 900.0,
    ) -> None:
        super().__init__(provider, clock)
        self._rng = rng or random.Random()  # noqa: S311 -- jitter is no secret
        self._tries, self._base, self._cap, self._patience = tries, base, cap, patience

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """The provider's outcomes, the last try's where there were several."""
        past = _Tries()
        while True:
            held: list[Failed] = []
            passing = False
            for outcome in self.provider.generate(batch, inputs, slip):
                if not passing and isinstance(outcome, Failed) and _may_repeat(outcome):
                    held.append(outcome)
                    continue
                # One item of the call is settled, so the call is: the others are not repeated either.
                passing = True
                yield from held
                held.clear()
                yield outcome
            pause = self._pause(held, past) if held and submits(slip) else None
            if pause is None:
                yield from held
                return
            if self.clock.wait(pause):
                yield from (replace(failed, reason=INTERRUPTED, retryable=True) for failed in held)
                return
            slip = slip.again(held[0].reason)

    def _pause(self, held: list[Failed], past: _Tries) -> float | None:
        """Seconds until the next try; None when there is none."""
        asked = max((failed.retry_after or 0.0 for failed in held), default=0.0)
        if any(failed.because == "rate" for failed in held):
            return self._limited(asked, past)
        if not getattr(self.provider, "is_open", False):
            past.tries += 1
        if past.tries >= self._tries or asked > self._patience:
            return None
        return asked + self._jitter(max(past.tries - 1, 0))

    def _limited(self, asked: float, past: _Tries) -> float | None:
        """The wait after a rate limit: what was asked for, or a growing one, and a little more so that not everybody
        comes back at once."""
        now = self.clock.monotonic()
        past.since = now if past.since is None else past.since
        pause = asked + self._rng.uniform(0, 0.1 * asked + 0.1) if asked else 1.0 + self._jitter(past.limited)
        past.limited += 1
        return pause if now + pause - past.since <= self._patience else None

    def _jitter(self, doublings: int) -> float:
        """Anything from 0 to a bound that doubles from `base` up to `cap`."""
        return self._rng.uniform(0, min(self._cap, self._base * 2.0 ** min(doublings, 30)))


def _may_repeat(failed: Failed) -> bool:
    return failed.retryable and not failed.stops_provider and failed.charge.amount == 0
