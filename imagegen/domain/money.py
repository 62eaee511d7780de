"""Money is whole nanodollars (1e-9 USD) inside, Decimal at the edge, never a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

#: An amount in nanodollars.
Nano = int

PER_USD = 10**9


def nano(usd: str | int | Decimal) -> Nano:
    """Nanodollars in `usd`. Raises ValueError for a float, a non-number or a part of a nanodollar."""
    if isinstance(usd, (float, bool)):
        raise ValueError(f"money must not be a float: {usd!r}")
    try:
        amount = Decimal(str(usd)) * PER_USD
    except InvalidOperation:
        raise ValueError(f"not an amount of money: {usd!r}") from None
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(f"finer than a nanodollar: {usd!r}")
    return int(amount)


def usd(amount: Nano) -> Decimal:
    """`amount` in dollars, exactly."""
    return Decimal(amount) / PER_USD


def plain(amount: Nano) -> str:
    """`amount` in dollars as a plain number for machines: "0.0132", "161", "0"."""
    text = f"{usd(amount):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show(amount: Nano) -> str:
    """`amount` for people: cents at least, and as many digits as a small price needs ("$0.0132")."""
    whole, _, part = f"{abs(usd(amount)):f}".partition(".")
    part = part.rstrip("0")
    if abs(amount) >= PER_USD:
        part = f"{abs(usd(amount)):.2f}".partition(".")[2]
        whole = f"{abs(usd(amount)):.2f}".partition(".")[0]
    elif len(part) > 4:
        rounded = f"{abs(usd(amount)):.4f}"
        if rounded != "0.0000":
            whole, _, part = rounded.rstrip("0").partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}${int(whole):,}.{part.ljust(2, '0')}"
