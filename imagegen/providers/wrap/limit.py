"""Limited: calls go out no faster than the provider's limits allow, and not at all while it asked for silence."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from imagegen.clock import Clock
from imagegen.domain.outcome import Failed, Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits, Provider, Slip
from imagegen.providers.wrap.base import INTERRUPTED, Wrapper, all_failed, submits

#: Seconds' worth of a limit that may go out at once after a quiet time.
BURST = 2.0
#: Longer than this nobody waits for a provider that asked for silence.
PATIENCE = 900.0
#: No wait is shorter: a clock may not be able to tell less.
GRAIN = 0.001
#: The pause after a rate limit that names none.
SHORT_PAUSE = 1.0


class Bucket:
    """A limit of `per_minute` units: paced evenly, with a small burst after a quiet time, and whatever the mix of
    batches, never more than that in any 60 s (one batch that is larger than the limit passes alone). Times are a
    monotonic clock's seconds. Not thread-safe."""

    def __init__(self, per_minute: float) -> None:
        self._most, self._each = per_minute, 60 / per_minute
        self._slack = max(BURST - self._each, 0.0)
        self._paced = float("-inf")
        self._passed: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def ready_in(self, units: float, now: float) -> float:
        """Seconds until `units` may pass; 0 or less: now."""
        return max(self._paced - now, self._room_in(units, now)) if units else 0.0

    def take(self, units: float, now: float) -> None:
        """`units` pass now."""
        self._paced = max(self._paced, now - self._slack) + units * self._each
        self._passed.append((now, units))
        self._sum += units

    def _room_in(self, units: float, now: float) -> float:
        """Seconds until the minute before has room for `units`."""
        while self._passed and self._passed[0][0] + 60 <= now:
            self._sum -= self._passed.popleft()[1]
        left, wait = self._sum, 0.0
        for time, passed in self._passed:
            if left + units <= self._most:
                break
            left, wait = left - passed, time + 60 - now
        return wait


class Limited(Wrapper):
    """One at a time through a turnstile; whoever is first in it waits, the others behind. `tokens` says what a
    request counts towards a limit of tokens per minute."""

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        tokens: Callable[[Request], int] | None = None,
    ) -> None:
        super().__init__(provider, clock)
        limits = provider.limits
        self._tokens = tokens or _prompt_tokens
        self._images = _bucket(limits.images_per_minute)
        self._requests = _bucket(limits.requests_per_minute)
        self._token_bucket = _bucket(limits.tokens_per_minute)
        self._open = limits == Limits(limits.max_batch, limits.concurrency)
        self._turnstile = threading.Lock()
        self._silent_until = float("-inf")
        self._day, self._today = "", 0

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """The provider's outcomes, after waiting for its turn."""
        if submits(slip):
            reason = self._pass(batch)
            if reason is not None:
                yield from all_failed(batch, reason, stops=reason is not INTERRUPTED)
                return
        for outcome in self.provider.generate(batch, inputs, slip):
            if isinstance(outcome, Failed) and (outcome.because == "rate" or outcome.retry_after):
                self._silence(outcome.retry_after)
            yield outcome

    def _silence(self, seconds: float | None) -> None:
        """Nobody sends for `seconds`."""
        until = self.clock.monotonic() + (SHORT_PAUSE if seconds is None else seconds)
        self._silent_until = max(self._silent_until, until)

    def _pass(self, batch: Sequence[Request]) -> str | None:
        """Wait until `batch` may go; None then, else why it may not."""
        if self._open and self._silent_until <= self.clock.monotonic():
            return None
        units = len(batch), sum(self._tokens(request) for request in batch) if self._token_bucket else 0
        with self._turnstile:
            while True:
                now = self.clock.monotonic()
                silence = self._silent_until - now
                if silence > PATIENCE:
                    return f"the provider asked to wait {silence:.0f} s; run again then"
                pause = max(silence, self._ready_in(units, now))
                if pause <= 0:
                    self._take(units, now)
                    return self._count(len(batch))
                if self.clock.wait(max(pause, GRAIN)):
                    return INTERRUPTED

    def _buckets(self, units: tuple[int, int]) -> Iterator[tuple[Bucket, int]]:
        images, tokens = units
        for bucket, amount in ((self._images, images), (self._requests, 1), (self._token_bucket, tokens)):
            if bucket is not None:
                yield bucket, amount

    def _ready_in(self, units: tuple[int, int], now: float) -> float:
        return max((bucket.ready_in(amount, now) for bucket, amount in self._buckets(units)), default=0.0)

    def _take(self, units: tuple[int, int], now: float) -> None:
        for bucket, amount in self._buckets(units):
            bucket.take(amount, now)

    def _count(self, images: int) -> str | None:
        """Count `images` towards the day (UTC); a sentence when the day is used up."""
        most = self.limits.images_per_day
        if most is None:
            return None
        today = datetime.fromtimestamp(self.clock.now(), UTC).date().isoformat()
        if today != self._day:
            self._day, self._today = today, 0
        if self._today + images > most:
            return f"the day's {most:,} images are used up; run again after midnight UTC"
        self._today += images
        return None


def _bucket(per_minute: float | None) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute)


def _prompt_tokens(request: Request) -> int:
    """The prompt's tokens, estimated from above for English: one for three characters."""
    return len(request.prompt) // 3 + 1
