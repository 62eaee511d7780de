"""JSON Schemas (draft 2020-12) of what people write and programs read: manifests, catalogue files, events.

They are made from the definitions that the program itself reads and writes by, each time they are asked for:
there is no copy that could fall behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Kind = Literal["manifest", "catalog", "events"]
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: Kind) -> dict[str, Any]:
    """The schema of `kind`."""
    return {"$schema": DRAFT, **_makers()[kind]()}


def _makers() -> dict[str, Callable[[], dict[str, Any]]]:
    from imagegen.schema import catalogue, events, manifests

    return {"manifest": manifests.document, "catalog": catalogue.document, "events": events.document}
