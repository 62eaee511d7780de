"""fal and Together through the real program: every model that has a price, and a kill in the middle of a job."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imagegen import catalog
from imagegen.prices import unit
from tests.cloud import Cloud
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Ran, Write, environment, manifest, opened

KEYS = {"FAL_KEY": "11111111-2222-3333-4444-555555555555:abcdef0123456789", "TOGETHER_API_KEY": "tog-secret-123456"}


def addresses(cloud: Cloud) -> dict[str, str]:
    """The variables that lead to the local server."""
    return {"IMAGEGEN_FAL_BASE_URL": cloud.url("fal"), "TOGETHER_BASE_URL": cloud.url("together"), **KEYS}


@pytest.fixture
def hosted(cloud: Cloud, imagegen: Imagegen) -> Callable[..., Ran]:
    """`imagegen` with the keys of both, at the local server."""
    return lambda *args, **env: imagegen(*args, **addresses(cloud), **env)


def served(provider: str) -> list[str]:
    """The models that `provider` serves."""
    return [name for name, model in catalog.load().models.items() if model.offer(provider)]


def priced(provider: str) -> dict[str, tuple[int, int]]:
    """Those with a price, each with its usual size."""
    found = {}
    for name in served(provider):
        offer = catalog.load().models[name].offer(provider)
        assert offer is not None
        if unit(offer.price, offer.sizes.default, offer.default_quality).expected is not None:
            found[name] = (offer.sizes.default.width, offer.sizes.default.height)
    return found


@pytest.mark.parametrize("provider", ["fal", "together"])
def test_every_model_with_a_price_is_bought(
    hosted: Callable[..., Ran], cloud: Cloud, books: Books, write: Write, tmp_path: Path, provider: str
) -> None:
    """Its picture is there in its size, the books are the bill, the next run buys nothing; no key is in the folder."""
    models = priced(provider)
    rows = [f"id: {name}, prompt: A mug by {name}, model: {name}, provider: {provider}" for name in models]
    write("m.yaml", manifest(*rows))
    ran = hosted("run", "m.yaml", "--json", "--yes")
    assert (ran.code, ran.states) == (0, dict.fromkeys(models, "made")), ran.err
    for name, size in models.items():
        assert opened(tmp_path / f"out/m/{name}.png")[0] == size
    assert books.spent == cloud.bill > 0
    assert len(cloud.requests) == len(models)
    assert set(hosted("run", "m.yaml", "--json").states.values()) == {"kept"}
    assert len(cloud.requests) == len(models)
    for path in [*tmp_path.rglob("*")]:
        if path.is_file() and path.stat().st_size < 10**6:
            assert not any(key.encode() in path.read_bytes() for key in KEYS.values()), path


def test_what_has_no_price_is_not_bought_until_one_is_declared(
    hosted: Callable[..., Ran], cloud: Cloud, write: Write
) -> None:
    """Refused with a sentence before any call; a price in a catalogue file of the user's own is enough."""
    unknown = sorted(set(served("together")) - set(priced("together")))
    assert "flux-1.1-pro" in unknown
    rows = [f"id: {name}, prompt: A mug, model: {name}, provider: together" for name in unknown]
    write("m.yaml", manifest(*rows))
    ran = hosted("run", "m.yaml")
    assert ran.code == 2
    assert all(f"{name} has no known price for this (no price, no call)" in ran.err for name in unknown)
    assert cloud.requests == []
    own = "models: {flux-1.1-pro: {offers: {together: {price: 0.04, max_prompt: 500}}}}\n"
    write("own.yaml", f"source: our contract\nread_on: 2026-11-01\n{own}")
    row = "id: one, prompt: A mug, model: flux-1.1-pro, provider: together, size: 1024x1024"
    write("own-m.yaml", manifest(row, head="catalog: own.yaml"))
    made = hosted("run", "own-m.yaml", "--json")
    assert (made.code, made.states) == (0, {"one": "made"}), made.err
    assert made.summary["spent_usd"] == "0.04"


def test_a_job_survives_a_kill(cloud: Cloud, books: Books, imagegen: Imagegen, write: Write, home: Path) -> None:
    """Killed while its job is in fal's queue, a run leaves number and addresses behind; the next one collects the
    picture and hands nothing in."""
    cloud.faults.add("job_slow", seconds=1.5)
    write("m.yaml", manifest("id: mug, prompt: A mug, model: flux-schnell, provider: fal"))
    env = environment(home, **addresses(cloud))
    with subprocess.Popen([PROGRAM, "run", "m.yaml"], env=env, stderr=subprocess.DEVNULL) as run:
        waited = time.monotonic() + 60
        while not (books.there and _accepted(books)) and time.monotonic() < waited:
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
    assert (run.returncode, len(cloud.requests)) == (-signal.SIGKILL, 1)
    again = imagegen("run", "m.yaml", "--json", **addresses(cloud))
    assert (again.code, again.states) == (0, {"mug": "cached"}), again.err
    assert len(cloud.requests) == 1
    assert books.spent == cloud.bill == 3_000_000


def _accepted(books: Books) -> bool:
    try:
        return bool(books.ask("SELECT COUNT(*) FROM attempts WHERE state = 'accepted'"))
    except sqlite3.OperationalError:  # the tables are still being made
        return False
