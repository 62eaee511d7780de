"""From what a person wrote to a file name that means the same on Linux, macOS and Windows.

Pure text in, text out: it knows neither folders nor which names are taken. `fold` gives the key
by which a caller finds two names that some platform takes for one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from imagegen.domain.request import nfc

#: Bytes of UTF-8 a stem may take: an extension, a rendition's name and a sidecar's fit behind it in 255.
LONGEST = 120
#: Folders below the output folder, the file included; what lies deeper becomes part of the file's name.
DEEPEST = 8

_PUNCTUATION = frozenset(" ._-+@()[],=&!'")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}) | {
    f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789"
}
#: Letters and marks that show nothing: two names that differ only by these look alike.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


def file_stem(id: str) -> str:
    """The name, without extension, of the file for `id`: the id itself where that is safe everywhere,
    otherwise made safe and told apart by eight characters of the id's hash. Never empty."""
    if _safe(id):
        return id
    return f"{_made_safe(id)}-{_hash(id)}"


def relative_path(name: str) -> str:
    """`name` as a path below the output folder: "/" makes folders, each part is safe, nothing leads out."""
    parts = [part for part in name.split("/") if part]
    if not parts:
        return file_stem(name)
    if len(parts) > DEEPEST:
        parts[DEEPEST - 1 :] = ["/".join(parts[DEEPEST - 1 :])]
    stems = [file_stem(part) for part in parts]
    if name != "/".join(parts):
        stems[-1] = f"{_made_safe(parts[-1])}-{_hash(name)}"
    return "/".join(stems)


def fold(name: str) -> str:
    """The key of `name`: two names with one key are one file on some platform (case, composed accents)."""
    return nfc(unicodedata.normalize("NFD", name).casefold())


def _safe(name: str) -> bool:
    if not name or len(name.encode(errors="surrogatepass")) > LONGEST or _is_device(name):
        return False
    if _PLAIN.fullmatch(name):
        return True
    shape = name[0] not in " .-" and name[-1] not in " ." and unicodedata.category(name[0])[0] != "M"
    return shape and all(map(_harmless, name)) and nfc(name) == name


def _harmless(character: str) -> bool:
    if character in _PUNCTUATION:
        return True
    return unicodedata.category(character)[0] in "LMN" and not _INVISIBLE.match(character)


def _is_device(name: str) -> bool:
    """Windows opens the device for `con`, `CON.txt`, `com¹ .png`."""
    base = unicodedata.normalize("NFKC", name).partition(".")[0]
    return base.strip().upper() in _DEVICES


def _made_safe(name: str) -> str:
    text = "".join(c if _harmless(c) else "\0" for c in nfc(name))
    text = re.sub(r"-*\0+[-\0]*", "-", text).lstrip(" .-")
    while text and unicodedata.category(text[0])[0] == "M":
        text = text[1:].lstrip(" .-")
    if _is_device(text):
        text = f"_{text}"
    cut = text.encode()[: LONGEST - 9].decode(errors="ignore")
    return cut.rstrip(" .-") or "picture"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
