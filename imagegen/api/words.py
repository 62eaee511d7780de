"""Words: what is said to people who type commands, said to people who write Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from imagegen.errors import ImagegenError

#: Flags that are switches, and what each is called here.
_SWITCHES = {"--yes", "--skip-refused", "--reroute", "--retry-unknown", "--allow-retired"}
_OPTIONS = {
    "--redo",
    "--only",
    "--limit",
    "--budget",
    "--output",
    "--provider",
    "--model",
    "--routes",
    "--max-failures",
}
_FLAG = re.compile(r"(--[a-z]+(?:-[a-z]+)*)( USD| ID| N| placeholder)?")


def in_words(text: str) -> str:
    """`text` with the command line's options as arguments: "add --yes" is "add yes=True"."""
    return _FLAG.sub(_argument, text.replace("on the command line, ", ""))


def _argument(found: re.Match[str]) -> str:
    flag, value = found[1], (found[2] or "").strip()
    name = flag[2:].replace("-", "_")
    if flag in _SWITCHES:
        return f"{name}=True{found[2] or ''}"
    if flag not in _OPTIONS:
        return found[0]
    return f"{name}={value!r}" if value == "placeholder" else f"{name}={value}" if value else name


@contextmanager
def python_words() -> Iterator[None]:
    """Errors raised within speak of arguments."""
    try:
        yield
    except ImagegenError as problem:
        problem.what, problem.todo = in_words(problem.what), in_words(problem.todo)
        problem.args = (f"{problem.what}; {problem.todo}" if problem.todo else problem.what,)
        raise
