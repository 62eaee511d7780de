"""Templates: text with {{ … }} compiled once, rendered per row; errors at the place where the template stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError

from imagegen.domain.row import Place
from imagegen.errors import ManifestError
from imagegen.manifest.advice import listed, nearest, short
from imagegen.manifest.sandbox import LONGEST, Sandbox, check

_BRACES = re.compile(r"\s*\{\{(.*)\}\}\s*", re.S)
_NAME = re.compile(r"""no attribute (['"])(?P<attribute>.*)\1$|^(['"])(?P<variable>.*)\3 is undefined$""", re.S)
_BAD_SOURCE = (TemplateError, SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, AssertionError)
_BAD_VALUES = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


def is_template(text: str) -> bool:
    """Whether `text` has anything to fill in."""
    return "{" in text and any(mark in text for mark in ("{{", "{%", "{#"))


@cache
def _sandbox() -> Sandbox:
    return Sandbox()


class Template:
    """A text to fill in. `names` are the variables it speaks of."""

    def __init__(self, source: str, place: Place) -> None:
        self.place = place
        try:
            tree = _parsed(source)
            check(tree)
            self.names = frozenset(meta.find_undeclared_variables(tree))
            self._compiled = _sandbox().from_string(tree)
        except _BAD_SOURCE as error:
            raise _bad_source(error, place) from None

    def render(self, values: Mapping[str, Any], about: Place | None = None) -> str:
        """The text with `values` filled in; `about` is the row it is for. Raises ManifestError."""
        known = {name: values[name] for name in self.names if name in values}
        parts, length = [], 0
        try:
            for part in self._compiled.generate(known):
                parts.append(part)
                length += len(part)
                if length > LONGEST:
                    raise SecurityError(f"the text grows above {LONGEST} characters")
        except _BAD_VALUES as error:
            raise _bad_values(error, self.place, about, values) from None
        return "".join(parts)


class Condition:
    """A Jinja expression, with or without braces, judged by truth: empty text is false."""

    def __init__(self, source: str, place: Place) -> None:
        self.place = place
        inner = _BRACES.fullmatch(source)
        source = inner[1] if inner else source
        try:
            tree = _parsed("{{" + source + "}}")
            self.names = frozenset(meta.find_undeclared_variables(tree))
            self._compiled = _sandbox().compile_expression(source, undefined_to_none=False)
        except _BAD_SOURCE as error:
            raise _bad_source(error, place) from None

    def holds(self, values: Mapping[str, Any], about: Place | None = None) -> bool:
        """Whether the expression is true of `values`. Raises ManifestError."""
        known = {name: values[name] for name in self.names if name in values}
        try:
            return bool(self._compiled(known))
        except _BAD_VALUES as error:
            raise _bad_values(error, self.place, about, values) from None


def spoken_of(source: str) -> set[tuple[str, str | None]]:
    """The variables of a template that can be read, each with the attribute that is asked of it by name: `row.Title`
    and `row['Title']` are ("row", "Title"); None where there is none, or only its value will tell."""
    tree = _parsed(source)
    free = meta.find_undeclared_variables(tree)
    found: set[tuple[str, str | None]] = {(name, None) for name in free}
    asked: list[tuple[nodes.Expr, Any]] = [(node.node, node.attr) for node in tree.find_all(nodes.Getattr)]
    asked += [(node.node, getattr(node.arg, "value", None)) for node in tree.find_all(nodes.Getitem)]
    for whole, name in asked:
        if isinstance(whole, nodes.Name) and whole.name in free and isinstance(name, str):
            found.add((whole.name, name))
    return found


def _parsed(source: str) -> nodes.Template:
    if len(source) > LONGEST:
        raise SecurityError(f"a template of more than {LONGEST} characters")
    return _sandbox().parse(source)


def _bad_source(error: BaseException, place: Place) -> ManifestError:
    said = error.message if isinstance(error, TemplateSyntaxError) else str(error)
    what = f"the template cannot be read: {_line(said or type(error).__name__)}"
    return ManifestError(*place, what, "write it as {{ row.Column }} or {{ row['A column'] | plain }}")


def _bad_values(error: BaseException, place: Place, about: Place | None, values: Mapping[str, Any]) -> ManifestError:
    row = f" (for {about.file}:{about.line})" if about else ""
    name = _NAME.search(str(error)) if isinstance(error, UndefinedError) else None
    if not name:
        todo = "shorten or simplify the template" if isinstance(error, SecurityError) else "correct the template"
        return ManifestError(*place, f"the template fails{row}: {_line(str(error))}", todo)
    missing = name["attribute"] if name["variable"] is None else name["variable"]
    known = _known(values)
    meant = nearest(missing, known)
    todo = f"did you mean {meant}?" if meant else f"there are {listed(known) or 'none'}"
    return ManifestError(*place, f"the template speaks of {short(missing)}, which is not there{row}", todo)


def _known(values: Mapping[str, Any]) -> Iterable[str]:
    row = values.get("row")
    names = [name for name in values if name != "row"]
    return [*names, *(name for name in row if name not in values)] if isinstance(row, dict) else names


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "..."
