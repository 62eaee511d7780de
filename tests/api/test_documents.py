"""The pages and docstrings say what is so: their examples are run, and a program that follows them is well typed."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

import imagegen
import imagegen.api
from tests.test_docs import blocks

ROOT = Path(__file__).parents[2]
#: An ellipsis stands for anything, as on the other pages.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def failures(test: doctest.DocTest) -> str:
    """What a doctest's runner has to say against it."""
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    return "".join(said)


def test_the_examples_of_the_page_work() -> None:
    """All Python of docs/python.md is one session, in a folder and a home of its own."""
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    found = [block for block in blocks(page) if block.language == "python" and block.lines[0].startswith(">>>")]
    text = "\n\n".join("\n".join(block.lines) for block in found)
    test = doctest.DocTestParser().get_doctest(text, {}, "docs/python.md", "docs/python.md", 0)
    assert len(test.examples) > 20
    said = failures(test)
    assert not said, said


@pytest.mark.parametrize("name", ["load", "plan", "run"])
def test_the_examples_of_the_docstrings_work(name: str) -> None:
    """Each function has one."""
    [test] = doctest.DocTestFinder(recurse=False).find(getattr(imagegen, name), name, module=False)
    assert test.examples
    assert failures(test) == ""


def test_every_public_name_is_explained() -> None:
    """Each stands in the page, has a docstring, and comes from one of two places."""
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    quiet = {"__version__", "errors", "Group", "PlannedRow", "Plan", "Project", "Results", "Run", "Event"}
    for name in imagegen.__all__:
        found = getattr(imagegen, name)
        assert name in page or name in quiet, name
        assert found.__doc__, name
    assert set(imagegen.__all__) == {*imagegen.api.__all__, "errors", "__version__"} | {
        name for name in dir(imagegen.errors) if name.endswith(("Error", "Stop", "NotMade"))
    }
    assert set(imagegen.__all__) <= set(dir(imagegen))
    assert isinstance(imagegen.errors, ModuleType)
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        imagegen.laod  # type: ignore[attr-defined]  # noqa: B018


def test_importing_is_instant() -> None:
    """`import imagegen` brings none of its own modules, and no package of anybody else's."""
    program = """
import json, sys
before = set(sys.modules)
import imagegen
at_once = sorted(set(sys.modules) - before)
imagegen.load(["A mug"]), imagegen.plan(["A mug"])
print(json.dumps([at_once, sorted(sys.modules)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ), timeout=60
    )
    at_once, later = json.loads(done.stdout)
    assert {name for name in at_once if name.partition(".")[0] not in sys.stdlib_module_names} == {"imagegen"}
    assert {"openai", "PIL", "typer", "rich", "torch", "numpy"}.isdisjoint(later)


PROGRAM = """
from decimal import Decimal
from pathlib import Path

import imagegen


def told(event: imagegen.Event) -> str:
    if event.event == "row":
        reveal_type(event)
        return f"{event.file} {event.cost}"
    if isinstance(event, imagegen.Summary):
        return event.report.name
    match event:
        case imagegen.Note(text):
            return text
        case imagegen.Started() | imagegen.Waiting():
            return str(event)
    raise AssertionError(event)


project = imagegen.load(Path("shop.yaml"), provider="placeholder", budget={"run": 5, "day": Decimal("9.5")})
plan: imagegen.Plan = imagegen.plan(project)
reveal_type(plan.total)
reveal_type([group.name for group in plan.by("model")])
with imagegen.run([{"prompt": "A mug"}], budget="2.50", only=["mug"]) as run:
    texts = [told(event) for event in run]
    reveal_type(run.result().results["mug"].image())
try:
    imagegen.load(["A mug"])
except imagegen.ManifestError as error:
    reveal_type(error.line)
"""
WRONG = """
plan.by("colour")
imagegen.load("shop.yaml", provdier="openai")
imagegen.run(project, yes="please")
plan.total = 5
"""


def test_a_program_is_well_typed(tmp_path: Path) -> None:
    """mypy, strict, from outside: it knows every type, and finds what is wrong."""
    assert (files("imagegen") / "py.typed").is_file()
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(PROGRAM.replace("reveal_type", "print") + WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "--cache-dir", os.devnull]
    done = subprocess.run(
        [*command, "program.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    lines = done.stdout.splitlines()
    assert [line.partition("Revealed type is ")[2] for line in lines if line.startswith("program.py:")] == [
        '"imagegen.api.results.Result"',
        '"decimal.Decimal"',
        '"list[str]"',
        '"PIL.Image.Image"',
        '"int"',
    ], done.stdout
    found = {int(line.split(":")[1]) for line in lines if line.startswith("wrong.py:") and ": error:" in line}
    last = len((PROGRAM + WRONG).splitlines())
    assert found == set(range(last - 3, last + 1)), done.stdout
