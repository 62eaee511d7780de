"""The way to a server of the user's own: OpenAI's SDK, or its Azure client; and pictures that come as links."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from imagegen.imports import IMPORTING
from imagegen.inputs.guarded import Guarded, NotFetched, shown
from imagegen.providers.hosted.pictures import data_url
from imagegen.providers.hosted.rest import parsed
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.openai.call import Line
from imagegen.servers import OwnServer

if TYPE_CHECKING:
    from openai import OpenAI as Client

#: Where Azure's images stand below the address of a resource.
AZURE_PATH = "/openai"


class OwnLine(Line):
    """As `Line`, to `server`. `api_key` is empty for a server that asks for none."""

    keeps = False  # and many take no field that they do not know

    def __init__(self, server: OwnServer, api_key: str, timeouts: Timeouts) -> None:
        super().__init__(server.name, api_key, server.base_url, timeouts)
        self._version = server.api_version

    def _new(self) -> Client:
        """Azure wants the key in a header of its own, the version in the query and the deployment in the path."""
        if self._version is None:
            return super()._new()
        with IMPORTING:
            import openai

        base = self.base_url if AZURE_PATH in self.base_url else self.base_url + AZURE_PATH
        return openai.AzureOpenAI(api_key=self.key, api_version=self._version, base_url=base, **self._terms())

    def linked(self, raw: bytes) -> tuple[bytes, str]:
        """The answer with the pictures that it only names fetched into it; and what went wrong with one, "" when
        nothing did."""
        said = parsed(raw)
        items = said.get("data") if isinstance(said, Mapping) else None
        if not isinstance(said, Mapping) or not isinstance(items, list):
            return raw, ""
        links = [item for item in items if isinstance(item, dict) and isinstance(item.get("url"), str)]
        links = [item for item in links if not item.get("b64_json")]
        try:
            for item in links:
                item["b64_json"] = self._fetched(item.pop("url"))
        except NotFetched as problem:
            return raw, problem.what
        return (json.dumps(said).encode() if links else raw), ""

    def _fetched(self, link: str) -> str:
        """What lies at `link`, in base64: at the server itself, or at a public https address."""
        if link.startswith("data:"):
            return link.partition(",")[2]
        url = urljoin(self.base_url + "/", link)
        if not url.startswith("https://") and not self.same_site(url):
            raise NotFetched(f"its picture is at {shown(url)}, which is not the server's own address")
        try:
            with Guarded(hosts=frozenset({self.authority}), pause=0.5) as guarded:
                data = guarded.get(url).data or b""
        except NotFetched as problem:
            raise NotFetched(f"its picture at {shown(url)} {problem.what}", passing=problem.passing) from None
        return data_url(data).partition(",")[2]
