"""The Store protocol: keeps pictures under Keys. "The cache" is a Store.

Only the protocol and its values live here. A store knows nothing of rows, prices or runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from imagegen.domain.request import Key

#: Media types a store knows by name, and how their files end.
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "application/json": "json",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A picture that a store holds. `digest` is the SHA-256 (hex) of its bytes and the name of its
    file; `bytes` their number; `width` and `height` pixels (None: not a picture); `facts` what `put`
    was told of its making. `used` is the last use in seconds since 1970 where the store looked, else None."""

    key: Key
    digest: str
    media_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    used: float | None = field(default=None, compare=False)

    @property
    def extension(self) -> str:
        """How the file's name ends, without the dot: from the media type, never from a stored name."""
        return EXTENSIONS.get(self.media_type, "bin")

    @property
    def name(self) -> str:
        """The name of the picture's file; two keys with one name share one file."""
        return f"{self.digest}.{self.extension}"


class Share(NamedTuple):
    """One model's part of a store: its keys and the bytes of their pictures."""

    keys: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds: distinct `pictures` with their `bytes`, the `keys` that lead to them, and
    the share of each model (a picture two models share counts for both)."""

    pictures: int
    keys: int
    bytes: int
    by_model: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a store.

    missing    a sidecar whose picture is gone
    damaged    a picture whose size or hash is not its name's
    sidecar    a sidecar that cannot be read or was altered
    index      an index entry that leads nowhere, says something else than its sidecar, or is refused
    orphan     a picture without a sidecar, older than a minute
    leftover   an unfinished write, older than a minute
    """

    kind: Literal["missing", "damaged", "sidecar", "index", "orphan", "leftover"]
    where: Path
    what: str
    todo: str
    key: Key | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.todo}"


class Store(Protocol):
    """Keeps pictures under Keys. Every method may be called from any thread and raises
    `imagegen.errors.StorageError` where the disk refuses."""

    def ready(self) -> None:
        """Find out, before anything is bought, that pictures can be kept."""

    def get(self, key: Key) -> Held | None:
        """What is held under `key`, and a note that it was used. None when nothing is, or when the
        picture's file is gone or has another size."""

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Held]:
        """Those of `keys` that are held. Made for plans: fast, and no note of use."""

    def put(
        self,
        key: Key,
        data: bytes,
        media_type: str,
        facts: Mapping[str, Any],
        width: int | None = None,
        height: int | None = None,
    ) -> Held:
        """Keep `data` under `key`; the bytes survive a power cut when this returns. `facts` are JSON
        values. The same key with the same bytes again changes nothing."""

    def read(self, held: Held) -> bytes:
        """The bytes, their hash checked. Raises StorageError when they are gone or altered."""

    def path(self, held: Held) -> Path:
        """Where the bytes lie. For copying; never write there, never link there."""

    def remove(self, keys: Iterable[Key]) -> int:
        """Forget `keys`; a picture goes with its last key. Returns the bytes freed."""

    def sweep(self) -> int:
        """Remove what no key leads to, and unfinished writes. Returns the bytes freed."""

    def flush(self) -> None:
        """Write what is queued for the index. Nothing is lost without it: lookups heal the index."""

    def close(self) -> None:
        """Flush and let go of files."""

    def stats(self) -> Stats:
        """How much is held."""

    def scan(self) -> Iterator[Held]:
        """Everything held, streamed, in no order, each with the time of its last use."""

    def verify(self, read_data: bool = False) -> Iterator[Problem]:
        """What is wrong; with `read_data` every picture is read and its hash checked."""

    def rebuild(self) -> int:
        """Make the index anew from the sidecars. Returns how many keys it has."""
