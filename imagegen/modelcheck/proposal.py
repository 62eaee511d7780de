"""Proposal: which words of a manifest to change so that its rows go to models that live on. Pure but for reading
the manifest's files.

A row that is made already stays as it is: with another model it would be bought anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from imagegen.catalog import Catalog
from imagegen.domain.model import Estimate, Model, Offer
from imagegen.domain.money import show
from imagegen.domain.row import Row
from imagegen.errors import UsageError
from imagegen.manifest.mentions import Mention, Mentions, Spot
from imagegen.manifest.patch import Edit
from imagegen.modelcheck.dates import Choose, Finding
from imagegen.modelcheck.uses import Kind
from imagegen.routing import NoChoice

#: Quality words of models that are gone, and what comes nearest today.
NEAREST = {"standard": "medium", "hd": "high"}
#: So many rows are named that the new model could not make either.
NAMED = 5
#: Names that mean the same in every kind of quotes, in YAML, tables and JSON.
_SIMPLE = re.compile(r"[A-Za-z][\w./-]*")


@dataclass
class Proposal:
    """Edits by file, and `notes`: what they do, what they cannot do, and what is left to a person."""

    edits: dict[Path, list[Edit]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    #: Rows whose quality changes too, by file, line and column; and models of which that holds for all rows.
    requalified: set[tuple[str, int, int]] = field(default_factory=set)
    requalified_all: set[str] = field(default_factory=set)


def proposed(found: Sequence[Finding], mentions: Mentions, catalog: Catalog, today: date, select: Choose) -> Proposal:
    """What to change for the findings of models that are gone or about to be."""
    proposal = Proposal()
    ending = {(each.model.name, each.offer.provider): each for each in found if _ends(each)}
    names = {name for name, _ in ending}
    shared = dict.fromkeys(names, False)
    for mention in mentions:
        name, prefix = _named(mention.model.text, catalog)
        if name in names:
            finding = _meant(ending, name, prefix or (mention.provider.text if mention.provider else None))
            if finding is not None and _wanted(mention, finding):
                shared[name] |= mention.row is None and not mention.where.startswith("routes")
                _edit(proposal, mention, finding, prefix, catalog, today)
        elif "{{" in mention.model.text and names:
            proposal.notes.append(f"{_place(mention)}: a template names the model; see to it by hand")
    for finding in ending.values():
        proposal.notes += _told(proposal, finding, catalog, today, select, shared[finding.model.name])
    proposal.notes += [f"{each}; change them by hand" for each in mentions.unread if names]
    return proposal


def _ends(finding: Finding) -> bool:
    """Whether its model is to be replaced: it ends within the month, and somebody still counts on it by name."""
    soon = finding.level == "notice" and (finding.days_left or 0) > 0
    return (soon or finding.level in ("retired", "warning")) and bool(finding.use.named or finding.use.lists)


def _named(text: str, catalog: Catalog) -> tuple[str, str | None]:
    """The model that `text` names and the provider, if it names one."""
    try:
        model, provider = catalog.find(text)
    except UsageError:
        return text, None
    return model.name, provider


def _meant(ending: Mapping[tuple[str, str], Finding], name: str, provider: str | None) -> Finding | None:
    if provider is not None:
        return ending.get((name, provider))
    return next((finding for (model, _), finding in ending.items() if model == name), None)


def _wanted(mention: Mention, finding: Finding) -> bool:
    """Whether rows to be made take their model from here."""
    if mention.where.startswith("routes"):
        return True
    if mention.row is None:
        return finding.use.named > 0
    return finding.use.wants(str(mention.file), *mention.row)


def _edit(
    proposal: Proposal, mention: Mention, finding: Finding, prefix: str | None, catalog: Catalog, today: date
) -> None:
    if finding.successor is None:
        return
    model = catalog.models[finding.successor]
    offer = _offer(model, prefix or finding.offer.provider, today)
    name = f"{offer.provider}/{model.name}" if prefix == offer.provider else model.name
    if not _SIMPLE.fullmatch(name):
        proposal.notes.append(f"{_place(mention)}: write {name} here by hand; it may need quotes")
        return
    edits = proposal.edits.setdefault(mention.file, [])
    edits.append(_change(mention.model, name))
    if mention.quality is None or mention.quality.text in offer.qualities:
        return
    quality = nearest_quality(mention.quality.text, offer)
    if quality is None and not mention.where.startswith("column"):
        proposal.notes.append(f"{_place(mention)}: {name} knows no quality levels; take `quality` out")
        return
    edits.append(_change(mention.quality, quality or ""))
    if mention.row is not None:
        proposal.requalified.add((str(mention.file), *mention.row))
    elif not mention.where.startswith("routes"):
        proposal.requalified_all.add(finding.model.name)


def _place(mention: Mention) -> str:
    return f"{mention.file}:{mention.model.line}:{mention.model.column}"


def _change(spot: Spot, new: str) -> Edit:
    return Edit(spot.line, spot.column, spot.text, new)


def _offer(model: Model, provider: str, today: date) -> Offer:
    """The offer by the same provider, if it lives; else the first that does."""
    alive = [offer for offer in model.offers if not model.gone(today, offer)] or list(model.offers)
    return next((offer for offer in alive if offer.provider == provider), alive[0])


def nearest_quality(quality: str, offer: Offer) -> str | None:
    """The quality of `offer` that comes nearest to `quality`; None where it has no levels."""
    if quality in offer.qualities:
        return quality
    near = NEAREST.get(quality)
    return near if near in offer.qualities else offer.default_quality


def _told(
    proposal: Proposal, finding: Finding, catalog: Catalog, today: date, select: Choose, shared: bool
) -> list[str]:
    """What becomes of the rows that name the model, in sentences."""
    old, use = finding.model.name, finding.use
    if finding.successor is None:
        return [f"{old} has no known replacement; choose a model for its rows: imagegen models list"]
    new = catalog.models[finding.successor]
    notes: list[str] = []
    refused, price = 0, ""
    for (named, _), kind in use.kinds.items():
        if not named:
            continue
        choice = select(_renamed(proposal, kind, finding, new, today), today)
        if isinstance(choice, NoChoice):
            refused += kind.rows
            if len(notes) < NAMED:
                more = f" and {kind.rows - 1:,} like it" if kind.rows > 1 else ""
                notes.append(f"{_at(kind)}: {kind.row.id}{more}: not to be made with {new.name}: {choice.reason}")
        elif not price and kind.blueprint.choice is not None:
            price = f", {_amount(kind.blueprint.choice.unit)} → {_amount(choice.unit)} a picture"
    rows = f" ({use.named:,} row{'' if use.named == 1 else 's'}{price})" if use.named else ""
    notes.insert(0, f"{old} → {new.name}{rows}")
    if refused > NAMED:
        notes.append(f"{refused:,} rows in all are not to be made with {new.name}")
    if shared and use.made_named:
        notes.append(
            f"{use.made_named:,} rows with {old} are made already; those that do not name it themselves would be"
            f" bought anew: give them `model: {old}` of their own"
        )
    return notes


def _renamed(proposal: Proposal, kind: Kind, finding: Finding, new: Model, today: date) -> Row:
    """The row as it would stand after the change."""
    row, changes = kind.row, {"model": new.name}
    if row.quality and (tuple(kind.place) in proposal.requalified or finding.model.name in proposal.requalified_all):
        quality = nearest_quality(row.quality, _offer(new, row.provider or finding.offer.provider, today))
        return row.model_copy(update={**changes, "quality": quality})
    return row.model_copy(update=changes)


def _at(kind: Kind) -> str:
    return ":".join(str(part) for part in kind.place if part)


def _amount(unit: Estimate) -> str:
    if unit.expected is None:
        return "unknown"
    return f"{'' if unit.basis == 'exact' else '~'}{show(unit.expected)}"
