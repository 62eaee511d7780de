"""What `generate` and `edit` share: one row from the command line, made like any other, and where its pictures went."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from imagegen.errors import UsageError

#: A file's extension -> the format that a row asks for.
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".avif": "avif"}

Prompt = Annotated[str, typer.Argument(help="What the picture shows.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE|FOLDER", help="A file such as mug.webp, or a folder [out/generate]."),
]
UseCase = Annotated[str | None, typer.Option(help="What it is for, such as product_shot: decides model and size.")]
Text = Annotated[str | None, typer.Option(help="Wording that must be readable in the picture.")]
Size = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels.")]
Ratio = Annotated[str | None, typer.Option("--aspect-ratio", help="WIDTH:HEIGHT, such as 16:9.")]
Model = Annotated[str | None, typer.Option(help="The model to make it with.")]
Provider = Annotated[str | None, typer.Option(help="Who to ask; placeholder costs nothing.")]
Quality = Annotated[str | None, typer.Option(help="A quality of the model, such as high.")]
Number = Annotated[int, typer.Option("--n", min=1, max=100, help="How many pictures.")]
Seed = Annotated[int | None, typer.Option(min=0, help="For models that take one.")]
Tier = Annotated[Literal["budget", "standard", "premium"] | None, typer.Option(help="How good it is to be.")]
Background = Annotated[
    Literal["opaque", "transparent", "remove"] | None, typer.Option(help="transparent: by a model that can.")
]
Field = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other field of a manifest's row, such as steps=20."),
]
Catalog = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="A catalogue file of your own (models, prices, routes).")
]
AllowRetired = Annotated[bool, typer.Option("--allow-retired", help="Ask for a model that was shut down all the same.")]
Routes = Annotated[str | None, typer.Option(help="Routing preset: current or guide.")]
Budget = Annotated[str | None, typer.Option(metavar="USD", help="The most it may cost, in USD.")]
Redo = Annotated[bool, typer.Option("--redo", help="Make it anew though it is there.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask above $5 without a budget.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]


def make(
    name: str,
    fields: dict[str, Any],
    more: list[str] | None,
    output: Path | None,
    *,
    routes: str | None,
    catalog: list[Path] | None,
    allow_retired: bool,
    budget: str | None,
    redo: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make the row of `fields`; the exit code. `name` is the command's, and its folder's."""
    from imagegen.cli.run import carry_out
    from imagegen.cli.singlewords import in_options, watcher_for
    from imagegen.manifest.memory import open_rows
    from imagegen.wiring import project_of

    asked = {field: value for field, value in (fields | _more(more)).items() if value is not None}
    file = output if output is not None and output.suffix and not output.is_dir() else None
    if file is not None:
        _check_file(file, asked)
        asked["format"] = FORMATS[file.suffix.lower()]
    folder = Path("out") / name if output is None or file is not None else output
    paths = [str(path.absolute()) for path in catalog] if catalog else None
    flags = {"routes": routes, "budget": {"run": budget} if budget is not None else None, "catalog": paths}
    said: dict[str, Any] = {
        "flags": flags, "set_fields": {}, "output": str(folder.absolute()), "allow_retired": allow_retired,
        "skip_refused": False, "max_failures": None, "yes": yes, "in_memory": True,
    }  # fmt: skip
    with in_options(name, given=fields) as refusals:
        project = project_of(open_rows([asked], name), flags, estimating=dry_run, allow_retired=allow_retired)
        if dry_run:
            return _estimate(project, folder, redo, as_json)
        ids = [placed.row.id for placed in project.manifest.rows()]
        watcher = watcher_for(folder, file, refusals, as_json=as_json)
        return carry_out(project, said, folder, ids if redo else [], False, False, as_json, watcher)


def _more(given: list[str] | None) -> dict[str, Any]:
    """The fields of --set; a value that begins like a list or a mapping is JSON."""
    found: dict[str, Any] = {}
    for each in given or []:
        name, sign, value = each.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"--set {each}: a field and its value are wanted", "write --set steps=20")
        try:
            found[name.strip()] = json.loads(value) if value.startswith(("{", "[")) else value
        except ValueError:
            raise UsageError(f"--set {each}: the value is not JSON", "write --set 'accept={\"text\": true}'") from None
    return found


def _check_file(file: Path, asked: dict[str, Any]) -> None:
    """Whether the picture can go there, before it is paid for."""
    if file.suffix.lower() not in FORMATS:
        raise UsageError(f"{file}: no picture format ends in {file.suffix}", "use .png, .jpg, .webp or .avif")
    if str(asked.get("n", 1)) != "1":
        raise UsageError(f"{file} is one file, and --n asks for several", "name a folder: -o pictures")
    if asked.get("format", FORMATS[file.suffix.lower()]) != FORMATS[file.suffix.lower()]:
        raise UsageError(f"{file} and --set format={asked['format']} do not agree", "leave one of them out")
    image = asked.get("image") or ()
    for each in [image] if isinstance(image, str) else image:
        if file.exists() and Path(each).exists() and file.samefile(each):
            raise UsageError(f"{file} is the picture to change: it would be overwritten", "name another file")
    if not os.access(next(place for place in file.absolute().parents if place.exists()), os.W_OK):
        raise UsageError(f"{file} cannot be written", "name a file in another folder")


def _estimate(project: Any, folder: Path, redo: bool, as_json: bool) -> int:
    """Say what it would cost, and buy nothing."""
    from imagegen.cli import say
    from imagegen.domain.money import plain, show
    from imagegen.preview import planning

    ids = frozenset(placed.row.id for placed in project.manifest.rows()) if redo else frozenset[str]()
    with planning(project, folder, redo=ids) as planned:
        items = list(planned)
    refused = next((item for item in items if item.state == "refused"), None)
    if refused is not None:
        raise UsageError(refused.reason)
    cost = sum(item.cost or 0 for item in items)
    first = items[0].draft.blueprint
    if as_json:
        say.event({"event": "estimate", "model": first.model, "provider": first.provider, "total_usd": plain(cost)})
    else:
        there = "" if cost or first.is_placeholder else ": it is there already"
        typer.echo(f"about {show(cost)} on {first.model} ({first.provider}){there}")
        for note in dict.fromkeys(note for item in items for note in item.notes):
            say.note(note)
    return 0
