"""A catalogue file as plain text values; see `imagegen.plainyaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen import plainyaml


def read(path: Path) -> dict[str, Any]:
    """The mapping in `path`. Raises SettingsError for what cannot be read, is no mapping, or says a key twice."""
    return plainyaml.read(path, "begin with `models:`")
