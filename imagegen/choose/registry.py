"""Scorers by name: the built-in ones, and those that installed packages register under `imagegen.scorers`.

A package that is broken is one line that names it, and only when its scorer is asked for. The names of built-in
scorers are theirs: a package that registers one of them is never loaded for it.
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from imagegen.choose.auto import Auto, First
from imagegen.choose.judge import Model
from imagegen.choose.llm import Llm
from imagegen.choose.person import Person
from imagegen.choose.terms import Scorer
from imagegen.errors import SettingsError

GROUP = "imagegen.scorers"
BUILT_IN = ("auto", "first", "llm", "person")


def scorer(name: str, model: Model | None = None) -> Scorer:
    """The scorer `name`; `model` is the one that `llm` asks. Raises SettingsError, one line, for a name that nobody
    has, one that two packages have, and a package whose scorer does not load."""
    if name == "first":
        return First()
    if name == "person":
        return Person()
    if name in ("auto", "llm"):
        auto = Auto(_loaded("tags") if _registered("tags") else None)
        return auto if name == "auto" else Llm(model, auto)
    return _loaded(name)


def names() -> tuple[str, ...]:
    """Every name that can be asked for, built-in ones first. Loads nothing."""
    return (*BUILT_IN, *sorted({point.name for point in _points()} - set(BUILT_IN)))


def notes() -> tuple[str, ...]:
    """A sentence for each registered scorer that can never be used."""
    taken = (point for point in _points() if point.name in BUILT_IN)
    return tuple(
        f'{_package(point)} registers a scorer "{point.name}": that name is built in, so it is not used'
        for point in taken
    )


def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _registered(name: str) -> list[EntryPoint]:
    return [point for point in _points() if point.name == name]


def _loaded(name: str) -> Scorer:
    found = _registered(name)
    if not found:
        near = difflib.get_close_matches(name, names(), n=1)
        todo = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
        raise SettingsError(f'no scorer is called "{name}"', todo)
    if len({point.value for point in found}) > 1:
        packages = " and ".join(sorted(_package(point) for point in found))
        raise SettingsError(f'{packages} both register a scorer "{name}"', "uninstall one of them")
    return _made(found[0])


def _made(point: EntryPoint) -> Scorer:
    try:
        made = point.load()()
    except Exception as error:
        # Somebody else's code, run for the first time: whatever it raises, the person needs to know whose it is.
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise _broken(point, f"does not load: {type(error).__name__}{': ' if said else ''}{said}") from error
    lacks = [name for name in ("name", "version", "refuses", "score") if not hasattr(made, name)]
    if lacks:
        raise _broken(point, f"has no {lacks[0]}")
    wrong = next((name for name in ("name", "version") if not isinstance(getattr(made, name), str)), None)
    if wrong:
        raise _broken(point, f"has a {wrong} that is no text")
    if made.name != point.name:
        raise _broken(point, f"calls itself {made.name!r}")
    checked: Any = made
    return checked  # type: ignore[no-any-return]


def _broken(point: EntryPoint, what: str) -> SettingsError:
    return SettingsError(f'the scorer "{point.name}" of {_package(point)} {what}', "update or uninstall that package")


def _package(point: EntryPoint) -> str:
    return f"the package {point.dist.name} {point.dist.version}" if point.dist else f"the package of {point.value}"
