"""Index: slots by what a file may say of them. Pure; an answer takes about as long with ten slots as with ten
thousand."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from imagegen.domain.request import Key
from imagegen.handoff import names
from imagegen.handoff.names import Tokens, beginnings, flat, folded, plain, tokens
from imagegen.handoff.slots import Slot

_SEED = re.compile(r"\s--seed\s+(\d+)")
#: Letters of an id that are enough to be found in the midst of a name.
_ID = 3

_Name = TypeVar("_Name", bound=Hashable)


class Index:
    """Slots by code, names, prompts and ids."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._codes: dict[str, dict[Key, Slot]] = defaultdict(dict)
        self._names: dict[str, dict[Key, Slot]] = defaultdict(dict)
        self._tokens: dict[Tokens, dict[Key, Slot]] = defaultdict(dict)
        self._ids: dict[Tokens, dict[Key, Slot]] = defaultdict(dict)
        self._prompts: dict[str, dict[Key, Slot]] = defaultdict(dict)
        for slot in slots:
            self._codes[slot.code][slot.key] = slot
            self._prompts[flat(slot.words)][slot.key] = slot
            for place in slot.places:
                self._ids[tokens(place.row)][slot.key] = slot
                for name in (place.row, place.stem, place.stem.rpartition("/")[2]):
                    self._names[folded(name)][slot.key] = slot
                    self._tokens[tokens(name)][slot.key] = slot
        self._sorted = sorted(self._prompts)
        self._longest = max(map(len, self._ids), default=0)

    def by_code(self, stem: str) -> list[Slot]:
        """Those whose code is a word of the name."""
        return _all(self._codes, tokens(stem))

    def by_name(self, stem: str) -> list[Slot]:
        """Those that are called so: the id or the output name, or these with other signs between their words."""
        for text in (stem, plain(stem)):
            if found := self._names.get(folded(text)) or self._tokens.get(tokens(text) or ("",)):
                return list(found.values())
        return []

    def by_prompt(self, prompts: Iterable[str]) -> list[Slot]:
        """Those whose prompt is written in the file; where several have it, the whole line or the seed decides."""
        for prompt in prompts:
            text, seed = flat(prompt.partition(" --")[0]), _SEED.search(prompt)
            found = list((self._prompts.get(text) or self._prompts.get(flat(prompt), {})).values())
            if found:
                whole = folded(" ".join(prompt.split()))
                same = [slot for slot in found if folded(slot.line) == whole]
                return same or [slot for slot in found if seed and slot.seed == int(seed[1])] or found
        return []

    def by_words(self, stem: str) -> list[Slot]:
        """Those whose prompt begins as the name does; an account's name may stand before."""
        for beginning in beginnings(stem):
            if found := self._prompts.get(beginning):
                return list(found.values())
            if len(beginning) >= names.ENOUGH and (longer := self._beginning(beginning)):
                return longer
        return []

    def _beginning(self, text: str) -> list[Slot]:
        found, at = list[Slot](), bisect_left(self._sorted, text)
        while at < len(self._sorted) and self._sorted[at].startswith(text):
            found += self._prompts[self._sorted[at]].values()
            at += 1
        return found

    def by_id(self, stem: str) -> list[Slot]:
        """Those whose id stands in the name; the longest id counts."""
        words = tokens(plain(stem))
        for length in range(min(self._longest, len(words)), 0, -1):
            runs = [words[at : at + length] for at in range(len(words) - length + 1)]
            if found := _all(self._ids, [run for run in runs if len("".join(run)) >= _ID]):
                return found
        return []


def _all(index: Mapping[_Name, Mapping[Key, Slot]], wanted: Iterable[_Name]) -> list[Slot]:
    found: dict[Key, Slot] = {}
    for name in wanted:
        found |= index.get(name, {})
    return list(found.values())
