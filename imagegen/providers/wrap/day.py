"""Day: what one day's limits leave of images, requests and tokens. Days are those of UTC. Pure but for its count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.providers import Limits, Rates

#: What is counted, and what one call amounts to in each: images, requests, tokens.
COUNTED = ("images", "requests", "tokens")
Units = tuple[int, int, int]


class Day:
    """Counts towards `images_per_day` and the like. What other runs and processes used comes in by `know`, what was
    counted here goes out by `facts`, once. Not thread-safe."""

    def __init__(self, rates: Rates | Limits) -> None:
        self._most: dict[str, int] = {}
        for name in COUNTED:
            most = getattr(rates, f"{name}_per_day")
            if most is not None:
                self._most[name] = most
        self._day = ""
        self._known = dict.fromkeys(COUNTED, 0)
        self._new = dict.fromkeys(COUNTED, 0)

    def refuses(self, units: Units, today: str) -> str | None:
        """A sentence when a call of `units` does not fit into what is left of `today` (2026-11-22)."""
        self._begin(today)
        for name, amount in zip(COUNTED, units, strict=True):
            most = self._most.get(name)
            if most is not None and self._known[name] + self._new[name] + amount > most:
                return f"the day's {most:,} {name} are used up; run again after midnight UTC"
        return None

    def take(self, units: Units) -> None:
        """A call of `units` goes out."""
        if self._most:
            for name, amount in zip(COUNTED, units, strict=True):
                self._new[name] += amount

    def facts(self) -> dict[str, Any]:
        """What was used since the last time this was asked, as JSON values; nothing when nothing was."""
        new, self._new = self._new, dict.fromkeys(COUNTED, 0)
        self._known = {name: self._known[name] + new[name] for name in COUNTED}
        return {"day": self._day, "used": new} if any(new.values()) else {}

    def know(self, facts: Mapping[str, Any], today: str) -> None:
        """What everybody used, as it was written down: it counts when it is of `today`."""
        self._begin(today)
        used = facts.get("used")
        if facts.get("day") == today and isinstance(used, Mapping):
            for name in COUNTED:
                count = used.get(name)
                self._known[name] = max(self._known[name], count if isinstance(count, int) else 0)

    def _begin(self, today: str) -> None:
        if today != self._day:
            self._day = today
            self._known, self._new = dict.fromkeys(COUNTED, 0), dict.fromkeys(COUNTED, 0)
