"""Learned: what a model is found to bear. Nothing is assumed until the provider asks to go slower; then the rate is
cut to less than what it really took, and raised again a little at a time. Pure but for its own count."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What is left of a rate after a rate limit; of the calls at once after that, and after an overload.
CUT, FEWER, HALF = 0.9, 0.8, 0.5
#: A rate grows by this part of itself in a minute without a rate limit, and by no less than LEAST images a minute.
RAISE, LEAST = 0.05, 0.5
#: Seconds looked back on to see what was really taken.
WINDOW = 120.0
#: Seconds that must have passed, or images that must have gone out, before that says anything.
LONG, MANY = 10.0, 20
#: Days for which what was learned holds; then it doubles with every day.
FRESH = 7.0


@dataclass(slots=True)
class Sent:
    """One call that went out: when, and how many images of it count as taken."""

    time: float
    images: int


class Learned:
    """A rate in images a minute, none at first, and a number of calls at once, `most` at first. Neither ever exceeds
    what is known: `ceiling` (images a minute) and `most`. Times are a monotonic clock's seconds. Not thread-safe."""

    def __init__(self, most: int, ceiling: float | None = None) -> None:
        self._most, self._ceiling = most, ceiling
        self._base: float | None = None
        self._since = self._step = 0.0
        self._at_once = float(most)
        self._cut_at = self._paced = float("-inf")
        self._taken_since = True
        self._window: deque[Sent] = deque()
        self._sum = 0

    @property
    def at_once(self) -> int:
        """How many calls may be in flight."""
        return int(self._at_once)

    def rate(self, now: float) -> float | None:
        """Images a minute; None: nothing was found that is below the ceiling."""
        if self._base is None:
            return None
        rate = self._base + self._step * (now - self._since) / 60
        if self._ceiling is not None and rate >= self._ceiling:
            self._base = None
            return None
        return rate

    def ready_in(self, now: float) -> float:
        """Seconds until the next call may go out; 0 or less: now."""
        return 0.0 if self.rate(now) is None else self._paced - now

    def take(self, images: int, now: float) -> Sent:
        """A call of `images` goes out now."""
        rate = self.rate(now)
        if rate is not None:
            self._paced = max(self._paced, now) + images * 60 / rate
        sent = Sent(now, images)
        self._window.append(sent)
        self._sum += images
        self._forget(now)
        return sent

    def accepted(self, sent: Sent) -> None:
        """A call was answered: one more may be in flight for as many as are."""
        self._taken_since = self._taken_since or sent.time > self._cut_at
        self._at_once = min(self._at_once + 1 / self._at_once, self._most)

    def refused(self, sent: Sent, now: float, silence: float, in_flight: int) -> None:
        """The provider asked to go slower, and to be left alone for `silence` seconds; `in_flight` other calls it
        took. Refusals of calls that went out before a cut, or before anything was taken after it, belong to that
        cut: they lower it as far as what was taken says."""
        first = sent.time > self._cut_at and self._taken_since
        self.untake(sent)
        found, known = self._observed(now, silence), self.rate(now)
        known = self._ceiling if known is None else known
        bounds = [rate for rate in (found, known) if rate is not None]
        if first and bounds:
            self._set(max(min(bounds) * CUT, LEAST), now)
        elif found is not None and (known is None or found * CUT < known):
            self._set(max(found * CUT, LEAST), now)
        # One refusal says little of how many calls may be in flight, several at once say that it was too many.
        if first:
            self._shrink(FEWER, self._most)
            self._cut_at, self._taken_since = now, False
        elif sent.time <= self._cut_at:
            self._shrink(1.0, in_flight)

    def overloaded(self, sent: Sent, now: float, in_flight: int) -> None:
        """The provider has too much to do: fewer calls at once, whatever the rate."""
        self.untake(sent)
        if sent.time > self._cut_at:
            self._shrink(HALF, in_flight + 1)
            self._cut_at = now

    def untake(self, sent: Sent) -> None:
        """A call was not taken: it says nothing of how many are."""
        self._sum -= sent.images
        sent.images = 0

    def facts(self, now: float) -> dict[str, Any]:
        """What was learned, as JSON values; nothing when nothing holds anybody back."""
        rate = self.rate(now)
        found: dict[str, Any] = {} if rate is None else {"images_per_minute": round(rate, 2)}
        return found | ({"at_once": self.at_once} if self.at_once < self._most else {})

    def know(self, facts: Mapping[str, Any], age: float, now: float) -> None:
        """What was learned `age` seconds ago. What is old is believed less, until the known limits hold alone."""
        fade = 2.0 ** min(max(age / 86_400 - FRESH, 0.0), 60.0)
        rate, at_once = _number(facts.get("images_per_minute")), _number(facts.get("at_once"))
        if rate is not None and (self._ceiling is None or rate * fade < self._ceiling):
            self._set(max(rate * fade, LEAST), now)
        if at_once is not None:
            self._at_once = min(max(at_once * fade, 1.0), float(self._most))

    def _set(self, rate: float, now: float) -> None:
        self._base, self._since, self._step = rate, now, max(rate * RAISE, LEAST)

    def _shrink(self, part: float, in_flight: int) -> None:
        self._at_once = max(min(self._at_once, in_flight) * part, 1.0)

    def _observed(self, now: float, silence: float) -> float | None:
        """Images a minute that were taken of late, the silence that was asked for included; None when too little
        happened to say."""
        self._forget(now)
        if not self._window or (now - self._window[0].time < LONG and self._sum < MANY):
            return None
        return self._sum * 60 / max(now + silence - self._window[0].time, 1.0)

    def _forget(self, now: float) -> None:
        while self._window and (self._window[0].time + WINDOW < now or not self._window[0].images):
            self._sum -= self._window.popleft().images


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
