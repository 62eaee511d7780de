"""What is wrong with a value, in words: misfits, suggestions, and pydantic's findings translated.

Knows nothing of files: who knows where the value stands adds file, line and column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

Path = tuple[str | int, ...]


class Misfit(Exception):
    """A value that does not fit: what, what to do, and its path within the row or heading. `key`: not the value at
    the path is wrong but the last name of the path itself."""

    def __init__(self, what: str, todo: str = "", path: Path = (), *, key: bool = False) -> None:
        self.what, self.todo, self.path, self.key = what, todo, path, key
        super().__init__(what)

    def under(self, name: str | int) -> Misfit:
        """The same misfit, seen from one level further out."""
        return Misfit(self.what, self.todo, (name, *self.path), key=self.key)

    def said(self) -> str:
        """What is wrong, with the name of the field or key."""
        if not self.path:
            return self.what
        return f"{self.what} {dotted(self.path)}" if self.key else f"{dotted(self.path)}: {self.what}"


def short(value: Any) -> str:
    """`value` as a person may read it in one line, control characters escaped, at most 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        value = str(value)
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return str(value)[:60]


def dotted(path: Path) -> str:
    """`path` as a person writes it: "output.renditions.card"; escaped and shortened like `short`."""
    name = ".".join(str(part) for part in path)
    return name if name.isprintable() and len(name) <= 80 else short(name)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    plain = {name.casefold(): name for name in known}
    wanted = word.strip().casefold().replace("-", "_").replace(" ", "_")
    found = [wanted] if wanted in plain else difflib.get_close_matches(wanted[:80], plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], kind: str = "keys") -> str:
    """What to do about an unknown `word`: the one that was meant, or all there are."""
    names = list(known)
    meant = nearest(word, names)
    return f"did you mean {meant}?" if meant else f"the {kind} are {listed(names)}"


def listed(names: Iterable[str], most: int = 40) -> str:
    """Names one after the other; what is above `most` is only counted."""
    every = [name if name.isprintable() and len(name) <= 60 else short(name) for name in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


#: What pydantic puts into a path to say which member of a union it tried.
_UNION = re.compile(r".*\[.*|str|int|float|bool|Lora|Budget")

#: pydantic's error type -> (what, what to do), filled from the error's own figures.
_WORDS = {
    "greater_than_equal": ("{value} is too small", "use {ge} or more"),
    "greater_than": ("{value} is too small", "use more than {gt}"),
    "less_than_equal": ("{value} is too large", "use {le} or less"),
    "less_than": ("{value} is too large", "use less than {lt}"),
    "string_too_short": ("it is empty", "write something or leave it out"),
    "string_type": ("{value} is not text", "write text"),
    "string_unicode": ("it holds half a character (a lone surrogate)", "write the text anew"),
    "int_parsing": ("{value} is not a whole number", "write digits only"),
    "int_type": ("{value} is not a whole number", "write digits only"),
    "float_type": ("{value} is not a number", "write a number such as 0.5"),
    "bool_type": ("{value} is neither true nor false", "write true or false"),
    "decimal_parsing": ("{value} is not an amount of money", "write dollars as a plain number, such as 0.04"),
    "decimal_type": ("{value} is not an amount of money", "write dollars as a plain number, such as 0.04"),
    "decimal_max_places": (
        "{value} is finer than a nanodollar",
        "use at most {decimal_places} decimal places",
    ),
    "decimal_max_digits": ("{value} has too many digits", "use at most {max_digits} digits"),
    "decimal_whole_digits": ("{value} has too many digits", "write a smaller amount"),
    "dict_type": ("{value} is not a mapping", "write it as {{name: value}}"),
    "model_type": ("{value} is not a mapping", "write it as {{name: value}}"),
    "tuple_type": ("{value} is not a list", "write it as [one, two]"),
    "missing": ("it is missing", "add it"),
}


def finding(error: ValidationError) -> Any:
    """The first finding of `error`; that a key is missing may come of another's being misspelt, and comes last."""
    every = error.errors(include_url=False)
    return next((found for found in every if found["type"] != "missing"), every[0])


def explained(error: ValidationError, known: Iterable[str] = ()) -> Misfit:
    """The first finding of `error` in our words. `known` are the keys an unknown top-level one is compared to."""
    found = finding(error)
    path: Path = tuple(part for part in found["loc"] if not (isinstance(part, str) and _UNION.fullmatch(part)))
    value, kind, figures = found["input"], found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return Misfit("unknown key", suggestion(str(path[-1]), known) if known else "remove it", path, key=True)
    if kind == "literal_error":
        return Misfit(f"{short(value)} is not known", f"use {figures['expected']}", path)
    if kind == "value_error":
        what, _, todo = str(figures["error"]).partition("; ")
        return Misfit(what, todo, path) if todo else Misfit(f"{short(value)} does not fit", what, path)
    what, todo = _WORDS.get(kind, ("{value} does not fit", found["msg"].replace("{", "{{").replace("}", "}}")))
    return Misfit(what.format(value=short(value), **figures), todo.format(**figures), path)
