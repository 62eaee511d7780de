"""Which keys a prune drops, and how a person writes an age or a size. Pure: nothing here touches a disk."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from imagegen.domain.request import Key
from imagegen.errors import UsageError
from imagegen.stores import Held

_AGE = re.compile(r"(\d{1,6}) ?(h|d|w)")
_AGES = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(b|[kmgt]i?b)", re.IGNORECASE)
_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(slots=True)
class _Picture:
    """One file and the keys that lead to it."""

    bytes: int
    keys: list[Key] = field(default_factory=list)
    going: list[Key] = field(default_factory=list)
    used: float = 0.0


def choose(
    held: Iterable[Held],
    *,
    older_than: timedelta | None = None,
    max_size: int | None = None,
    model: str | None = None,
    unused: bool = False,
    needed: Container[str] = (),
    even_needed: bool = False,
    now: datetime,
) -> list[Key]:
    """The keys to drop, longest unused first.

    Those go that meet all of `older_than` (since the last use or, where that is not known, the
    making), `model` and `unused` (no digest in `needed`). With `max_size` in bytes they go, longest
    unused first, only until the pictures that stay are no more than that. What is in `needed` stays unless
    `even_needed`. Without any condition nothing goes.
    """
    if older_than is None and max_size is None and model is None and not unused:
        return []
    pictures: dict[str, _Picture] = {}
    for entry in held:
        picture = pictures.setdefault(entry.name, _Picture(entry.bytes))
        picture.keys.append(entry.key)
        used = last_use(entry)
        picture.used = max(picture.used, used)
        is_needed = entry.digest in needed
        if (
            (older_than is None or now.timestamp() - used >= older_than.total_seconds())
            and (model is None or entry.facts.get("model") == model)
            and not (is_needed and (unused or not even_needed))
        ):
            picture.going.append(entry.key)
    ordered = sorted((one for one in pictures.values() if one.going), key=lambda one: one.used)
    if max_size is None:
        return [key for picture in ordered for key in picture.going]
    return _until(max_size, ordered, sum(one.bytes for one in pictures.values()))


def last_use(held: Held) -> float:
    """When `held` was last used or, where that is not known, made: seconds since 1970; 0 when neither is."""
    if held.used is not None:
        return held.used
    try:
        return datetime.fromisoformat(str(held.facts.get("made_at"))).timestamp()
    except ValueError:
        return 0.0


def parse_age(text: str) -> timedelta:
    """`text` such as "90d", "12h" or "4w". Raises UsageError."""
    match = _AGE.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"not an age: {text!r}", "write a number with h, d or w, such as 12h, 90d or 4w")
    return int(match[1]) * _AGES[match[2]]


def parse_size(text: str) -> int:
    """Bytes in `text` such as "20GB", "500MB" (powers of 1000) or "1GiB" (powers of 1024). A number
    without a unit is refused: taken for bytes it would empty the cache. Raises UsageError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"not a size: {text!r}", "write a number with a unit, such as 500MB, 20GB or 1GiB")
    unit = match[2].lower()
    base = 1024 if "i" in unit else 1000
    return int(Decimal(match[1]) * base ** _POWERS[unit[0]])


def _until(max_size: int, ordered: list[_Picture], total: int) -> list[Key]:
    """Keys of whole pictures only: a key whose picture must stay for another key frees nothing."""
    dropped: list[Key] = []
    for picture in ordered:
        if total <= max_size:
            break
        if len(picture.going) == len(picture.keys):
            dropped += picture.going
            total -= picture.bytes
    return dropped
