"""Black Forest Labs and Stability through the real program: every model of theirs, refusals, and a task found again."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from imagegen.catalog import load
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Ran, Write, environment, manifest, opened

MODELS = {
    provider: [name for name, model in load().models.items() if model.offer(provider)]
    for provider in ("bfl", "stability")
}
MUG, HOLE = picture("mug", 640, 480, "jpeg"), picture("mask", 640, 480, alpha=True)
KEYS = {"BFL_API_KEY": "bfl_test-0123456789", "STABILITY_API_KEY": "sk-test0123456789"}


@pytest.fixture
def run(cloud: Cloud, imagegen: Imagegen) -> Any:
    """The program, with a key for each and both at the local server."""

    def there(*args: str | Path, **env: str) -> Ran:
        ran = imagegen(*args, **{**KEYS, **addresses(cloud), **env})
        assert not any(key in ran.out + ran.err for key in KEYS.values())
        return ran

    return there


def addresses(cloud: Cloud) -> dict[str, str]:
    return {f"IMAGEGEN_{name.upper()}_BASE_URL": cloud.url(name) for name in ("bfl", "stability")}


@pytest.mark.parametrize("provider", MODELS)
def test_every_model_is_made(run: Any, cloud: Cloud, books: Books, write: Write, tmp_path: Path, provider: str) -> None:
    """Each in the size of its row, at what the bill says; the retired one too, since the server is the user's own. The
    next run buys nothing."""
    write("mug.jpg", MUG)
    write("hole.png", HOLE)
    rows = []
    for name in MODELS[provider]:
        more = "image: mug.jpg, mask: hole.png" if name == "flux-fill" else "size: 768x768"
        rows.append(f"id: {name}, prompt: A mug, model: {name}, provider: {provider}, {more}")
    write("m.yaml", manifest(*rows))
    ran = run("run", "m.yaml", "--json", "--yes")
    assert (ran.code, set(ran.states.values())) == (0, {"made"}), ran.err
    assert books.spent == cloud.bill > 0
    for name in MODELS[provider]:
        size, form = opened(tmp_path / "out/m" / f"{name}.png")
        assert (size, form) == ((640, 480) if name == "flux-fill" else (768, 768), "PNG")
    assert len(cloud.requests) == len(rows) == len(cloud.charges)
    assert set(run("run", "m.yaml", "--json").states.values()) == {"kept"}
    assert len(cloud.requests) == len(rows)


def test_a_retired_model_needs_to_be_allowed(imagegen: Imagegen, write: Write) -> None:
    """Without a server of one's own flux-pro is answered with what follows it."""
    write("m.yaml", manifest("id: a, prompt: A mug, model: flux-pro, provider: bfl"))
    ran = imagegen("plan", "m.yaml", **KEYS)
    assert "flux-2-pro" in ran.out + ran.err
    ran = imagegen("plan", "m.yaml", "--allow-retired", **KEYS)
    assert (ran.code, "$0.05" in ran.out) == (0, True), ran.out + ran.err


def test_what_they_would_refuse_is_refused_in_the_plan(run: Any, cloud: Cloud, write: Write) -> None:
    """Each with a sentence and exit code 2, before anything is sent."""
    write("mug.jpg", MUG)
    cases = {
        "model: flux-2-pro, provider: bfl, safety: '6'": "it has 0 (strict) to 5",
        "model: flux-2-pro, provider: bfl, options: {bfl: {raw: true}}": "no option 'raw'",
        "model: flux-fill, provider: bfl, image: mug.jpg": "add `mask`",
        "model: sd-3.5-large, provider: stability, image: mug.jpg": "add `strength`",
        "model: sd-3.5-large, provider: stability, image: mug.jpg, strength: 0.5, size: 1344x768": "keeps the shape",
        "model: sd-3.5-large, provider: stability, seed: 4294967295": "seed from 0 to 4,294,967,294",
    }
    write("m.yaml", manifest(*(f"id: r{n}, prompt: A mug, {fields}" for n, fields in enumerate(cases))))
    ran = run("run", "m.yaml")
    assert ran.code == 2
    for n, said in enumerate(cases.values()):
        assert any(f" r{n}: " in line and said in line for line in ran.err.splitlines()), (said, ran.err)
    assert cloud.requests == []


def test_refusals_cost_what_the_bill_says(run: Any, cloud: Cloud, books: Books, write: Write) -> None:
    """A prompt that is stopped costs nothing, a blurred picture its price; neither is bought again by itself."""
    rows = [
        f"id: {name}, prompt: {word}, model: {model}, provider: {provider}"
        for name, word, model, provider in (
            ("stopped", "battle", "sd-3.5-large", "stability"),
            ("blurred", "blur", "sd-3.5-large", "stability"),
            ("early", "battle", "flux-2-pro", "bfl"),
            ("late", "blur", "flux-2-pro", "bfl"),
        )
    ]
    cloud.faults.add("moderation", prompt="battle")
    cloud.faults.add("filtered", prompt="blur")
    write("m.yaml", manifest(*rows))
    ran = run("run", "m.yaml", "--json")
    assert (ran.code, set(ran.states.values())) == (3, {"refused"}), ran.err
    assert books.spent == cloud.bill == 65 * 10**6 + 30 * 10**6
    run("run", "m.yaml", "--json")
    assert {asked.prompt for asked in cloud.requests[4:]} <= {"battle"}
    assert cloud.bill == 95 * 10**6


def test_the_doctor_asks_what_costs_nothing(run: Any, cloud: Cloud) -> None:
    """Each is asked for its balance: the key is taken, nothing is bought."""
    ran = run("doctor", "--online")
    said = " ".join(ran.out.split())
    for provider in MODELS:
        assert f"{provider}: 127.0.0.1 answers in 0." in said
    assert said.count("and takes the key") == 2
    assert cloud.requests == []


def test_a_killed_run_finds_its_tasks(write: Write, home: Path, tmp_path: Path, imagegen: Imagegen) -> None:
    """Killed while the pictures were being made, the next run collects each at the price that was named, and buys no
    picture twice."""
    rows = [f"id: p{n}, prompt: Picture {n}, model: flux-2-pro, provider: bfl, size: 256x256" for n in range(3)]
    path = write("m.yaml", manifest(*rows))
    with Cloud(latency=0.4) as slow:
        slow.faults.add("job_slow", seconds=2)
        env = {"BFL_API_KEY": KEYS["BFL_API_KEY"], "IMAGEGEN_BFL_BASE_URL": slow.url("bfl")}
        with subprocess.Popen(
            [PROGRAM, "run", path], env=environment(home, **env), cwd=tmp_path, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            wait_until(lambda: accepted(home / "ledger.db") == 3)
            process.send_signal(signal.SIGKILL)
        ran = imagegen("run", path, "--json", **env)
        assert ran.code == 0, ran.err
        assert set(ran.states.values()) <= {"made", "cached", "kept"}
        assert len(slow.requests) == len(slow.charges) == 3
        assert Books(home / "ledger.db").spent == slow.bill


def accepted(ledger: Path) -> int:
    """How many tasks the ledger knows by their number."""
    if not ledger.exists():
        return 0
    try:
        return int(Books(ledger).ask("SELECT COUNT(*) FROM attempts WHERE state = 'accepted'"))
    except sqlite3.OperationalError:  # it is being made
        return 0


def wait_until(true: Any, seconds: float = 60) -> None:
    """Return when `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
