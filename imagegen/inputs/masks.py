"""Masks that are made here, `mask: auto`: of which picture and by which library, so that each is made once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from imagegen.files import write_whole
from imagegen.inputs import local
from imagegen.inputs.known import Known


class Masks:
    """They lie in `folder` under the digests of their bytes; `known` says which is whose."""

    def __init__(self, folder: Path, known: Known) -> None:
        self._folder, self._known = folder, known
        self._failed: dict[str, str] = {}

    def found(self, picture: str | None) -> tuple[str | None, str]:
        """Digest and path of the mask of the picture of this digest; None where there is none yet."""
        facts = self._known.get(self._name(picture)) if picture else None
        digest = str(facts["digest"]) if facts and "digest" in facts else ""
        path = self._folder / digest
        if not re.fullmatch("[0-9a-f]{64}", digest) or not path.is_file():
            return None, ""
        return digest, str(path)

    def make(self, picture: str, path: str) -> str:
        """Make the mask of the picture whose bytes lie at `path`, unless it is there; why that cannot be ("" when it
        can). Raises StorageError where it cannot be kept, BadInput where the picture cannot be read."""
        from imagegen.background import mask
        from imagegen.picture import BadPicture

        if self.found(picture)[0] is not None:
            return ""
        if picture not in self._failed:
            try:
                data = mask(local.read(path)[0])
            except BadPicture as problem:
                self._failed[picture] = problem.reason
            else:
                digest = hashlib.sha256(data).hexdigest()
                write_whole(self._folder / digest, data)
                self._known.put(self._name(picture), {"digest": digest})
        return self._failed.get(picture, "")

    def _name(self, picture: str) -> str:
        """The library counts too: another one, or another version of it, makes another mask."""
        from imagegen.background import state

        return f"mask:{picture}:{state()[0]}"
