"""Replicate through the real program: every model that has a price, those that have none, and a kill in mid-job."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagegen.catalog import load
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Ran, Write, environment, manifest, opened

OFFERS = {name: offer for name, model in load().models.items() if (offer := model.offer("replicate"))}
PRICED = [name for name, offer in OFFERS.items() if offer.price]
UNPRICED = [name for name, offer in OFFERS.items() if not offer.price]
KEY = "r8_" + "a1B2c3D4e5" * 4


@pytest.fixture
def run(cloud: Cloud, imagegen: Imagegen) -> Any:
    """The program, with a token and the address of the local server."""

    def there(*args: str | Path, **env: str) -> Ran:
        ran = imagegen(*args, REPLICATE_API_TOKEN=KEY, IMAGEGEN_REPLICATE_BASE_URL=cloud.url("replicate"), **env)
        assert KEY not in ran.out + ran.err
        return ran

    return there


def test_every_priced_model_is_made(run: Any, cloud: Cloud, books: Books, write: Write, tmp_path: Path) -> None:
    """Each in the size of its row, from words and, where it can, from a picture with a mask; what they cost is the
    bill, and the next run buys nothing."""
    write("mug.png", picture("mug", 640, 480))
    write("hole.png", picture("hole", 640, 480, alpha=True))
    rows = [f"id: {name}, prompt: A mug, model: {name}, provider: replicate, size: 512x512" for name in PRICED]
    rows += [
        f"id: {name}-edit, prompt: A mug, model: {name}, provider: replicate, image: mug.png"
        for name in PRICED
        if "edit" in OFFERS[name].can
    ]
    rows.append(
        "id: hole, prompt: A mug, model: sdxl, provider: replicate, image: mug.png, mask: hole.png, strength: 0.9"
    )
    write("m.yaml", manifest(*rows))
    ran = run("run", "m.yaml", "--json", "--yes")
    assert (ran.code, set(ran.states.values())) == (0, {"made"}), ran.err
    assert books.spent == cloud.bill > 0
    assert len(cloud.requests) == len(cloud.charges) == len(rows) > 8
    for name in PRICED:
        assert opened(tmp_path / "out/m" / f"{name}.png") == ((512, 512), "PNG")
    assert opened(tmp_path / "out/m/hole.png")[0] == (1184, 888)
    assert set(run("run", "m.yaml", "--json").states.values()) == {"kept"}
    assert len(cloud.requests) == len(rows)


def test_without_a_price_there_is_no_call(run: Any, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """A model whose price nobody knows is answered with that; with a price of the user's own it is made."""
    assert len(UNPRICED) == 5
    write("m.yaml", manifest(*(f"id: {name}, prompt: A mug, model: {name}, provider: replicate" for name in UNPRICED)))
    ran = run("run", "m.yaml")
    assert ran.code == 2
    assert [name for name in UNPRICED if f"{name} has no known price" not in ran.err] == []
    assert cloud.requests == []
    price = "{image: 0.05, source: my bill, read_on: 2026-11-22}"
    write("prices.yaml", f"models:\n  flux-kontext-pro:\n    offers:\n      replicate: {{price: {price}}}\n")
    row = "id: a, prompt: A mug, model: flux-kontext-pro, provider: replicate, aspect_ratio: '16:9'"
    write("m.yaml", manifest(row, head="catalog: prices.yaml"))
    ran = run("run", "m.yaml", "--json")
    assert (ran.code, ran.states, ran.summary["spent_usd"]) == (0, {"a": "made"}, "0.05"), ran.err
    assert opened(tmp_path / "out/m/a.png") == ((1337, 752), "PNG")  # cut from 1392x752


def test_seconds_are_set_aside_and_settled(run: Any, cloud: Cloud, books: Books, write: Write) -> None:
    """A model paid for by the second is estimated at its usual time, set aside at its longest, booked as reported."""
    write("m.yaml", manifest("id: a, prompt: A mug, model: sdxl, provider: replicate"))
    estimate = run("cost-estimate", "m.yaml", "--json")
    assert estimate.summary["cost_usd"] == "0.00585"
    assert run("run", "m.yaml", "--budget", "0.05").code == 4
    assert cloud.requests == []
    ran = run("run", "m.yaml", "--json", "--budget", "0.06")
    assert (ran.code, ran.states) == (0, {"a": "made"}), ran.err
    assert books.spent == cloud.bill < 58_500_000


