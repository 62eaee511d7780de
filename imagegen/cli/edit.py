"""`imagegen edit PICTURE... PROMPT`."""

from __future__ import annotations

from typing import Annotated

import typer

from imagegen.cli import single
from imagegen.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help="Change one picture by a prompt; further pictures are references.")
def edit(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... PROMPT", help="Files or URLs, the one to change first; what is to change last."
        ),
    ],
    output: single.Output = None,
    mask: Annotated[
        str | None, typer.Option(metavar="FILE", help="A PNG, transparent where the change happens; or auto.")
    ] = None,
    strength: Annotated[float | None, typer.Option(min=0, max=1, help="How far it may go from the picture.")] = None,
    text: single.Text = None,
    size: single.Size = None,
    aspect_ratio: single.Ratio = None,
    model: single.Model = None,
    provider: single.Provider = None,
    quality: single.Quality = None,
    background: single.Background = None,
    n: single.Number = 1,
    seed: single.Seed = None,
    fields: single.Field = None,
    routes: single.Routes = None,
    catalog: single.Catalog = None,
    allow_retired: single.AllowRetired = False,
    budget: single.Budget = None,
    redo: single.Redo = False,
    dry_run: single.DryRun = False,
    yes: single.Yes = False,
    as_json: single.AsJson = False,
) -> int:
    """Parse and make."""
    *pictures, prompt = given
    if not pictures:
        raise UsageError("edit wants a picture and a prompt", 'write: imagegen edit mug.png "on a white table"')
    asked = {
        "prompt": prompt, "image": pictures if len(pictures) > 1 else pictures[0], "mask": mask, "strength": strength,
        "text": text, "size": size, "aspect_ratio": aspect_ratio, "model": model, "provider": provider,
        "quality": quality, "background": background, "n": n if n > 1 else None, "seed": seed,
    }  # fmt: skip
    return single.make(
        "edit", asked, fields, output,
        routes=routes, catalog=catalog, allow_retired=allow_retired,
        budget=budget, redo=redo, yes=yes, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
