"""`imagegen generate PROMPT`."""

from __future__ import annotations

import typer

from imagegen.cli import single

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help="Make one picture from a prompt; the same again costs nothing.")
def generate(
    prompt: single.Prompt,
    output: single.Output = None,
    use_case: single.UseCase = None,
    text: single.Text = None,
    size: single.Size = None,
    aspect_ratio: single.Ratio = None,
    model: single.Model = None,
    provider: single.Provider = None,
    quality: single.Quality = None,
    tier: single.Tier = None,
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
    asked = {
        "prompt": prompt, "use_case": use_case, "text": text, "size": size, "aspect_ratio": aspect_ratio,
        "model": model, "provider": provider, "quality": quality, "tier": tier, "background": background,
        "n": n if n > 1 else None, "seed": seed,
    }  # fmt: skip
    return single.make(
        "generate", asked, fields, output,
        routes=routes, catalog=catalog, allow_retired=allow_retired,
        budget=budget, redo=redo, yes=yes, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
