"""Bugs: a log with the traceback in the home, one line for the person, exit code 1."""

from __future__ import annotations

import os
import re
import time
import traceback

from imagegen.cli import say
from imagegen.errors import Exit
from imagegen.settings import home_folder, secrets

#: What keys of the providers look like, for those that no variable holds.
_PATTERNS = re.compile(r"(sk-[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|(r8_)\w+|(AIza)[\w-]+|(Bearer )\S+")


def report_bug(problem: BaseException) -> int:
    """Write the log, say where it lies."""
    text = redacted("".join(traceback.format_exception(problem)))
    path = home_folder() / "logs" / f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as log:
            log.write(text)
        where = f"its log is {path}"
    except OSError:
        where = "and its log could not be written"
    say.error(f"a bug in imagegen ({type(problem).__name__}), {where}; please report it")
    return Exit.BUG


def redacted(text: str) -> str:
    """`text` without any key, by value and by pattern."""
    for secret in secrets():
        text = text.replace(secret, "[key]")
    return _PATTERNS.sub("[key]", text)
