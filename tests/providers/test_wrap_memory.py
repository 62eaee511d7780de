"""What was learned is found again by the next run: by account and model, through the real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.domain.outcome import Failed, Made
from imagegen.domain.request import Request
from imagegen.ledger import Ledger, learned
from imagegen.ledger.learned import Memory
from imagegen.providers import Limits, Rates
from imagegen.providers.wrap import breaking, retrying
from imagegen.providers.wrap import limited as wrap
from imagegen.providers.wrap.limit import EVERY
from imagegen.providers.wrap.retry import Retrying
from tests.providers.clocks import HandClock
from tests.providers.contract import outcomes
from tests.providers.scripted import Scripted, Step, limited, made

ONE = Request(provider="p", model="m", prompt="a mug")
DAILY = Limits(models={"m": Rates(images_per_day=3)})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: HandClock) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "home", clock.now)
    yield ledger
    ledger.close()


def begun(ledger: Ledger, clock: HandClock, *steps: Step, limits: Limits | None = None, account: str = "a") -> Retrying:
    """The wrappers of a run that begins."""
    outer = retrying(breaking(wrap(Scripted(clock, *steps, limits=limits or Limits()), clock), clock), clock)
    outer.attach(Memory(ledger, "p", account))
    return outer


def facts(ledger: Ledger, model: str = "m", account: str = "a") -> dict[str, object] | None:
    with ledger.reading() as reader:
        found = learned.recall(reader, "p", account, model)
    return None if found is None else dict(found.facts)


def taught(ledger: Ledger, clock: HandClock) -> None:
    """A run that found out that 20 in 20 s are too many."""
    outer = begun(ledger, clock, *[made] * 20, limited(20.0), made)
    for _ in range(20):
        outcomes(outer, [ONE])
        clock.wait(1)
    outcomes(outer, [ONE])
    outer.keep()


def test_the_next_run_begins_where_the_last_one_ended(ledger: Ledger, clock: HandClock) -> None:
    """Twenty in forty seconds, the silence included, are thirty a minute, of which nine tenths are left."""
    taught(ledger, clock)
    assert facts(ledger) == {"images_per_minute": pytest.approx(27, abs=1), "at_once": 4}
    outer = begun(ledger, clock)
    before = clock.passed
    for _ in range(27):
        outcomes(outer, [ONE])
    assert 50 <= clock.passed - before <= 61


def test_another_account_or_model_knows_nothing_of_it(ledger: Ledger, clock: HandClock) -> None:
    """Another key has limits of its own, another model too."""
    taught(ledger, clock)
    before = clock.passed
    for _ in range(50):
        outcomes(begun(ledger, clock, account="b"), [ONE])
        outcomes(begun(ledger, clock), [Request(provider="p", model="other", prompt="a mug")])
    assert clock.passed == before


def test_where_nothing_was_learned_nothing_is_written(ledger: Ledger, clock: HandClock) -> None:
    """A run that met no limit leaves no row."""
    outer = begun(ledger, clock)
    for _ in range(3):
        outcomes(outer, [ONE])
        clock.wait(EVERY)
    outer.keep()
    with ledger.reading() as reader:
        assert learned.everything(reader) == []


def test_a_second_run_on_the_same_day_counts_on(ledger: Ledger, clock: HandClock) -> None:
    """Two pictures, then one, then no more until midnight UTC, whichever process asks."""
    first, second = begun(ledger, clock, limits=DAILY), begun(ledger, clock, limits=DAILY)
    outcomes(first, [ONE])
    first.keep()
    outcomes(second, [ONE])
    second.keep()
    assert facts(ledger)["used"] == {"images": 2, "requests": 2, "tokens": 4}  # type: ignore[index]
    third = begun(ledger, clock, limits=DAILY)
    results = [outcomes(third, [ONE])[0] for _ in range(2)]
    assert [type(result) for result in results] == [Made, Failed]
    third.keep()
    clock.wait(86_400)
    assert isinstance(outcomes(begun(ledger, clock, limits=DAILY), [ONE])[0], Made)


def test_the_whole_provider_is_counted_too(ledger: Ledger, clock: HandClock) -> None:
    """A limit of all models together is kept under no model's name."""
    limits = Limits(images_per_day=1)
    first = begun(ledger, clock, limits=limits)
    outcomes(first, [ONE])
    first.keep()
    (result,) = outcomes(begun(ledger, clock, limits=limits), [ONE])
    assert isinstance(result, Failed)
    assert result.stops_provider
    assert facts(ledger, "")["used"] == {"images": 1, "requests": 1, "tokens": 2}  # type: ignore[index]


def test_a_long_silence_outlasts_the_run(ledger: Ledger, clock: HandClock) -> None:
    """Who was told to wait an hour is not asked again by a run ten minutes later."""
    first = begun(ledger, clock, limited(3600.0), limits=Limits(by_model=True))
    outcomes(first, [ONE])
    first.keep()
    clock.wait(600)
    (result,) = outcomes(begun(ledger, clock, limits=Limits(by_model=True)), [ONE])
    assert isinstance(result, Failed)
    assert "3,000 s" in result.reason
    clock.wait(3000)
    assert isinstance(outcomes(begun(ledger, clock), [ONE])[0], Made)


def test_it_is_written_down_on_the_way(ledger: Ledger, clock: HandClock) -> None:
    """A run that is killed loses a quarter of a minute of it, not all."""
    outer = begun(ledger, clock, limits=DAILY)
    outcomes(outer, [ONE])
    assert facts(ledger) is None
    clock.wait(EVERY)
    outcomes(outer, [ONE])
    assert facts(ledger)["used"]["images"] == 2  # type: ignore[index]


def test_what_was_learned_is_forgotten_when_told(ledger: Ledger, clock: HandClock) -> None:
    """For one provider or for all."""
    taught(ledger, clock)
    assert ledger.write(lambda connection: learned.forget(connection, "other")) == 0
    assert ledger.write(lambda connection: learned.forget(connection, "p")) == 1
    assert facts(ledger) is None


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"used": 3, "day": 5}'])
def test_a_row_that_makes_no_sense_stops_nobody(ledger: Ledger, clock: HandClock, text: str) -> None:
    """The books may have been edited."""
    ledger.write(lambda c: c.execute("INSERT INTO learned VALUES ('p', 'a', 'm', ?, 0)", (text,)))
    outer = begun(ledger, clock, limits=DAILY)
    assert isinstance(outcomes(outer, [ONE])[0], Made)
    outer.keep()
    assert facts(ledger)["used"]["images"] == 1  # type: ignore[index]


def test_a_ledger_that_cannot_be_written_stops_nobody(ledger: Ledger, clock: HandClock) -> None:
    """What is learned is for speed only; the day is still counted, as far as this run knows it."""
    outer = begun(ledger, clock, limits=DAILY)
    outcomes(outer, [ONE])
    ledger.close()
    outer.keep()
    results = [outcomes(outer, [ONE])[0] for _ in range(3)]
    assert [type(result) for result in results] == [Made, Made, Failed]
