"""Breaking: an outage costs a probe now and then, not every waiting row."""

from __future__ import annotations

import threading

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Unknown
from imagegen.domain.request import Request, key
from imagegen.providers import Limits
from imagegen.providers.wrap import breaking, limited, retrying
from imagegen.providers.wrap.base import HELD
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, Step, failed, made, offline, overloaded
from tests.providers.scripted import limited as told_to_wait
from tests.providers.slips import MemorySlip

ONE = Request(provider="p", model="m", prompt="a mug")


def doubtful(request: Request) -> Unknown:
    return Unknown(key(request), "cut")


@pytest.mark.parametrize("step", [offline, overloaded, doubtful])
def test_opens_at_five_in_a_row(step: object) -> None:
    """Four failures leave it closed, the fifth opens it; so do answers of which nobody knows what became."""
    clock = HandClock()
    outer = breaking(Scripted(clock, made, step), clock)  # type: ignore[arg-type]
    for _ in range(5):
        outcomes(outer, [ONE])
    assert not outer.is_open
    outcomes(outer, [ONE])
    assert outer.is_open
    assert clock.waits == []


def test_an_address_where_nothing_ever_answered_is_given_up_sooner() -> None:
    """It may be a wrong one: twenty seconds are waited, not ten minutes."""
    clock = HandClock()
    inner = Scripted(clock, offline)
    outer = breaking(inner, clock)
    last = [outcomes(outer, [ONE])[0] for _ in range(30)][-1]
    assert getattr(last, "stops_provider", False)
    assert "cannot be reached" in last.reason  # type: ignore[union-attr]
    assert inner.at[-1] <= 20


def test_opens_when_half_of_twenty_fail() -> None:
    """Every other call failing opens it once there were twenty."""
    clock = HandClock()
    outer = breaking(Scripted(clock, *[offline, made] * 20), clock)
    for _ in range(19):
        outcomes(outer, [ONE])
    assert not outer.is_open
    outcomes(outer, [ONE])
    assert outer.is_open


@pytest.mark.parametrize(
    "step",
    [made, failed(), told_to_wait(1.0), failed(stops_provider=True)],
)
def test_other_failures_are_no_outage(step: object) -> None:
    """What answers is up: bad requests, rate limits, no credit."""
    clock = HandClock()
    outer = breaking(Scripted(clock, step), clock)  # type: ignore[arg-type]
    for _ in range(50):
        outcomes(outer, [ONE])
    assert not outer.is_open


def test_probes_with_growing_pauses() -> None:
    """Pauses between probes double from half a second to thirty; the first good one closes it."""
    clock = HandClock()
    inner = Scripted(clock, made, *[offline] * 13, made)
    outer = breaking(inner, clock)
    for _ in range(16):
        outcomes(outer, [ONE])
    gaps = [later - sooner for sooner, later in zip(inner.at[5:], inner.at[6:], strict=False)]
    assert gaps == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0])
    assert not outer.is_open


def test_gives_up() -> None:
    """Ten minutes after it opened, whoever waits is told that the provider cannot be used now."""
    clock = HandClock()
    inner = Scripted(clock, made, offline)
    outer = breaking(inner, clock)
    last = [outcomes(outer, [ONE])[0] for _ in range(60)][-1]
    assert isinstance(last, Failed)
    assert last.stops_provider
    assert not last.retryable
    assert "10 minutes" in last.reason
    assert inner.at[-1] <= 600


def test_interrupted_while_open() -> None:
    """A stop while waiting for the provider ends the request before anything was sent."""
    clock = HandClock(stop_after=0)
    outer = breaking(Scripted(clock, made, offline), clock)
    for _ in range(6):
        outcomes(outer, [ONE])
    slip = MemorySlip()
    (result,) = outcomes(outer, [ONE], slip)
    assert isinstance(result, Failed)
    assert (result.retryable, result.charge.amount, slip.calls) == (True, 0, [])


def test_a_broken_probe_frees_the_place() -> None:
    """A probe that never came to an end lets the next one go."""
    clock = HandClock()
    inner = Scripted(clock, made, *[offline] * 5, made)
    outer = breaking(inner, clock)
    for _ in range(6):
        outcomes(outer, [ONE])
    with pytest.raises(Exception, match="full"):
        outcomes(outer, [ONE], MemorySlip(broken=True))
    assert isinstance(outcomes(outer, [ONE])[0], Made)


