"""`imagegen check`: pictures in, figures and a verdict for each out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from imagegen.choose.extras import OCR, SAFETY
from tests.choose.drawing import NO_PICTURE, blank, poster
from tests.cli.conftest import Imagegen

LONG = "a-rather-long-name-of-a-picture-as-shops-like-them.png"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "good.png").write_bytes(poster())
    (tmp_path / LONG).write_bytes(poster(blur=6))
    (tmp_path / "black.png").write_bytes(blank())
    (tmp_path / "page.png").write_bytes(NO_PICTURE)
    return tmp_path


def test_a_good_picture_is_a_line_and_exit_0(imagegen: Imagegen, pictures: Path) -> None:
    """Its size and figures."""
    said = imagegen("check", "good.png")
    assert (said.returncode, said.stderr) == (0, "")
    assert re.fullmatch(r"good\.png  384x384    sharpness 0\.[6-9]\d  contrast 1\.00  good\n", said.stdout)


def test_some_not_good_is_exit_3(imagegen: Imagegen, pictures: Path) -> None:
    """Each reason stands below its picture; the last line counts."""
    said = imagegen("check", "good.png", "black.png", "page.png", LONG)
    assert (said.returncode, said.stderr) == (3, "")
    lines = said.stdout.splitlines()
    assert [line.split()[-1] for line in lines if not line.startswith(" ")] == ["good", "good", "good", "good", "not"]
    assert "  the picture is blank: all of it is one colour" in lines
    assert "  the picture cannot be decoded: not a PNG, JPEG, WebP or AVIF picture but HTML" in lines
    assert lines[-1] == "4 pictures: 2 good, 2 not"
    assert sum(line.endswith("not good") for line in lines) == 2


def test_json_says_the_same(imagegen: Imagegen, pictures: Path) -> None:
    """An event a picture and the summary; figures are null where nothing could be measured."""
    said = imagegen("check", "good.png", "page.png", "--json")
    assert (said.returncode, said.stderr) == (3, "")
    good, page, summary = map(json.loads, said.stdout.splitlines())
    assert (good["event"], good["file"], good["good"], good["width"]) == ("picture", "good.png", True, 384)
    assert good["sharpness"] > 0.5
    assert set(good) == set(page)
    assert (page["good"], page["width"], page["sharpness"], page["text"]) == (False, None, None, None)
    assert len(page["reasons"]) == 1
    assert summary == {"event": "summary", "exit_code": 3, "pictures": 2, "good": 1}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["good.png", "gone.png"], "error: gone.png is not there; correct the name\n"),
        (["."], "error: . is a folder; name a file in it\n"),
        (["good.png", "--text", ""], 'error: --text: the text "" has no letter, digit or sign that can be read back\n'),
    ],
)
def test_bad_usage_is_one_line_before_any_picture(
    imagegen: Imagegen, pictures: Path, words: list[str], says: str
) -> None:
    """And exit 2, nothing on stdout."""
    if "--text" in words and OCR.missing():
        says = f"error: --text: {OCR.missing()}\n"
    said = imagegen("check", *words)
    assert (said.returncode, said.stdout, said.stderr) == (2, "", says)


@pytest.mark.skipif(not (OCR.missing() and SAFETY.missing()), reason="the extras ocr and safety are installed here")
@pytest.mark.parametrize(("words", "extra"), [(["--text", "SALE"], "ocr"), (["--safe"], "safety")])
def test_a_missing_extra_says_how_to_install_it(
    imagegen: Imagegen, pictures: Path, words: list[str], extra: str
) -> None:
    """One line with the command, and exit 2."""
    said = imagegen("check", "good.png", *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"error: {words[0]}: ")
    assert said.stderr.endswith(f'needs the extra {extra}: pip install "imagegen-batch[{extra}]"\n')


@pytest.mark.skipif(OCR.missing() is not None, reason="needs rapidocr and onnxruntime (the extra ocr)")
def test_the_text_found_is_shown(imagegen: Imagegen, pictures: Path) -> None:
    """With what is missing."""
    said = imagegen("check", "good.png", "--text", "SUMMER SOLE")
    assert said.returncode == 3
    assert said.stdout.splitlines()[1:] == ['  "SOLE" is not readable; nearest: "SALE"', "  reads: SUMMER | SALE"]
