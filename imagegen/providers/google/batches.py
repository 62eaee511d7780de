"""Gemini's batches, through the house's own HTTP client: the requests inside, the answers inside. Knows no prices.

Everything but the creation of a batch is free of charge. Google expires a batch that is not done after two days.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Refused, Unknown
from imagegen.domain.request import Key, Request, key
from imagegen.providers.google import HOME, LOOKS, inlined
from imagegen.providers.google.ask import weight
from imagegen.providers.google.errors import denied
from imagegen.providers.google.rules import REQUEST_BYTES
from imagegen.providers.hosted.errors import Denied, not_sent
from imagegen.providers.hosted.queue import Gone
from imagegen.providers.hosted.rest import Cut, NotSent, Reply, Rest
from imagegen.providers.hosted.server import Server, Timeouts

#: The version of the API that is documented to have batches.
API = "v1beta"
#: Most pictures of a batch. Larger ones were made, billed, and could never be fetched.
MOST = 50
#: A request larger than this rides alone, so that those that do not stay below REQUEST_BYTES together, whatever
#: JSON makes of the signs in a prompt.
ALONE = REQUEST_BYTES // MOST // 3
#: Batches of a page, each perhaps with its pictures, and pages looked through.
PAGE, PAGES = 5, 400
#: Stands for a batch that is in no list long after it was sent: nobody can say whether there was one.
NOWHERE = "batches/nowhere"
_NUMBER = re.compile(r"batches/[\w-]{1,200}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a batch is created from."""

    model: str
    body: Mapping[str, Any]


class Batches:
    """A `Dialect` of `imagegen.providers.hosted.queue`. `keeps`: seconds after which a batch that is in no list is
    given up. Raises SettingsError for a key or an address that cannot be one."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        offers: Mapping[str, Offer],
        keeps: float,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.name, self._offers, self._keeps = "google", offers, keeps
        self._server = Server("google", api_key, base_url, timeouts, home=HOME, variable="GOOGLE_API_KEY", looks=LOOKS)
        self._rest = Rest(self._server, {"x-goog-api-key": api_key or "none"})

    def errors(self) -> tuple[type[Exception], ...]:
        """What is raised for a server's or a network's doing."""
        return (Denied, NotSent)

    def outcome(self, error: Exception) -> Failed | Refused | Unknown:
        """What `error` means, see `imagegen.providers.google.errors`."""
        if isinstance(error, NotSent):
            return not_sent(error)
        found = error.outcome if isinstance(error, Denied) else None
        return found if isinstance(found, Failed | Refused | Unknown) else Unknown("", str(error))

    def shares(self, request: Request) -> Hashable:
        """A batch is for one model; what is large, or has pictures of unknown size inside, rides alone."""
        large = request.images or weight(request.prompt, 0) > ALONE
        return request.model, request.address, key(request) if large else ""

    def prepare(self, batch: Sequence[Request], inputs: Mapping[str, bytes], tag: str) -> Prepared:
        """Write it down. Raises Denied for more than one request may have."""
        body = inlined.written(batch, self._offers, inputs, tag)
        size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if size > REQUEST_BYTES:
            raise Denied(Failed("", f"the batch has {size:,} bytes; {self.name} takes {REQUEST_BYTES:,}"))
        return Prepared(self._offers[batch[0].model].api_name, body)

    def create(self, prepared: Prepared, tag: str) -> str:
        """Create the batch, tagged."""
        reply = self._rest.send("POST", f"{API}/models/{prepared.model}:batchGenerateContent", body=prepared.body)
        if reply.status >= 500 and reply.status != 503:
            # What is not billed for a picture may all the same have begun a batch.
            raise Cut(f"{self._server.host} answered {reply.status}")
        return _number(self._said(reply))

    def find(self, tag: str, sent: float) -> str | bool | None:
        """Look through the batches for the one with `tag`. Nothing in an account tells whether the batch was meant
        for it: that there is none is never certain."""
        for batch in self._listed():
            about = batch.get("metadata")
            if isinstance(about, Mapping) and about.get("displayName") == tag:
                return _number(batch)
        return NOWHERE if time.time() - sent > self._keeps else None

    def look(self, number: str) -> bytes | None:
        """The batch with all its answers, when it is over."""
        if number == NOWHERE or not _NUMBER.fullmatch(number):
            raise Gone(number)
        reply = self._rest.send("GET", f"{API}/{number}")
        if reply.status == 404:
            raise Gone(number)
        return reply.data if inlined.is_over(self._said(reply)) else None

    def results(self, look: bytes) -> Iterator[bytes]:
        """They have come already."""
        yield look

    def read(self, answer: bytes, batch: Mapping[Key, Request]) -> Iterable[Outcome]:
        """See `imagegen.providers.google.inlined`."""
        return inlined.read(answer, batch, inlined.Reader(self._offers, self.name, self._server.hide))

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        """All batches of the account, in whatever order it lists them."""
        page = ""
        for _ in range(PAGES):
            said = self._said(self._rest.send("GET", f"{API}/batches?pageSize={PAGE}{page}"))
            found = said.get("operations", [])
            if not isinstance(found, list):
                raise Cut("the answer is no list")
            yield from (each for each in found if isinstance(each, Mapping))
            if not said.get("nextPageToken"):
                return
            page = f"&pageToken={quote(str(said['nextPageToken']), safe='')}"
        raise Cut("the list is too long")

    def _said(self, reply: Reply) -> Mapping[str, Any]:
        """The answer's JSON. Raises Denied for an error, Cut for what is no answer of this API."""
        if not 200 <= reply.status < 300:
            raise denied(reply, self._server)
        said = reply.json()
        if not isinstance(said, Mapping):
            raise Cut("the answer is not what it should be")
        return said


def _number(batch: Mapping[str, Any]) -> str:
    found = batch.get("name")
    if not isinstance(found, str) or not _NUMBER.fullmatch(found):
        raise Cut("the answer names no number")
    return found
