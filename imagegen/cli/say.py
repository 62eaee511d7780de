"""Saying things to people: errors and notes on stderr, with control characters made visible."""

from __future__ import annotations

import sys


def visible(text: str) -> str:
    """`text` on one line, its control characters shown instead of obeyed: a prompt is not a terminal code."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return " "
    if code < 32 or 127 <= code < 160 or code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        return f"\\x{code:02x}"
    return "?" if 0xD800 <= code < 0xE000 else character


def error(text: str) -> None:
    """One line on stderr: what went wrong."""
    _line("error", text, "31")


def note(text: str) -> None:
    """One line on stderr: something to know."""
    _line("note", text, "33")


def info(text: str) -> None:
    """A plain line on stderr."""
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201


def _line(kind: str, text: str, colour: str) -> None:
    head = f"\x1b[{colour};1m{kind}:\x1b[0m" if sys.stderr.isatty() else f"{kind}:"
    print(f"{head} {visible(text)}", file=sys.stderr, flush=True)  # noqa: T201
