"""Promises: a plan file is a source of rows, and a run of it does what the file says or does not begin.

The rows are planned again as on the day of the plan (its routes, providers and date); with the same catalogue that
leads to the same Keys. `Promise` then holds every picture to its line, and to what can be called today.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from imagegen.blueprint import PLACEHOLDER
from imagegen.context import Context
from imagegen.domain.drafts import numbers
from imagegen.domain.money import nano, plain, show
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import canonical
from imagegen.domain.row import Place, Placed, Row
from imagegen.errors import ManifestError, UsageError
from imagegen.manifest import Header, Manifest
from imagegen.manifest.rows import Maker
from imagegen.planfile import Line, PlanFile, open_plan
from imagegen.planned import Planned
from imagegen.routing.offers import shut_down
from imagegen.settings import Settings

#: States in which a picture is paid for by the run.
BOUGHT = frozenset({"buy", "shared"})
#: States in which a picture is there already.
THERE = frozenset({"cached", "kept"})

#: Parameters that are known only when the input pictures are.
FROM_INPUTS = frozenset({"images", "mask", "control_image", "seed", "width", "height"})

#: Flags that a plan has decided, as those that set fields of all rows.
_DECIDED = ("routes", "optimize")


@dataclass(frozen=True)
class PlannedRows(Manifest):
    """The rows of a plan file, under the heading of the manifest that they were planned from."""

    plan: PlanFile

    def rows(self) -> Iterator[Placed]:
        """The rows in order, read anew from the file, at their places in the manifest."""
        for line in self.plan.lines():
            if not line.said.get("sample"):
                yield self._placed(line)

    def settings(self) -> dict[str, Any]:
        """The settings of the plan: the manifest's own, and the catalogue files that it was made with."""
        return super().settings() | {"catalog": self._catalogs() or None, "weights": self.weights(self.beside)}

    @property
    def beside(self) -> Path:
        """The manifest's folder, which paths in its rows are counted from, wherever the run is started."""
        said = self.plan.head.get("beside")
        if said is None:  # a plan of an earlier version
            return Path(self.plan.head["manifest"]).absolute().parent
        return Path(os.path.normpath(self.path.absolute().parent / said))

    def bound(self, flags: Mapping[str, Any], set_fields: Mapping[str, Any]) -> dict[str, Any]:
        """`flags`, and above all what the plan decides. Raises UsageError for a flag that says it differently."""
        said = [*set_fields, *(name for name in _DECIDED if flags.get(name))]
        if said:
            what = f"{self.path}: --{said[0]} is decided by the plan"
            raise UsageError(what, f"leave it out, or {self.plan.anew} --{said[0]} …")
        head = self.plan.head
        return {**flags, "routes": head["routes"], "optimize": head["optimize"]}

    def capped(self, settings: Settings) -> Settings:
        """`settings` with the plan's total as the most that a run may spend."""
        most = nano(self.plan.totals["at_most_usd"])
        return replace(settings, budgets={**settings.budgets, "run": min(most, settings.budgets.get("run", most))})

    def check_catalog(self, digest: str) -> None:
        """Raises ManifestError when the catalogue is another than the plan's."""
        head = self.plan.head
        if head["catalogue"] == digest:
            return
        what = (
            f"the plan was made on {head['planned_on']} with another catalogue ({head['catalogue'][:8]}, here it is"
            f" {digest[:8]}): models or prices have changed"
        )
        raise self.plan.error(1, what)

    def as_planned(self, context: Context) -> Context:
        """`context` as it was when the plan was made, so that every row goes where it went."""
        head = self.plan.head
        return replace(
            context,
            today=date.fromisoformat(head["planned_on"]),
            now=datetime.fromisoformat(head["planned_at"]) if "planned_at" in head else None,
            enabled=frozenset(head["enabled"]),
            allow_retired=head["allow_retired"],
            estimating=False,
        )

    def _placed(self, line: Line) -> Placed:
        said = line.said
        return Placed(Row.model_validate({"id": said["id"], **said["row"]}), Place(*said["place"]), said.get("name"))

    def _catalogs(self) -> list[str]:
        return [os.path.normpath(self.path.absolute().parent / name) for name in self.plan.head["catalog"]]


def planned_rows(path: Path) -> PlannedRows:
    """The plan file at `path` in the place of a manifest. Raises ManifestError where it is not as it was written."""
    plan = open_plan(path)
    header = Header.model_validate(plan.head["header"])
    rows = PlannedRows(path, header, [], (), Maker({}, {}), plan)
    rows.notes.extend(_notes(plan, rows.beside / Path(plan.head["manifest"]).name))
    return rows