def test_collecting_goes_through_an_open_breaker() -> None:
    """What submits nothing is not held up."""
    clock = HandClock()
    inner = Scripted(clock, offline)
    outer = breaking(inner, clock)
    for _ in range(5):
        outcomes(outer, [ONE])
    outcomes(outer, [ONE], MemorySlip(remote_id="job"))
    assert clock.waits == []


def test_who_waited_for_a_turn_does_not_send_into_an_outage() -> None:
    """A call that the limiter held back when the outage began goes out after it, on the same attempt."""
    clock = HandClock()
    inner = limited(Scripted(clock), clock)
    inner.held = lambda: clock.passed < 30
    slip = MemorySlip()
    (result,) = outcomes(inner, [ONE], slip)
    assert isinstance(result, Failed)
    assert (result.reason, slip.calls) == (HELD, [])

    last = Scripted(clock, *[offline] * 5, failed(reason=HELD), failed(reason=HELD), made)
    outer = breaking(last, clock)
    for _ in range(5):
        outcomes(outer, [ONE])
    assert isinstance(outcomes(outer, [ONE])[0], Made)
    assert len(last.at) == 8


def test_only_the_probe_passes_the_limiter() -> None:
    """While the breaker is open nobody but the probe is let through, whatever the limits allow."""
    clock = HandClock()
    inner = Scripted(clock, *[offline] * 5, made)
    limiter = limited(inner, clock)
    outer = breaking(limiter, clock)
    for _ in range(5):
        outcomes(outer, [ONE])
    assert outer.is_open
    (past,) = outcomes(limiter, [ONE])
    assert isinstance(past, Failed)
    assert past.reason is HELD
    assert isinstance(outcomes(outer, [ONE])[0], Made)
    assert isinstance(outcomes(limiter, [ONE])[0], Made)


def test_one_probe_at_a_time() -> None:
    """While a probe is on its way nobody else sends; when it comes back well, everybody does."""
    clock, gate, arrived = HandClock(), threading.Event(), threading.Event()

    def slow(request: Request) -> Made:
        arrived.set()
        gate.wait(10)
        result = made(request)
        assert isinstance(result, Made)
        return result

    inner = Scripted(clock, made, *[offline] * 5, slow)
    outer = breaking(inner, clock, patience=1e9)
    for _ in range(6):
        outcomes(outer, [ONE])
    probe = threading.Thread(target=outcomes, args=(outer, [ONE]))
    probe.start()
    assert arrived.wait(10)
    others = [threading.Thread(target=outcomes, args=(outer, [ONE])) for _ in range(8)]
    for thread in others:
        thread.start()
    while len(clock.waits) < 1000:
        pass
    assert len(inner.at) == 7
    gate.set()
    for thread in (probe, *others):
        thread.join()
    assert len(inner.at) == 15


def down_for_a_minute(clock: HandClock, step: Step) -> Step:
    def either(request: Request) -> Outcome:
        return step(request) if clock.passed < 60 else made(request)

    return either


@pytest.mark.parametrize("step", [offline, overloaded])
def test_an_outage_costs_few_calls(step: Step) -> None:
    """Through all three wrappers, as a run has them, a minute's outage is survived by every request, one at a time
    even, with few extra calls."""
    clock = HandClock()
    inner = Scripted(clock, made, down_for_a_minute(clock, step))
    inner.given = Limits(images_per_minute=600)
    outer = retrying(breaking(limited(inner, clock), clock), clock)
    results = [outcomes(outer, [ONE])[0] for _ in range(300)]
    assert all(isinstance(result, Made) for result in results)
    assert len(inner.at) - 300 <= 30


def test_an_outage_leaves_few_unknown() -> None:
    """Where connections break after sending, a minute's outage makes a dozen unknowns, not one of every row."""
    clock = HandClock()
    inner = Scripted(clock, down_for_a_minute(clock, doubtful))
    outer = retrying(breaking(limited(inner, clock), clock), clock)
    results = [outcomes(outer, [ONE])[0] for _ in range(300)]
    assert len(inner.at) == 300  # what may have been charged is not sent again
    assert sum(isinstance(result, Unknown) for result in results) <= 12
    assert all(isinstance(result, Made | Unknown) for result in results)
