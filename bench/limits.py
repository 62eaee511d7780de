"""Seven providers at once, each with a latency and a limit of its own: how near a run comes to the slowest's bound.

    python -m bench.limits [--scale 2]

Each provider is a local server of the tests that really refuses what is above its limit in any minute. Time runs
`scale` times as fast for everybody, so what this machine needs counts as many times as much; the SDK is imported
beforehand. Seconds are those of the fast clock. Four runs of the real loop:

    told       the limits stand in the catalogue: nothing may be refused
    untold     nobody knows them: they are learned from what is refused
    learned    the next run of the same account begins with what the last one learned
    outage     one provider is away for a minute: half of it refuses connections, half of it is overloaded
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from imagegen import crew, pool, session, wiring
from imagegen.clock import SystemClock
from imagegen.order import Order
from tests.cloud import Cloud
from tests.cloud.faults import Rule

MODEL = "gpt-image-2.5-flare"
HEAD = """source: ours
read_on: 2026-11-01
models:
  bench:
    title: Bench
    maker: us
    best_for: benches
    typical_seconds: 1
    sizes: {list: [1024x640]}
    qualities: [low]
    default_quality: low
    offers:
"""


@dataclass(frozen=True)
class Peer:
    """One provider: seconds for a picture, pictures a minute, and the rows that go there."""

    name: str
    latency: float
    limit: int
    rows: int

    @property
    def bound(self) -> float:
        """Seconds that its rows take at its limit."""
        return self.rows / self.limit * 60


PEERS = (
    Peer("alpha", 0.5, 150, 240),
    Peer("bravo", 1, 120, 200),
    Peer("charlie", 2, 90, 160),
    Peer("delta", 3, 75, 150),
    Peer("echo", 4, 45, 80),
    Peer("foxtrot", 6, 60, 100),
    Peer("golf", 8, 45, 70),
)


class FastClock(SystemClock):
    """Time that passes `scale` times as fast."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale, self._wall, self._began = scale, time.time(), time.monotonic()

    def now(self) -> float:
        """Wall time that agrees with `monotonic`."""
        return self._wall + self.monotonic()

    def monotonic(self) -> float:
        """Fast seconds since the clock was made."""
        return (time.monotonic() - self._began) * self.scale

    def wait(self, seconds: float) -> bool:
        """Let fast seconds pass."""
        return super().wait(seconds / self.scale)


@dataclass
class Meter:
    """The door of one server: what is above the limit in any minute is refused, with the time to wait."""

    clock: FastClock
    limit: int
    taken: list[float] = field(default_factory=list)
    refused: int = 0
    overloaded: bool = False

    def __call__(self, number: int, prompt: str) -> Rule | None:
        """What happens to a request that arrives; None: it is served."""
        now = self.clock.monotonic()
        recent = [each for each in self.taken if each > now - 60]
        if self.overloaded:
            return Rule("overloaded")
        if len(recent) < self.limit:
            self.taken.append(now)
            return None
        self.refused += 1
        # The header is in seconds of the fast clock, as everything that the program sees.
        return Rule("rate_limit", seconds=recent[-self.limit] + 60 - now)


@dataclass(frozen=True)
class Ran:
    """Pictures by state, seconds of the fast clock, and calls that went out."""

    counts: Mapping[str, int]
    seconds: float
    calls: int

    @property
    def said(self) -> str:
        """The counts in words."""
        return ", ".join(f"{count:,} {state}" for state, count in self.counts.items() if count)


class Quiet:
    """Hears what happens and says nothing."""

    every_row = False

    def __getattr__(self, name: str) -> Any:
        return lambda *given: None

    def bug(self, error: BaseException) -> None:
        """There should be none."""
        raise error


def serve(peer: Peer, clock: FastClock, meter: Meter, port: int = 0) -> Cloud:
    """A server that asks `meter` about every request."""
    cloud = Cloud(latency=peer.latency / clock.scale, port=port)
    vars(cloud.faults)["strike"] = meter
    return cloud


def catalogue(peers: Sequence[Peer], *, told: bool) -> str:
    """A model at every provider, with its limit or without."""
    limits = {peer.name: f", images_per_minute: {peer.limit}" if told else "" for peer in peers}
    offers = "".join(f"      {name}: {{api_name: {MODEL}, price: 0.001{limit}}}\n" for name, limit in limits.items())
    return HEAD + offers


