"""Writers beside the device: PNG files of real size while the next picture is made.

    python -m bench.local_writers [--turns 3] [--writers 4]

The device is a sleep of 0.1, 0.7 or 2.1 s a picture (an H100 at four steps, an H100 and an A100 at thirty); the PNGs
are real, 1024x1024, as the engine's writers make them. Serial is the guide's loop, at Pillow's usual level. Goal:
within 10 % of the slower of both stages alone. The writers are `overlapped` below: a pool of threads and a bounded
queue, in place of the run's own loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from bench.local_engine import check_load
from bench.local_jobs import save

#: Seconds a picture -> pictures to make.
STAGES = {0.1: 40, 0.7: 12, 2.1: 6}
EDGE = 1024
#: Share above the slower stage that is allowed.
GOAL = 0.10
#: Pictures that may wait for a writer, for each of them: more would only take memory.
WAITING = 2


def overlapped(pictures: Iterable[Any], write: Callable[[int, Any], None], writers: int) -> int:
    """Take `pictures` one by one, as the device makes them, and let `writers` threads write them. No more wait than
    WAITING for each writer; the device waits then. How many there were, when all are written. What `write` raises is
    raised here."""
    room = threading.BoundedSemaphore(WAITING * writers)
    number = 0

    def one(which: int, picture: Any) -> None:
        try:
            write(which, picture)
        finally:
            room.release()

    with ThreadPoolExecutor(writers) as pool:
        under_way = []
        for number, picture in enumerate(pictures, 1):
            room.acquire()
            under_way.append(pool.submit(one, number, picture))
        for each in under_way:
            each.result()
    return number


def device(picture: Any, seconds: float, count: int) -> Iterator[Any]:
    """`count` pictures, each after so many seconds."""
    for _ in range(count):
        time.sleep(seconds)
        yield picture


def picture() -> Any:
    """A smooth picture with some noise, which compresses like a photograph."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(1)
    small = Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((EDGE, EDGE), Image.Resampling.BICUBIC), dtype=np.int16)
    return np.clip(smooth + random.integers(-4, 5, smooth.shape), 0, 255).astype(np.uint8)


def timed(call: Callable[[], Any]) -> float:
    """Seconds of `call`."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def turn(shown: Any, seconds: float, count: int, writers: int, folder: Path) -> dict[str, float]:
    """Each way once: seconds."""

    def write(number: int, array: Any) -> None:
        save(array, folder / f"{number}.png")

    def serial() -> None:
        from PIL import Image

        for number, array in enumerate(device(shown, seconds, count)):
            Image.fromarray(array).save(folder / f"serial-{number}.png")

    return {
        "serial": timed(serial),
        "overlapped": timed(lambda: overlapped(device(shown, seconds, count), write, writers)),
        "device alone": timed(lambda: list(device(shown, seconds, count))),
        "writers alone": timed(lambda: overlapped([shown] * count, write, writers)),
    }


def main() -> None:
    """Every stage and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--writers", type=int, default=4)
    asked = parser.parse_args()
    shown = picture()
    with tempfile.TemporaryDirectory() as place:
        level = {name: timed(partial(write_once, shown, Path(place), name)) for name in (1, 6)}
        size = (Path(place) / "1.png").stat().st_size / 1e6
        print(f"one PNG of {EDGE}x{EDGE}: {level[6]:.3f} s at level 6, {level[1]:.3f} s at level 1 ({size:.1f} MB)")
        print(f"simulated device, {asked.writers} writer threads; goal: {GOAL:.0%} above the slower stage at most")
        for seconds, count in STAGES.items():
            check_load()
            turns = [turn(shown, seconds, count, asked.writers, Path(place)) for _ in range(asked.turns)]
            middle = {name: statistics.median(each[name] for each in turns) for name in turns[0]}
            slower = max(middle["device alone"], middle["writers alone"])
            print(f"  {seconds:g} s a picture, {count} pictures")
            for name, taken in middle.items():
                each = ", ".join(f"{took[name]:.2f}" for took in turns)
                print(f"    {name:16}{taken:8.2f} s   {taken / slower:6.3f}x the slower stage   ({each})")


def write_once(shown: Any, folder: Path, level: int) -> None:
    """One PNG at `level`."""
    from PIL import Image

    Image.fromarray(shown).save(folder / f"{level}.png", "PNG", compress_level=level)


if __name__ == "__main__":
    main()
