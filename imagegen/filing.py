"""Filing: a picture's bytes become files in the output folder: the picture, its renditions, the untouched original.

Everything is made from the original, so it costs nothing to do again. Knows no money and no work list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from imagegen import background, names
from imagegen import finish as finishing
from imagegen.domain.model import Finish, Rendition
from imagegen.finish import EXTENSION, Finished
from imagegen.keep import Desk
from imagegen.output import OutputFolder, Written
from imagegen.picture import BadPicture, Picture
from imagegen.stores import Held

#: Bytes up to which writing is quicker than asking the file system to share blocks.
SMALL = 1 << 18

#: What a ledger remembers of a rendition's file: path, bytes, mtime in ns, SHA-256.
Entry = list[Any]


@dataclass(frozen=True, slots=True)
class Filed:
    """What lies in the folder now. `finished` is None where the picture was left as a person edited it."""

    written: Written
    finished: Finished | None
    original: str | None = None
    renditions: dict[str, Entry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def file_away(
    desk: Desk,
    file: str,
    plan: Finish,
    held: Held,
    data: bytes,
    picture: Picture,
    *,
    was: tuple[str, int, int] | None = None,
    had: dict[str, Entry] | None = None,
) -> Filed:
    """Finish `data` into the folder at `file` and its renditions beside it. `was` is the picture's file as we wrote
    it before, `had` its renditions: what a person edited since is left alone, what is no longer wanted is removed.
    Raises BadPicture, before anything is written, where a size cannot be reached."""
    picture = background.removed(picture) if plan.without else picture
    finished = finishing.finish(data, plan, picture)
    smaller = [(each, _finished(data, plan, each, picture)) for each in plan.renditions]
    edited = was is not None and was[0] == file and _edited(desk.folder, was, finished.data)
    original = None
    if was and edited:
        written = Written(*was)
    else:
        written = _write(desk, file, finished, held, len(data))
        if was and was[0] != written.file:
            desk.folder.remove_ours(*was)
        if finished.original_kept:
            original = f"{_stem(file)}.original.{EXTENSION[picture.format]}"
            desk.folder.copy(original, desk.store.path(held))
    had = had or {}
    entries, notes = {}, ["edited since it was made; left as it is (delete the file to get the original back)"] * edited
    for each, made in smaller:
        entries[each.name], note = _rendition(desk.folder, file, each, made, had.get(each.name))
        notes += [note] if note else []
    _clear(desk.folder, had.values(), {entry[0] for entry in entries.values()})
    return Filed(written, None if edited else finished, original, entries, tuple(notes))


def rendition_file(file: str, rendition: Rendition, form: str) -> str:
    """Where the rendition of the picture at `file` lies: in a folder of the rendition's name."""
    return f"{rendition.name}/{_stem(file)}.{EXTENSION[form]}"


def collides(stem: str, plan: Finish) -> str | None:
    """The rendition among whose files a picture called `stem` would be saved."""
    first, _, rest = stem.partition("/")
    taken = {names.fold(each.name): each.name for each in plan.renditions}
    return taken.get(names.fold(first)) if rest else None


def as_left(folder: OutputFolder, entries: Iterable[Entry]) -> bool:
    """Whether all of these files are as we wrote them."""
    return all(folder.state(*entry[:3]) == "ours" for entry in entries)


def is_picture(folder: OutputFolder, file: str) -> bool:
    """Whether `file` is there and decodes."""
    try:
        finishing.inspect(folder.read(file))
    except (OSError, BadPicture):
        return False
    return True


def _stem(file: str) -> str:
    return file.rpartition(".")[0]


def _finished(data: bytes, plan: Finish, rendition: Rendition, picture: Picture) -> Finished:
    try:
        return finishing.finish(data, plan.of(rendition), picture)
    except BadPicture as problem:
        raise BadPicture(f"the rendition {rendition.name} cannot be made: {problem.reason}") from None


def _edited(folder: OutputFolder, was: tuple[str, int, int], ours: bytes) -> bool:
    """Whether a person changed the file: it is a picture, and not what we would write."""
    return folder.state(*was) == "touched" and is_picture(folder, was[0]) and folder.read(was[0]) != ours


def _write(desk: Desk, file: str, finished: Finished, held: Held, size: int) -> Written:
    if finished.same and size > SMALL:
        return desk.folder.copy(file, desk.store.path(held))
    return desk.folder.write(file, finished.data)


def _rendition(
    folder: OutputFolder, file: str, rendition: Rendition, made: Finished, entry: Entry | None
) -> tuple[Entry, str]:
    """Write a rendition unless it is there, or a person edited it: then a sentence says so."""
    target, digest = rendition_file(file, rendition, made.format), hashlib.sha256(made.data).hexdigest()
    if entry and entry[0] == target:
        state = folder.state(*entry[:3])
        if state == "ours" and entry[3] == digest:
            return entry, ""
        if state == "touched" and is_picture(folder, target) and _digest(folder, target) not in (entry[3], digest):
            return entry, f"{target} was edited since it was made; left as it is"
    written = folder.write(target, made.data)
    return [written.file, written.bytes, written.mtime_ns, digest], ""


def _digest(folder: OutputFolder, file: str) -> str:
    return hashlib.sha256(folder.read(file)).hexdigest()


def _clear(folder: OutputFolder, had: Iterable[Entry], kept: set[str]) -> None:
    for entry in had:
        if entry[0] not in kept:
            folder.remove_ours(*entry[:3])
