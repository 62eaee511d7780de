"""Amounts of money on the command line."""

from __future__ import annotations

from imagegen.domain.money import Nano, nano
from imagegen.errors import UsageError

#: Dollars that no hour and no picture costs, in nanodollars; beyond it is a slip of the key.
MOST = 10**18


def dollars(option: str, text: str | None, example: str = "3.80") -> Nano | None:
    """What `text` says for `option`; None where nothing was said. Raises UsageError for what is no amount of money."""
    if text is None:
        return None
    try:
        amount = nano(text.strip().removeprefix("$"))
    except ValueError:
        amount = -1
    if not 0 <= amount <= MOST:
        raise UsageError(f"{option} {text!r} is no amount of money", f"give US dollars, such as {example}")
    return amount
