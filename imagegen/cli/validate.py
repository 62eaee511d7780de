"""`imagegen validate MANIFEST`: is it well-formed, and does it name models and use cases that exist?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from imagegen.cli import look, say
from imagegen.domain.words import counted

app = typer.Typer(add_completion=False, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on stdout.")]


@app.command(help="Check a manifest without planning it.")
def validate(
    manifest: look.Manifest, routes: look.Routes = None, catalog: look.Catalog = None, as_json: AsJson = False
) -> int:
    """Read every row; the first thing that is wrong is one line with its place, and exit code 2."""
    from imagegen.domain.inputs import named
    from imagegen.planner import plan

    project = look.opened(manifest, routes=routes, catalog=catalog)
    rows = pictures = 0
    context = replace(project.context, inputs=named)  # a manifest can be well-formed without its pictures
    for planned in plan(project.manifest.rows(), context):
        rows += planned.draft.sample == 0
        pictures += 1
    notes = project.manifest.notes
    if as_json:
        found = {"event": "manifest", "file": str(manifest), "rows": rows, "pictures": pictures, "notes": notes}
        say.event(found)
        return 0
    for note in notes:
        say.note(note)
    print(say.visible(f"{manifest}: {counted(rows, 'row')}, {_verdict(rows, pictures)}"))  # noqa: T201
    return 0


def _verdict(rows: int, pictures: int) -> str:
    more = f"; they make {counted(pictures, 'picture')}" if pictures != rows else ""
    return f"{'well-formed' if rows == 1 else 'all well-formed'}{more}"
