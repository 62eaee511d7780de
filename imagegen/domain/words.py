"""Words: how many of something, as people read it."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """ "1 picture", "10,000 pictures": `number` of `noun`, which takes an s."""
    return f"{number:,} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """ "picture" or "pictures"."""
    return noun if number == 1 else f"{noun}s"


def with_drafts(number: int, drafts: int) -> str:
    """ "3 pictures", "1 picture and 4 drafts": `number` of both together, `drafts` of them drafts."""
    return f"{pictures(number - drafts)} and {counted(drafts, 'draft')}" if drafts else pictures(number)


def pictures(number: int) -> str:
    """ "1 picture", "10,000 pictures"."""
    return counted(number, "picture")
