"""Contract: what a plan file says about a project and its pictures. The writing side of `imagegen.promise`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from imagegen.domain.model import Finish
from imagegen.domain.money import Nano, plain
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import canonical
from imagegen.estimate import Counted, Totals
from imagegen.planfile import FORMAT, Writer
from imagegen.planned import Planned
from imagegen.promise import PlannedRows
from imagegen.routing.presets import DEFAULT
from imagegen.wiring import Project

#: What the heading of a manifest says that its rows do not.
_CARRIED = {"output", "budget", "lane", "providers", "concurrency", "weights"}


def binding(project: Project, like: Mapping[str, Any] | None = None) -> Project:
    """`project`, planned as `run` would. Where no key is set: with the providers of the plan whose heading is
    `like`, else with all that the manifest lists, else with all there are."""
    if project.context.enabled or isinstance(project.manifest, PlannedRows):
        return project
    listed = project.settings.providers or project.catalog.providers()
    assumed = frozenset(like["enabled"] if like else listed)
    return replace(project, context=replace(project.context, enabled=assumed, own=None))


def head(project: Project, output: Path, beside: Path) -> dict[str, Any]:
    """The heading of a plan of `project` for the folder `output`; paths of catalogue files relative to the folder
    `beside`, where the plan will lie."""
    manifest, settings, context = project.manifest, project.settings, project.context
    enabled = context.enabled if context.enabled is not None else project.catalog.providers()
    # Prices here follow from them, and every run learns them anew.
    speeds = {"local_speeds": dict(context.own.speeds)} if context.own is not None and LOCAL in enabled else {}
    return {
        "imagegen_plan": FORMAT,
        "manifest": str(manifest.path),
        "beside": _relative(manifest.path.absolute().parent, beside),
        "manifest_sha256": _digest(manifest.path),
        "planned_on": context.today.isoformat(),
        "planned_at": context.moment.isoformat(timespec="seconds"),
        "catalogue": project.catalog.digest,
        "catalog": [_relative(path, beside) for path in settings.catalogs],
        "routes": settings.routes or DEFAULT,
        "optimize": settings.optimize,
        "allow_retired": context.allow_retired,
        "enabled": sorted(enabled),
        "elsewhere": sorted(settings.addresses),
        **speeds,
        "output": output.as_posix(),
        "header": manifest.header.model_dump(mode="json", include=_CARRIED, exclude_defaults=True),
    }


def record(planned: Planned, state: Counted) -> dict[str, Any]:
    """A picture's line: its row as it was set, what would be asked of whom, for how much, and why. Money in USD as
    text; what there is nothing to say of is left out."""
    draft, blueprint = planned.draft, planned.draft.blueprint
    row, chosen, request = draft.row, blueprint.choice, planned.request
    bought = state == "buy"
    price = None if chosen is None else blueprint.price(row, draft.inputs).expected
    said = {
        "id": row.id,
        "sample": draft.sample,
        "role": draft.part.role if draft.part else None,
        "state": state,
        "model": chosen.model.name if chosen else None,
        "provider": blueprint.provider or None,
        "quality": chosen.quality if chosen else None,
        "key": draft.key,
        "price_usd": _usd(price),
        "cost_usd": _usd(0 if state == "shared" else planned.cost),
        "at_most_usd": _usd(planned.most if state in ("buy", "cached") else 0),
        "basis": blueprint.unit.basis if bought else None,
        "row": row.model_dump(mode="json", exclude_unset=True, exclude={"id"}),
        "parameters": canonical(request) if request else None,
        "unfetched": True if draft.inputs and draft.inputs.unknown else None,
        "finish": _finish(blueprint.finish) if chosen else None,
        "name": draft.name,
        "place": list(draft.place),
        "why": chosen.why if chosen else None,
        "reason": planned.reason or None,
        "notes": list(planned.notes) or None,
    }
    return _given(said)


def totals_line(totals: Totals, most: Nano) -> dict[str, Any]:
    """The last line: what all pictures add up to. `at_most_usd` is what a run of the plan may spend."""
    return {
        "totals": {
            **totals.counts(),
            "at_most_usd": plain(most),
        }
    }


def written(
    counted: Iterable[tuple[Planned, Counted]], writer: Writer | None, sums: Sums
) -> Iterator[tuple[Planned, Counted]]:
    """`counted`, each picture written (where there is a writer) and added to `sums` on its way."""
    for planned, state in counted:
        if writer:
            writer.put(record(planned, state))
        sums.add(planned, state)
        yield planned, state


class Sums:
    """What a plan adds up to besides Totals: the most it may cost, and pictures that are `bought`, and those that this
    version cannot buy, by provider."""

    def __init__(self) -> None:
        self.most: Nano = 0
        self.bought = 0

    def add(self, planned: Planned, state: Counted) -> None:
        """Count a picture in. One that is cached may cost something too: more attempts, if it is not accepted."""
        self.most += (planned.most or 0) if state in ("buy", "cached") else 0
        if state != "buy":
            return
        if planned.draft.blueprint.is_placeholder:
            return
        self.bought += 1


@lru_cache(maxsize=1000)
def _finish(finish: Finish) -> dict[str, Any]:
    """What becomes of the picture; its renditions stand in the heading."""
    return {name: value for name, value in _given(asdict(finish)).items() if name != "renditions"}


def _usd(amount: Nano | None) -> str | None:
    return None if amount is None else plain(amount)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()
