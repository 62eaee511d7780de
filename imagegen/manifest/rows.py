"""Drafts -> rows: the manifest's defaults below, the command line above, checked by Row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from imagegen.domain.row import Place, Placed, Row
from imagegen.errors import ManifestError
from imagegen.manifest.advice import Misfit
from imagegen.manifest.drafts import Draft
from imagegen.manifest.fields import FIELDS, read_fields, validated
from imagegen.manifest.ids import Ids


class NameTemplate(Protocol):
    """What `output.name` is able to do."""

    def render(self, values: Mapping[str, Any], about: Place | None = None) -> str:
        """The name for a row of these values."""


@dataclass(frozen=True)
class Maker:
    """Makes rows of drafts: `defaults` < the row's own fields < `given` on the command line."""

    defaults: Mapping[str, Any]
    given: Mapping[str, Any]
    name: NameTemplate | None = None

    def placed(self, draft: Draft, ids: Ids) -> Placed:
        """The row of `draft`; a missing id is made, and not yet added to `ids`. Raises ManifestError."""
        try:
            row = validated(self._fields(draft, ids))
        except Misfit as misfit:
            place = draft.origin.spot(misfit.path, misfit.key) if misfit.path else draft.place
            raise ManifestError(*place, misfit.said(), misfit.todo) from None
        return Placed(row, draft.place, self._named(row, draft) if self.name else None)

    def _fields(self, draft: Draft, ids: Ids) -> dict[str, Any]:
        own = read_fields(draft.fields, draft.loose)
        if own.get("prompt"):
            own["prompt"] = own["prompt"].strip()
        fields = {**self.defaults, **own, **self.given}
        if None in fields.values():
            fields = {name: value for name, value in fields.items() if value is not None}
        if not fields.get("prompt"):
            raise Misfit("the row has no prompt", "write one, or leave the row out")
        if not fields.get("id"):
            own = {name: value for name, value in own.items() if value is not None and name != "id"}
            fields["id"] = ids.made(own, draft.variables)
        return fields

    def _named(self, row: Row, draft: Draft) -> str:
        assert self.name is not None
        given = {name: getattr(row, name) for name in FIELDS}
        shown = {name: value for name, value in given.items() if isinstance(value, str | int | float)}
        name = self.name.render({**draft.values, **shown, **draft.variables}, draft.place).strip()
        if not name:
            raise ManifestError(*draft.place, "output.name comes out empty for this row", "add {{ id }} to it")
        return name
