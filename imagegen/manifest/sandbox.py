"""The small template language: Jinja with a short list of filters, no globals, and caps on all that could grow.

It sees only text, numbers, booleans and mappings or lists of those. What is not needed to write a prompt
(set, macros, imports, nested loops, ranges, powers, repeated text) is refused.
"""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from imagegen.manifest.plaintext import plain, slug
from imagegen.manifest.values import Unread

LONGEST = 32_768
MOST_TURNS = 1_000

# fmt: off
_FILTERS = (
    "abs", "capitalize", "d", "default", "first", "float", "int", "last", "length", "list", "lower", "map", "max",
    "min", "reject", "reverse", "round", "select", "sort", "string", "title", "trim", "truncate", "unique", "upper",
    "urlencode", "wordcount",
)
_METHODS = (
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower", "isnumeric",
    "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rpartition", "rsplit",
    "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper",
)
# fmt: on
_STATEMENTS = (nodes.Output, nodes.If, nodes.For)
_MAPPING_METHODS = ("get", "items", "keys", "values")
_SAFE: tuple[tuple[type, tuple[str, ...]], ...] = (
    (str, _METHODS),
    (dict, _MAPPING_METHODS),
    (LoopContext, ("first", "index", "index0", "last", "length")),
)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment that templates are compiled in."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_shown)
        self.globals.clear()
        self.filters = {name: FILTERS[name] for name in _FILTERS}
        self.filters |= {"plain": plain, "slug": slug, "replace": _replace, "join": _join, "few": _few}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`row.name`: a column before a method, so that a column named "values" is that column."""
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            if attribute not in _MAPPING_METHODS:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only methods that cannot make text much longer than it is."""
        known = next((names for kind, names in _SAFE if isinstance(obj, kind)), ())
        return attr in known

    def wrap_str_format(self, value: Any) -> None:
        """No `format`: its widths could make a text of any length."""

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Products and remainders of numbers; nothing that repeats or formats text."""
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"the operator {operator} works on numbers only, and ** not at all")
        return super().call_binop(context, operator, left, right)


def check(tree: nodes.Template) -> None:
    """Caps the loops of `tree`; raises SecurityError for a statement that is not in the language."""
    for statement in tree.find_all(nodes.Stmt):
        if not isinstance(statement, _STATEMENTS):
            raise SecurityError(f"{{% {type(statement).__name__.lower()} %}} is not for templates here")
    for loop in tree.find_all(nodes.For):
        if loop.recursive or any(inner is not loop for inner in loop.find_all(nodes.For)):
            raise SecurityError("a loop within a loop is not for templates here")
        loop.iter = nodes.Filter(loop.iter, "few", [], [], None, None, lineno=loop.lineno)


def _shown(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if callable(value) and not isinstance(value, Undefined):
        raise SecurityError("a method stands where a value is wanted; call it with ()")
    if isinstance(value, str | int | float | Undefined):
        return value
    if isinstance(value, Unread):
        str(value)
    kind = "nothing" if value is None else type(value).__name__
    raise SecurityError(f"{kind} stands where text is wanted")


def _few(values: Any) -> list[Any]:
    few = list(values)
    if len(few) > MOST_TURNS:
        raise SecurityError(f"a loop of more than {MOST_TURNS} turns")
    return few


def _replace(value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    if len(text) + text.count(old) * len(new) > 8 * LONGEST:
        raise SecurityError("replace makes the text too long")
    return text.replace(old, new)


def _join(values: Any, between: str = "") -> str:
    parts = [str(_shown(value)) for value in values]
    if sum(map(len, parts)) + len(parts) * len(str(between)) > 8 * LONGEST:
        raise SecurityError("join makes the text too long")
    return str(between).join(parts)
