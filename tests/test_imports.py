"""HTTP libraries and SDKs are imported one at a time, and never seen half done."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagegen

PACKAGE = Path(imagegen.__file__).parent
ROOT, HERE = PACKAGE.parent, Path(__file__).parent
GUARDED = frozenset({"httpx", "httpx2", "openai", "google", "replicate"})


def unlocked(node: ast.AST, inside: bool = False) -> Iterator[tuple[int, str, bool]]:
    """The imports below `node` that are made without the lock: the line, what is imported, whether within a
    function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((child.lineno, f"{child.module}.{alias.name}", inside) for alias in child.names)
        elif not spared(child):
            yield from unlocked(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def spared(node: ast.AST) -> bool:
    """Whether imports may stand below `node`: the lock is held there, or only a type checker reads it."""
    if isinstance(node, ast.With):
        return any(ast.unparse(item.context_expr) == "IMPORTING" for item in node.items)
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def guarded(name: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether `name` is one of the libraries, or a part of one; or of `more`, modules of ours."""
    return name.partition(".")[0] in GUARDED or any(f"{name}.".startswith(f"{each}.") for each in more)


def found_in(source: str, more: frozenset[str] = frozenset()) -> list[tuple[int, str, bool]]:
    """What `source` imports of the libraries without the lock."""
    return [each for each in unlocked(ast.parse(source)) if guarded(each[1], more)]


def test_every_import_of_an_sdk_holds_the_lock() -> None:
    """A module that imports one of them at its top is itself imported under the lock, and only so."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sources}
    tops = frozenset(
        names[path] for path, source in sources.items() if any(not inside for *_, inside in found_in(source))
    )
    assert tops == {"imagegen.providers.google.tap"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, source in sources.items()
        for line, name, inside in found_in(source, tops)
        if inside or names[path] not in tops
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    import httpx2", [2]),
        ("def f():\n    from google import genai", [2]),
        ("def f():\n    if g():\n        import os, openai.types as o", [3]),
        ("import replicate.client", [1]),
        ("class A:\n    async def f(self):\n        import httpx", [3]),
        ("def f():\n    with LOCK:\n        import httpx", [3]),
        ("def f():\n    with IMPORTING:\n        import httpx\n    import googlemaps, os", []),
        ("if TYPE_CHECKING:\n    import httpx", []),
    ],
)
def test_the_rule_sees_them(source: str, lines: list[int]) -> None:
    """An import without the lock is found wherever it stands."""
    assert [line for line, *_ in found_in(source)] == lines


@pytest.mark.parametrize("when", ["once", "twice"])
def test_a_picture_is_made_while_another_provider_is_imported(when: str) -> None:
    """The OpenAI SDK looks for httpx among the modules with every request, also when it has made a picture before; the
    import of Replicate's SDK, which loads httpx, stands still meanwhile."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.providers.racing", when],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["Made", "Made"]), done.stdout + done.stderr
