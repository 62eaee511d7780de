"""Killed at any moment while it makes pictures here, a run goes on: each is there in the end, none is made twice, and
under --deterministic the bytes are those of a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy
import pytest
from PIL import Image

from tests.run.localrun import DEMO, LocalPlace


@pytest.fixture
def undisturbed(here: LocalPlace) -> LocalPlace:
    """The demo, made in one go in a place of its own."""
    place = LocalPlace(here.folder.with_name("undisturbed"), here.models, here.driver)
    place.lived = place.timed(*place.arguments(Path(shutil.copy(DEMO, place.folder)), "--deterministic"))
    return place


def _wear_down(here: LocalPlace, kills: int, span: float, *flags: str) -> int:
    """Kill the demo at random moments, then let it come to its end; how many runs were killed."""
    seed = int(os.environ.get("IMAGEGEN_SEED") or random.SystemRandom().randrange(10**6))
    print(f"IMAGEGEN_SEED={seed}")
    dice, killed = random.Random(seed), 0
    arguments = here.arguments(Path(shutil.copy(DEMO, here.folder)), *flags)
    for _ in range(kills):
        ended, _ = here.driver.call(here, *arguments, after=dice.uniform(0.1, span))
        if ended.code == 0:
            break
        assert ended.code == -9, ended.err
        assert not here.books.begun or here.books.sound()
        killed += 1
    ended = here.call(*arguments)
    assert ended.code == 0, ended.err
    assert set(ended.states.values()) <= {"made", "cached", "kept"}
    return killed


def _once_each(here: LocalPlace) -> None:
    """Every picture is booked once; what a kill cut short is free, and nothing is in doubt."""
    done = here.books.ask("SELECT i.key FROM items i JOIN attempts a ON a.id = i.attempt WHERE a.state = 'done'")
    assert len(done) == len(set(done))
    assert not here.books.attempts("unknown", "sent", "reserved")
    assert len(here.pictures()) == len(here.results())


def test_kills_leave_no_trace_in_the_pictures(here: LocalPlace, undisturbed: LocalPlace) -> None:
    """Sizes, steps, a LoRA, a picture, a mask and three models, killed six times: the same bytes."""
    _wear_down(here, 6, undisturbed.lived, "--deterministic")
    _once_each(here)
    assert here.pictures() == undisturbed.pictures()


def test_without_pinning_they_are_within_one_step_of_255(here: LocalPlace, undisturbed: LocalPlace) -> None:
    """Other batches than an undisturbed run's change rounding, and nothing more."""
    _wear_down(here, 2, undisturbed.lived)
    _once_each(here)
    there, wanted = here.folder / "out", undisturbed.folder / "out"
    for name in undisturbed.pictures():
        ours, theirs = (numpy.asarray(Image.open(folder / name), dtype=int) for folder in (there, wanted))
        assert abs(ours - theirs).max() <= 1, name


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif("IMAGEGEN_SOAK" not in os.environ, reason="a hundred kills take minutes: set IMAGEGEN_SOAK=1")
def test_a_hundred_kills_here(here: LocalPlace, undisturbed: LocalPlace) -> None:
    """The same in as many campaigns as a hundred kills take."""
    killed = campaign = 0
    while killed < 100:
        place = LocalPlace(here.folder.with_name(f"campaign{campaign}"), here.models, here.driver)
        killed += _wear_down(place, 8, undisturbed.lived, "--deterministic")
        _once_each(place)
        assert place.pictures() == undisturbed.pictures()
        campaign += 1
