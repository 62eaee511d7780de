"""Turns: everything that decides when one model's next call may go out, or the next of a whole provider's."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imagegen.providers import Limits, Rates
from imagegen.providers.wrap.bucket import Bucket
from imagegen.providers.wrap.day import COUNTED, Day, Units
from imagegen.providers.wrap.learn import Learned, Sent

#: A silence that is longer than this is not believed when it comes from an earlier run (seconds).
LONGEST = 86_400.0


class Turns:
    """The known limits (`rates`), the day's count, the silence that was asked for, and, for a model, what is
    `learned`. `name` is the model's, "" for the whole provider. Who waits for the next turn holds `turnstile`;
    everything else belongs to whoever holds Limited's lock."""

    def __init__(self, name: str, rates: Rates | Limits, learned: Learned | None = None) -> None:
        self.name = name
        self.turnstile = threading.Lock()
        self.busy = 0
        self.stopped = ""
        self.silent_until = self.kept_at = float("-inf")
        self._buckets = [_bucket(getattr(rates, f"{name}_per_minute")) for name in COUNTED]
        self._day = Day(rates)
        self._learned = learned
        self._kept: dict[str, Any] = {}

    @property
    def full(self) -> bool:
        """Whether as many calls are in flight as may be."""
        return self._learned is not None and self.busy >= self._learned.at_once

    def ready_in(self, units: Units, now: float) -> float:
        """Seconds until a call of `units` may go out; 0 or less: now."""
        waits = [bucket.ready_in(amount, now) for bucket, amount in zip(self._buckets, units, strict=True) if bucket]
        return max([self.silent_until - now, self._learned.ready_in(now) if self._learned else 0.0, *waits])

    def take(self, units: Units, now: float) -> Sent:
        """A call of `units` goes out now."""
        for bucket, amount in zip(self._buckets, units, strict=True):
            if bucket is not None:
                bucket.take(amount, now)
        self._day.take(units)
        if self._learned is None:
            return Sent(now, units[0])
        self.busy += 1
        return self._learned.take(units[0], now)

    def judge(self, sent: Sent, because: str | None, now: float, silence: float) -> None:
        """What came of a call: why it failed (see `Failed.because`), "unknown", or None: it was answered."""
        if self._learned is None:
            return
        others = self.busy - 1
        if because == "rate":
            self._learned.refused(sent, now, silence, others)
        elif because == "overload":
            self._learned.overloaded(sent, now, others)
        elif because is None:
            self._learned.accepted(sent)
        elif because == "connection":
            self._learned.untake(sent)

    def refuses(self, units: Units, wall: float) -> str | None:
        """A sentence when the day's limits leave no room for a call of `units`; `wall` is the time of day."""
        return self._day.refuses(units, _date(wall))

    def facts(self, now: float, wall: float) -> dict[str, Any] | None:
        """What is worth keeping, as JSON values; None when nothing changed since the last time."""
        found = self._learned.facts(now) if self._learned else {}
        if self.silent_until - now > 0:
            found["silent_until"] = round(wall + self.silent_until - now, 1)
        used = self._day.facts()
        if found == self._kept and not used:
            return None
        self._kept = dict(found)
        return found | used

    def know(self, facts: Mapping[str, Any], age: float, now: float, wall: float) -> None:
        """What an earlier run wrote down, `age` seconds ago."""
        if self._learned is not None:
            self._learned.know(facts, age, now)
        until = facts.get("silent_until")
        if isinstance(until, int | float) and 0 < until - wall <= LONGEST:
            self.silent_until = max(self.silent_until, now + until - wall)
        self._day.know(facts, _date(wall))
        self._kept = {name: value for name, value in facts.items() if name not in ("day", "used")}

    def know_used(self, facts: Mapping[str, Any], wall: float) -> None:
        """What everybody used today, as the books say now."""
        self._day.know(facts, _date(wall))


def _bucket(per_minute: float | None) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute)


def _date(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).date().isoformat()
