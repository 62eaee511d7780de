"""Server: where a provider is reached, with which key, and how long it may take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from imagegen.errors import SettingsError

#: Most bytes of one answer after decompression: ten pictures of the largest size fit, even uncompressed.
MOST_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect` until connected, `first_byte` until the answer begins (slow models take minutes),
    `progress` between two pieces of it, `total` for all of it."""

    connect: float = 10.0
    first_byte: float = 600.0
    progress: float = 30.0
    total: float = 900.0


class Server:
    """The way to one server. `home` is the provider's own address, `base_url` another one (None: at home);
    `variable` names where the key is set. `api_key` may be empty for a server of one's own. `looks` matches what
    looks like part of a key of this provider. Raises SettingsError for a key or an address that cannot be one."""

    def __init__(
        self,
        name: str,
        api_key: str,
        base_url: str | None,
        timeouts: Timeouts | None = None,
        *,
        home: str,
        variable: str,
        looks: str = "",
    ) -> None:
        self.name, self.base_url, self.timeouts = name, (base_url or home).rstrip("/"), timeouts or Timeouts()
        self.is_home = base_url is None
        parts = urlsplit(self.base_url)
        self.host, self.authority = parts.hostname or "", parts.netloc.rpartition("@")[2]
        if parts.scheme not in ("http", "https") or not self.host:
            raise SettingsError(f"{self.base_url!r} is no address for {name}", "it starts with https://")
        if not api_key and base_url is None:
            raise SettingsError(f"{name} needs an API key", f"set {variable}")
        if not all("!" <= sign <= "~" for sign in api_key):
            raise SettingsError(f"the API key of {name} holds a space or a sign no key has", "copy it anew")
        self.key = api_key
        self._looks = re.compile(looks) if looks else None

    def hide(self, text: str) -> str:
        """`text` without the key, nor what looks like part of one."""
        if self.key:
            text = text.replace(self.key, "***").replace(quote(self.key, safe=""), "***")
        return self._looks.sub("***", text) if self._looks else text

    def said(self, error: Exception) -> str:
        """What `error` says, or its name where it says nothing: on one line, without the key."""
        return self.hide(one_line(str(error), 120)) or type(error).__name__

    def same_site(self, url: str, *suffixes: str) -> bool:
        """Whether the key may go to `url`: this server itself, or, when at home, https to a host of the provider's
        that ends in one of `suffixes` (".example.com")."""
        parts = urlsplit(url)
        if parts.username or parts.password:
            return False
        if parts.netloc == self.authority and parts.scheme == urlsplit(self.base_url).scheme:
            return True
        return self.is_home and parts.scheme == "https" and f".{parts.hostname or ''}".endswith(suffixes or ("\0",))


def one_line(text: str, longest: int = 300) -> str:
    """`text` on one line, printable and not endless."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
