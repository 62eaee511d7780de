"""What a key means, from the tables of the pages: `| `key` | what it says |`."""

from __future__ import annotations

import re
from functools import cache

from imagegen.bundle import bundled

_LINE = re.compile(r"^\| (`[\w.]+`(?:, `[\w.]+`)*) \| (.+) \|$", re.M)
_NAME = re.compile(r"`([\w.-]+)`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
#: A link that only says where more of it stands.
_ASIDE = re.compile(r" \(\[[^\]]*\]\([^)]*\)\)|[:;,] \[[^\]]*\]\([^)]*\)$")


@cache
def told(page: str, heading: str) -> dict[str, str]:
    """Key -> what `docs/PAGE` says about it in the tables below `heading`, without links and backticks."""
    text = bundled(f"docs/{page}").read_text(encoding="utf-8")
    level, found = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.M), {}
    if level is None:
        return {}
    rest = text[level.end() :]
    end = re.search(rf"^#{{1,{len(level[1])}}} ", rest, re.M)
    for names, words in _LINE.findall(rest[: end.start()] if end else rest):
        for name in _NAME.findall(names):
            found[name] = _LINK.sub(r"\1", _ASIDE.sub("", words)).replace("`", "").strip()
    return found
