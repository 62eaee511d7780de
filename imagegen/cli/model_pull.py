"""`imagegen models pull`: say what would come, ask, download, check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.cli import say
from imagegen.cli.cache import size_words
from imagegen.domain.words import counted
from imagegen.errors import UsageError

if TYPE_CHECKING:
    from imagegen.catalog import Catalog
    from imagegen.providers.local.controlfolder import Control
    from imagegen.providers.local.pull import Pull
    from imagegen.providers.local.weights import Weights


def wanted(book: Catalog, name: str, revision: str | None) -> tuple[str, str | None, str | None, str | None]:
    """The hub's name of `name` (a model of the catalogue, or OWNER/NAME of the hub), its revision, its licence as the
    catalogue has it, and the catalogue's model. Raises UsageError."""
    from imagegen.providers.local.hub import REPOSITORY
    from imagegen.providers.local.where import HELPERS

    bare, at, pinned = name.partition("@")
    if at and revision not in (None, pinned):
        raise UsageError(f"{name} names one revision and --revision another", "leave one out")
    revision = pinned if at else revision
    if bare in HELPERS:
        repository, licence = HELPERS[bare]
        return repository, revision, licence, bare
    try:
        model, _ = book.find(bare)
    except UsageError:
        if REPOSITORY.fullmatch(bare):
            return bare, revision, None, None
        raise
    offer = model.offer("local")
    if offer is None:
        raise UsageError(
            f"{model.name} has no weights for this machine", "`imagegen models where` shows those that have"
        )
    return offer.api_name, revision, model.license, model.name


def tell(pull: Pull, licence: str | None) -> None:
    """What would come, before anything large does: on stderr."""
    kind = f"{pull.title}, {pull.variant or 'full'} weights"
    say.info(
        f"{pull.repository} at {pull.revision}: {kind}, {counted(len(pull.files), 'file')}, {size_words(pull.size)}"
    )
    said = licence or f"see https://huggingface.co/{pull.repository}"
    say.info(f"licence: {said}")
    if pull.missing:
        say.info(f"to download: {size_words(pull.missing)} into {pull.into or pull.cache}")


def agreed(pull: Pull, yes: bool) -> bool:
    """Whether the person said yes, beforehand or now. Raises UsageError where nobody can be asked."""
    import typer

    if yes or not pull.missing:
        return True
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nothing was downloaded", "add --yes")
    return typer.confirm("Download?", default=False, err=True)


def show(pull: Pull, weights: Weights | Control, model: str | None, into: Path | None) -> None:
    """Where it is, and what to do with it."""
    lines = [str(weights.folder), f"digest {weights.digest}"]
    if into is not None or model is None:
        there = str(weights.folder) if into else f"{pull.repository}@{pull.revision}"
        lines += ["Name it in config.yaml to use it:", f"  weights: {{{model or 'MODEL'}: {there}}}"]
    for line in lines:
        say.put(say.visible(line), sys.stdout)
    say.info("next: imagegen models where")


def as_json(pull: Pull, weights: Weights | Control) -> dict[str, Any]:
    """One line for machines."""
    return {
        "event": "pulled",
        "repository": pull.repository,
        "revision": pull.revision,
        "family": pull.family,
        "variant": pull.variant,
        "files": len(pull.files),
        "bytes": pull.size,
        "folder": str(weights.folder),
        "digest": weights.digest,
    }
