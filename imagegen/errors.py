"""Everything imagegen explains to a person, and the exit code it ends with.

    ImagegenError
    ├── UsageError           2   the command line asks for something impossible
    │   ├── ManifestError    2   a manifest is wrong; carries file:line:column
    │   ├── SettingsError    2   config.yaml, a variable or a catalogue file is wrong
    │   └── GuardError       2   a run above the guard needs a budget or a yes
    ├── BudgetStop           4   a budget is used up
    ├── ProviderStop         5   a provider cannot be used now (key, credit, outage)
    ├── NotMade              3   a picture asked for by itself was not made
    ├── StorageError         7   a disk, a folder or the ledger cannot be used
    └── LockedError          8   another run holds this output folder

Anything else that reaches the command line is a bug (exit 1). The module knows
nothing of terminals: `cli` turns an error into one line on stderr.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command: a promise to scripts."""

    OK = 0
    BUG = 1
    USAGE = 2
    SOME_FAILED = 3
    BUDGET = 4
    PROVIDER = 5
    UNKNOWN = 6
    STORAGE = 7
    LOCKED = 8
    WAITING = 9
    INTERRUPTED = 130
    TERMINATED = 143


#: When several hold at once, the first of these wins.
PRECEDENCE = (
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.BUG,
    Exit.STORAGE,
    Exit.UNKNOWN,
    Exit.BUDGET,
    Exit.PROVIDER,
    Exit.WAITING,
    Exit.SOME_FAILED,
)


def worst(codes: set[Exit]) -> Exit:
    """The one code a command ends with when all of `codes` hold; OK when none does."""
    return next((code for code in PRECEDENCE if code in codes), Exit.OK)


class ImagegenError(Exception):
    """An error to explain: one line that says what, where and what to do next."""

    exit_code: Exit = Exit.USAGE

    def __init__(self, what: str, todo: str = "") -> None:
        self.what = what
        self.todo = todo
        super().__init__(f"{what}; {todo}" if todo else what)


class UsageError(ImagegenError):
    """The command line asks for something impossible."""


class ManifestError(UsageError):
    """A manifest is wrong at `file:line:column`. Line and column count from 1; 0 is "not known"."""

    def __init__(self, file: str, line: int, column: int, what: str, todo: str = "") -> None:
        self.file, self.line, self.column = file, line, column
        where = ":".join(str(part) for part in (file, line, column) if part)
        super().__init__(f"{where}: {what}", todo)


class SettingsError(UsageError):
    """config.yaml, an environment variable or a catalogue file is wrong."""


class GuardError(UsageError):
    """A run above the guard amount was asked for without a budget or a yes."""


class BudgetStop(ImagegenError):
    """A budget is used up; nothing more is bought in this run."""

    exit_code = Exit.BUDGET


class ProviderStop(ImagegenError):
    """A provider cannot be used now: a bad key, no credit, an outage."""

    exit_code = Exit.PROVIDER


class NotMade(ImagegenError):
    """A picture that was asked for by itself is not there: refused, failed, unknown or waiting. `result` is its line
    where there is one."""

    exit_code = Exit.SOME_FAILED
    result: object = None


class StorageError(ImagegenError):
    """A disk, a folder or the ledger cannot be used."""

    exit_code = Exit.STORAGE


class LockedError(ImagegenError):
    """Another live run holds this output folder."""

    exit_code = Exit.LOCKED
