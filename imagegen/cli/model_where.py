"""`imagegen models where`: which weights are on this machine, what they take, and under which licence."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from imagegen.cli import say
from imagegen.cli.cache import size_words
from imagegen.providers.local.where import Found


def as_json(found: Found) -> dict[str, Any]:
    """One line for machines. Sizes in bytes; null where nothing is known."""
    weights, files, place = found.weights, found.files, found.place
    return {
        "event": "weights",
        "model": found.model,
        "state": found.state,
        "reason": found.problem,
        "repository": found.repository or None,
        "license": found.license,
        "source": place.source if place else None,
        "folder": str(place.folder) if place and place.folder else None,
        "revision": files.revision if files else None,
        "bytes": files.size if files else None,
        "dtypes": sorted(files.dtypes) if files else None,
        "family": found.family,
        "few_steps": weights.few_steps if weights else None,
        "steps": weights.recipe.steps if weights else None,
        "guidance": weights.recipe.guidance if weights else None,
        "scheduler": weights.recipe.scheduler if weights else None,
    }


def show(lines: Iterable[Found]) -> None:
    """What is there first, then what is not."""
    from imagegen.cli.sheet import cell, put, sheet

    there: list[Found] = []
    absent: list[Found] = []
    for found in lines:
        (absent if found.state == "missing" and not found.problem else there).append(found)
    total = sum(found.files.size for found in there if found.files)
    for found in there:
        _card(found)
    if not there:
        put("No weights are on this machine.", "")
    elif total:
        put(f"{size_words(total)} in all.", "")
    if absent:
        table = sheet("Not on this machine", "Licence", keep=("Not on this machine",))
        for found in absent:
            table.add_row(cell(found.model), cell(found.license or ""))
        put(table, "", "To download one: imagegen models pull MODEL")


def _card(found: Found) -> None:
    from imagegen.cli.sheet import cell, put

    put(cell(found.model, style="bold"))
    weights, files, place = found.weights, found.files, found.place
    if files is not None:
        put(f"{found.title}, {size_words(files.size)}, {' and '.join(sorted(files.dtypes))}", indent=2)
    if weights is not None:
        recipe = weights.recipe
        what = "" if recipe.name == "base" else f"{recipe.name}: "
        put(f"{what}{recipe.steps} steps, guidance {recipe.guidance:g}, {recipe.scheduler}", indent=2)
    if files is not None and files.revision:
        put(f"revision {files.revision}", indent=2)
    if place is not None and place.folder is not None:
        # A path that is broken into lines is no longer one to copy.
        say.put(f"  {say.visible(str(place.folder))} ({_SOURCES[place.source]})", sys.stdout)
    if found.license:
        put(cell(found.license), indent=2)
    if found.problem:
        put(cell(found.problem, style="yellow"), indent=2)
    put("")


_SOURCES = {"settings": "config.yaml", "home": "pulled", "hub": "the hub's shared cache"}