def test_refusals_stand_in_the_plan(run: Any, cloud: Cloud, write: Write) -> None:
    """What a model would refuse, with a sentence and exit code 2, before anything is sent."""
    write("mug.png", picture("mug", 640, 480))
    cases = {
        "model: flux-schnell, steps: 5": "steps from 1 to 4",
        "model: flux-schnell, options: {replicate: {raw: true}}": "no option 'raw'",
        "model: flux-dev, image: mug.png, size: 512x512": "crop it first",
        "model: sdxl, scheduler: euler": "it has DDIM",
        "model: sdxl, image: mug.png, mask: mug.png": "no alpha channel",
    }
    for fields, said in cases.items():
        write("m.yaml", manifest(f"id: a, prompt: A mug, provider: replicate, {fields}"))
        ran = run("run", "m.yaml")
        assert (ran.code, said in ran.err) == (2, True), (fields, ran.err)
    assert cloud.requests == []


def test_large_pictures_cost_what_was_planned(run: Any, cloud: Cloud, write: Write) -> None:
    """Input pictures are paid for by the megapixel: the plan counts those of the picture that is there."""
    write("mug.png", picture("mug", 2048, 1536))
    write(
        "m.yaml",
        manifest("id: a, prompt: A mug, model: flux-2-pro, provider: replicate, image: mug.png, size: 1024x768"),
    )
    assert run("cost-estimate", "m.yaml", "--json").summary["cost_usd"] == "0.075"
    ran = run("run", "m.yaml", "--json")
    assert (ran.code, ran.summary["spent_usd"], ran.summary["estimated_usd"]) == (0, "0.075", "0.075"), ran.err


def test_an_empty_account_stops_it(run: Any, cloud: Cloud, write: Write) -> None:
    """402 ends with 5, and no row more is tried than were on their way."""
    cloud.faults.add("quota")
    rows = [f"id: p{n}, prompt: Picture {n}, model: flux-schnell, provider: replicate" for n in range(20)]
    write("m.yaml", manifest(*rows))
    ran = run("run", "m.yaml", "--workers", "2")
    assert (ran.code, len(cloud.requests) <= 3) == (5, True), ran.err
    assert "no credit left" in ran.out + ran.err


def test_a_killed_run_finds_its_predictions(write: Write, home: Path, tmp_path: Path, imagegen: Imagegen) -> None:
    """Killed while the pictures were being made, the next run collects them and buys none twice."""
    rows = [f"id: p{n}, prompt: Picture {n}, model: sdxl, provider: replicate, size: 512x512" for n in range(3)]
    path = write("m.yaml", manifest(*rows))
    with Cloud() as slow:
        slow.faults.add("job_slow", seconds=3)
        env = {"REPLICATE_API_TOKEN": KEY, "REPLICATE_BASE_URL": slow.url("replicate")}
        with subprocess.Popen(
            [PROGRAM, "run", path, "--yes"], env=environment(home, **env), cwd=tmp_path, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            wait_until(lambda: accepted(home / "ledger.db") == 3)
            process.send_signal(signal.SIGKILL)
        ran = imagegen("run", path, "--json", "--yes", **env)
        assert ran.code == 0, ran.err
        assert set(ran.states.values()) <= {"made", "cached", "kept"}
        assert len(slow.requests) == len(slow.charges) == 3
        assert Books(home / "ledger.db").spent == slow.bill


def accepted(ledger: Path) -> int:
    """How many predictions the ledger knows by their id."""
    if not ledger.exists():
        return 0
    try:
        return int(Books(ledger).ask("SELECT COUNT(*) FROM attempts WHERE state = 'accepted'"))
    except sqlite3.OperationalError:  # it is being made
        return 0


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Return when `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
