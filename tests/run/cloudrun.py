"""Whole runs: the real program in processes of its own, the local server, and the books of both.

`Place` is a folder with a home, an output folder and manifests; `Driver` (`python -m tests.run.cloudrun`) forks
children that have everything imported already, so that a hundred of them may be killed in a minute.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.cloud import Cloud
from tests.forked import become, ready

ROOT = Path(__file__).parents[2]
#: The canary that no output may hold.
KEY = "sk-canary0Zq8vT3nL5xW7yR1bM4c"
#: Seconds after which a run is taken to hang. Two cores are shared by many.
LONG = 240.0

MODEL, QUALITY, SIZE = "gpt-image-2.5-flare", "low", "1024x640"
OPEN = ("reserved", "sent", "accepted")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left on its way out. `events` are the JSON Lines of its stdout, `summary` the last of them."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The last event of each row, by id."""
        return {event["id"]: event for event in self.events if event["event"] == "row"}

    @property
    def states(self) -> dict[str, str]:
        return {name: event["state"] for name, event in self.rows.items()}

    @property
    def summary(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["event"] == "summary"
        return last


@dataclass(frozen=True, slots=True)
class Attempt:
    """A line of the ledger. `prompt` and `rows` are "" and () for a free one, which is about nothing any more."""

    id: str
    run: str
    state: str
    number: int
    reserved: int
    charged: int | None
    basis: str | None
    sent: float | None
    reason: str | None
    prompt: str
    rows: tuple[str, ...]


class Books:
    """The ledger of a home, read beside whoever works with it."""

    def __init__(self, home: Path) -> None:
        self.path = home / "ledger.db"

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
            yield connection

    @property
    def begun(self) -> bool:
        """Whether there is a ledger with tables."""
        return self.path.exists() and self.ask("PRAGMA user_version") != [(0,)]

    def ask(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """The lines of a query."""
        with self._reading() as connection:
            return connection.execute(text, values).fetchall()

    def attempts(self, *states: str) -> list[Attempt]:
        """Every attempt, or those in `states`, in the order they were opened."""
        items: dict[str, list[tuple[str, str]]] = defaultdict(list)
        with self._reading() as connection:
            connection.execute("BEGIN")
            for attempt, row, request in connection.execute("SELECT attempt, row, request FROM items"):
                items[attempt].append((row, json.loads(request)["prompt"]))
            lines = connection.execute(
                "SELECT id, run, state, number, reserved, charged, basis, sent, reason FROM attempts ORDER BY opened"
            ).fetchall()
        return [
            Attempt(*line, items[line[0]][0][1] if items[line[0]] else "", tuple(row for row, _ in items[line[0]]))
            for line in lines
            if not states or line[2] in states
        ]

    @property
    def total(self) -> int:
        """What is known to have been charged, in nanodollars."""
        return sum(attempt.charged or 0 for attempt in self.attempts("done"))

    @property
    def buckets(self) -> dict[str, int]:
        """Kind of window -> what all of that kind say was reserved and spent."""
        sums: Counter[str] = Counter()
        for scope, reserved, spent in self.ask("SELECT scope, reserved, spent FROM buckets"):
            sums[scope.partition(":")[0]] += reserved + spent
        return dict(sums)

    def sound(self) -> bool:
        """What SQLite says of the file."""
        return self.ask("PRAGMA integrity_check") == [("ok",)]


def check_books(books: Books, charges: Sequence[Mapping[str, Any]]) -> None:
    """The guard of every test that spends: the ledger against the server's own bill, prompt by prompt, to the
    nanodollar. What the bill has beyond the ledger must be an attempt that is listed as unknown (or is still open
    with its answer in the spool), within what was reserved for it; what the ledger has beyond the bill must be an
    answer without a price, for which all that was reserved is booked."""
    billed: dict[str, list[int]] = defaultdict(list)
    for charge in charges:
        billed[charge["prompt"]].append(charge["amount"])
    booked: Counter[str] = Counter()
    assumed: Counter[str] = Counter()
    doubtful: dict[str, list[int]] = defaultdict(list)
    for attempt in books.attempts():
        if attempt.state == "done":
            assert attempt.charged is not None
            booked[attempt.prompt] += attempt.charged
            assumed[attempt.prompt] += attempt.charged if attempt.basis == "reserved" else 0
        elif attempt.state in ("unknown", "sent", "accepted"):
            doubtful[attempt.prompt].append(attempt.reserved)
    for prompt in {*billed, *booked}:
        beyond = sum(billed[prompt]) - booked[prompt]
        most = doubtful[prompt]
        assert -assumed[prompt] <= beyond <= sum(most), (prompt, billed[prompt], booked[prompt], most)
    spent = sum(booked.values()) + sum(sum(most) for most in doubtful.values())
    windows = books.buckets
    held = sum(attempt.reserved for attempt in books.attempts("reserved"))
    assert set(windows.values()) <= {spent + held, 0}, f"windows {windows}, attempts {spent + held}"


class Running(subprocess.Popen[str]):
    """A run that does not outlive its `with`."""

    def __exit__(self, *problem: Any) -> None:
        self.kill()
        super().__exit__(*problem)


@dataclass
class Place:
    """A folder with a home, an output folder and a manifest; `address` is the server's."""

    folder: Path
    address: str
    driver: Driver | None = None
    out: Path = field(init=False)
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out, self.home = self.folder / "out", self.folder / "home"

    @property
    def books(self) -> Books:
        return Books(self.home)

    @property
    def env(self) -> dict[str, str]:
        """All that a run sees."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "IMAGEGEN_HOME": str(self.home),
            "OPENAI_BASE_URL": self.address,
            "OPENAI_API_KEY": KEY,
        }

    def manifest(self, rows: Sequence[Mapping[str, Any]], name: str = "rows.csv") -> Path:
        """A CSV of `rows`; model, quality and size are the cheapest where a row does not say them."""
        plain = {"model": MODEL, "quality": QUALITY, "size": SIZE}
        full = [plain | dict(row) for row in rows]
        columns = list(dict.fromkeys(name for row in full for name in row))
        with open(self.folder / name, "w", newline="", encoding="utf-8") as out:
            table = csv.DictWriter(out, columns)
            table.writeheader()
            table.writerows(full)
        return self.folder / name

    def arguments(self, manifest: Path, *more: str, workers: int = 4, out: Path | None = None) -> list[str]:
        """What stands behind `imagegen` on the command line."""
        return ["run", str(manifest), "-o", str(out or self.out), "--json", "--workers", str(workers), "--yes", *more]

    def start(self, *arguments: str, **more: Any) -> Running:
        """The program, begun; `more` are Popen's."""
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.env, "cwd": self.folder} | more
        return Running([sys.executable, "-m", "imagegen", *arguments], text=True, **given)

    def call(self, *arguments: str, **more: Any) -> Ended:
        """The program, from its start to its end: from the driver's hands where there is one, which is quicker."""
        if self.driver and not more:
            return self.driver.call(self, *arguments)[0]
        with self.start(*arguments, **more) as process:
            out, err = process.communicate(timeout=LONG)
        return Ended(process.returncode, out or "", err or "")

    def run(self, manifest: Path, *more: str, workers: int = 4, out: Path | None = None, **given: Any) -> Ended:
        """`imagegen run` of a manifest, from its start to its end."""
        return self.call(*self.arguments(manifest, *more, workers=workers, out=out), **given)

    def unknown(self) -> dict[str, list[str]]:
        """`imagegen unknown`: attempt -> its rows. Its exit code must agree."""
        ended = self.call("unknown", "--json")
        listed = {event["attempt"]: event["rows"] for event in ended.events}
        assert ended.code == (6 if listed else 0), ended.err
        return listed

    def pictures(self, rows: Mapping[str, Mapping[str, Any]], size: tuple[int, int] = (1024, 640)) -> None:
        """Every row that says so has its picture in the folder: whole, and as large as it should be."""
        for name, event in rows.items():
            if event["state"] in ("made", "kept", "cached"):
                whole(self.out / event["file"], size)
            else:
                assert event["file"] is None, name

    def strays(self) -> list[str]:
        """What lies about that belongs to nothing: in the spool, among the locks, in the output folder."""
        spool = {path.name for path in (self.home / "spool").iterdir()}
        open_ones = {f"{attempt.id}.part" for attempt in self.books.attempts(*OPEN)}
        locks = [path.name for path in (self.home / "runs").iterdir()]
        passing = [path.name for path in self.out.rglob("*") if path.name.endswith((".part", ".tmp"))]
        return sorted({*(spool - open_ones), *locks, *passing})


@contextmanager
def guarded(folder: Path, cloud: Cloud, driver: Driver | None = None) -> Iterator[Place]:
    """A Place in `folder`, new, for runs against `cloud`. At its end the ledger's total must be the bill."""
    folder.mkdir()
    place = Place(folder, cloud.base_url, driver)
    yield place
    if place.books.begun:
        assert place.books.sound()
        check_books(place.books, [asdict(charge) for charge in cloud.charges])
    else:
        assert cloud.bill == 0


def whole(path: Path, size: tuple[int, int]) -> None:
    """Decode the picture at `path` to its last line."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        assert image.size == size, path


class Bill:
    """The bill of a server that is a process of its own."""

    def __init__(self, address: str) -> None:
        self._root = address.removesuffix("/v1")

    def charges(self) -> list[dict[str, Any]]:
        """Every charge, in order."""
        return list(self._whole()["charges"])

    def requests(self) -> int:
        """How many requests arrived."""
        return int(self._whole()["requests"])

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the script of faults."""
        sent = urllib.request.Request(self._root + "/_faults", json.dumps(rules).encode())
        urllib.request.urlopen(sent, timeout=60).close()

    def _whole(self) -> dict[str, Any]:
        with urllib.request.urlopen(self._root + "/_bill", timeout=60) as answer:
            return dict(json.load(answer))


@contextmanager
def server(latency: float) -> Iterator[str]:
    """The local server in a process of its own; its address."""
    command = [sys.executable, "-m", "tests.cloud", "--port", "0", "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


class HasEnv(Protocol):
    """Where a child runs, and with which variables."""

    @property
    def folder(self) -> Path: ...

    @property
    def env(self) -> dict[str, str]: ...


class Driver:
    """Forks children that do what `python -m imagegen` does, with all of it, and modules that it uses `also`, imported
    already."""

    def __init__(self, *also: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.run.cloudrun", *also],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *problem: object) -> None:
        self._process.kill()
        self._process.communicate()

    def call(
        self,
        place: HasEnv,
        *arguments: str,
        after: float | None = None,
        number: int = signal.SIGKILL,
        mark: Path | None = None,
    ) -> tuple[Ended, float]:
        """A child from its start to its end, or until it gets the signal `number`, `after` seconds from its start
        or from when `mark` exists. What it left, its code negative when a signal killed it, and the seconds it
        lived."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"args": arguments, "env": place.env, "cwd": str(place.folder), "after": after, "number": number}
        order["mark"] = None if mark is None else str(mark)
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code, lived = json.loads(self._process.stdout.readline())
        texts = [(place.folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
        return Ended(code, *texts), lived


def main() -> None:
    """Be a Driver's process: an order a line, an answer a line."""
    import importlib

    for name in ("cli.run", "cli.watch", "cli.unknown", "cli.sheet", "session", "wiring", "stores.index", "picture"):
        importlib.import_module(f"imagegen.{name}")
    for name in ("openai", "openai.resources.images", "httpx2", "PIL.Image", "PIL.PngImagePlugin", "typer", "yaml"):
        importlib.import_module(name)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    ready()
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            become(order | {"stdin": os.devnull, "stdout": "stdout", "stderr": "stderr"})
        began = time.monotonic()
        code = _watch(child, order["after"], order["number"], order["mark"])
        print(json.dumps([code, time.monotonic() - began]), flush=True)


def _watch(child: int, after: float | None, number: int, mark: str | None) -> int:
    """Signal `child` when its time has come; its exit code, negative for a signal."""
    if after is not None:
        end = time.monotonic() + after if mark is None else float("inf")
        while time.monotonic() < end:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if mark and os.path.exists(mark):
                end, mark = time.monotonic() + after, None
            time.sleep(min(0.004, max(0.0, end - time.monotonic())))
        os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
