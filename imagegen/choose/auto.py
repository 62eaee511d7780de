"""The scorer `auto`: what can be measured here without asking anybody, and the scorer `first`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagegen.choose.looks import Looks, look
from imagegen.choose.terms import NOTHING, Asks, Candidate, Given, Score, Scorer, Waits, Wish
from imagegen.errors import SettingsError

#: What each part counts among those that were measured, within its band.
WEIGHTS: Mapping[str, float] = {
    "text": 4,  # a headline that is nearly right can be mended by a refine; one that is far off cannot
    "sharpness": 2,  # what people see first, and what a cheap draft most often lacks
    "contrast": 1,  # tells murky and washed-out pictures; beyond that it is taste
    "tags": 2,  # whether it shows what was asked for, but the known taggers are coarse: never above the text
}
#: A picture that is not safe lies in the lowest band, one whose text is not exactly there in the middle one: no
#: sharpness makes up for either. From a half up it passes all that was measured.
_BANDS = {"unsafe": (0.01, 0.1), "text": (0.1, 0.5), "good": (0.5, 1.0)}


class First:
    """Takes the first picture that is one: it decodes and is not blank."""

    name, version = "first", "1"

    def refuses(self, wish: Wish) -> str | None:
        """Never."""
        return None

    def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score]:
        """1 for a picture, 0 for what is none."""
        flaws = [look(each.data).flaw for each in candidates]
        return [Score(0.0, (flaw,)) if flaw else Score(1.0, ("it is a picture",)) for flaw in flaws]


@dataclass(frozen=True, slots=True)
class Auto:
    """Readable text (with the extra ocr), safety (with the extra safety), sharpness, contrast, and `tags` where a
    scorer of that name is installed. What is not installed is left out, and every score says so."""

    tags: Scorer | None = None
    name: str = "auto"
    version: str = "1"

    def refuses(self, wish: Wish) -> str | None:
        """Only what the `tags` scorer refuses."""
        return self.tags.refuses(wish) if self.tags else None

    def score(self, candidates: Sequence[Candidate], wish: Wish, given: Given = NOTHING) -> list[Score]:
        """One score for each candidate."""
        tags = self._tags(candidates, wish)
        return [
            scored(look(each.data, text=wish.text, safe=True), tag) for each, tag in zip(candidates, tags, strict=True)
        ]

    def _tags(self, candidates: Sequence[Candidate], wish: Wish) -> Sequence[Score | None]:
        if self.tags is None:
            return [None] * len(candidates)
        found = self.tags.score(candidates, wish)
        if isinstance(found, (Waits, Asks)) or len(found) != len(candidates):
            what = 'the scorer "tags" gave no score for each picture at once, as a part of auto must'
            raise SettingsError(what, "update or uninstall its package")
        return found


def scored(looks: Looks, tags: Score | None = None) -> Score:
    """The score for what was measured. Pure."""
    if looks.flaw:
        return Score(0.0, (looks.flaw,))
    parts = {"sharpness": looks.sharpness, "contrast": looks.contrast}
    if looks.wording:
        parts["text"] = looks.wording.similarity
    if tags:
        parts["tags"] = tags.value
    low, high = _BANDS[_band(looks)]
    mean = sum(WEIGHTS[name] * value for name, value in parts.items()) / sum(WEIGHTS[name] for name in parts)
    if looks.nsfw is not None:
        parts["safe"] = 1 - looks.nsfw
    return Score(round(low + (high - low) * mean, 6), _reasons(looks, tags), parts)


def _band(looks: Looks) -> str:
    if looks.unsafe:
        return "unsafe"
    # What failed on this picture alone must not lift it above those that were measured.
    return "text" if looks.failed or (looks.wording and not looks.wording.ok) else "good"


def _reasons(looks: Looks, tags: Score | None) -> tuple[str, ...]:
    said = [f"sharpness {looks.sharpness:.2f}, contrast {looks.contrast:.2f}"]
    if looks.wording:
        missing = "; ".join(map(str, looks.wording.missing[:3]))
        said.append(missing or "the text is readable")
    if looks.nsfw is not None:
        said.append("not safe" if looks.unsafe else "safe")
    said += [f"tags: {reason}" for reason in (tags.reasons if tags else ())]
    return (*said, *looks.failed, *(f"left out: {why}" for why in looks.left_out))
