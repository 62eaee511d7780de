"""Breaking: an outage costs a probe now and then, not every waiting row."""

from __future__ import annotations

import threading

import pytest

from imagegen.domain.outcome import Failed, Made, Unknown
from imagegen.domain.request import Request, key
from imagegen.providers import Limits
from imagegen.providers.wrap import breaking, limited, retrying
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, failed, made, offline, overloaded
from tests.providers.scripted import limited as told_to_wait
from tests.providers.slips import MemorySlip

ONE = Request(provider="p", model="m", prompt="a mug")


@pytest.mark.parametrize("step", [offline, overloaded])
def test_opens_at_ten_in_a_row(step: object) -> None:
    """Nine failures leave it closed, the tenth opens it."""
    clock = HandClock()
    outer = breaking(Scripted(clock, step), clock)  # type: ignore[arg-type]
    for _ in range(9):
        outcomes(outer, [ONE])
    assert not outer.is_open
    outcomes(outer, [ONE])
    assert outer.is_open
    assert clock.waits == []


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
    [made, failed(), told_to_wait(1.0), lambda request: Unknown(key(request), "cut"), failed(stops_provider=True)],
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
    inner = Scripted(clock, *[offline] * 18, made)
    outer = breaking(inner, clock)
    for _ in range(20):
        outcomes(outer, [ONE])
    gaps = [later - sooner for sooner, later in zip(inner.at[9:], inner.at[10:], strict=False)]
    assert gaps == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0])
    assert not outer.is_open


def test_gives_up() -> None:
    """Ten minutes after it opened, whoever waits is told that the provider cannot be used now."""
    clock = HandClock()
    inner = Scripted(clock, offline)
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
    outer = breaking(Scripted(clock, offline), clock)
    for _ in range(10):
        outcomes(outer, [ONE])
    slip = MemorySlip()
    (result,) = outcomes(outer, [ONE], slip)
    assert isinstance(result, Failed)
    assert (result.retryable, result.charge.amount, slip.calls) == (True, 0, [])


def test_a_broken_probe_frees_the_place() -> None:
    """A probe that never came to an end lets the next one go."""
    clock = HandClock()
    inner = Scripted(clock, *[offline] * 10, made)
    outer = breaking(inner, clock)
    for _ in range(10):
        outcomes(outer, [ONE])
    with pytest.raises(Exception, match="full"):
        outcomes(outer, [ONE], MemorySlip(broken=True))
    assert isinstance(outcomes(outer, [ONE])[0], Made)


def test_collecting_goes_through_an_open_breaker() -> None:
    """What submits nothing is not held up."""
    clock = HandClock()
    inner = Scripted(clock, offline)
    outer = breaking(inner, clock)
    for _ in range(10):
        outcomes(outer, [ONE])
    outcomes(outer, [ONE], MemorySlip(remote_id="job"))
    assert clock.waits == []


def test_one_probe_at_a_time() -> None:
    """While a probe is on its way nobody else sends; when it comes back well, everybody does."""
    clock, gate, arrived = HandClock(), threading.Event(), threading.Event()

    def slow(request: Request) -> Made:
        arrived.set()
        gate.wait(10)
        result = made(request)
        assert isinstance(result, Made)
        return result

    inner = Scripted(clock, *[offline] * 10, slow)
    outer = breaking(inner, clock, patience=1e9)
    for _ in range(10):
        outcomes(outer, [ONE])
    probe = threading.Thread(target=outcomes, args=(outer, [ONE]))
    probe.start()
    assert arrived.wait(10)
    others = [threading.Thread(target=outcomes, args=(outer, [ONE])) for _ in range(8)]
    for thread in others:
        thread.start()
    while len(clock.waits) < 1000:
        pass
    assert len(inner.at) == 11
    gate.set()
    for thread in (probe, *others):
        thread.join()
    assert len(inner.at) == 19


def test_an_outage_costs_few_calls() -> None:
    """Through all three wrappers, a minute's outage is survived by every request with few extra calls."""
    clock = HandClock()

    def down_for_a_minute(request: Request) -> Failed | Made:
        result = offline(request) if clock.passed < 60 else made(request)
        assert isinstance(result, Failed | Made)
        return result

    inner = Scripted(clock, down_for_a_minute, limits=Limits(images_per_minute=600))
    outer = retrying(breaking(limited(inner, clock), clock), clock, tries=20)
    results = [outcomes(outer, [ONE])[0] for _ in range(300)]
    assert all(isinstance(result, Made) for result in results)
    assert len(inner.at) - 300 <= 30
