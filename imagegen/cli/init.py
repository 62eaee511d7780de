"""`imagegen init [FOLDER]`: something to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from imagegen.cli import say

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Folder = Annotated[Path | None, typer.Argument(help="Where to [here; for an example, a folder of its name].")]
Example = Annotated[
    Literal["shop", "blog", "ads", "ci"] | None, typer.Option(help="A working example with its data instead.")
]


@app.command(help="Write a starter manifest, or a whole example with its data.")
def init(folder: Folder = None, example: Example = None) -> int:
    """Write, say what was written and how to go on."""
    from imagegen import start

    written = start.example(example, folder) if example else start.starter(folder or Path())
    for path in written.files:
        _say(f"written: {path}")
    name = shlex.quote(str(written.manifest))
    _say("next, without a key and for nothing:")
    _say(f"  imagegen cost-estimate {name}")
    _say(f"  imagegen run {name} --provider placeholder")
    return 0


def _say(text: str) -> None:
    print(say.visible(text))  # noqa: T201
