"""Plan files: JSON Lines that `plan -o` writes. First a heading, then a line a picture, last the totals.

Every line ends with a seal, the hash of all text up to it. So a file that was cut off, edited or put into another
order is found out at the line where it happened. The seal guards against accidents; it is no signature.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from imagegen.errors import ManifestError, UsageError
from imagegen.files import storage_error, temporary_name

#: Raised when a line's meaning changes.
FORMAT = 1

_FIRST = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"imagegen_plan"\s*:')
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)
_SEAL = b',"seal":"'
_SEALED = len(_SEAL) + 16 + 2
#: What a terminal or a reader of lines does something else with than show it.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Line(NamedTuple):
    """A picture's line: its number from 1, the byte that it begins at, and what it says."""

    number: int
    offset: int
    said: dict[str, Any]


@dataclass(frozen=True)
class PlanFile:
    """A plan file whose every line is as it was written. `head` and `totals` are its first and last line."""

    path: Path
    head: Mapping[str, Any]
    totals: Mapping[str, Any]

    def lines(self) -> Iterator[Line]:
        """The pictures in their order, read anew from the file."""
        offset = 0
        with _read(self.path) as file:
            for number, raw in enumerate(file, 1):
                if number > 1 and raw.strip():
                    said = json.loads(raw)
                    if "totals" in said:
                        return
                    yield Line(number, offset, said)
                offset += len(raw)

    def error(self, line: int, what: str) -> ManifestError:
        """What is wrong at `line`, with the way to a new plan."""
        return ManifestError(str(self.path), line, 0, what, self.anew)

    @property
    def anew(self) -> str:
        """How to make the plan again."""
        return f"plan anew: imagegen plan {self.head.get('manifest', 'MANIFEST')} -o {self.path}"


class Writer:
    """Writes a plan file's lines, each with its seal. Raises StorageError where the disk does not take them."""

    def __init__(self, file: BinaryIO, folder: str) -> None:
        self._file, self._folder, self._hash = file, folder, hashlib.sha256()

    def put(self, said: Mapping[str, Any]) -> None:
        """Write one line."""
        text = _JSON.encode(said)
        body = _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
        self._hash.update(body)
        with _taken(self._folder):
            self._file.write(body[:-1] + _SEAL + self._hash.hexdigest()[:16].encode() + b'"}\n')


def is_plan(path: Path) -> bool:
    """Whether the file at `path` begins as a plan does; False where there is no file that can be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _FIRST.match(file.read(64)) is not None
    except (OSError, ValueError):
        return False


def open_plan(path: Path) -> PlanFile:
    """The plan at `path`, all its seals checked. Raises ManifestError with the line where it is not what was
    written, UsageError for a file that is no plan."""
    if not is_plan(path):
        what = "is no plan" if path.exists() else "is not there"
        raise UsageError(f"{path}: {what}", "imagegen plan MANIFEST -o FILE writes one")
    head: dict[str, Any] = {}
    totals: dict[str, Any] | None = None
    number = 0
    for number, body in _unsealed(path):
        if totals is not None:
            raise _broken(path, number, "there is more after the totals, where the plan ends", head)
        if number == 1:
            head = _heading(path, body)
        elif body.startswith(b'{"totals":'):
            totals = json.loads(body)["totals"]
    if totals is None:
        raise _broken(path, number, "the plan ends here without its totals: it was cut off", head)
    return PlanFile(path, head, totals)


def plan_output(path: Path) -> Path | None:
    """The output folder that the plan at `path` counts with; None for any other file, and for a heading that
    `open_plan` refuses."""
    if not is_plan(path):
        return None
    with _read(path) as file:
        output = _said(file.readline()).get("output")
    return Path(output) if isinstance(output, str) else None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A Writer whose lines become the file at `path` when all went well; until then what was there stays.
    Raises UsageError where `check_target` does, StorageError where nothing can be written."""
    check_target(path)
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, temporary_name())
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, temporary)
        with _taken(folder):
            file = open(temporary, "xb")  # noqa: SIM115  closed below, before it gets its name
        stack.callback(_close, file)
        yield Writer(file, folder)
        with _taken(folder):
            file.close()
            os.replace(temporary, target)


@contextlib.contextmanager
def _taken(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise storage_error(problem, folder) from problem


def check_target(path: Path) -> None:
    """Raises UsageError unless a plan may be written to `path`: nothing is there, or a plan, or an empty file."""
    if path.is_dir():
        raise UsageError(f"-o {path}: is a folder", "name a file in it, such as plan.jsonl")
    if not path.parent.is_dir():
        raise UsageError(f"-o {path}: there is no folder {path.parent}", "make it, or name another")
    if path.exists() and not path.is_file():
        raise UsageError(f"-o {path}: is not a regular file", "name a file; --json prints the plan")
    if path.exists() and path.stat().st_size and not is_plan(path):
        raise UsageError(f"-o {path}: a file that is no plan is there", "name another file, or remove it")


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # a full disk was reported when the line was written
        file.close()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


@contextlib.contextmanager
def _read(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as problem:
        raise ManifestError(str(path), 0, 0, f"cannot be read: {problem.strerror}", "check its rights") from problem


def _unsealed(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number and text of each line without its seal. Raises ManifestError at the first that is not as written."""
    digest, head = hashlib.sha256(), b""
    with _read(path) as file:
        for number, raw in enumerate(file, 1):
            text = raw.rstrip(b"\r\n")
            if not text.strip():
                continue  # an editor's line end after the last line; a line that is missing is found out at the next
            body = text[:-_SEALED] + b"}"
            digest.update(body)
            head = head or body
            if text[-_SEALED:] != _SEAL + digest.hexdigest()[:16].encode() + b'"}':
                raise _broken(path, number, _what_happened(text, raw, number), _said(head))
            yield number, body


def _what_happened(text: bytes, raw: bytes, number: int) -> str:
    if raw.endswith(b"\n") or text.endswith(b'"}'):
        before = "" if number == 1 else ", or a line before it is missing"
        return f"this line is not as it was written{before}"
    return "the plan ends within this line: it was cut off"


def _broken(path: Path, line: int, what: str, head: Mapping[str, Any]) -> ManifestError:
    again = f"copy it again, or {PlanFile(path, head, {}).anew}"
    return ManifestError(str(path), line, 0, what, again)


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _heading(path: Path, body: bytes) -> dict[str, Any]:
    head = _said(body)
    if head.get("imagegen_plan") != FORMAT:
        what = f"a plan of format {head.get('imagegen_plan')}, and this imagegen reads format {FORMAT}"
        raise ManifestError(str(path), 1, 0, what, "use the imagegen that made it, or plan anew")
    return head
