"""Errors: one line for a person, one exit code for a script."""

from __future__ import annotations

from itertools import pairwise

import pytest

from imagegen import errors
from imagegen.errors import PRECEDENCE, Exit, ImagegenError, ManifestError, worst

CODES = {
    errors.UsageError: 2,
    errors.SettingsError: 2,
    errors.GuardError: 2,
    errors.BudgetStop: 4,
    errors.ProviderStop: 5,
    errors.StorageError: 7,
    errors.LockedError: 8,
}


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_an_error_says_what_and_what_to_do(kind: type[ImagegenError]) -> None:
    """Both parts stand on one line, and the second may be missing; the kind decides the exit code."""
    assert kind.exit_code == CODES[kind]
    assert str(kind("the disk is full", "free space")) == "the disk is full; free space"
    assert str(kind("the disk is full")) == "the disk is full"
    assert kind("what", "todo").todo == "todo"


@pytest.mark.parametrize(
    ("place", "where"),
    [(("m.yaml", 3, 5), "m.yaml:3:5: "), (("m.csv", 3, 0), "m.csv:3: "), (("m.csv", 0, 0), "m.csv: ")],
)
def test_a_manifest_error_names_its_place(place: tuple[str, int, int], where: str) -> None:
    """file:line:column, as far as it is known, comes first, as compilers write it."""
    error = ManifestError(*place, "no id", "give one")
    assert str(error) == f"{where}no id; give one"
    assert (error.file, error.line, error.column) == place
    assert error.exit_code == 2


def test_the_codes_are_a_promise() -> None:
    """Scripts rely on these numbers."""
    assert {code.name: int(code) for code in Exit} == {
        "OK": 0,
        "BUG": 1,
        "USAGE": 2,
        "SOME_FAILED": 3,
        "BUDGET": 4,
        "PROVIDER": 5,
        "UNKNOWN": 6,
        "STORAGE": 7,
        "LOCKED": 8,
        "WAITING": 9,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_the_worst_of_several_wins() -> None:
    """130/143 > 1 > 7 > 6 > 4 > 5 > 9 > 3; nothing is 0."""
    assert [int(code) for code in PRECEDENCE] == [130, 143, 1, 7, 6, 4, 5, 9, 3]
    assert worst(set()) == Exit.OK
    for first, second in pairwise(PRECEDENCE):
        assert worst({second, first}) == first
    assert worst({Exit.OK, Exit.SOME_FAILED}) == Exit.SOME_FAILED
    assert worst(set(PRECEDENCE)) == Exit.INTERRUPTED
