"""Every bad manifest gives one line: the place, what is wrong there, and what to do."""

from pathlib import Path

import pytest
from bad_tables import BAD_TABLES
from bad_yaml import BAD_YAML

from imagegen.errors import Exit, ManifestError, UsageError
from imagegen.manifest import check, open_manifest

BAD = {name: ("m.yaml", *case) for name, case in BAD_YAML.items()} | BAD_TABLES


def refused(path: Path) -> ManifestError:
    """The error of reading `path` to its end, without its traceback: what that holds, a file half read among it, would
    be left to the garbage collector, which warns of open files while another test runs."""
    try:
        check(open_manifest(path))
    except ManifestError as error:
        return error.with_traceback(None)
    pytest.fail("it was not refused")


@pytest.mark.parametrize(("file", "text", "line", "column", "what", "todo"), BAD.values(), ids=BAD)
def test_names_the_place_and_the_cure(
    tmp_path: Path, file: str, text: str | bytes, line: int, column: int, what: str, todo: str
) -> None:
    """A bad manifest is refused at exactly its bad place, in one line that says what to do."""
    (tmp_path / "t.csv").write_text("Title,Stock\nMug,3\n")
    path = tmp_path / file
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = refused(path)
    assert str(error).startswith(f"{path}:{line}:{column}: ")
    assert what.format(file=path) in error.what
    assert todo in error.todo
    assert str(error).isprintable()
    assert len(str(error)) < 700 + len(str(path))
    assert error.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    ("file", "what", "todo"),
    [
        ("gone.yaml", "is not there", "check the name"),
        ("gone.csv", "is not there", "check the name"),
        ("gone.docx", "is not there", "check the name"),
        ("folder.yaml", "is a folder", "file in it"),
        ("folder.csv", "is a folder", "file in it"),
        ("m.xlsx", ".xlsx is not read", ".yaml, .yml, .csv, .tsv, .jsonl, .ndjson"),
        ("m", "without a suffix", ".csv"),
        ("m.parquet", "is no Parquet file", "copy it again"),
    ],
)
def test_refuses_a_file_it_cannot_read(tmp_path: Path, file: str, what: str, todo: str) -> None:
    """What is no readable file, or of a kind that is not read, is refused by name."""
    if file.startswith("folder"):
        (tmp_path / file).mkdir()
    if file.startswith("m"):
        (tmp_path / file).write_bytes(b"PAR1")
    error = refused(tmp_path / file)
    assert what in error.what
    assert todo in error.todo


def test_refuses_what_is_read_only_once(tmp_path: Path) -> None:
    """A device or pipe cannot be read twice and is refused before it is opened."""
    assert "regular file" in str(refused_device(tmp_path))


def refused_device(tmp_path: Path) -> ManifestError:
    """The error of reading a link to the null device."""
    link = tmp_path / "m.csv"
    link.symlink_to("/dev/null")
    return refused(link)


def test_refuses_a_huge_yaml_file_at_once(tmp_path: Path) -> None:
    """A YAML file above 64 MiB is refused unread, with the way out."""
    path = tmp_path / "m.yaml"
    with path.open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    error = refused(path)
    assert "larger than 64 MiB" in str(error)
    assert "CSV" in error.todo


@pytest.mark.parametrize(
    ("fields", "what", "todo"),
    [
        ({"modl": "x"}, "unknown field modl", "model"),
        ({"n": "0"}, "n: 0 is too small", "1 or more"),
        ({"format": "gif"}, "'gif' is not known", "webp"),
        ({"seed": "one"}, "seed: 'one'", "digits"),
    ],
)
def test_refuses_a_bad_field_of_the_command_line(tmp_path: Path, fields: dict[str, str], what: str, todo: str) -> None:
    """A field given for every row is checked before any row is read, and no file is blamed."""
    path = tmp_path / "m.csv"
    path.write_text("prompt\na\n")
    with pytest.raises(UsageError) as caught:
        open_manifest(path, set_fields=fields)
    assert not isinstance(caught.value, ManifestError)
    assert what in caught.value.what
    assert todo in caught.value.todo


def test_a_bad_row_spoils_only_what_follows(tmp_path: Path) -> None:
    """Rows before the bad one are given; the error comes at its turn."""
    path = tmp_path / "m.csv"
    path.write_text("id,prompt\na,b\nc,\n")
    rows = open_manifest(path).rows()
    assert next(rows).row.id == "a"
    with pytest.raises(ManifestError, match=r":3:1: "):
        next(rows)


@pytest.mark.parametrize(
    ("encoding", "line"), [("cp1252", 3), ("ascii", 3), ("utf-16", 0)], ids=["one byte", "seven bits", "two bytes"]
)
def test_names_the_bytes_that_do_not_fit_a_named_encoding(tmp_path: Path, encoding: str, line: int) -> None:
    """With `encoding` named, its first bad byte is found, or the file is said not to be so."""
    (tmp_path / "t.csv").write_bytes(b"prompt\na\n\x81\x9d\xff!\n")
    path = tmp_path / "m.yaml"
    path.write_text(f"imagegen: 1\nsource: {{file: t.csv, encoding: {encoding}}}\n")
    error = refused(path)
    assert error.file == str(tmp_path / "t.csv")
    assert error.line == line
    assert f"not {encoding}" in error.what
    assert "source.encoding" in error.todo
