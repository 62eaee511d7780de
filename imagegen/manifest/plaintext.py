"""Text made simpler: HTML to plain text, and slugs for ids. Every step takes linear time."""

from __future__ import annotations

import html
import re
import unicodedata

_UNREAD = re.compile(r"<(script|style|template|noscript|svg)\b.*?(?:</\1\s*>|\Z)", re.I | re.S)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_TAG = re.compile(r"""</?([a-zA-Z][\w:-]{0,40})(?:[^<>"']|"[^"]{0,2000}+"|'[^']{0,2000}+'){0,4000}+>""")
_BARE_TAG = re.compile(r"<(?:/?[a-zA-Z]|[!?])[^<>]{0,4000}>")
#: Tags within a line: dropping them joins what stands around them.
_INLINE = re.compile(
    r"a|abbr|b|bd[io]|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|su[bp]|tt|u|var|wbr",
    re.I,
)
_NOT_WORD = re.compile(r"[^\w]+|_+")


def plain(value: object) -> str:
    """HTML as plain text: tags, comments, scripts and styles dropped, entities decoded, white space folded."""
    text = str(value)
    if "<" in text:
        text = _COMMENT.sub(" ", _UNREAD.sub(" ", text))
        text = _BARE_TAG.sub(" ", _TAG.sub(lambda tag: "" if _INLINE.fullmatch(tag[1]) else " ", text))
    return " ".join(html.unescape(text).split())


def slug(value: object, longest: int = 80) -> str:
    """Lower-case words joined by "-": letters and digits of any script, accents dropped, cut between words."""
    text = unicodedata.normalize("NFKD", str(value)[: 8 * longest])
    text = "".join(char for char in text if not unicodedata.combining(char)).casefold()
    text = unicodedata.normalize("NFC", _NOT_WORD.sub("-", text)).strip("-")
    if len(text) <= longest:
        return text
    return (text[: longest + 1].rpartition("-")[0] or text[:longest]).strip("-")
