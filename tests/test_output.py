"""The output folder: whole files under safe names, never a link, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagegen.errors import StorageError
from imagegen.output import OutputFolder


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    """A prepared folder."""
    made = OutputFolder(tmp_path / "out" / "shop")
    made.prepare()
    return made


def entries(folder: OutputFolder) -> list[str]:
    """Everything in the folder, with its own things."""
    return sorted(path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*"))


def test_nothing_is_there_before_it_is_prepared(tmp_path: Path) -> None:
    """A folder that is only looked at is not created, and has no id."""
    looked_at = OutputFolder(tmp_path / "out")
    assert looked_at.collection() is None
    assert looked_at.state("mug.png", 1, 1) == "missing"
    assert not looked_at.path.exists()


def test_preparing_leaves_one_folder_of_ours(folder: OutputFolder) -> None:
    """The probe that finds out whether the disk can be written is gone again."""
    assert entries(folder) == [".imagegen"]


def test_a_folder_that_cannot_be_is_said_before_anything_is_bought(tmp_path: Path) -> None:
    """A file in the place of a folder is one line with the path and what to do."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(StorageError, match=r"cannot be written: .*; free space, mend its rights, or choose"):
            OutputFolder(place).prepare()


def test_the_id_is_kept_in_the_folder(folder: OutputFolder) -> None:
    """What was written is read back; a file that says nothing useful is no id."""
    folder.name_collection("c1")
    assert OutputFolder(folder.path).collection() == "c1"
    for nonsense in ("", "{", "[]", '{"id": 7}', '{"id": ""}', '{"other": "c1"}', "\udcff"):
        (folder.ours / "collection.json").write_bytes(nonsense.encode("utf-8", "surrogateescape"))
        assert folder.collection() is None


def test_a_written_file_is_whole_and_known_again(folder: OutputFolder) -> None:
    """Its size and time tell later whether somebody touched it; folders in its name are made."""
    written = folder.write("shop/red/mug.png", b"picture")
    assert folder.read("shop/red/mug.png") == b"picture"
    assert (written.file, written.bytes) == ("shop/red/mug.png", 7)
    assert folder.seen("shop/red/mug.png") == written
    known = (written.file, written.bytes, written.mtime_ns)
    assert folder.state(*known) == "ours"
    os.utime(folder.path / written.file, ns=(1, written.mtime_ns + 1))
    assert folder.state(*known) == "touched"
    (folder.path / written.file).unlink()
    assert folder.state(*known) == "missing"
    assert entries(folder) == [".imagegen", "shop", "shop/red"]


def test_a_copy_is_no_link(folder: OutputFolder, tmp_path: Path) -> None:
    """What is done to the output never reaches the original, and a file or a link there before is replaced."""
    original, elsewhere = tmp_path / "original.png", tmp_path / "elsewhere.png"
    original.write_bytes(b"picture")
    elsewhere.write_bytes(b"mine")
    (folder.path / "mug.png").symlink_to(elsewhere)
    folder.copy("mug.png", original)
    assert not (folder.path / "mug.png").is_symlink()
    assert (folder.path / "mug.png").stat().st_ino != original.stat().st_ino
    (folder.path / "mug.png").write_bytes(b"edited")
    assert (original.read_bytes(), elsewhere.read_bytes()) == (b"picture", b"mine")
    folder.write("mug.png", b"anew")
    assert folder.read("mug.png") == b"anew"


def test_no_name_leads_out_through_a_link(folder: OutputFolder, tmp_path: Path) -> None:
    """A folder that is a link to elsewhere is refused before anything is made there."""
    (tmp_path / "elsewhere").mkdir()
    (folder.path / "shop").symlink_to(tmp_path / "elsewhere")
    for file in ("shop/mug.png", "shop/red/mug.png"):
        with pytest.raises(StorageError, match="would leave the output folder through a link"):
            folder.write(file, b"picture")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(folder: OutputFolder) -> None:
    """Where the file cannot be put, the error names it and no half file stays."""
    (folder.path / "mug.png").mkdir()
    with pytest.raises(StorageError, match=r"mug\.png cannot be written: .*nothing is lost"):
        folder.write("mug.png", b"picture")
    (folder.path / "shop").write_bytes(b"a file")
    with pytest.raises(StorageError, match=r"shop.* cannot be written"):
        folder.write("shop/mug.png", b"picture")
    with pytest.raises(StorageError, match="not there: no such file"):
        folder.copy("cup.png", folder.path / "not there")
    assert entries(folder) == [".imagegen", "mug.png", "shop"]


def test_only_our_own_file_is_removed(folder: OutputFolder) -> None:
    """A file that somebody changed stays."""
    written = folder.write("mug.png", b"picture")
    (folder.path / "mug.png").write_bytes(b"edited by hand")
    folder.remove_ours(written.file, written.bytes, written.mtime_ns)
    assert folder.read("mug.png") == b"edited by hand"
    written = folder.write("mug.png", b"picture")
    folder.remove_ours(written.file, written.bytes, written.mtime_ns)
    assert entries(folder) == [".imagegen"]


def test_sweeping_removes_what_a_killed_run_left(folder: OutputFolder) -> None:
    """Half files and probes go, the id and the pictures stay."""
    folder.name_collection("c1")
    folder.write("mug.part", b"a picture with an odd name")
    for name in ("0123.part", "probe-0123", ".collection.json.0.tmp"):
        (folder.ours / name).write_bytes(b"half")
    folder.sweep()
    assert entries(folder) == [".imagegen", ".imagegen/collection.json", "mug.part"]


def test_withdrawing_takes_away_what_preparing_made(tmp_path: Path, folder: OutputFolder) -> None:
    """A run that never began leaves no folder, not even the ones above; a folder that was there stays as it was."""
    folder.name_collection("c1")
    folder.withdraw()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    again = OutputFolder(tmp_path / "out")
    again.prepare()
    again.withdraw()
    assert list((tmp_path / "out").iterdir()) == []


def test_withdrawing_touches_nothing_that_was_put_there(tmp_path: Path, folder: OutputFolder) -> None:
    """With a picture in it, or prepared by an earlier run, the folder and its id stay."""
    folder.name_collection("c1")
    later = OutputFolder(folder.path)
    later.prepare()
    later.withdraw()
    assert later.collection() == "c1"
    folder.write("mug.png", b"picture")
    folder.withdraw()
    assert (folder.read("mug.png"), folder.collection()) == (b"picture", "c1")
