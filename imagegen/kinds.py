"""Kinds of rows: what of a row its blueprint depends on, and what it says of its picture. Rows of one kind share a
blueprint. Pure."""

from __future__ import annotations

from typing import Any

from imagegen.domain.inputs import AUTO, Inputs
from imagegen.domain.request import digest, nfc
from imagegen.domain.row import NOT_THE_PICTURE, Row

#: Fields that no blueprint depends on.
_ROW_ONLY = frozenset({"id", "prompt", "tags", "callback_url", "priority", "deadline"})
#: Fields of which a blueprint asks only whether they say anything.
_SAID_OR_NOT = frozenset({"seed", "text", "mask", "control"})


def kind_of(row: Row) -> Any:
    """What a blueprint depends on: every field that was set but those of the row alone."""
    return tuple([(name, _weight(name, getattr(row, name))) for name in sorted(row.model_fields_set - _ROW_ONLY)])


def _weight(name: str, value: Any) -> Any:
    if name in _SAID_OR_NOT:
        return value not in (None, ""), value == AUTO
    if name == "image":  # which ones, only the row's own Request says
        return value if value is None else 1 if isinstance(value, str) else len(value)
    return repr(value) if isinstance(value, dict | list) else value


def fingerprint(row: Row, inputs: Inputs | None = None) -> str:
    """Hash of what a row says about its picture, without the model that routes choose. Of its input pictures what is
    in them counts, not what they are called."""
    fields = row.model_dump(mode="json", exclude_defaults=True, exclude=set(NOT_THE_PICTURE))
    fields["prompt"] = nfc(row.prompt)
    if inputs:
        fields |= inputs.said()
    return digest(fields)
