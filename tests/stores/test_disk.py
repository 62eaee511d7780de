"""DiskStore: the contract, and what only a folder on a disk can get wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imagegen.errors import StorageError
from imagegen.stores.disk import DiskStore
from imagegen.stores.sidecar import to_entry
from stores.contract import FACTS, PNG, StoreContract, key_of, picture, put

WRITER = """
import sys, threading
from pathlib import Path
from imagegen.stores.disk import DiskStore
from stores.contract import picture, put
store, start = DiskStore(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
def work(thread):
    for number in range(start + thread, start + 100_000, 4):
        put(store, number, picture(number, 20_000))
        sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
        if number % 50 == 0:
            store.flush()
threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
[thread.start() for thread in threads]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """An empty store in the test's folder."""
    made = DiskStore(tmp_path / "home" / "cache")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of `store`."""
    return tmp_path / "home" / "cache"


def sidecar(folder: Path, key: str) -> Path:
    return folder / "sidecars" / key[:2] / f"{key}.json"


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def everything(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


class TestDisk(StoreContract):
    """DiskStore keeps the contract."""


def test_looking_into_a_new_home_makes_nothing(store: DiskStore, folder: Path) -> None:
    """An estimate on a machine that never ran leaves no trace."""
    store.get(key_of("mug"))
    store.get_many([key_of("mug")])
    store.flush()
    store.close()

    assert not folder.parent.exists()


def test_picture_is_named_by_its_hash_and_its_sidecar_by_the_key(store: DiskStore, folder: Path) -> None:
    """The layout is images/ab/<digest>.png and sidecars/ab/<key>.json, readable by any tool."""
    held = store.put(key_of("mug"), picture("mug"), PNG, FACTS, 512, 256)

    assert store.path(held) == folder / "images" / held.digest[:2] / f"{held.digest}.png"
    written = json.loads(sidecar(folder, held.key).read_text())
    assert written["record"]["facts"] == FACTS
    assert written["record"]["digest"] == held.digest


def test_everything_is_private_under_a_umask_of_zero(store: DiskStore, folder: Path) -> None:
    """Every folder is 0700 and every file 0600, those of the index and its journal included."""
    before = os.umask(0)
    try:
        put(store, "mug")
        store.flush()
        store.get(key_of("mug"))
    finally:
        os.umask(before)

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in everything(folder)}
    assert {path.name for path in modes} >= {"cache.db", "cache.db-wal", "cache.db-shm"}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_other_store_on_the_folder_finds_what_was_not_flushed(store: DiskStore, folder: Path) -> None:
    """What a killed process had not told the index is found through the sidecar, and the index heals."""
    put(store, "flushed")
    store.flush()
    put(store, "queued")
    other = DiskStore(folder)

    assert set(other.get_many([key_of("flushed"), key_of("queued")])) == {key_of("flushed"), key_of("queued")}
    other.close()
    sidecar(folder, key_of("queued")).unlink()
    assert DiskStore(folder).get(key_of("queued")) is not None


def test_index_that_is_gone_or_garbage_costs_nothing(store: DiskStore, folder: Path) -> None:
    """Without its index, or with garbage in its place, everything is found as before."""
    put(store, "mug")
    store.close()
    shutil.rmtree(folder / "index")
    assert DiskStore(folder).get(key_of("mug")) is not None

    (folder / "index").mkdir()
    (folder / "index" / "cache.db").write_bytes(b"not a database at all" * 1000)
    again = DiskStore(folder)
    assert again.get(key_of("mug")) is not None
    assert set(again.get_many([key_of("mug")])) == {key_of("mug")}
    again.close()
    assert (folder / "index" / "cache.db").read_bytes().startswith(b"SQLite format 3")


def test_queue_is_written_when_it_is_long(folder: Path) -> None:
    """A long queue reaches the index without anyone asking."""
    store = DiskStore(folder, queue=10)
    for number in range(10):
        put(store, number, b"same")
    sidecar(folder, key_of(0)).unlink()

    assert DiskStore(folder).get(key_of(0)) is not None
    store.close()


def test_rebuild_makes_the_index_from_the_sidecars(store: DiskStore, folder: Path) -> None:
    """rebuild drops what leads nowhere and adds what was missing."""
    put(store, "mug")
    put(store, "vase")
    store.flush()
    sidecar(folder, key_of("vase")).unlink()
    assert [problem.kind for problem in store.verify()] == ["index"]

    assert store.rebuild() == 1
    assert list(store.verify()) == []
    sidecar(folder, key_of("mug")).unlink()
    assert store.get(key_of("mug")) is not None


@pytest.mark.parametrize("start", [5_000, 30_000])
def test_rebuild_repairs_a_damaged_index(store: DiskStore, folder: Path, start: int) -> None:
    """A damaged index is made anew, whether the damage shows on opening or later."""
    for number in range(60):
        put(store, number)
    store.flush()
    store.close()
    database = folder / "index" / "cache.db"
    data = bytearray(database.read_bytes())
    data[start:] = b"\xff" * (len(data) - start)
    database.write_bytes(data)

    assert len(store.get_many([key_of(number) for number in range(60)])) == 60
    assert store.rebuild() == 60
    assert list(store.verify()) == []


def test_use_is_noted_by_get_and_not_by_get_many(store: DiskStore, folder: Path) -> None:
    """get is a use; a plan's get_many is none."""
    put(store, "mug")
    age(sidecar(folder, key_of("mug")), 1_000_000)
    store.get_many([key_of("mug")])
    (planned,) = store.scan()
    store.get(key_of("mug"))
    (used,) = store.scan()

    assert planned.used is not None
    assert used.used is not None
    assert used.used - planned.used > 999_000


def test_picture_kept_again_during_a_removal_stays(store: DiskStore) -> None:
    """A picture that another process keeps after a removal judged it is not removed."""
    held = store.put(key_of(1), b"same", PNG, {})
    judged = time.time_ns()
    put(store, 2, b"same")

    assert store._folder.drop_image(held, judged) == 0
    assert store.read(held) == b"same"


@pytest.mark.parametrize(
    ("breaks", "kinds"),
    [
        ("image removed", ["missing"]),
        ("image cut", ["damaged"]),
        ("image changed", ["damaged"]),
        ("sidecar removed", ["index", "orphan"]),
        ("sidecar changed", ["sidecar", "index", "orphan"]),
        ("sidecar emptied", ["sidecar", "index", "orphan"]),
        ("sidecar swapped", ["sidecar", "index", "orphan"]),
        ("write cut off", ["leftover"]),
        ("nothing", []),
    ],
)
def test_verify_finds(store: DiskStore, folder: Path, breaks: str, kinds: list[str]) -> None:
    """verify names everything that is wrong, and nothing that is not."""
    put(store, "vase")
    held = store.get(put(store, "mug"))
    assert held is not None
    store.flush()
    image, note = store.path(held), sidecar(folder, held.key)
    if breaks == "image removed":
        image.unlink()
    elif breaks == "image cut":
        image.write_bytes(picture("mug")[:-1])
    elif breaks == "image changed":
        image.write_bytes(b"!" + picture("mug")[1:])
    elif breaks == "sidecar removed":
        note.unlink()
    elif breaks == "sidecar changed":
        note.write_text(note.read_text().replace("SALE", "SAGE"))
    elif breaks == "sidecar emptied":
        note.write_bytes(b"")
    elif breaks == "sidecar swapped":
        shutil.copy(sidecar(folder, key_of("vase")), note)
    elif breaks == "write cut off":
        (image.parent / ".1234.tmp").write_bytes(b"half a pict")
        age(image.parent / ".1234.tmp", 3600)
    if image.exists():
        age(image, 3600)

    problems = list(store.verify(read_data=True))

    assert sorted(problem.kind for problem in problems) == sorted(kinds)
    assert all("\n" not in str(problem) and str(problem.where) in str(problem) for problem in problems)


def test_quick_verify_finds_a_cut_picture(store: DiskStore) -> None:
    """A picture of another size is found without reading it; a changed bit only by reading."""
    cut, changed = (store.put(key_of(name), picture(name), PNG, {}) for name in ("cut", "changed"))
    store.path(cut).write_bytes(picture("cut")[:-1])
    store.path(changed).write_bytes(b"!" + picture("changed")[1:])

    assert [(problem.kind, problem.key) for problem in store.verify()] == [("damaged", cut.key)]
    assert {problem.key for problem in store.verify(read_data=True)} == {cut.key, changed.key}


def test_verify_says_what_is_wrong_with_the_index(store: DiskStore, folder: Path) -> None:
    """Entries that are nonsense, lead nowhere or contradict their sidecar are told apart."""
    put(store, "mug")
    put(store, "vase")
    put(store, "lamp")
    store.flush()
    sidecar(folder, key_of("vase")).unlink()
    held = store.get(key_of("mug"))
    assert held is not None
    store._opened().set_many({held.key: to_entry(replace(held, width=1)), key_of("lamp"): b"nonsense"})

    assert {problem.key: problem.what for problem in store.verify()} == {
        key_of("mug"): f"the entry of key {held.key} is wrong",
        key_of("vase"): f"the entry of key {key_of('vase')} leads nowhere",
        key_of("lamp"): "an entry is not ours",
    }


def test_verify_finds_a_bit_flipped_anywhere(store: DiskStore, folder: Path) -> None:
    """One flipped bit in any picture or sidecar is found."""
    for number in range(3):
        put(store, number)
    store.close()
    shutil.rmtree(folder / "index")
    paths = [path for path in folder.rglob("*") if path.is_file()]
    chance = random.Random(7)
    for _ in range(60):
        path = chance.choice(paths)
        before = path.read_bytes()
        place = chance.randrange(len(before) * 8)
        flipped = bytearray(before)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert {problem.where for problem in DiskStore(folder).verify(read_data=True)} >= {path}, place
        path.write_bytes(before)


def test_what_is_being_written_is_no_problem(store: DiskStore, folder: Path) -> None:
    """A picture without a sidecar, or an unfinished write, may belong to a run that is going on."""
    held = store.put(key_of("mug"), picture("mug"), PNG, {})
    sidecar(folder, held.key).unlink()
    (store.path(held).parent / ".1234.tmp").write_bytes(b"half")

    assert [problem.kind for problem in store.verify()] == ["index"]


def test_sweep_removes_only_what_no_key_leads_to(store: DiskStore, folder: Path) -> None:
    """sweep frees orphans and leftovers of an hour ago, and touches nothing else."""
    put(store, "mug")
    orphan = store.put(key_of("lost"), b"1234", PNG, {})
    sidecar(folder, orphan.key).unlink()
    leftover = store.path(orphan).parent / ".1234.tmp"
    leftover.write_bytes(b"12")
    for path in folder.joinpath("images").rglob("*"):
        age(path, 3600)

    assert store.sweep() == 6
    assert not store.path(orphan).exists()
    assert not leftover.exists()
    assert store.get(key_of("mug")) is not None


def test_stored_names_never_become_paths(store: DiskStore, folder: Path) -> None:
    """A digest or key that is a path, in a sidecar or the index, leads nowhere."""
    (folder.parent / "secret.png").parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / "secret.png").write_bytes(b"secret")
    held = store.put(key_of("mug"), picture("mug"), PNG, {})
    store.flush()
    core = {"digest": "../../../secret", "media_type": PNG, "bytes": 6, "width": 1, "height": 1}
    store._opened().set_many({held.key: json.dumps(core).encode() + b"\n{}"})

    found = store.get(held.key)

    assert found == held
    assert store.read(held) == picture("mug")


