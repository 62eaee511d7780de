"""`imagegen models list`, `show NAME`, `check` and `limits`: the catalogue and what was learned; `where`, `pull` and
`tiny`: weights on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagegen.cli import look, say

if TYPE_CHECKING:
    from imagegen.catalog import Catalog

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The catalogue of models: who serves them, what they can do, what they cost; and weights on this machine.",
)

Own = Annotated[list[Path] | None, typer.Option("--catalog", help="A catalogue file of your own, laid over ours.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]
Served = Annotated[str | None, typer.Option(help="Only what this provider serves.")]
Status = Annotated[str | None, typer.Option(help="Only active, deprecated or retired models.")]
Can = Annotated[str | None, typer.Option(help="Only what can do all of these: text,edit,mask,alpha,seed,lora,...")]


@app.command("list", help="All models: who serves them, what a picture costs, what they are best for.")
def list_models(
    provider: Served = None, status: Status = None, can: Can = None, catalog: Own = None, as_json: AsJson = False
) -> int:
    """Choose, sort, print."""
    from datetime import UTC, datetime

    from imagegen.cli import model_list

    book, today = _catalog(catalog), datetime.now(UTC).date()
    chosen = model_list.choose(book, today, provider=provider, status=status, can=can)
    if as_json:
        for line in chosen:
            say.event(model_list.as_json(line))
    else:
        model_list.print_list(chosen, len(book.models))
    return 0


@app.command("show", help="Everything about one model: sizes, prices, limits, where each figure is from.")
def show_model(
    name: Annotated[str, typer.Argument(help="As in the list, or PROVIDER/MODEL.", show_default=False)],
    catalog: Own = None,
    as_json: AsJson = False,
) -> int:
    """Find, print."""
    from datetime import UTC, datetime

    from imagegen.cli import model_card

    book, today = _catalog(catalog), datetime.now(UTC).date()
    model, provider = book.find(name)
    offers = [offer for offer in model.offers if provider in (None, offer.provider)]
    if as_json:
        say.event(model_card.as_json(book, model, offers, today))
    else:
        model_card.print_card(book, model, offers, today)
    return 0


@app.command("check", help="Models in use that are shut down or about to be, and prices that are old.")
def check_models(
    manifest: Annotated[
        Path | None, typer.Argument(help="Only the models of its plan [those of the routes]", show_default=False)
    ] = None,
    routes: look.Routes = None,
    catalog: Own = None,
    output: look.Output = None,
    today: Annotated[str | None, typer.Option(metavar="DATE", help="As if it were this day: 2026-12-01.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 when a model in use is shut down.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print a patch of MANIFEST with the replacements.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask OpenAI for its dates.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check, print."""
    from imagegen import checking
    from imagegen.cli import model_check
    from imagegen.errors import UsageError

    if diff and manifest is None:
        raise UsageError("--diff needs a manifest to change", "imagegen models check MANIFEST --diff")
    asked = checking.Asked(routes, catalog, output, model_check.day(today), offline)
    done = checking.check_manifest(manifest, asked, diff) if manifest else checking.check_routes(asked)
    if as_json:
        for line in model_check.as_json(done, strict, diff):
            say.event(line)
    else:
        model_check.show(done, strict, diff)
    return model_check.exit_code(done, strict)


@app.command("limits", help="What providers were found to bear, kept between runs; times are UTC.")
def learned_limits(
    provider: Annotated[str | None, typer.Argument(help="Only this one's.", show_default=False)] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget it: the next run finds out anew.")] = False,
    as_json: AsJson = False,
) -> int:
    """Look or forget, print."""
    from imagegen.cli import model_limits

    if forget:
        model_limits.forget(provider)
        return 0
    lines = model_limits.known(provider)
    if not as_json:
        model_limits.show(lines, provider)
    for line in lines if as_json else ():
        say.event(model_limits.as_json(line))
    return 0


@app.command("where", help="Which weights are on this machine, what they take, and under which licence.")
def where_weights(
    model: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None,
    catalog: Own = None,
    as_json: AsJson = False,
) -> int:
    """Look, print."""
    from imagegen import settings
    from imagegen.cli import model_where
    from imagegen.providers.local.where import survey

    lines = list(survey(_catalog(catalog), settings.load(), model))
    if not as_json:
        model_where.show(lines)
    for line in lines if as_json else ():
        say.event(model_where.as_json(line))
    return 0


@app.command("pull", help="Download a model's weights: safetensors only, at one revision. Asks before it does.")
def pull_weights(
    model: Annotated[str, typer.Argument(help="Of the catalogue, or OWNER/NAME of the hub.", show_default=False)],
    revision: Annotated[str | None, typer.Option(help="A commit, branch or tag [main, as it is now]")] = None,
    into: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Into this folder [the home's weights]")] = None,
    full: Annotated[bool, typer.Option("--full", help="The 32-bit weights where there are 16-bit ones too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    catalog: Own = None,
    as_json: AsJson = False,
) -> int:
    """Say, ask, download, check, print."""
    from imagegen.cli import model_pull
    from imagegen.providers.local import pull, where
    from imagegen.settings import home_folder, hub_folder

    repository, revision, licence, name = model_pull.wanted(_catalog(catalog), model, revision)
    caches = (where.pulled(home_folder()), hub_folder())
    found = pull.prepare(repository, revision, caches, into and into.absolute(), full)
    model_pull.tell(found, licence)
    if not model_pull.agreed(found, yes):
        return 0
    got = where.looked(pull.fetch(found), where.remembered(home_folder()))
    if as_json:
        say.event(model_pull.as_json(found, got))
    else:
        model_pull.show(found, got, name, into)
    return 0


@app.command("tiny", help="Write tiny models with random weights, to try the local engine without a download.")
def tiny_weights(
    folder: Annotated[Path, typer.Argument(help="Where; a folder for each model.", show_default=False)],
    family: Annotated[list[str] | None, typer.Option(help="sdxl, sd3, flux, flux2, ... [those four]")] = None,
    loras: Annotated[bool, typer.Option("--loras", help="Also a LoRA with random weights for each.")] = False,
    controls: Annotated[bool, typer.Option("--controls", help="Also ControlNets for SDXL, and a depth model.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write, print."""
    from imagegen.cli import model_tiny

    made, files = model_tiny.write(folder.absolute(), family, loras, controls)
    if not as_json:
        model_tiny.show(folder, made, files)
    for name, weights in made.items() if as_json else ():
        say.event(model_tiny.as_json(name, weights))
    return 0


def _catalog(own: list[Path] | None) -> Catalog:
    """Our catalogue, the files that the settings name, and those of the command line, in this order."""
    from imagegen import catalog, settings

    return catalog.load([*settings.load().catalogs, *(own or ())])
