"""What `generate` and `edit` share: one row from the command line, made like any other, and where its pictures went."""

from __future__ import annotations

import json
import shutil
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
    budget: str | None,
    redo: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make the row of `fields`; the exit code. `name` is the command's, and its folder's."""
    from imagegen.cli.run import carry_out
    from imagegen.manifest.memory import open_rows
    from imagegen.wiring import project_of

    asked = {field: value for field, value in (fields | _more(more)).items() if value is not None}
    file = output if output is not None and output.suffix else None
    if file is not None:
        if file.suffix.lower() not in FORMATS:
            raise UsageError(f"{file}: no picture format ends in {file.suffix}", "use .png, .jpg, .webp or .avif")
        if asked.get("n", 1) > 1:
            raise UsageError(f"{file} is one file, and --n asks for several", "name a folder: -o pictures")
        asked.setdefault("format", FORMATS[file.suffix.lower()])
    folder = Path("out") / name if output is None or file is not None else output
    flags = {"routes": routes, "budget": {"run": budget} if budget is not None else None}
    said: dict[str, Any] = {
        "flags": flags, "set_fields": {}, "output": str(folder.absolute()), "allow_retired": False,
        "skip_refused": False, "max_failures": None, "yes": yes, "in_memory": True,
    }  # fmt: skip
    rows = [asked]
    project = project_of(open_rows(rows, name), flags, estimating=dry_run)
    if dry_run:
        return _estimate(project, folder, as_json)
    ids = [placed.row.id for placed in project.manifest.rows()]
    code = carry_out(project, said, folder, ids if redo else [], False, False, as_json)
    if file is not None and code in (0, 3, 6, 9):
        _copy(folder, file)
    return code


def _more(given: list[str] | None) -> dict[str, Any]:
    found = {}
    for each in given or []:
        name, sign, value = each.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"--set {each}: a field and its value are wanted", "write --set steps=20")
        found[name.strip()] = value
    return found


def _copy(folder: Path, file: Path) -> None:
    """Put the picture where it was asked for."""
    from imagegen.errors import StorageError
    from imagegen.files import write_whole

    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        if result["file"] and result.get("role") != "draft":
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, (folder / result["file"]).read_bytes())
                shutil.copymode(folder / result["file"], file)
            except OSError as problem:
                what = f"{file} cannot be written: {problem.strerror}"
                raise StorageError(what, f"the picture is at {folder / result['file']}") from problem


def _estimate(project: Any, folder: Path, as_json: bool) -> int:
    from imagegen.cli import say
    from imagegen.domain.money import plain, show
    from imagegen.preview import planning

    with planning(project, folder) as planned:
        items = list(planned)
    refused = next((item for item in items if item.state == "refused"), None)
    if refused is not None:
        raise UsageError(refused.reason)
    cost = sum(item.cost or 0 for item in items)
    first = items[0].draft.blueprint
    if as_json:
        say.event({"event": "estimate", "model": first.model, "provider": first.provider, "total_usd": plain(cost)})
    else:
        typer.echo(f"about {show(cost)} on {first.model} ({first.provider})")
        for note in dict.fromkeys(note for item in items for note in item.notes):
            say.note(note)
    return 0
