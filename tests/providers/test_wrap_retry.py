"""Retrying: again only what is known not to be charged."""

from __future__ import annotations

import random

import pytest

from imagegen.domain.outcome import UNKNOWN_CHARGE, Failed, Made, Refused, Unknown
from imagegen.domain.request import Request, key
from imagegen.providers import Limits
from imagegen.providers.wrap import breaking, retrying
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, failed, limited, made, offline, overloaded
from tests.providers.slips import MemorySlip

ONE = Request(provider="p", model="m", prompt="a mug")
TWO = Request(provider="p", model="m", prompt="a mug", sample=1)


def test_answers_for_the_provider_inside() -> None:
    """Limits, refusals and batches are the provider's."""
    inner = Scripted(HandClock(), limits=Limits(max_batch=3))
    outer = retrying(inner, inner.clock)
    assert outer.limits == Limits(max_batch=3)
    assert outer.refuses(Request(provider="p", model="m", prompt="no")) == "not today"
    assert outer.shares(ONE) == "a mug"


@pytest.mark.parametrize("step", [offline, overloaded])
def test_tries_again_with_a_new_attempt(step: object) -> None:
    """After an uncharged failure the next try runs on the next attempt of the slip."""
    clock = HandClock()
    inner = Scripted(clock, step, made)  # type: ignore[arg-type]
    (result,) = outcomes(retrying(inner, clock), [ONE])
    assert isinstance(result, Made)
    first, second = inner.slips
    assert isinstance(second, MemorySlip)
    assert first.id != second.id
    assert second.closed == ["told to"]
    assert second.calls == ["sending", "again", "sending"]


def test_six_tries_and_no_more() -> None:
    """The sixth failure stands."""
    clock = HandClock()
    inner = Scripted(clock, offline)
    (result,) = outcomes(retrying(inner, clock), [ONE])
    assert isinstance(result, Failed)
    assert len(inner.at) == 6


def test_an_outage_uses_no_tries_up() -> None:
    """While the breaker inside waits for the provider, a request is tried until it is back."""
    clock = HandClock()
    inner = Scripted(clock, made, *[offline] * 12, made)
    outer = retrying(breaking(inner, clock), clock)
    assert all(isinstance(outcomes(outer, [ONE])[0], Made) for _ in range(2))
    assert len(inner.at) == 14


def test_full_jitter() -> None:
    """Waits are anything from nothing up to a bound that doubles from half a second to a minute."""
    waits = []
    for seed in range(300):
        clock = HandClock()
        outcomes(retrying(Scripted(clock, offline), clock, random.Random(seed), tries=10), [ONE])
        waits.append(clock.waits)
    bounds = [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    for number, bound in enumerate(bounds):
        drawn = [row[number] for row in waits]
        assert 0 <= min(drawn) < 0.1 * bound
        assert 0.9 * bound < max(drawn) <= bound


@pytest.mark.parametrize(
    "step",
    [
        made,
        lambda request: Refused(key(request), "policy"),
        lambda request: Unknown(key(request), "cut"),
        failed(retryable=False),
        failed(retryable=True, charge=UNKNOWN_CHARGE),
        failed(retryable=True, stops_provider=True),
    ],
)
def test_everything_else_stands(step: object) -> None:
    """What is made, refused, unknown, charged or hopeless is not tried again."""
    clock = HandClock()
    inner = Scripted(clock, step)  # type: ignore[arg-type]
    (result,) = outcomes(retrying(inner, clock), [ONE])
    assert result == step(ONE)  # type: ignore[operator]
    assert len(inner.at) == 1
    assert clock.waits == []


def test_rate_limits_use_no_tries_up() -> None:
    """However often a provider asks to wait, the request goes on, never earlier than asked."""
    clock = HandClock()
    inner = Scripted(clock, *[limited(20.0)] * 30, made)
    (result,) = outcomes(retrying(inner, clock), [ONE])
    assert isinstance(result, Made)
    gaps = [later - sooner for sooner, later in zip(inner.at, inner.at[1:], strict=False)]
    assert len(gaps) == 30
    assert all(20.0 <= gap <= 22.2 for gap in gaps)


@pytest.mark.parametrize("after", [10.0, None, 2000.0])
def test_patience_ends(after: float | None) -> None:
    """A quarter of an hour of rate limits is enough."""
    clock = HandClock()
    inner = Scripted(clock, limited(after))
    (result,) = outcomes(retrying(inner, clock), [ONE])
    assert isinstance(result, Failed)
    assert result.retryable
    assert clock.passed <= 900
    assert len(inner.at) == 1 if after == 2000.0 else clock.passed > 800


def test_interrupted_while_waiting() -> None:
    """A stop during the wait ends the request at once, uncharged, on the attempt it had."""
    clock = HandClock(stop_after=0)
    inner = Scripted(clock, offline, made)
    slip = MemorySlip()
    (result,) = outcomes(retrying(inner, clock), [ONE], slip)
    assert isinstance(result, Failed)
    assert (result.retryable, result.charge.amount) == (True, 0)
    assert "interrupted" in result.reason
    assert slip.calls == ["sending"]


@pytest.mark.parametrize("batch", [[TWO, ONE], [ONE, TWO]])
def test_a_settled_item_settles_its_call(batch: list[Request]) -> None:
    """When one item of a call is made, the others are not tried again: the call was charged."""
    clock = HandClock()
    inner = Scripted(clock, lambda request: made(request) if request == ONE else offline(request))
    results = outcomes(retrying(inner, clock), batch)
    assert [type(result) for result in results] == [Made if request == ONE else Failed for request in batch]
    assert len(inner.at) == 1


def test_a_whole_batch_is_tried_again() -> None:
    """When nothing of a call was charged, all of it goes again, and each item comes back once."""
    clock = HandClock()
    inner = Scripted(clock, offline, made)
    results = outcomes(retrying(inner, clock), [ONE, TWO])
    assert [result.key for result in results] == [key(ONE), key(TWO)]
    assert len(inner.at) == 2


@pytest.mark.parametrize("slip", [MemorySlip(remote_id="job"), MemorySlip(answer=b"x")])
def test_collecting_is_not_repeated(slip: MemorySlip) -> None:
    """A slip whose job is at the provider is never opened anew."""
    clock = HandClock()
    inner = Scripted(clock, offline)
    (result,) = outcomes(retrying(inner, clock), [ONE], slip)
    assert isinstance(result, Failed)
    assert len(inner.at) == 1
    assert clock.waits == []
