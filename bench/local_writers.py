"""Writers beside the device: what `run` takes where pictures are compressed and put away while the next are made.

    python -m bench.local_writers [--turns 3] [--writers 3]

The device is a sleep of 0.1, 0.7 or 2.1 s a picture (an H100 at four steps, an H100 and an A100 at thirty); all the
rest is real: the run's loop, PNGs of 1024x1024, the cache, the output folder and the ledger. Serial is the guide's
loop: make, save at Pillow's usual level, make. Goal: within 10 % of the slower of both stages alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.limits import Quiet
from bench.local_engine import check_load
from imagegen import pool, session, wiring
from imagegen.clock import SystemClock
from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.outcome import Charge, LateArtifact, Made, Outcome
from imagegen.domain.request import Request, key
from imagegen.order import Order
from imagegen.providers import Limits, Slip
from imagegen.providers.local import png

#: Seconds a picture -> pictures to make.
STAGES = {0.1: 100, 0.7: 20, 2.1: 8}
EDGE = 1024
#: Share above the slower stage that is allowed.
GOAL = 0.10


class Device:
    """A provider that sleeps for so many `seconds` a picture, with one device and `writers` beside it."""

    def __init__(self, shown: Any, seconds: float, writers: int) -> None:
        self._shown, self._seconds = shown, seconds
        self.limits = Limits(max_batch=1, concurrency=1, writers=writers)

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """Nothing."""
        return None

    def shares(self, request: Request) -> Hashable:
        """All share."""
        return ()

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """Sleep, and hand over pixels that others compress."""
        slip.sending()
        for request in batch:
            time.sleep(self._seconds)
            artifact = LateArtifact(lambda: png.encode(self._shown), "image/png", {})
            yield Made(key(request), artifact, Charge(0, "price"))


def picture() -> Any:
    """A smooth picture with some noise, which compresses like a photograph."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(1)
    small = Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((EDGE, EDGE), Image.Resampling.BICUBIC), dtype=np.int16)
    return np.clip(smooth + random.integers(-4, 5, smooth.shape), 0, 255).astype(np.uint8)


def run(place: Path, device: Device, count: int) -> float:
    """Seconds of a run of `count` rows on `device`, from the plan to the report."""
    name = f"r{time.time_ns()}"
    manifest = place / f"{name}.csv"
    rows = [f"{name}-{number},{name} {number},gpt-image-2.5-flare,{EDGE}x{EDGE}" for number in range(count)]
    manifest.write_text("\n".join(["id,prompt,model,size", *rows]), encoding="utf-8")
    project = wiring.open_project(manifest, {})
    parts = session.Parts(
        store=wiring.open_store(project.settings.home),
        providers={"openai": device},
        hands=lambda which, size: pool.Threads(size, which),
        clock=SystemClock(),
        signal=lambda: None,
    )
    began = time.perf_counter()
    summary = session.execute(project, Order(output=place / name, yes=True), parts, Quiet())
    if summary.counts.get("made") != count:
        raise RuntimeError(f"{summary.counts} of {count}")
    return time.perf_counter() - began


def serial(shown: Any, seconds: float, count: int, folder: Path) -> float:
    """The guide's loop."""
    from PIL import Image

    began = time.perf_counter()
    for number in range(count):
        time.sleep(seconds)
        Image.fromarray(shown).save(folder / f"serial-{number}.png")
    return time.perf_counter() - began


def turn(shown: Any, seconds: float, count: int, writers: int, place: Path) -> dict[str, float]:
    """Each way once: seconds. Putting away alone is a run on a device that needs no time."""
    return {
        "serial": serial(shown, seconds, count, place),
        "run": run(place, Device(shown, seconds, writers), count),
        "device alone": seconds * count,
        "putting away alone": run(place, Device(shown, 0.0, writers), count),
    }


def main() -> None:
    """Every stage and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--writers", type=int, default=3)
    asked = parser.parse_args()
    shown = picture()
    began = time.perf_counter()
    size = len(png.encode(shown)) / 1e6
    print(f"one PNG of {EDGE}x{EDGE}: {time.perf_counter() - began:.3f} s at level {png.LEVEL} ({size:.1f} MB)")
    print(f"simulated device, {asked.writers} writers beside it; goal: {GOAL:.0%} above the slower stage at most")
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        place = Path(folder)
        os.environ |= {"IMAGEGEN_HOME": str(place / "home"), "OPENAI_API_KEY": "sk-none"}
        for seconds, count in STAGES.items():
            check_load()
            turns = [turn(shown, seconds, count, asked.writers, place) for _ in range(asked.turns)]
            middle = {name: statistics.median(each[name] for each in turns) for name in turns[0]}
            slower = max(middle["device alone"], middle["putting away alone"])
            print(f"  {seconds:g} s a picture, {count} pictures")
            for name, taken in middle.items():
                each = ", ".join(f"{took[name]:.2f}" for took in turns)
                print(f"    {name:20}{taken:8.2f} s   {taken / slower:6.3f}x the slower stage   ({each})")


if __name__ == "__main__":
    main()
