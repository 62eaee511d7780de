"""Input pictures in files: checked by their header, named by their bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from imagegen.inputs.local import MOST_BYTES, BadInput, digest_of, gather, read, seen
from tests.cloud.pictures import picture


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_a_picture_is_named_by_its_bytes(tmp_path: Path, form: str) -> None:
    """The digest is the SHA-256 of the file as it is."""
    data = picture("mug", 64, 48, form)
    (tmp_path / "mug").write_bytes(data)
    assert digest_of(read(tmp_path / "mug")[0]) == hashlib.sha256(data).hexdigest()


PNG = picture("mug", 64, 48)
#: What is in a file -> a piece of what is said.
BAD = {
    "empty": (b"", "nothing at all"),
    "text": (b"hello", "something else"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "html": (b"<!doctype html><title>404</title>", "HTML"),
    "gif": (b"GIF89a" + bytes(40), "GIF"),
    "cut png": (PNG[:-20], "breaks off"),
    "damaged png": (PNG[:200] + b"\0" + PNG[201:], "checksum"),
    "cut jpeg": (picture("mug", 64, 48, "jpeg")[:-30], "breaks off"),
    "too many pixels": (picture("mug", 9_000, 8_000), "more than 64,000,000 pixels"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_no_picture_is_refused(data: bytes, said: str) -> None:
    """With what it is instead."""
    with pytest.raises(BadInput) as caught:
        digest_of(data)
    assert said in caught.value.what
    assert caught.value.todo


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, a file of a file, one that is too large: each in words, and none waits."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "plain").write_bytes(PNG)
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(MOST_BYTES + 1)
    said = {}
    for name in ("missing", ".", "pipe", "plain/more", "huge", "a\0b"):
        for look in (seen, read):
            with pytest.raises(BadInput) as caught:
                look(f"{tmp_path}/{name}")
            said[name] = caught.value.what
    assert said == {
        "missing": "is not there",
        ".": "is a folder",
        "pipe": "is not a regular file",
        "plain/more": "is not there",
        "huge": "is larger than 50 MB",
        "a\0b": "cannot be read (embedded null byte)",
    }


def test_a_link_is_followed(tmp_path: Path) -> None:
    """A symbolic link to a picture is that picture."""
    (tmp_path / "mug.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to("mug.png")
    assert read(tmp_path / "link.png")[0] == PNG


def test_the_state_of_a_file_tells_a_change(tmp_path: Path) -> None:
    """Other bytes of the same length give another state, times set back or not."""
    path = tmp_path / "mug.png"
    path.write_bytes(PNG)
    os.utime(path, ns=(1, 1))
    before = seen(path)
    assert seen(path) == before == read(path)[1]
    other = next(data for n in range(1000) if len(data := picture(str(n), 64, 48)) == len(PNG))
    path.write_bytes(other)
    os.utime(path, ns=(1, 1))
    assert seen(path) != before


def test_gathering_gives_what_was_planned_or_nothing(tmp_path: Path) -> None:
    """The bytes by digest; a file that is gone or has other bytes is said by name."""
    path, digest = tmp_path / "mug.png", hashlib.sha256(PNG).hexdigest()
    path.write_bytes(PNG)
    assert gather({digest: str(path)}) == {digest: PNG}
    path.write_bytes(picture("cup", 64, 48))
    with pytest.raises(BadInput, match=r"mug\.png was changed after this run was planned"):
        gather({digest: str(path)})
    path.unlink()
    with pytest.raises(BadInput, match=r"mug\.png is not there any more"):
        gather({digest: str(path)})
