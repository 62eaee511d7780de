"""Matching: which downloaded file is the picture of which slot, and by what evidence. Pure.

Evidence from the surest: the code in the file's name; the name itself (a row's id or output name); a prompt
written into the file; the first words of the prompt in the name, as Midjourney builds names; an id somewhere in the
name. What leads to several slots is decided by the picture's shape, or not at all: a wrong guess would be booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from imagegen.handoff import names
from imagegen.handoff.fitting import misfit, near
from imagegen.handoff.index import Index
from imagegen.handoff.slots import Slot

By = Literal["code", "name", "embedded prompt", "prompt words", "id in the name", "order"]
RANKS: tuple[By, ...] = ("code", "name", "embedded prompt", "prompt words", "id in the name")

#: taken: goes to its slot · there: its slot has a picture already · ambiguous: several files or slots come into
#: question · unmatched: nothing leads to a slot · unfit: it cannot become the slot's picture · unusable: no picture.
State = Literal["taken", "there", "ambiguous", "unmatched", "unfit", "unusable"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the folder. `prompts` are those written into it; `trouble` says why it is no picture to take."""

    name: str
    digest: str = ""
    width: int = 0
    height: int = 0
    mtime_ns: int = 0
    prompts: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What becomes of a file."""

    file: File
    state: State
    slot: Slot | None = None
    by: By | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A file and the slots that its best evidence leads to."""

    file: File
    slots: tuple[Slot, ...]
    rank: int


def match(files: Sequence[File], slots: Sequence[Slot], order: Literal["name", "time"] | None = None) -> list[Match]:
    """A Match for each file, in the order of their names. `order`: not by evidence; the first file by name, or by
    time, is the first open slot's picture, and so on."""
    files = sorted(files, key=lambda file: (names.natural(_stem(file)), file.name))
    sound, done = _sound(files, slots)
    found = _by_order(sound, slots, order) if order else _by_evidence(sound, slots)
    told = {match.file.name: match for match in (*done, *found)}
    return [told[file.name] for file in files]


def _stem(file: File) -> str:
    """The file's name without its ending."""
    return file.name.rpartition(".")[0] or file.name


def _sound(files: Sequence[File], slots: Sequence[Slot]) -> tuple[list[File], list[Match]]:
    """The files worth matching; and what is decided without: no pictures, copies, what was brought before."""
    sound, done, seen = [], [], dict[str, str]()
    held = {slot.digest: slot for slot in slots if slot.digest and slot.made}
    for file in files:
        if file.trouble:
            done.append(Match(file, "unusable", reason=file.trouble))
        elif file.digest in held:
            done.append(Match(file, "there", held[file.digest], reason="taken before"))
        elif file.digest in seen:
            done.append(Match(file, "unmatched", reason=f"the same picture as {seen[file.digest]}"))
        else:
            seen[file.digest] = file.name
            sound.append(file)
    return sound, done


def _by_order(files: Sequence[File], slots: Sequence[Slot], order: str) -> list[Match]:
    if order == "time":
        files = sorted(files, key=lambda file: file.mtime_ns)
    open_slots = [slot for slot in slots if slot.state == "open"]
    found = [_taken(file, slot, "order") for file, slot in zip(files, open_slots, strict=False)]
    rest = files[len(open_slots) :]
    return [*found, *(Match(file, "unmatched", reason="more pictures than rows that wait") for file in rest)]


def _by_evidence(files: Sequence[File], slots: Sequence[Slot]) -> list[Match]:
    index, found, claims = Index(slots), list[Match](), defaultdict[int, list[_Claim]](list)
    for file in files:
        claim = _claim(file, index)
        if isinstance(claim, Match):
            found.append(claim)
        else:
            claims[claim.rank].append(claim)
    owner: dict[str, File] = {}
    for rank in range(len(RANKS)):
        found += _settle(claims[rank], owner)
    return found


def _claim(file: File, index: Index) -> _Claim | Match:
    """What the file's best evidence leads to."""
    stem = _stem(file)
    by_code, by_name, by_prompt = index.by_code(stem), index.by_name(stem), index.by_prompt(file.prompts)
    if by_code:
        return _narrowed(file, by_code, 0)
    if by_name and by_prompt and not {slot.row for slot in by_name} & {slot.row for slot in by_prompt}:
        said = f"its name says {by_name[0].name}, the prompt in it is that of {by_prompt[0].name}"
        return Match(file, "ambiguous", reason=f"{said}; name it {by_name[0].save_as} to take it all the same")
    for rank, slots in enumerate((by_name, by_prompt, index.by_words(stem), index.by_id(stem)), 1):
        if slots:
            return _narrowed(file, slots, rank)
    return Match(file, "unmatched", reason="neither its name nor a prompt in it leads to a row")


def _narrowed(file: File, slots: Sequence[Slot], rank: int) -> _Claim | Match:
    """The claim on one row's slots; where several rows come into question the picture's shape decides."""
    for some in (slots, [slot for slot in slots if near((file.width, file.height), (slot.width, slot.height))]):
        if some and len({slot.row for slot in some}) == 1:
            return _Claim(file, tuple(some), rank)
    named = ", ".join(dict.fromkeys(slot.name for slot in slots[:4])) + (", …" if len(slots) > 4 else "")
    return Match(file, "ambiguous", by=RANKS[rank], reason=f"may be {named}; put the row's code into its name")


def _settle(claims: Sequence[_Claim], owner: dict[str, File]) -> list[Match]:
    """Give the files of one kind of evidence their slots; `owner` has those given already, by Key."""
    found, groups = list[Match](), defaultdict[tuple[str, ...], list[_Claim]](list)
    for claim in claims:
        groups[tuple(slot.key for slot in claim.slots)].append(claim)
    for same in sorted(groups.values(), key=lambda each: len(each[0].slots)):
        found += _share_out(same, owner)
    return found


def _share_out(claims: Sequence[_Claim], owner: dict[str, File]) -> list[Match]:
    """Files that claim the same slots: each gets one, in the order of their names, if there are enough."""
    slots, by = claims[0].slots, RANKS[claims[0].rank]
    waiting = [slot for slot in slots if not slot.made]
    if not waiting:
        todo = f"{slots[0].row} is there already; --redo {slots[0].row} takes this one in its place"
        return [Match(claim.file, "there", slots[0], by, todo) for claim in claims]
    free = [slot for slot in waiting if slot.key not in owner]
    if not free:
        first = owner[waiting[0].key].name
        return [Match(claim.file, "ambiguous", slots[0], by, f"{slots[0].name} has {first}") for claim in claims]
    if len(claims) > len(free):
        for slot in free:
            owner[slot.key] = claims[0].file
        wanted = "1 picture" if len(free) == 1 else f"{len(free)} pictures"
        reason = f"{len(claims)} files for {wanted} of {slots[0].row}; keep one, or put the code into its name"
        return [Match(claim.file, "ambiguous", slots[0], by, reason) for claim in claims]
    owner.update({slot.key: claim.file for claim, slot in zip(claims, free, strict=False)})
    return [_taken(claim.file, slot, by) for claim, slot in zip(claims, free, strict=False)]


def _taken(file: File, slot: Slot, by: By) -> Match:
    trouble = slot.reason if slot.state == "stuck" else misfit((file.width, file.height), slot)
    return Match(file, "unfit" if trouble else "taken", slot, by, trouble)
