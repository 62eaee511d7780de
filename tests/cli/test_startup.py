"""Starting is instant: what a command does not need is not imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Each takes a tenth of a second and more.
HEAVY = {"openai", "replicate", "google.genai", "torch", "diffusers", "PIL", "numpy", "pandas", "pyarrow", "asyncio"}
#: What the commands that look at manifests need and `--help` does not.
MEDIUM = {"pydantic", "jinja2", "yaml", "rich", "sqlite3", "imagegen.domain.row", "imagegen.settings"}

PROGRAM = """
import json, sys
from imagegen.cli import main
sys.argv = ["imagegen", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted(sys.modules)]))
"""

MANIFEST = """imagegen: 1
rows:
  - {id: mug, prompt: A mug, use_case: product_shot}
  - {id: sale, prompt: A poster, text: SALE}
  - {id: drawn, prompt: A mug, provider: placeholder}
"""


def modules(*words: str) -> set[str]:
    """What is imported when the program has run with `words`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, encoding="utf-8", env=dict(os.environ), check=True
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(names)


COMMANDS = [
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["validate", "m.yaml"],
    ["plan", "m.yaml"],
    ["plan", "m.yaml", "--json"],
    ["cost-estimate", "m.yaml"],
    ["cost-estimate", "m.yaml", "--lane", "auto", "--gpu", "l4", "--compare-routes"],
    ["break-even"],
    ["break-even", "m.yaml"],
    ["explain", "m.yaml", "mug"],
    ["models", "list"],
    ["init"],
    ["schema", "manifest"],
    ["models", "check", "m.yaml", "--offline"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_sdk_and_no_picture_library_is_imported(tmp_path: Path, words: list[str]) -> None:
    """Help, validate, plan, cost-estimate and explain import no SDK, no torch and no PIL, in a new home and in one
    that has a ledger and a cache."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    assert modules(*words).isdisjoint(HEAVY)
    if words[0] in ("--help", "--version"):
        assert modules(*words).isdisjoint(MEDIUM)
    if words[0] == "plan":
        (tmp_path / "p.yaml").write_text("imagegen: 1\nrows: [{id: a, prompt: A, provider: placeholder}]\n")
        assert modules("run", "p.yaml") & HEAVY == {"PIL"}
        assert modules(*words).isdisjoint(HEAVY)


def test_only_the_providers_that_rows_go_to_are_imported(tmp_path: Path) -> None:
    """An estimate asks OpenAI what it refuses, and nobody else."""
    (tmp_path / "m.yaml").write_text("imagegen: 1\nrows: [{id: mug, prompt: A mug, model: openai/gpt-image-2}]\n")
    found = {
        name.split(".")[2] for name in modules("cost-estimate", "m.yaml") if name.startswith("imagegen.providers.")
    }
    assert "openai" in found
    assert found.isdisjoint({"placeholder", "google", "fal", "together", "bfl", "stability", "replicate", "compatible"})


@pytest.mark.parametrize("command", ["cost-estimate", "plan"])
def test_an_address_that_is_none_is_told_of_though_no_row_goes_there(tmp_path: Path, command: str) -> None:
    """A provider that no row goes to is not built, unless somebody gave it another address."""
    (tmp_path / "m.yaml").write_text("imagegen: 1\nrows: [{id: mug, prompt: A mug, model: openai/gpt-image-2}]\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, "m.yaml"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "IMAGEGEN_FAL_BASE_URL": "https://"},
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])[0] == 2
    assert "'https:' is no address for fal" in done.stderr