def run(place: Path, name: str, peers: Sequence[Peer], clock: FastClock, *, told: bool) -> Ran:
    """The real loop over the rows of `peers`, in the home of `place`."""
    (place / f"{name}.yaml").write_text(catalogue(peers, told=told), encoding="utf-8")
    rows = [(f"{peer.name}-{n}", f"{name} {peer.name} {n}", peer.name) for peer in peers for n in range(peer.rows)]
    random.Random(7).shuffle(rows)
    manifest = place / f"{name}.csv"
    lines = ["id,prompt,model,provider", *(f"{row},{prompt},bench,{provider}" for row, prompt, provider in rows)]
    manifest.write_text("\n".join(lines), encoding="utf-8")
    project = wiring.open_project(manifest, {"catalog": [str(place / f"{name}.yaml")], "workers": 16})
    parts = session.Parts(
        store=wiring.open_store(project.settings.home),
        providers=crew.providers(project.settings, project.catalog, clock),
        hands=lambda name, size: pool.Threads(size, name),
        clock=clock,
        signal=lambda: None,
    )
    began = clock.monotonic()
    summary = session.execute(project, Order(output=place / f"out-{name}", yes=True), parts, Quiet())
    with closing(sqlite3.connect(project.settings.home / "ledger.db")) as books:
        sent = "SELECT COUNT(*) FROM attempts WHERE run = ? AND sent IS NOT NULL"
        calls: int = books.execute(sent, (summary.run,)).fetchone()[0]
    return Ran(summary.counts, clock.monotonic() - began, calls)


def told_and_learned(place: Path, scale: float) -> None:
    """All providers at once, three times."""
    bound = max(peer.bound for peer in PEERS)
    rows = sum(peer.rows for peer in PEERS)
    print(f"{rows:,} rows at {len(PEERS)} providers; the slowest needs {bound:.0f} s at its limit")
    clock = FastClock(scale)
    meters = {peer.name: Meter(clock, peer.limit) for peer in PEERS}
    with ExitStack() as stack:
        clouds = {peer.name: stack.enter_context(serve(peer, clock, meters[peer.name])) for peer in PEERS}
        configure(place / "home", {peer: cloud.base_url for peer, cloud in clouds.items()})
        for name in ("told", "untold", "learned"):
            before = sum(meter.refused for meter in meters.values())
            ran = run(place, name, PEERS, clock, told=name == "told")
            above = sum(meter.refused for meter in meters.values()) - before
            ratio = f"{ran.seconds:6.0f} s   ratio {ran.seconds / bound:5.3f}"
            print(f"  {name:8} {ratio}   {ran.said}; {above} above a limit ({above / rows:.1%})")


def outage(place: Path, scale: float) -> None:
    """One provider, and a minute without it."""
    clock, peer = FastClock(scale), PEERS[0]
    meter = Meter(clock, peer.limit)
    first = serve(peer, clock, meter)
    later: list[Cloud] = []

    def strike() -> None:
        clock.wait(20)
        first.stop()
        clock.wait(30)
        meter.overloaded = True
        later.append(serve(peer, clock, meter, int(first.base_url.split(":")[2].removesuffix("/v1"))).__enter__())
        clock.wait(30)
        meter.overloaded = False

    first.__enter__()
    fate = threading.Thread(target=strike)
    # The port is free until `strike` takes it again: nobody else is asked for one meanwhile.
    configure(place / "home", {peer.name: first.base_url})
    fate.start()
    ran = run(place, "outage", [peer], clock, told=True)
    fate.join()
    for cloud in later:
        cloud.stop()
    print(f"a minute without {peer.name}, of {ran.seconds:.0f} s, {peer.rows} rows")
    extra = ran.calls - peer.rows
    print(f"  outage   {extra} extra calls, ratio {extra / peer.rows:.3f}   {ran.said}")


def configure(home: Path, addresses: Mapping[str, str]) -> None:
    """The servers by name, in the home's settings. Addresses differ from run to run, accounts do not."""
    home.mkdir(exist_ok=True)
    lines = [f"  {name}: {{base_url: {address}, response_format: none}}" for name, address in addresses.items()]
    (home / "config.yaml").write_text("\n".join(["servers:", *lines]), encoding="utf-8")


def main() -> None:
    """Run all four and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=2.0, help="how many times as fast time passes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMAGEGEN_HOME"] = str(Path(folder) / "home")
        for module in ("openai", "httpx2", "PIL.Image"):
            import_module(module)
        told_and_learned(Path(folder), asked.scale)
        outage(Path(folder), asked.scale)


if __name__ == "__main__":
    main()
