"""Fetching an input picture by URL, guarded, into a file named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagegen import picture
from imagegen.files import write_whole
from imagegen.inputs.guarded import Guarded, NotFetched, shown

__all__ = ["Fetched", "Fetcher", "NotFetched", "shown"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture that was fetched, and what the server says to ask it again with. `digest` None: the server says that
    it is still the same."""

    digest: str | None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Fetcher(Guarded):
    """Puts pictures into `folder`; see `Guarded` for the rest."""

    folder: Path

    def fetch(self, url: str, facts: Mapping[str, Any] | None = None) -> Fetched:
        """Fetch the picture at `url`; with `facts` of an earlier Fetched only if it changed. Raises NotFetched,
        StorageError."""
        got = self.get(url, facts)
        return Fetched(None if got.data is None else self._kept(got.data), got.etag, got.last_modified)

    def _kept(self, data: bytes) -> str:
        """The digest of a picture that is in the folder now."""
        try:
            picture.inspect(data)
        except picture.BadPicture as problem:
            raise NotFetched(f"gives no picture that can be used: {problem.reason}") from None
        digest = hashlib.sha256(data).hexdigest()
        write_whole(self.folder / digest, data)
        return digest
