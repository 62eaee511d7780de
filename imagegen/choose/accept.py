"""Acceptance: whether a picture that was paid for counts as good, by the rules of a row's `accept`."""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.choose.extras import OCR, SAFETY
from imagegen.choose.looks import Looks, look
from imagegen.choose.models import UNSAFE
from imagegen.choose.wording import unreadable
from imagegen.domain.row import Accept
from imagegen.errors import SettingsError
from imagegen.picture import Picture


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture is good, the sentences that say why not (none when it is), and what was measured."""

    ok: bool
    reasons: tuple[str, ...]
    looks: Looks


def refuses(accept: Accept | None, text: str | None) -> str | None:
    """Why these rules cannot be followed here, as a sentence: asked while planning, before anything is bought.
    Imports no model."""
    if accept is None:
        return None
    if accept.text and text is None:
        return "accept.text has no wording to look for: give the row a text"
    if accept.text and text is not None:
        why = OCR.missing() or unreadable(text)
        if why:
            return f"accept.text: {why}"
    why = SAFETY.missing() if accept.safe else None
    return f"accept.safe: {why}" if why else None


def check(picture: bytes | Picture, accept: Accept, text: str | None) -> Verdict:
    """Look at a picture and judge it. One that does not decode or is blank is never good; what could not be measured
    on it is not good either. Raises SettingsError with the sentence of `refuses` where that has one."""
    why = refuses(accept, text)
    if why:
        raise SettingsError(why)
    looks = look(picture, text=text if accept.text else None, safe=accept.safe)
    reasons = judged(looks)
    return Verdict(not reasons, reasons, looks)


def judged(looks: Looks) -> tuple[str, ...]:
    """What is wrong with a picture, a sentence each, by all that was measured on it. Pure."""
    if looks.flaw:
        return (looks.flaw,)
    found = [str(missing) for missing in looks.wording.missing] if looks.wording else []
    if looks.unsafe:
        found.append(f"the content is not safe: {looks.nsfw:.2f}, and {UNSAFE} is the limit")
    return (*found, *looks.left_out, *looks.failed)
