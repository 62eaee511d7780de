"""Memory: what was exported last, so that `handoff import FOLDER` need not be told the manifest again.

Kept in the folder of the sheets and in the home. No secrets, and nothing that cannot be said again by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from imagegen import files

NAME = "handoff.json"


@dataclass(frozen=True)
class Asked:
    """How a manifest was planned: `flags` and `set_fields` as `open_project` takes them; `output` is the folder of
    the pictures. Paths are absolute."""

    manifest: str
    output: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    set_fields: Mapping[str, Any] = field(default_factory=dict)


def remember(asked: Asked, *folders: Path) -> None:
    """Write `asked` into each of `folders`. Raises StorageError."""
    text = json.dumps({"imagegen": "handoff", **asdict(asked)}, indent=1) + "\n"
    for folder in folders:
        files.write_whole(folder / NAME, text.encode())


def recalled(*folders: Path) -> Asked | None:
    """What the first of `folders` remembers that remembers anything."""
    for folder in folders:
        try:
            said = json.loads((folder / NAME).read_text(encoding="utf-8"))
            if said.pop("imagegen") == "handoff" and all(isinstance(said[key], str) for key in ("manifest", "output")):
                return Asked(**said)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return None
