"""`imagegen cache`: what is kept, what goes, what is wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from stores.contract import key_of

from cli.conftest import Imagegen
from imagegen.ledger import Ledger, holdings, jobs, runs
from imagegen.ledger.holdings import Holding
from imagegen.ledger.jobs import Staged
from imagegen.ledger.runs import RunLock
from imagegen.stores import Held
from imagegen.stores.disk import DiskStore

PNG = "image/png"
DAY = 86400
EMPTY = "The cache is empty.\n"

Keep = Callable[..., Held]


@pytest.fixture
def keep(home: Path) -> Keep:
    """Put a picture of 1000 bytes into the cache, last used so many days ago."""

    def keep(name: str, model: str = "sdxl", days: float = 0, same_as: str = "") -> Held:
        with closing(DiskStore(home / "cache")) as store:
            held = store.put(key_of(name), (same_as or name).encode().ljust(1000), PNG, {"model": model}, 10, 10)
        when = time.time() - days * DAY
        os.utime(home / "cache" / "sidecars" / held.key[:2] / f"{held.key}.json", (when, when))
        return held

    return keep


def there(home: Path) -> set[str]:
    """The keys that the cache has."""
    with closing(DiskStore(home / "cache")) as store:
        return {held.key for held in store.scan()}


def need(home: Path, held: Held) -> None:
    """An output folder's picture is made of `held`."""
    values = {"fingerprint": "f", "provider": "p", "model": "m", "address": None, "finish": "{}", "about": "{}"}
    values |= {"file": "mug.png", "bytes": 1, "mtime_ns": 1}
    with closing(Ledger(home)) as ledger:
        ledger.write(lambda c: holdings.hold(c, "shop", Holding("mug", 0, key=held.key, digest=held.digest, **values)))  # type: ignore[arg-type]


@contextmanager
def run_about_to_use(home: Path, held: Held, alive: bool) -> Iterator[None]:
    """A run that has `held` on its list; its process lives, or was killed."""
    line = Staged(seq=0, row="r", sample=0, state="todo", priority=2, file="r", fold="r", about="{}", key=held.key)
    with closing(Ledger(home)) as ledger:
        lock = RunLock(ledger.locks, "r1")
        assert lock.take()
        ledger.write(lambda c: runs.start(c, "r1", "shop", "m.yaml", {}, 0))
        ledger.write(lambda c: jobs.stage(c, "r1", [line]))
        if not alive:
            lock.drop()
        yield
        lock.drop()


@pytest.mark.parametrize(
    "words",
    [
        ["stats"],
        ["prune", "--unused"],
        ["prune", "--unused", "--yes"],
        ["verify"],
        ["verify", "--read-data"],
        ["rebuild"],
    ],
)
def test_an_absent_cache_is_empty_and_stays_absent(imagegen: Imagegen, home: Path, words: list[str]) -> None:
    """Where nothing was ever made every command says so, ends well and creates nothing."""
    done = imagegen("cache", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, EMPTY, "")
    assert not home.exists()


def test_stats_count_by_model(imagegen: Imagegen, keep: Keep) -> None:
    """Pictures and bytes of each model, and of all."""
    keep("mug", "sdxl")
    keep("cup", "sdxl")
    keep("jug", "flux-dev")

    rows = [line.split() for line in imagegen("cache", "stats").stdout.splitlines()]
    assert ["sdxl", "2", "2.0", "kB"] in rows
    assert ["All", "3", "3.0", "kB"] in rows
    found = [json.loads(line) for line in imagegen("cache", "stats", "--json").stdout.splitlines()]
    assert found == [
        {"model": "flux-dev", "pictures": 1, "bytes": 1000},
        {"model": "sdxl", "pictures": 2, "bytes": 2000},
        {"model": None, "pictures": 3, "files": 3, "bytes": 3000},
    ]


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        (["--older-than", "90d"], {"new", "flux"}),
        (["--older-than", "2000h"], {"new", "flux"}),
        (["--model", "flux-dev"], {"new", "old", "older"}),
        (["--max-size", "2kB"], {"new", "flux"}),
        (["--max-size", "3kB", "--older-than", "90d"], {"new", "flux", "old"}),
        (["--unused"], set()),
    ],
)
def test_prune_removes_what_was_asked_for(
    imagegen: Imagegen, keep: Keep, home: Path, words: list[str], stays: set[str]
) -> None:
    """Each filter, and two at once, take what they say and leave the rest; what was freed is told."""
    for name, model, days in (
        ("new", "sdxl", 1),
        ("flux", "flux-dev", 50),
        ("old", "sdxl", 100),
        ("older", "sdxl", 200),
    ):
        keep(name, model, days)

    done = imagegen("cache", "prune", *words, "--yes")

    assert done.returncode == 0
    assert there(home) == {key_of(name) for name in stays}
    assert done.stdout.endswith(f"{4 - len(stays)}.0 kB freed.\n")


