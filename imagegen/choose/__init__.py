"""Choosing: which of several pictures is best, and whether one is good enough. Usable by itself.

    from imagegen.choose import Candidate, Wish, choose, scorer
    chosen = choose([Candidate(0, a), Candidate(1, b)], Wish("A mug", text="SALE"), scorer("auto"))

It reads pictures' bytes and measures them; it buys nothing, asks nobody and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagegen.choose.accept import Verdict, check, refuses
from imagegen.choose.judge import Model
from imagegen.choose.looks import Looks, look
from imagegen.choose.registry import BUILT_IN, names, notes, scorer
from imagegen.choose.terms import (
    NOTHING,
    Asks,
    Candidate,
    Chosen,
    Decision,
    Given,
    Score,
    Scorer,
    Waits,
    Wish,
)
from imagegen.errors import ImagegenError, SettingsError

__all__ = [
    "BUILT_IN", "NOTHING", "Asks", "Candidate", "Chosen", "Decision", "Given", "Looks", "Model", "Score", "Scorer",
    "Verdict", "Waits", "Wish", "check", "choose", "look", "names", "notes", "refuses", "scorer",
]  # fmt: skip


def choose(candidates: Sequence[Candidate], wish: Wish, by: Scorer, given: Given = NOTHING) -> Chosen | Waits | Asks:
    """The best of `candidates` by the scorer `by`: the highest score, the first of equals; none where every score
    is 0. Waits for a person or Asks for a judge where the scorer needs one and `given` has nothing yet.
    Raises SettingsError, one line, when somebody else's scorer fails or gives no score for each."""
    if not candidates:
        raise ValueError("nothing to choose from")
    came = _scored(candidates, wish, by, given)
    if isinstance(came, (Waits, Asks)):
        return came
    scores = tuple(came)
    # Rounded: the last bits differ between machines and must not decide.
    values = [round(score.value, 6) for score in scores]
    best = values.index(max(values))
    index = candidates[best].index if values[best] > 0 else None
    return Chosen(index, scores, _sentence(candidates, scores, values), by.name, by.version)


def _scored(candidates: Sequence[Candidate], wish: Wish, by: Scorer, given: Given) -> Sequence[Score] | Waits | Asks:
    try:
        came: Any = by.score(candidates, wish, given)
    except ImagegenError:
        raise
    except Exception as error:
        if by.name in BUILT_IN:
            raise
        # A plug-in's mistake is not ours: the pictures are paid for, and people can take another scorer.
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise _useless(by, f"failed: {type(error).__name__}{': ' if said else ''}{said}") from error
    if isinstance(came, (Waits, Asks)):
        return came
    if not isinstance(came, Sequence) or not all(isinstance(each, Score) for each in came):
        raise _useless(by, "gave something else than scores")
    if len(came) != len(candidates):
        raise _useless(by, f"gave {len(came)} scores for {len(candidates)} pictures")
    return came


def _useless(by: Scorer, what: str) -> SettingsError:
    return SettingsError(f'the scorer "{by.name}" {what}', "choose with another one, such as auto")


def _sentence(candidates: Sequence[Candidate], scores: Sequence[Score], values: Sequence[float]) -> str:
    """Why the best is the best, for people: pictures count from 1."""
    top = max(values)
    best = values.index(top)
    why = "; ".join(scores[best].reasons[:3])
    if top == 0:
        return f"none of {len(values)} is any use" + (f": {why}" if why else "")
    said = f"picture {candidates[best].index + 1} is best of {len(values)} with {top:.2f}" + (f": {why}" if why else "")
    equal = [str(each.index + 1) for each, value in zip(candidates, values, strict=True) if value == top][1:]
    if equal:
        return f"{said} (as good as {' and '.join(equal)}; the first wins)"
    rest = sorted((value for at, value in enumerate(values) if at != best), reverse=True)
    return f"{said} (next best {rest[0]:.2f})" if rest else said
