"""A JSON file of a model's folder, read with mistrust: of a sensible size, a mapping, not nested without end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError

#: Bytes. An index of 20,000 tensors has 2 MB.
_MOST = 8_000_000


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in `path`. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST + 1)
        if len(text) > _MOST:
            raise SettingsError(f"{path} is too large for a file of settings", "download the model again")
        said = json.loads(text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path} is not JSON", "download the model again") from None
    if not isinstance(said, dict):
        raise SettingsError(f"{path} holds no mapping", "download the model again")
    return said
