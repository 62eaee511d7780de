"""What is made only when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from imagegen.ondemand import OnDemand


def noted(name: str, made: list[str]) -> Callable[[], str]:
    """A maker that writes down when it is called."""

    def maker() -> str:
        made.append(name)
        return name.upper()

    return maker


def test_names_are_known_and_values_made_when_asked_for() -> None:
    """To look for a name makes nothing; what is made is made once; going over the values makes the rest."""
    made: list[str] = []
    found = OnDemand({name: noted(name, made) for name in ("a", "b", "c")})
    assert (list(found), len(found), "b" in found, "d" in found, set(found)) == (
        ["a", "b", "c"],
        3,
        True,
        False,
        {*"abc"},
    )
    assert made == []
    assert (found["b"], found.get("b"), found.get("d")) == ("B", "B", None)
    assert made == ["b"]
    assert dict(found) == {"a": "A", "b": "B", "c": "C"}
    assert made == ["b", "a", "c"]


def test_an_unknown_name() -> None:
    """As in any mapping."""
    with pytest.raises(KeyError):
        OnDemand[int]({})["a"]


def test_what_cannot_be_made_is_tried_again() -> None:
    """The error goes to who asked."""
    answers = [ValueError("no key"), None]

    def maker() -> str:
        if (problem := answers.pop(0)) is not None:
            raise problem
        return "made"

    found = OnDemand({"a": maker})
    with pytest.raises(ValueError, match="no key"):
        found["a"]
    assert found["a"] == "made"


def test_threads_that_ask_together_get_the_same() -> None:
    """The second waits for the first, who is still at it."""
    begun, go, made = threading.Event(), threading.Event(), []

    def maker() -> object:
        begun.set()
        go.wait()
        made.append(object())
        return made[-1]

    found, got = OnDemand({"a": maker}), []
    threads = [threading.Thread(target=lambda: got.append(found["a"])) for _ in range(3)]
    threads[0].start()
    begun.wait()
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert (len(made), got) == (1, made * 3)
