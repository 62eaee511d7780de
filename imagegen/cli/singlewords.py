"""What `generate` and `edit` say: errors in words of the command line, and where the picture lies."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagegen.cli import say
from imagegen.cli.watch import Bar, Json, Watcher, closing_words
from imagegen.domain.result import PRESENT, Result, Summary
from imagegen.errors import GuardError, ManifestError, StorageError, UsageError
from imagegen.planned import Planned

#: Fields that are arguments and not options.
_ARGUMENTS = {"prompt": "the prompt", "image": "the picture"}
#: Fields whose option has another spelling.
_FIELD = re.compile(r"([a-z_]+)(?=[:.\[])")
_UNKNOWN = re.compile(r"unknown field (\S+?)(;|$)")
#: What is only true of manifests.
_REWORDED = {
    "beside the manifest": "in the current folder",
    "it is relative to the manifest": "it is relative to the current folder",
    "the row has no prompt": "the prompt is empty",
    "write one, or leave the row out": "say what the picture shows",
    "take it out of the row": "leave it out",
}


@contextmanager
def in_options(name: str, *, given: Mapping[str, Any]) -> Iterator[list[str]]:
    """Errors raised within speak of options (`given` are fields that have one of their own) and arguments; gives the
    list where a watcher puts why planning refuses the picture."""
    refusals: list[str] = []
    try:
        yield refusals
    except GuardError:
        raise
    except UsageError as problem:
        if refusals and not isinstance(problem, ManifestError):
            raise UsageError(_reworded(refusals[0])) from problem
        what = problem.what.removeprefix(f"{name}[0]: ")
        raise UsageError(_reworded(_named(what, given)), _reworded(problem.todo)) from problem


def _named(what: str, given: Mapping[str, Any]) -> str:
    unknown = _UNKNOWN.match(what)
    if unknown:
        return f"--set {unknown[1]}: no field has this name"
    found = _FIELD.match(what)
    if found is None:
        return what
    field, rest = found[1], what[found.end() :]
    if field == "budget":
        return "--budget" + rest.removeprefix(".run")
    if field in _ARGUMENTS:
        return _ARGUMENTS[field] + rest
    return (f"--{field.replace('_', '-')}" if field in given else f"--set {field}") + rest


def _reworded(text: str) -> str:
    for theirs, ours in _REWORDED.items():
        text = text.replace(theirs, ours)
    return text


def watcher_for(folder: Path, file: Path | None, refusals: list[str], *, as_json: bool) -> Watcher:
    """Tells of the pictures in `folder`; one that is there goes to `file`."""
    kind = _OneJson if as_json else _OneBar if sys.stderr.isatty() else _One
    watcher = kind()
    watcher.folder, watcher.file, watcher.refusals = folder, file, refusals
    return watcher


class _One(Watcher):
    """Names the files on stdout when all is done, one a line: for the next command."""

    every_row = True
    folder: Path
    file: Path | None
    refusals: list[str]

    def refused(self, planned: Planned) -> None:
        """It is the error."""
        self.refusals.append(planned.reason)

    def row(self, result: Result) -> None:
        """A picture's fate."""
        if result.state in PRESENT and result.file and result.role != "draft":
            self._there().append(result.file)
        super().row(result)

    def summary(self, summary: Summary) -> None:
        """Where the pictures are, and what they cost."""
        for line in _words(summary):
            say.info(line)
        for file in self._delivered():
            say.put(say.visible(str(file)), sys.stdout)

    def _there(self) -> list[str]:
        return self.__dict__.setdefault("files", [])  # type: ignore[no-any-return]

    def _delivered(self) -> list[Path]:
        """The files, in the order of their names; put where they were asked for."""
        found = [self.folder / each for each in sorted(self._there(), key=_numbered)]
        if self.file is None or not found:
            return found
        return [_copied(found[0], self.file)]


class _OneBar(_One, Bar):
    """In a terminal."""


class _OneJson(_One, Json):
    """For programs: events, and no names of files between them."""

    def summary(self, summary: Summary) -> None:
        """The last event."""
        self._delivered()
        Json.summary(self, summary)


def _numbered(file: str) -> tuple[int, str]:
    return len(file), file


def _words(summary: Summary) -> list[str]:
    """Of a run's last words those that are about one picture."""
    retry, redo = "re-buy: imagegen resume --retry-unknown", "re-buy: the same command with --redo"
    said = [line.replace(retry, redo) for line in closing_words(summary)[:-1]]
    return [line for line in said if not line.startswith(("these would cost", "refused rows"))]


def _copied(source: Path, file: Path) -> Path:
    """Put the picture where it was asked for."""
    from imagegen.files import write_whole

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, source.read_bytes())
        shutil.copymode(source, file)
    except OSError as problem:
        what = f"{file} cannot be written: {problem.strerror or problem}"
        raise StorageError(what, f"the picture is at {source}") from problem
    return file
