"""Limited: never more in any minute than allowed, and silence when asked for."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.wrap import limited as wrap
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, limited
from tests.providers.slips import MemorySlip

ONE = Request(provider="p", model="m", prompt="a mug")


def busiest(times: list[float], span: float = 60.0) -> int:
    """Most calls in any `span` seconds."""
    return max(sum(1 for time in times if start <= time < start + span - 1e-6) for start in times)


@pytest.mark.parametrize("per_minute", [0.5, 1, 5, 7.5, 29, 30, 60, 250, 1000])
@pytest.mark.parametrize("limit", ["images_per_minute", "requests_per_minute"])
def test_no_minute_holds_more(per_minute: float, limit: str) -> None:
    """In any 60 seconds at most the limit passes, and nearly the limit does."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(**{limit: per_minute}))
    outer = wrap(inner, clock)
    count = int(per_minute * 3) + 3
    for _ in range(count):
        outcomes(outer, [ONE])
    assert busiest(inner.at) <= max(per_minute, 1)
    assert clock.passed <= 60 * count / per_minute * 1.1


def test_a_quiet_time_saves_little_up() -> None:
    """After an idle hour only a few seconds' worth goes at once."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(images_per_minute=60))
    outer = wrap(inner, clock)
    outcomes(outer, [ONE])
    clock.wait(3600)
    for _ in range(100):
        outcomes(outer, [ONE])
    assert busiest(inner.at) <= 60
    assert busiest(inner.at[1:], 1.0) <= 3


def test_a_batch_counts_its_images() -> None:
    """Four images of one call count four times as images and once as a request."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(max_batch=4, images_per_minute=8, requests_per_minute=600))
    outer = wrap(inner, clock)
    batch = [replace(ONE, sample=number) for number in range(4)]
    for _ in range(10):
        outcomes(outer, batch)
    assert busiest(inner.at) <= 2


def test_mixed_batches_keep_the_minute() -> None:
    """Batches between single images never squeeze more images into a minute than allowed."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(max_batch=4, images_per_minute=8))
    outer = wrap(inner, clock)
    sent: list[float] = []
    for number in range(30):
        size = 4 if number % 5 == 0 else 1
        outcomes(outer, [replace(ONE, sample=sample) for sample in range(size)])
        sent += [clock.passed] * size
    assert 7 <= busiest(sent) <= 8


def test_tokens_count() -> None:
    """Tokens per minute hold with the estimate that was handed in."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(tokens_per_minute=1000))
    outer = wrap(inner, clock, tokens=lambda request: 100)
    for _ in range(40):
        outcomes(outer, [ONE])
    assert 9 <= busiest(inner.at) <= 10


def test_the_day_ends_politely() -> None:
    """When the day's images are used up the provider stops, and goes on the day after."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(images_per_day=3))
    outer = wrap(inner, clock)
    results = [outcomes(outer, [ONE])[0] for _ in range(4)]
    assert [type(result) for result in results] == [Made, Made, Made, Failed]
    assert isinstance(results[3], Failed)
    assert results[3].stops_provider
    assert "midnight" in results[3].reason
    clock.wait(86_400)
    assert isinstance(outcomes(outer, [ONE])[0], Made)


def test_a_retry_after_silences_everybody() -> None:
    """After one caller was told to wait, no caller sends any earlier."""
    clock = HandClock()
    inner = Scripted(clock, limited(45.0), *[limited(None)], Scripted(clock).steps[0])
    outer = wrap(inner, clock)
    for _ in range(4):
        outcomes(outer, [ONE])
    assert inner.at[1] - inner.at[0] >= 45
    assert inner.at[2] - inner.at[1] >= 1


def test_a_long_silence_stops_the_provider() -> None:
    """Nobody waits an hour: the provider is said to be out of use."""
    clock = HandClock()
    outer = wrap(Scripted(clock, limited(3600.0)), clock)
    outcomes(outer, [ONE])
    (result,) = outcomes(outer, [ONE])
    assert isinstance(result, Failed)
    assert result.stops_provider
    assert clock.waits == []


def test_interrupted_before_its_turn() -> None:
    """A stop while waiting for a turn ends the request before anything was sent."""
    clock = HandClock(stop_after=0)
    inner = Scripted(clock, limits=Limits(requests_per_minute=1))
    outer = wrap(inner, clock)
    outcomes(outer, [ONE])
    slip = MemorySlip()
    (result,) = outcomes(outer, [ONE], slip)
    assert isinstance(result, Failed)
    assert (result.retryable, result.charge.amount) == (True, 0)
    assert slip.calls == []


@pytest.mark.parametrize("slip", [MemorySlip(remote_id="job"), MemorySlip(answer=b"x")])
def test_collecting_needs_no_turn(slip: MemorySlip) -> None:
    """What submits nothing waits for nobody."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(requests_per_minute=1))
    outer = wrap(inner, clock)
    outcomes(outer, [ONE])
    outcomes(outer, [ONE], slip)
    assert clock.waits == []


def test_no_limits_no_waiting() -> None:
    """Without limits nothing waits."""
    clock = HandClock()
    outer = wrap(Scripted(clock), clock)
    for _ in range(100):
        outcomes(outer, [ONE])
    assert clock.waits == []


class CrowdClock(HandClock):
    """Notes how many wait at once."""

    waiting = most = 0

    def wait(self, seconds: float) -> bool:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        time.sleep(0.001)
        self.waiting -= 1
        return super().wait(seconds)


def test_threads_take_turns() -> None:
    """With 64 threads the limit holds and everybody gets through."""
    clock = CrowdClock()
    inner = Scripted(clock, limits=Limits(images_per_minute=90))
    outer = wrap(inner, clock)
    results: list[Outcome] = []

    def work() -> None:
        for _ in range(5):
            results.extend(outcomes(outer, [ONE]))

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 320
    # The provider notes the time after it was let through, when another may already have moved the clock.
    assert busiest(sorted(inner.at)) <= 90 + 64
    assert clock.passed >= 60 * (320 - 90) / 90
    assert clock.most == 1
