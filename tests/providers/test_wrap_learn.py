"""What a model bears is learned from what it refuses: cut quickly, raised slowly, never above what is known."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits, Rates
from imagegen.providers.wrap import breaking, retrying
from imagegen.providers.wrap import limited as wrap
from imagegen.providers.wrap.learn import CUT, Learned, Sent
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, limited, made

ONE = Request(provider="p", model="m", prompt="a mug")
DAY = 86_400.0


class Metered:
    """Takes `most` calls in every window of `span` seconds. Refuses the rest, saying when the next window begins
    if `says`. Keeps when calls came, taken or not."""

    def __init__(self, clock: HandClock, most: int, span: float = 60.0, *, says: bool = True) -> None:
        self.clock, self.most, self.span, self.says = clock, most, span, says
        self.taken: list[float] = []
        self.refused: list[float] = []
        self.asked_for = float("-inf")
        self.early = 0

    def __call__(self, request: Request) -> Outcome:
        now = self.clock.passed
        self.early += now < self.asked_for
        begin = now // self.span * self.span
        if sum(time >= begin for time in self.taken) < self.most:
            self.taken.append(now)
            return made(request)
        self.refused.append(now)
        self.asked_for = begin + self.span if self.says else self.asked_for
        return limited(begin + self.span - now if self.says else None)(request)


def run(clock: HandClock, make: Callable[[Request], Outcome], count: int, limits: Limits) -> list[Outcome]:
    """`count` requests, one after the other, through all wrappers; each takes a tenth of a second."""

    def slow(request: Request) -> Outcome:
        clock.wait(0.1)
        return make(request)

    inner = Scripted(clock, slow, limits=limits)
    outer = retrying(breaking(wrap(inner, clock), clock), clock, random.Random(3))
    return [outcomes(outer, [ONE])[0] for _ in range(count)]


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize(("most", "span"), [(5, 60.0), (50, 60.0), (150, 60.0), (5, 1.0), (15, 10.0)])
def test_an_unknown_limit_is_found(most: int, span: float, says: bool) -> None:
    """Without a word about it beforehand nearly all that a provider takes is used, and few calls are refused."""
    clock = HandClock()
    meter = Metered(clock, most, span, says=says)
    count = int(most * 900 / span)
    results = run(clock, meter, count, Limits(concurrency=8))
    assert all(isinstance(result, Made) for result in results)
    assert clock.passed <= 900 * 1.3
    assert len(meter.refused) <= 12 + 0.1 * count
    assert meter.early == 0


def test_a_known_limit_is_never_exceeded() -> None:
    """Whatever was learned and raised again, the limit that the user or the catalogue names holds."""
    clock = HandClock()
    meter = Metered(clock, 20)
    run(clock, meter, 200, Limits(models={"m": Rates(images_per_minute=30)}))
    sent = sorted([*meter.taken, *meter.refused])
    assert max(sum(start <= time < start + 60 for time in sent) for start in sent) <= 30
    meter.most = 1000
    before = len(meter.refused)
    run(clock, meter, 100, Limits(models={"m": Rates(images_per_minute=30)}))
    assert len(meter.refused) == before
    assert clock.passed >= 60 * 100 / 30


def sent_at_once(learned: Learned, count: int, now: float) -> list[Sent]:
    return [learned.take(1, now) for _ in range(count)]


def test_many_refusals_are_one_cut() -> None:
    """Of 64 calls at once 50 are taken: the rate is nine tenths of 50 a minute, and 50 may be in flight."""
    learned = Learned(64)
    calls = sent_at_once(learned, 64, 0.0)
    for number, call in enumerate(calls[50:]):
        learned.refused(call, 1.0, 59.0, 63 - number)
    assert learned.rate(1.0) == pytest.approx(50 * CUT)
    assert learned.at_once == 50


def test_a_few_refused_calls_prove_nothing() -> None:
    """One call taken and five refused in a moment say nothing of a rate: somebody else may have used it up."""
    learned = Learned(6)
    for call in sent_at_once(learned, 6, 0.0)[1:]:
        learned.refused(call, 0.1, 20.0, 1)
    assert learned.rate(0.1) is None
    assert learned.at_once == 1


def test_the_rate_is_raised_a_little_at_a_time() -> None:
    """By a twentieth of the cut rate a minute, until the known limit holds alone."""
    learned = Learned(8, ceiling=100.0)
    calls = sent_at_once(learned, 100, 0.0)
    learned.refused(calls[0], 10.0, 50.0, 7)
    cut = learned.rate(10.0)
    assert cut == pytest.approx(99 * CUT)
    rates = [learned.rate(10.0 + 60 * minute) for minute in (1, 2)]
    assert rates == pytest.approx([cut * 1.05, cut * 1.1])
    assert learned.rate(190.0) is None


def test_calls_at_once_shrink_and_grow() -> None:
    """An overload halves what is in flight, once for all calls that were; each answer lets it grow again, one more
    for every full round, up to what was set, and never is it less than one."""
    learned = Learned(8)
    for call in sent_at_once(learned, 8, 0.0):
        learned.overloaded(call, 1.0, 7)
    assert learned.at_once == 4
    for _ in range(5):
        learned.accepted(Sent(2.0, 1))
    assert learned.at_once == 5
    for _ in range(100):
        learned.accepted(Sent(2.0, 1))
    assert learned.at_once == 8
    for second in range(2, 10):
        learned.overloaded(learned.take(1, second - 0.5), second, learned.at_once - 1)
    assert learned.at_once == 1


@pytest.mark.parametrize(
    ("days", "rate", "at_once"),
    [(0, 10.0, 2), (7, 10.0, 2), (8, 20.0, 4), (9, 40.0, 8), (12, None, 8), (9999, None, 8)],
)
def test_what_is_old_is_believed_less(days: int, rate: float | None, at_once: int) -> None:
    """After a week it doubles every day, until what is known holds alone."""
    learned = Learned(8, ceiling=100.0)
    learned.know({"images_per_minute": 10.0, "at_once": 2}, days * DAY, 0.0)
    assert learned.rate(0.0) == rate
    assert learned.at_once == at_once


@pytest.mark.parametrize("value", [0, -1, "many", None, True, [3]])
def test_what_makes_no_sense_is_not_believed(value: object) -> None:
    """The books may hold anything."""
    learned = Learned(8)
    learned.know({"images_per_minute": value, "at_once": value}, 0.0, 0.0)
    assert (learned.rate(0.0), learned.at_once) == (None, 8)


def test_a_connection_that_fails_is_no_evidence() -> None:
    """Calls that never arrived are not counted as taken."""
    clock = HandClock()
    inner = Scripted(clock, *[Scripted(clock, made).steps[0]] * 2, limits=Limits())
    learned = Learned(4)
    for call in sent_at_once(learned, 30, 0.0):
        learned.untake(call)
    learned.refused(learned.take(1, 20.0), 20.0, 10.0, 0)
    assert learned.rate(20.0) is None
    assert inner.at == []


def test_long_refused_is_said() -> None:
    """A quarter of an hour of refusals ends a request; it is not charged and may be asked for again."""
    clock = HandClock()
    (result,) = run(clock, limited(None), 1, Limits())
    assert isinstance(result, Failed)
    assert (result.retryable, result.charge.amount) == (True, 0)
