"""The real program, the local server in the place of the paid one, and the books to compare with its bill."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.forked import Forker

PROGRAM = Path(sys.executable).with_name("imagegen")
ROOT = Path(__file__).parents[2]
#: Data sets that are not part of the project.
SHARED = ROOT.parent / "shared" / "data"

#: DALL-E 3 at 1024x1024 has one exact price: budgets can be counted in pictures of four cents.
DALLE = "model: dall-e-3, quality: standard, size: 1024x1024"
CENTS = 10**7


#: The program, killed `before` or `after` (the first argument) a batch is created at the provider that is filled in.
KILLED_CREATING = """
import os, signal, sys
from imagegen.providers.{}.batches import Batches
made, when = Batches.create, sys.argv.pop(1)
def create(self, prepared, tag):
    if when == "after":
        made(self, prepared, tag)
    os.kill(os.getpid(), signal.SIGKILL)
Batches.create = create
from imagegen.cli import main
main()
"""


@dataclass(frozen=True)
class Ran:
    """What came of one run of the program."""

    code: int
    out: str
    err: str

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Every line of stdout, parsed: for runs with --json."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """The last event."""
        assert self.events, self.err
        return self.events[-1]

    @property
    def states(self) -> dict[str, str]:
        """What became of each row, by its id."""
        return {event["id"]: event["state"] for event in self.events[:-1]}

    @property
    def errors(self) -> list[str]:
        """The lines that say what went wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]


#: imagegen("run", "rows.yaml", "--json", OPENAI_API_KEY="sk-test")
Imagegen = Callable[..., Ran]
#: write("rows.yaml", "imagegen: 1\n...") -> its path
Write = Callable[[str, str | bytes], Path]


def environment(home: Path, **env: str) -> dict[str, str]:
    """All the variables that the program sees."""
    return {"PATH": os.environ["PATH"], "HOME": str(home.parent), "IMAGEGEN_HOME": str(home)} | env


@pytest.fixture
def imagegen(home: Path, tmp_path: Path, forker: Forker) -> Imagegen:
    """Runs the program in `tmp_path` with the test's own home, and no variable but those of `env`.
    Whatever it is asked, it shows no traceback."""

    def run(*args: str | Path, stdin: str = "", **env: str) -> Ran:
        done = forker.run(args, env=environment(home, **env), cwd=tmp_path, input=stdin)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the folder that the program runs in."""

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


@dataclass(frozen=True)
class Books:
    """The ledger of a home, read only. Amounts in nanodollars."""

    path: Path

    def ask(self, question: str) -> Any:
        """The first value of the first line of the answer."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            found = connection.execute(question).fetchone()
        finally:
            connection.close()
        return found[0] if found else None

    @property
    def spent(self) -> int:
        """Everything known to be charged."""
        return self.ask("SELECT COALESCE(SUM(charged), 0) FROM attempts WHERE state = 'done'") if self.there else 0

    @property
    def reserved(self) -> int:
        """Everything set aside and not settled."""
        return self.ask("SELECT COALESCE(SUM(reserved), 0) FROM buckets") if self.there else 0

    @property
    def there(self) -> bool:
        """Whether there is a ledger at all."""
        return self.path.exists()


@pytest.fixture
def books(home: Path) -> Books:
    """The books of the test's home."""
    return Books(home / "ledger.db")


@pytest.fixture
def cloud(books: Books) -> Iterator[Cloud]:
    """The local server. After the test the books and its bill must agree to the nanodollar."""
    with Cloud() as server:
        yield server
        assert books.spent == server.bill
        assert books.reserved == 0


@pytest.fixture
def paid(cloud: Cloud, imagegen: Imagegen) -> Imagegen:
    """`imagegen` with a key, and OpenAI's address set to the local server."""

    def run(*args: str | Path, stdin: str = "", **env: str) -> Ran:
        return imagegen(
            *args, stdin=stdin, **({"OPENAI_API_KEY": "sk-test-e2e", "OPENAI_BASE_URL": cloud.base_url} | env)
        )

    return run


def manifest(*rows: str, head: str = "") -> str:
    """A YAML manifest of `rows`, each the inside of a flow mapping; `head` holds further keys."""
    lines = [f"  - {{{row}}}" for row in rows]
    return "\n".join(["imagegen: 1", *([head] if head else []), "rows:", *lines, ""])


def pictures(count: int, fields: str = DALLE) -> tuple[str, ...]:
    """`count` rows of four cents each: p0, p1, ..."""
    return tuple(f"id: p{n}, prompt: Picture number {n}, {fields}" for n in range(count))


def opened(path: Path) -> tuple[tuple[int, int], str | None]:
    """Size and format of the picture at `path`, fully decoded."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        return picture.size, picture.format


def files(folder: Path) -> set[str]:
    """The picture files in an output folder."""
    ours = {"results.jsonl", "results.csv", "report.html", "refused.csv"}
    return {path.name for path in folder.iterdir() if path.is_file() and path.name not in ours}
