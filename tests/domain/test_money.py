"""Money: exact inside, exact for machines, readable for people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.domain.money import PER_USD, nano, plain, show, usd

AMOUNTS = st.integers(-(10**21), 10**21)


def test_a_million_small_prices_add_up_exactly() -> None:
    """1,000,000 pictures at $0.002 cost $2,000, not a hair more or less; so do those at a tenth of a cent's tenth."""
    assert sum(nano("0.002") for _ in range(1_000_000)) == nano(2000)
    assert show(1_000_000 * nano("0.002")) == "$2,000.00"
    assert 3 * nano("0.1") == nano("0.3")


@given(AMOUNTS)
def test_there_and_back(amount: int) -> None:
    """What machines are told is the amount itself, in dollars, without an exponent."""
    assert nano(usd(amount)) == nano(plain(amount)) == amount
    assert "E" not in plain(amount)


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("25", 25 * PER_USD),
        (25, 25 * PER_USD),
        ("0.50", 5 * 10**8),
        (Decimal("0.0132"), 13_200_000),
        ("1e-9", 1),
        ("-0.01", -(10**7)),
        (" 7 ", 7 * PER_USD),
        ("0", 0),
    ],
)
def test_dollars_become_nanodollars(said: Any, amount: int) -> None:
    """Texts, whole numbers and decimals are taken at their word."""
    assert nano(said) == amount


@pytest.mark.parametrize(
    "said", [0.1, 5.0, True, "", "ten", "1,000", "$5", "nan", "inf", "-inf", "1e-10", "0.0000000005"]
)
def test_what_is_no_amount_is_refused(said: Any) -> None:
    """Floats are never money, nor is what is finer than a nanodollar; the message repeats what was given."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is looked at below
        nano(said)
    assert repr(said) in str(caught.value)


@pytest.mark.parametrize(
    ("dollars", "machines", "people"),
    [
        ("0", "0", "$0.00"),
        ("161", "161", "$161.00"),
        ("0.0132", "0.0132", "$0.0132"),
        ("0.04", "0.04", "$0.04"),
        ("0.1", "0.1", "$0.10"),
        ("0.002", "0.002", "$0.002"),
        ("0.013219", "0.013219", "$0.0132"),
        ("0.00001", "0.00001", "$0.00001"),
        ("0.000000001", "0.000000001", "$0.000000001"),
        ("1", "1", "$1.00"),
        ("1.005", "1.005", "$1.00"),
        ("5.04", "5.04", "$5.04"),
        ("0.99999", "0.99999", "$1.00"),
        ("0.09999999", "0.09999999", "$0.10"),
        ("1.999", "1.999", "$2.00"),
        ("1234567.891", "1234567.891", "$1,234,567.89"),
        ("-0.5", "-0.5", "-$0.50"),
        ("-3000", "-3000", "-$3,000.00"),
        ("100", "100", "$100.00"),
    ],
)
def test_amounts_as_they_are_shown(dollars: str, machines: str, people: str) -> None:
    """Machines get every digit, people cents at least and as many digits as a small price needs."""
    assert plain(nano(dollars)) == machines
    assert show(nano(dollars)) == people
