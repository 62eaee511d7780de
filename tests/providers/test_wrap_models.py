"""Limited holds what each model bears by itself: a slow model, a silent one or a forbidden one stops no other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome
from imagegen.domain.request import Request, key
from imagegen.providers import Limits, Rates
from imagegen.providers.wrap import breaking, retrying
from imagegen.providers.wrap import limited as wrap
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, failed, limited, made
from tests.providers.slips import MemorySlip

SLOW = Request(provider="p", model="slow", prompt="a mug")
FAST = Request(provider="p", model="fast", prompt="a mug")


class Gate(HandClock):
    """Waiting lasts until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()

    def wait(self, seconds: float) -> bool:
        self.reached.set()
        assert self.opened.wait(10)
        return super().wait(seconds)


def test_a_slow_model_holds_nobody_up() -> None:
    """While a call waits for the next turn of its model, another model's goes out."""
    clock = Gate()
    limits = Limits(models={"slow": Rates(images_per_minute=1), "fast": Rates(images_per_minute=6000)})
    outer = wrap(Scripted(clock, limits=limits), clock)
    outcomes(outer, [SLOW])
    waiting = threading.Thread(target=outcomes, args=(outer, [SLOW]))
    waiting.start()
    assert clock.reached.wait(10)
    assert isinstance(outcomes(outer, [FAST])[0], Made)
    assert clock.waits == []
    clock.opened.set()
    waiting.join()
    assert clock.passed >= 60


@pytest.mark.parametrize("limit", ["images_per_minute", "requests_per_minute"])
def test_each_model_has_its_own_pace_within_the_whole(limit: str) -> None:
    """Ten a minute of one, whatever passes of another; and together no more than the provider takes."""
    clock = HandClock()
    limits = Limits(models={"slow": Rates(**{limit: 10})}, **{limit: 30})
    inner = Scripted(clock, limits=limits)
    outer = wrap(inner, clock)
    sent: list[tuple[float, str]] = []
    for number in range(120):
        request = SLOW if number % 4 == 0 else FAST
        outcomes(outer, [request])
        sent.append((inner.at[-1], request.model))
    for model, most in (("slow", 10), ("", 30)):
        times = [time for time, of in sent if model in ("", of)]
        assert max(sum(start <= time < start + 60 for time in times) for start in times) <= most
    assert clock.passed <= 60 * 120 / 30 * 1.1


@pytest.mark.parametrize(("by_model", "waits"), [(True, 0.0), (False, 30.0)])
def test_a_retry_after_silences_what_the_provider_counts(by_model: bool, waits: float) -> None:
    """Where each model is counted by itself the others go on; else nobody sends a second too early."""
    clock = HandClock()
    inner = Scripted(clock, limited(30.0), made, limits=Limits(by_model=by_model))
    outer = wrap(inner, clock)
    outcomes(outer, [SLOW])
    outcomes(outer, [FAST])
    assert inner.at[1] == pytest.approx(waits)
    outcomes(outer, [SLOW])
    assert inner.at[2] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (failed(stops_model=True), "told to"),
        (limited(3600.0), "the provider asked to wait 3,600 s; run again then"),
    ],
)
def test_a_model_that_stops_is_not_asked_again(step: Any, reason: str) -> None:
    """Nothing more is sent for it, and its requests say why; the other models are made."""
    clock = HandClock()
    inner = Scripted(clock, lambda request: (step if request.model == "slow" else made)(request))
    inner.given = Limits(by_model=True)
    outer = retrying(breaking(wrap(inner, clock), clock), clock)
    outcomes(outer, [SLOW])
    slip = MemorySlip()
    (second,) = outcomes(outer, [SLOW], slip)
    assert isinstance(second, Failed)
    assert (second.stops_model, second.stops_provider, second.retryable) == (True, False, False)
    assert second.reason == reason
    assert slip.calls == []
    assert isinstance(outcomes(outer, [FAST])[0], Made)


def test_a_revoked_key_ends_everybody() -> None:
    """After the first answer nobody sends, not even who waited for a turn already."""
    clock = Gate()
    inner = Scripted(clock, made, failed(stops_provider=True))
    inner.given = Limits(models={"slow": Rates(images_per_minute=1)})
    outer = retrying(breaking(wrap(inner, clock), clock), clock)
    outcomes(outer, [SLOW])
    results: list[Outcome] = []
    waiting = [threading.Thread(target=lambda: results.extend(outcomes(outer, [SLOW]))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    assert clock.reached.wait(10)
    outcomes(outer, [FAST])
    clock.opened.set()
    for thread in waiting:
        thread.join()
    assert len(inner.at) == 2
    assert [isinstance(result, Failed) and result.stops_provider for result in results] == [True] * 4


@pytest.mark.parametrize(("limits", "most"), [
    (Limits(concurrency=8, models={"slow": Rates(concurrency=3)}), 3),
    (Limits(concurrency=8), 8),
    (Limits(concurrency=2, models={"slow": Rates(concurrency=3)}), 2),
])  # fmt: skip
def test_a_model_may_bear_fewer_calls_at_once(limits: Limits, most: int) -> None:
    """Of twelve hands no more than these are in flight, and they are."""
    clock, lock = HandClock(), threading.Lock()
    flying, highest = 0, 0
    full, go = threading.Event(), threading.Event()

    def fly(request: Request) -> Outcome:
        nonlocal flying, highest
        with lock:
            flying += 1
            highest = max(highest, flying)
            if flying == most:
                full.set()
        assert go.wait(10)
        with lock:
            flying -= 1
        return made(request)

    outer = wrap(Scripted(clock, fly, limits=limits), clock)
    hands = [threading.Thread(target=outcomes, args=(outer, [SLOW])) for _ in range(12)]
    for hand in hands:
        hand.start()
    assert full.wait(10)
    go.set()
    for hand in hands:
        hand.join()
    assert highest == most


@pytest.mark.parametrize(("limit", "batch"), [("images_per_day", 3), ("requests_per_day", 1), ("tokens_per_day", 9)])
def test_each_daily_limit_holds(limit: str, batch: int) -> None:
    """Images, requests and tokens: two calls of three pictures fit, the third waits for the day after."""
    clock = HandClock()
    inner = Scripted(clock, limits=Limits(max_batch=3, models={"slow": Rates(**{limit: 2 * batch})}))
    outer = wrap(inner, clock)
    several = [Request(provider="p", model="slow", prompt="a mug!", sample=number) for number in range(3)]
    results = [outcomes(outer, several)[0] for _ in range(3)]
    assert [type(result) for result in results] == [Made, Made, Failed]
    assert isinstance(results[2], Failed)
    assert (results[2].key, results[2].stops_model) == (key(several[0]), True)
    assert results[2].reason.startswith(f"the day's {2 * batch} {limit.removesuffix('_per_day')} are used up")
    clock.wait(86_400)
    assert isinstance(outcomes(outer, several)[0], Made)