def test_a_dry_run_only_says(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """--dry-run tells how many pictures and bytes of which models would go, and touches nothing."""
    keep("mug", days=100)
    keep("cup")
    out = imagegen("cache", "prune", "--older-than", "90d", "--dry-run").stdout
    assert ["sdxl", "1", "1.0", "kB"] in [line.split() for line in out.splitlines()]
    assert "1 picture would go, 1.0 kB; 1 picture stays, 1.0 kB." in out
    assert len(there(home)) == 2


def test_prune_asks_where_somebody_can_answer_and_refuses_elsewhere(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """Without a terminal and without --yes nothing is removed: exit 2 with the way on."""
    keep("mug")
    done = imagegen("cache", "prune", "--unused")
    assert done.returncode == 2
    assert done.stderr == "error: nothing was removed; add --yes, or --dry-run only to look\n"
    assert len(there(home)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what to remove; add --older-than 90d, --max-size 20GB, --model NAME or --unused"),
        (["--even-needed", "--yes"], "say what to remove"),
        (["--older-than", "soon"], "not an age: 'soon'"),
        (["--max-size", "20"], "not a size: '20'"),
        (["--unused", "--even-needed"], "--unused is what is not needed"),
    ],
)
def test_prune_refuses_what_it_cannot_understand(
    imagegen: Imagegen, keep: Keep, home: Path, words: list[str], said: str
) -> None:
    """No filter, or one that means nothing, is exit 2 and removes nothing."""
    keep("mug", days=1000)
    done = imagegen("cache", "prune", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert len(there(home)) == 1


@pytest.mark.parametrize("words", [["--older-than", "1d"], ["--max-size", "1B"], ["--model", "sdxl"], ["--unused"]])
def test_what_a_named_output_needs_stays(imagegen: Imagegen, keep: Keep, home: Path, words: list[str]) -> None:
    """No filter takes a picture that an output folder's file is made of."""
    held = keep("mug", days=1000)
    keep("cup", days=1000)
    need(home, held)
    done = imagegen("cache", "prune", *words, "--yes")
    assert there(home) == {held.key}
    assert ("needed by output folders; --even-needed takes" in done.stdout) is (words != ["--unused"])


def test_what_is_needed_goes_when_told(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """--even-needed takes it all the same."""
    need(home, keep("mug", days=1000))
    imagegen("cache", "prune", "--older-than", "1d", "--even-needed", "--yes")
    assert there(home) == set()


@pytest.mark.parametrize(
    ("alive", "words", "stays"),
    [(True, [], True), (True, ["--even-needed"], True), (False, [], True), (False, ["--even-needed"], False)],
)
def test_what_a_run_is_about_to_use_stays(
    imagegen: Imagegen, keep: Keep, home: Path, alive: bool, words: list[str], stays: bool
) -> None:
    """A picture on the list of an unfinished run stays; only that of a dead run goes with --even-needed."""
    held = keep("mug", days=1000)
    with run_about_to_use(home, held, alive):
        done = imagegen("cache", "prune", "--older-than", "1d", "--yes", *words)
    assert done.returncode == 0
    assert (there(home) == {held.key}) is stays
    assert ("needed by a run that is not finished" in done.stdout) is stays


def test_prune_also_sweeps_what_no_key_leads_to(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """Orphans and unfinished writes, which verify says prune removes, go with any prune."""
    keep("mug", days=100)
    stray = home / "cache" / "images" / "ab"
    stray.mkdir(exist_ok=True)
    for name in ("ab.png", ".x.tmp"):
        (stray / name).write_bytes(b"12345")
        os.utime(stray / name, (0, 0))
    assert imagegen("cache", "verify").returncode == 7
    imagegen("cache", "prune", "--older-than", "90d", "--yes")
    assert imagegen("cache", "verify").returncode == 0


def test_verify_finds_nothing_wrong(imagegen: Imagegen, keep: Keep) -> None:
    """A sound cache is exit 0 and says what was looked at."""
    keep("mug")
    assert imagegen("cache", "verify").stdout == "No problems: every picture is there.\n"
    assert (
        imagegen("cache", "verify", "--read-data").stdout == "No problems: every picture is there and is what it was.\n"
    )
    assert imagegen("cache", "verify", "--json").stdout == ""


def test_verify_finds_damage(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """A missing picture and, with --read-data, an altered one are a line each with what to do: exit 7."""
    missing, altered = keep("mug"), keep("cup")
    with closing(DiskStore(home / "cache")) as store:
        store.path(missing).unlink()
        store.path(altered).write_bytes(b"x" * 1000)

    quick, thorough = imagegen("cache", "verify"), imagegen("cache", "verify", "--read-data", "--json")

    assert quick.returncode == thorough.returncode == 7
    assert quick.stdout.count("\n") == 2
    assert "the picture is gone; put it back from a backup" in quick.stdout
    found = {line["kind"]: line for line in map(json.loads, thorough.stdout.splitlines())}
    assert found.keys() == {"missing", "damaged"}
    assert (found["damaged"]["key"], found["missing"]["key"]) == (altered.key, missing.key)


def test_rebuild_makes_the_index_anew(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """After the index was lost, rebuild finds every picture again."""
    keep("mug")
    keep("cup")
    for path in (home / "cache" / "index").iterdir():
        path.write_bytes(b"rubbish")
    assert imagegen("cache", "rebuild").stdout == "The index is made anew: 2 pictures found.\n"
    assert imagegen("cache", "verify").returncode == 0


def test_a_damaged_ledger_stops_a_prune(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """When nobody can say what is needed nothing is removed: one line, exit 7."""
    keep("mug", days=1000)
    (home / "ledger.db").write_bytes(b"rubbish" * 1000)
    done = imagegen("cache", "prune", "--older-than", "1d", "--yes")
    assert done.returncode == 7
    assert done.stderr.startswith(f"error: the ledger {home}/ledger.db cannot be used")
    assert len(there(home)) == 1


def test_two_keys_with_one_picture_count_once(imagegen: Imagegen, keep: Keep, home: Path) -> None:
    """A picture that two keys lead to goes, and is counted, only with the last of them."""
    keep("mug", "sdxl", days=100)
    keep("cup", "flux-dev", days=100, same_as="mug")
    out = imagegen("cache", "prune", "--model", "sdxl", "--yes").stdout
    assert "0 B freed." in out
    assert there(home) == {key_of("cup")}
    assert "1.0 kB freed." in imagegen("cache", "prune", "--model", "flux-dev", "--yes").stdout
