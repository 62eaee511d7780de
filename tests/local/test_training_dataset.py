"""The folder that a LoRA is trained on: pictures, captions, and every way in which they can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imagegen.errors import ImagegenError
from imagegen.providers.local.training.dataset import read
from tests.local.albums import folder
from tests.local.engines import png


def test_captions_beside_the_pictures(tmp_path: Path) -> None:
    """White space is evened, the trigger goes before what does not hold it, and stands in for what is missing."""
    album = folder(tmp_path / "brand", 5)
    (album / "0.txt").write_text("\ufeffa  mug\non linen\n", "utf-8")
    (album / "1.txt").write_text("a jug in Brandish style")
    found = read(album, " brandish ")
    captions = [shot.caption for shot in found.shots]
    assert captions == ["brandish, a mug on linen", "a jug in Brandish style", *["brandish"] * 3]
    assert (found.trigger, [shot.path.name for shot in found.shots]) == ("brandish", [f"{n}.png" for n in range(5)])
    assert {(shot.width, shot.height) for shot in found.shots} == {(80, 64)}


@pytest.mark.parametrize(
    ("name", "line"),
    [("metadata.jsonl", '{{"file_name": "{0}.png", "text": "cup {0}"}}\n'), ("captions.csv", '{0}.png,"cup {0}"\n')],
)
def test_captions_in_one_file(tmp_path: Path, name: str, line: str) -> None:
    """As data sets have them; a .txt beside a picture counts more."""
    album = folder(tmp_path / "brand", 5)
    head = "file,caption\n" if name.endswith("csv") else ""
    (album / name).write_text(head + "".join(line.format(number) for number in range(5)))
    (album / "4.txt").write_text("my own")
    assert [shot.caption for shot in read(album).shots] == ["cup 0", "cup 1", "cup 2", "cup 3", "my own"]


def test_pictures_stand_upright_and_others_are_named(tmp_path: Path) -> None:
    """EXIF turns a picture; what is no picture for us is said, what is none at all is not, nor what is below."""
    from PIL import Image

    album = folder(tmp_path / "brand", 5)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(album / "0.png").save(album / "turned.jpg", exif=exif)
    (album / "old.tiff").write_bytes(b"x")
    (album / "notes.md").write_text("x")
    (album / ".hidden.png").write_bytes(b"x")
    (album / "more").mkdir()
    (album / "more" / "6.png").write_bytes(b"x")
    (album / "same.png").write_bytes((album / "0.png").read_bytes())
    found = read(album, "w")
    assert [(shot.width, shot.height) for shot in found.shots if shot.path.suffix == ".jpg"] == [(64, 80)]
    assert found.notes == (
        "not read: old.tiff; PNG, JPEG, WebP and AVIF are",
        "7 pictures are few; 20 to 50 are usual for a style",
        "copies among the pictures: 1; what is there twice counts twice",
    )


def test_the_digest_is_of_names_pictures_and_captions(tmp_path: Path) -> None:
    album = folder(tmp_path / "brand", 5)
    seen = {read(album, "w").digest, read(album, "w").digest}
    assert len(seen) == 1
    seen.add(read(album, "v").digest)
    (album / "0.png").write_bytes(png(80, 64, seed=99))
    seen.add(read(album, "w").digest)
    (album / "0.png").rename(album / "00.png")
    seen.add(read(album, "w").digest)
    assert len(seen) == 4


def _text(name: str, text: str | bytes) -> Callable[[Path], object]:
    return lambda album: (album / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def _only(count: int) -> Callable[[Path], object]:
    return lambda album: [path.unlink() for path in sorted(album.iterdir())[count:]]


def _both(album: Path) -> None:
    for name in ("metadata.jsonl", "captions.csv"):
        (album / name).write_text("")


WRONG = [
    (_only(0), "w", "holds no pictures; PNG, JPEG, WebP and AVIF files are read"),
    (_only(3), "w", "holds 3 pictures, too few to learn a style from; give 5 at least; 20 to 50 are usual"),
    (_text("5.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50), "w", "5.png: "),
    (_text("5.jpg", b"hello"), "w", "5.jpg: "),
    (
        _text("0.txt", "a cup"),
        None,
        "1.png, 2.png, 3.png and 2 more have no caption; write 1.txt beside it, or give one",
    ),
    (_text("0.txt", b"\xff\xfe\x00"), "w", "0.txt is not UTF-8 text; save it as UTF-8"),
    (
        _text("metadata.jsonl", '{"file_name": "0.png", "text": "x"}\n{"file_name'),
        "w",
        "metadata.jsonl:2: the line is no",
    ),
    (_text("metadata.jsonl", '\n["0.png"]'), "w", "metadata.jsonl:2: a line is a mapping"),
    (_text("metadata.jsonl", '{"file_name": "0.png"}'), "w", "metadata.jsonl:1: a line names a picture"),
    (
        _text("metadata.jsonl", '{"file_name": "9.png", "text": "x"}'),
        "w",
        "metadata.jsonl:1: 9.png is not in the folder",
    ),
    (_text("captions.csv", "file,text\n0.png,a\n0.png,b\n"), "w", "captions.csv:3: 0.png stands there twice"),
    (_text("captions.csv", 'file,text\n0.png,"a\n'), "w", "it is no CSV"),
    (_text("captions.csv", "picture,words\n0.png,a\n"), "w", "captions.csv:2: a line names a picture"),
    (_both, "w", "has both metadata.jsonl and captions.csv; remove one of them"),
]


@pytest.mark.parametrize(("spoil", "word", "message"), WRONG, ids=[message[:30] for _, _, message in WRONG])
def test_a_folder_that_cannot_be_trained_on(
    tmp_path: Path, spoil: Callable[[Path], object], word: str | None, message: str
) -> None:
    album = folder(tmp_path / "brand")
    spoil(album)
    with pytest.raises(ImagegenError) as said:
        read(album, word)
    assert message in str(said.value)
    assert "\n" not in str(said.value)


def test_only_pictures_of_other_formats(tmp_path: Path) -> None:
    (tmp_path / "old.gif").write_bytes(b"x")
    with pytest.raises(ImagegenError, match=r"holds no pictures \(old\.gif cannot be read\)"):
        read(tmp_path)


def test_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name, what in (("gone", "is not there"), ("file", "is no folder")):
        with pytest.raises(ImagegenError, match=f"{name} {what}; name a folder"):
            read(tmp_path / name)
