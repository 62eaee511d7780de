"""`imagegen schema manifest|catalog|events`: a JSON Schema, for editors and for programs that read our output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imagegen.cli import say
from imagegen.schema import Kind

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Which = Annotated[Kind, typer.Argument(help="What the schema is of.", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there [stdout].")]


@app.command(help="A JSON Schema for editors: of manifests, catalogue files or events.")
def schema(kind: Which, output: Output = None) -> int:
    """Make it, print or write it."""
    import json
    import sys

    from imagegen.schema import schema as made

    text = json.dumps(made(kind), indent=2, ensure_ascii=False)
    if output is None:
        say.put(text, sys.stdout)
        return 0
    _write(output, text + "\n")
    say.info(f"written: {output}")
    if kind != "events":
        say.info(f"as the first line of a file beside it: # yaml-language-server: $schema={output.name}")
    return 0


def _write(path: Path, text: str) -> None:
    from imagegen.errors import UsageError
    from imagegen.files import storage_error

    try:
        path.write_text(text, encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"--output {path}: there is no folder {path.parent}", "make it, or name another") from None
    except OSError as problem:
        raise storage_error(problem, path) from problem
