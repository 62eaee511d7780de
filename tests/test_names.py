"""File names: an id is kept where it is safe on every platform, and made safe where it is not."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.names import DEEPEST, LONGEST, file_stem, fold, relative_path

DEVICES = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"] + [
    f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"
]
HOSTILE = [
    *DEVICES,
    *(name.lower() for name in DEVICES),
    *(f"{name}.png" for name in DEVICES),
    *(f"{name} .txt" for name in DEVICES[:8]),
    *(chr(code) for code in range(0x21)),
    *(f"a{chr(code)}b" for code in range(0x20)),
    *(f"a{c}b" for c in '<>:"/\\|?*~$%^`;#{}\x7f\x80\x9f'),
    *(f"a{c}b" for c in "\u200b\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad\u2028\u3164\ufe0f"),
    *("", ".", "..", "...", "....", "../x", "..\\x", "../../etc/passwd", "/etc/passwd", "//server/share"),
    *("\\\\server\\share", "\\\\?\\C:\\x", "C:", "C:x", "C:\\x", "c:/windows", "a/../../b", "a/..", "./a"),
    *("~", "~root", "-rf", "--help", "-", ".hidden", ".git", " a", "a ", "a.", "a. .", "a\n", "\ta"),
    *("a\u00a0", "\u00a0a", "a\u3000", "x" * 121, "ü" * 61, "猫" * 41, "😀", "a😀", "\u0301a", "e\u0301"),
    *("\ud800", "a\udfffb", "\U000e0041", "／etc", "a／b", "a∕b", "a⁄b", "a：b", "．．", "‥", "…"),
    *("file:///x", "$HOME", "%PATH%", "`id`", "$(id)", "a;b", "a|b", "\x1b[31m", "nul\x00.png", "ＮＵＬ"),
    *("desktop.ini.", "LPT1:", "COM1.tar.gz", "a\r\nb", "\u202egnp.exe"),
]
SAFE = [
    *(
        "mug",
        "Mug 2",
        "mug-red_front.v2",
        "SKU+12@3x",
        "a(1)",
        "[x]",
        "50,5=a&b!",
        "Straße",
        "猫",
        "кот",
        "قطة",
    ),
    *("ñandú", "con1", "COM", "COM10", "console", "x.CON", "a..b", "ﬁ", "ę\u0301", "1", "x" * 120),
]


def harmless(part: str) -> bool:
    """What every platform takes for one plain file name."""
    return (
        bool(part)
        and len(part.encode()) <= LONGEST
        and part[0] not in "-. "
        and part[-1] not in ". "
        and not set(part) & set('<>:"/\\|?*~')
        and all(unicodedata.category(c)[0] not in "CZ" or c == " " for c in part)
        and unicodedata.is_normalized("NFC", part)
        and not PureWindowsPath(part).drive
        and PureWindowsPath(part.upper()).stem.split(".")[0].strip() not in DEVICES
        and part.partition(".")[0].strip().upper() not in DEVICES
    )


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_id_is_its_own_file_name(name: str) -> None:
    """An id that every platform takes is kept to the letter."""
    assert file_stem(name) == name
    assert harmless(name)


@pytest.mark.parametrize("name", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_a_hostile_id_becomes_a_plain_name_with_its_hash(name: str) -> None:
    """Whatever an id holds, its file has one plain name that ends with eight characters of the id's hash."""
    stem = file_stem(name)
    assert harmless(stem), stem
    assert stem.endswith("-" + hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8])


@pytest.mark.parametrize("name", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_a_hostile_name_never_leaves_the_folder(name: str) -> None:
    """A nested name stays below the output folder, on POSIX and on Windows."""
    for nested in (name, f"{name}/x", f"x/{name}", f"/{name}"):
        path = relative_path(nested)
        assert all(harmless(part) for part in path.split("/")), path
        assert not PurePosixPath(path).is_absolute()
        assert not PureWindowsPath(path).anchor


def test_the_corpus_holds_more_than_200_names() -> None:
    """The hostile corpus is as large as it was meant to be, without repeats."""
    assert len(set(HOSTILE)) > 200


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("mug", "mug"),
        ("shoes/red/mug 1", "shoes/red/mug 1"),
        ("shoes/a:b", "shoes/a-b-" + hashlib.sha256(b"a:b").hexdigest()[:8]),
        ("/etc/passwd", "etc/passwd-" + hashlib.sha256(b"/etc/passwd").hexdigest()[:8]),
        ("a//b", "a/b-" + hashlib.sha256(b"a//b").hexdigest()[:8]),
        ("CON", "_CON-" + hashlib.sha256(b"CON").hexdigest()[:8]),
        ("..", "picture-" + hashlib.sha256(b"..").hexdigest()[:8]),
        ("", "picture-e3b0c442"),
        ("/", "picture-" + hashlib.sha256(b"/").hexdigest()[:8]),
    ],
)
def test_names_come_out_as_shown(name: str, path: str) -> None:
    """Folders are kept, only what is unsafe is replaced, and what was replaced is told apart by the hash."""
    assert relative_path(name) == path


def test_a_deep_name_is_flattened() -> None:
    """Below the eighth level the rest of a name becomes part of the file's name."""
    path = relative_path("/".join("a" * 20))
    assert path.count("/") == DEEPEST - 1
    assert path != relative_path("/".join("a" * 21))


@given(st.text())
def test_any_text_makes_a_harmless_name(name: str) -> None:
    """There is no text that makes an empty, hidden or unsafe name, or one that is not safe itself."""
    stem = file_stem(name)
    assert harmless(stem)
    assert file_stem(stem) == stem
    assert all(harmless(part) for part in relative_path(name).split("/"))


@given(st.lists(st.text(max_size=6), unique=True, max_size=8))
def test_different_ids_have_different_stems(ids: list[str]) -> None:
    """Two ids never share a stem (platforms that fold case are what `fold` is for)."""
    assert len({file_stem(id) for id in ids}) == len(ids)


@pytest.mark.parametrize(
    ("one", "other"), [("Mug", "mUG"), ("Straße", "STRASSE"), ("é", "e\u0301"), ("Σ", "ς"), ("K", "\u212a")]
)
def test_names_that_a_platform_confuses_fold_alike(one: str, other: str) -> None:
    """Case, composed accents and one-letter ligatures of case do not tell two files apart."""
    assert fold(one) == fold(other)


def test_names_that_differ_fold_apart() -> None:
    """Folding confuses nothing else."""
    assert fold("mug-1") != fold("mug_1")


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    """The key of a key is the key, and both normal forms of a name have one."""
    assert fold(fold(name)) == fold(name)
    assert fold(unicodedata.normalize("NFD", name)) == fold(unicodedata.normalize("NFC", name))