def test_full_disk_is_explained_and_nothing_is_half_there(store: DiskStore, folder: Path) -> None:
    """On a full disk put is a StorageError that says what to do; what was there stays readable."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system is not permitted here (needs root)")
    try:
        put(store, "small")
        with pytest.raises(StorageError, match=r"the disk is full: 2 MB needed in .*imagegen cache prune"):
            put(store, "large", bytes(2_000_000))
        assert store.get(key_of("large")) is None
        held = store.get(key_of("small"))
        assert held is not None
        assert store.read(held) == picture("small")
        assert [problem.kind for problem in store.verify(read_data=True)] == []
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_disk_that_refuses_is_never_taken_for_empty(store: DiskStore, folder: Path) -> None:
    """A lookup that the system refuses is a StorageError: "not held" would buy the picture again."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from imagegen.errors import StorageError; from imagegen.stores.disk import DiskStore\n"
        "store = DiskStore(Path(sys.argv[1]))\n"
        "import os; resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) - 1,) * 2)\n"
        "try: print(store.get(sys.argv[2]))\n"
        "except StorageError as error: print('refused:', error)"
    )
    put(store, "mug")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), key_of("mug")], capture_output=True, text=True, check=True
    )

    assert "refused:" in done.stdout
    assert "too many open files; raise `ulimit -n`" in done.stdout


def test_kill_at_any_moment_leaves_whole_pictures(folder: Path) -> None:
    """After each of 15 SIGKILLs: what put returned for is held, and whatever is held is whole."""
    chance = random.Random(15)
    promised: set[int] = set()
    started = 0
    for kill in range(15):
        started = kill * 100_000
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(started)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        writer.kill()
        lines = writer.stdout.read().split("\n")[:-1]
        writer.wait()
        writer.stdout.close()
        promised |= {int(line) for line in lines}

    store = DiskStore(folder)
    held = {one.key: one for one in store.scan() if store.get(one.key)}
    assert len(promised) > 15
    assert {key_of(number) for number in promised} <= set(held)
    assert set(store.get_many(list(held))) == set(held)
    for one in held.values():
        assert len(store.read(one)) == 20_000
    assert {problem.kind for problem in store.verify(read_data=True)} <= {"orphan", "leftover"}
    store.close()
