"""What fitted into memory, remembered between runs in one JSON file. A damaged file is as good as none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError, StorageError
from imagegen.files import write_whole
from imagegen.providers.local.jsonfile import read_json
from imagegen.providers.local.memoryplan import MEASURES, Means


class Known:
    """Means by name. `path`: the file; None to remember for this process only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._means: dict[str, Means] = _read(path)

    def get(self, name: str) -> Means | None:
        """What is known of `name`."""
        return self._means.get(name)

    def keep(self, name: str, means: Means) -> None:
        """Remember `means` for `name`, beside what other processes have found meanwhile. A file that cannot be
        written costs no picture: it is found out again."""
        if self._means.get(name) == means:
            return
        self._means = {**self._means, **_read(self._path), name: means}
        if self._path is None:
            return
        said = {key: {"batch": one.batch, "measures": sorted(one.measures)} for key, one in self._means.items()}
        try:
            write_whole(self._path, json.dumps(said, indent=1, sort_keys=True).encode())
        except StorageError:
            self._path = None


def _read(path: Path | None) -> dict[str, Means]:
    try:
        said = read_json(path) if path else {}
    except SettingsError:
        return {}
    return {name: means for name, one in said.items() if (means := _means(one)) is not None}


def _means(said: Any) -> Means | None:
    if not isinstance(said, Mapping):
        return None
    batch, measures = said.get("batch"), said.get("measures")
    if type(batch) is not int or batch < 0 or not isinstance(measures, list):
        return None
    if any(measure not in MEASURES for measure in measures):
        return None
    return Means(batch, frozenset(measures))
