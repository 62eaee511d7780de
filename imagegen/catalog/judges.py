"""Judges as they stand in a catalogue file: vision models that score drafts. See `imagegen.domain.judge`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.catalog.fields import Field, Reader, read_all
from imagegen.domain.judge import Judge

JUDGE: dict[str, Reader] = {
    "provider": Field.text,
    "api_name": Field.text,
    "text_in": Field.money,
    "text_out": Field.money,
    "picture_tokens": Field.count,
    "per_patch": Field.number,
    "max_inputs": Field.count,
    "effort": Field.text,
    "shutdown_on": Field.day,
    "source": Field.text,
    "read_on": Field.day,
}
_NEEDED = ("provider", "text_in", "text_out", "picture_tokens", "source", "read_on")


def read_judge(name: str, field: Field, origin: Mapping[str, Any]) -> Judge:
    """The judge called `name`; `origin` is the file's own source and date."""
    values = {"api_name": name, **origin, **read_all(field, JUDGE)}
    for key in _NEEDED:
        if key not in values:
            raise field.inner(key, None).wrong("is missing")
    return Judge(name=name, **values)