@dataclass(frozen=True)
class Promise:
    """What a plan promises about each picture, held against `now`: what can be called on the day of the run."""

    plan: PlanFile
    now: Context

    def keeper(self) -> Callable[[list[Planned]], list[Planned]]:
        """Gives back the pictures it is called with: all or some of the plan's, in its order, in parts. Raises
        ManifestError at the first that would not be what the plan says, or would cost what it does not say."""
        lines = self.plan.lines()

        def keep(pictures: list[Planned]) -> list[Planned]:
            for picture in pictures:
                name = (picture.row.id, picture.draft.sample)
                line = next((line for line in lines if (line.said["id"], line.said["sample"]) == name), None)
                if line is None:  # a draft whose place another had, or the picture itself
                    raise self.plan.error(0, f"row {picture.row.id!r} would need drafts that are not in the plan")
                broken = self._broken(picture, line.said)
                if broken:
                    raise self._error(line, picture, broken)
            return pictures

        return keep

    def _error(self, line: Line, picture: Planned, broken: tuple[str, str]) -> ManifestError:
        row = picture.row
        several, draft = f"picture {numbers(picture.draft.sample)[0] + 1} of {row.n}", picture.draft.is_draft
        told = ", ".join([several] * (row.n > 1) + ["a draft"] * draft)
        name = f"{row.id!r} ({told})" if told else repr(row.id)
        what, todo = broken
        todo = f"{todo}, or {self.plan.anew}" if todo else self.plan.anew
        return ManifestError(str(self.plan.path), line.number, 0, f"row {name} {what}", todo)

    def _broken(self, picture: Planned, said: Mapping[str, Any]) -> tuple[str, str] | None:
        """How `picture` differs from what was `said`, and what to do besides planning anew."""
        now, then = picture.state, said["state"]
        if now in ("kept", "lacking"):
            return None  # a made row stays made, and what cannot be fetched is not bought
        if now == "refused" or then == "refused":
            return None if now == then else _refusal(picture, then)
        if picture.draft.key != said.get("key"):
            differs = self._elsewhere(picture, said)
            if differs:
                return differs
        if now != "buy":
            return None
        if then not in BOUGHT:
            was = "there" if then in THERE else then
            return f"was {was} when the plan was made and would have to be bought now, for {_price(picture.cost)}", ""
        if then == "buy" and not _as_priced(picture, said):
            return f"was planned for {_price(nano(said['cost_usd']))} and would cost {_price(picture.cost)} now", ""
        return self._callable(picture)

    def _elsewhere(self, picture: Planned, said: Mapping[str, Any]) -> tuple[str, str] | None:
        request = picture.request
        now = canonical(request) if request else {}
        names = _differing(now, said.get("parameters") or {})
        if said.get("unfetched"):  # nobody knew yet what is in a picture given by URL
            names = [name for name in names if name not in FROM_INPUTS]
            if not names:
                return None
        if "address" in names:
            return f"was planned for another address of {picture.draft.blueprint.provider}", "set the same address"
        told = ", ".join(f"{name} {_word(said['parameters'].get(name))} → {_word(now.get(name))}" for name in names)
        return f"would be asked for differently now: {told or 'another key'}", ""

    def _callable(self, picture: Planned) -> tuple[str, str] | None:
        """Whether the picture's provider can be called and its model is alive on the day of the run."""
        now, chosen = self.now, picture.draft.blueprint.choice
        if chosen is None or picture.draft.blueprint.provider == PLACEHOLDER:
            return None
        model, offer = chosen.model, chosen.offer
        if now.enabled is not None and offer.provider not in now.enabled:
            why = now.missing.get(offer.provider, "not listed under providers")
            todo = f"set {why.removeprefix('no ')}" if why.startswith("no ") and offer.provider != LOCAL else ""
            what = f"is to be bought from {offer.provider}, which is not enabled ({why})"
            return what, todo
        if model.gone(now.today, offer) and not now.allow_retired and offer.provider not in now.served_elsewhere:
            return f"is planned for {model.name}, which {shut_down(model, offer)}", ""
        return None


def _refusal(picture: Planned, then: str) -> tuple[str, str]:
    if then == "refused":
        return "was refused when the plan was made and could be made now", ""
    return f"would be refused now: {picture.reason}", ""


def _differing(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    return [name for name in (*then, *(set(now) - set(then))) if now.get(name) != then.get(name)]


def _word(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _prices(picture: Planned) -> tuple[str | None, str | None]:
    cost, most = picture.cost, picture.most
    return None if cost is None else plain(cost), None if most is None else plain(most)


def _as_priced(picture: Planned, said: Mapping[str, Any]) -> bool:
    """Whether `picture` costs what was `said`; no more than that at most, where an input picture decides its size
    and nobody had seen that."""
    if _prices(picture) == (said.get("cost_usd"), said.get("at_most_usd")):
        return True
    promised = said.get("at_most_usd") if said.get("unfetched") else None
    return promised is not None and picture.most is not None and picture.most <= nano(promised)


def _price(cost: int | None) -> str:
    return "an unknown price" if cost is None else show(cost)


def _notes(plan: PlanFile, manifest: Path) -> list[str]:
    """What differs from the day of the plan, on which it was made of `manifest`, without changing what is done."""
    import hashlib

    try:
        with manifest.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return []  # a plan is enough without its manifest
    if digest == plan.head.get("manifest_sha256"):
        return []
    return [f"{plan.head['manifest']} has changed since the plan was made; the plan is what counts"]
