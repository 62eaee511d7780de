"""Values of settings as people write them -> the values that count; SettingsError says what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagegen.domain.money import Nano, nano
from imagegen.errors import SettingsError

BUDGETS = ("run", "hour", "day", "month")

#: A model of a hub at a revision that does not move: a commit, a branch or a tag.
PINNED = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[\w./-]+)")


def optimize(value: str) -> str:
    """What `optimize` may say."""
    if value not in ("route", "cost"):
        raise SettingsError(f"optimize is {value!r}", "write route or cost")
    return value


def budgets(value: Any) -> dict[str, Nano]:
    """Scope -> amount, of a mapping or a single amount for the run."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        value = {"run": value}
    unknown = sorted(set(value) - set(BUDGETS))
    if unknown:
        raise SettingsError(f"budget.{unknown[0]} is not a budget", f"there are {', '.join(BUDGETS)}")
    return {scope: money(f"budget.{scope}", amount) for scope, amount in value.items() if amount is not None}


def money(name: str, value: Any) -> Nano:
    """An amount in nanodollars."""
    try:
        amount = nano(str(value).removeprefix("$") if not isinstance(value, float) else repr(value))
    except ValueError as problem:
        raise SettingsError(f"{name}: {problem}", "give US dollars, such as 25 or 0.50") from None
    if amount < 0:
        raise SettingsError(f"{name} is negative", "give US dollars, such as 25 or 0.50")
    return amount


def host_and_port(address: str) -> str:
    """The host of an address with its port, the usual one where it names none."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:  # whoever calls it will say so
        port = None
    return f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"


def positive(name: str, value: Any) -> int:
    """A whole number from 1."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}", "give a whole number from 1")
    return number


def several(value: Any) -> Sequence[str]:
    """A list, of a list or of one text."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def weights(value: Mapping[str, Any], beside: Path) -> dict[str, str]:
    """Model -> its folder (counted from `beside`), or OWNER/NAME@REVISION of a hub as it stands."""
    for name, said in value.items():
        if not isinstance(said, str) or not said.strip():
            raise SettingsError(f"weights.{name} is {said!r}", "give a folder, or OWNER/NAME@REVISION of the hub")
    return {
        name: said if PINNED.fullmatch(said) else str(beside / Path(said).expanduser()) for name, said in value.items()
    }
