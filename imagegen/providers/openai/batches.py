"""OpenAI's Batch API through the SDK: files up, a batch, files down. Knows no prices.

Everything but the creation of the batch is free of charge.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Outcome, Refused, Unknown
from imagegen.domain.request import Key, Request
from imagegen.imports import IMPORTING
from imagegen.providers.hosted.queue import Gone
from imagegen.providers.hosted.rest import Cut
from imagegen.providers.hosted.server import Timeouts
from imagegen.providers.openai import edits, errors, lines
from imagegen.providers.openai.call import Line
from imagegen.providers.openai.lines import Over

if TYPE_CHECKING:
    from openai import OpenAI as Client

T = TypeVar("T")
#: The name in a batch's metadata under which it bears the slip's id.
TAG = "imagegen"
#: States of a batch that will not change any more.
ENDS = frozenset({"completed", "failed", "expired", "cancelled"})
#: Input pictures and the list of requests are wanted for a day; the provider may forget them after a week.
KEPT = {"anchor": "created_at", "seconds": 7 * 24 * 3600}
#: Lists are looked through back to this many seconds before the batch was sent: clocks differ.
MARGIN = 3600.0
#: A batch that is not in the list so many seconds after it was sent never arrived.
GRACE = 600.0
#: Batches and files of a page, and pages looked through.
PAGE, PAGES = 100, 50


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a batch is created from."""

    file: str
    endpoint: str


class Batches:
    """A `Dialect` of `imagegen.providers.hosted.queue`. Raises SettingsError for a key or an address that cannot be
    one."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        offers: Mapping[str, Offer],
        timeouts: Timeouts | None = None,
        grace: float = GRACE,
    ) -> None:
        self.name, self._offers, self._grace = "openai", offers, grace
        self._line = Line(self.name, api_key, base_url, timeouts or Timeouts())
        self._uploaded: dict[str, str] = {}

    def errors(self) -> tuple[type[Exception], ...]:
        """What the SDK raises for a server's or a network's doing."""
        return errors.wire_errors()

    def outcome(self, error: Exception) -> Failed | Refused | Unknown:
        """What `error` means, see `imagegen.providers.openai.errors`."""
        if getattr(error, "status_code", None) == 404 and not errors.says_model_is_gone(error):
            return Failed("", f"{self._line.host} has no batches at this address (404)", stops_provider=True)
        return errors.outcome(error, self._line)

    def shares(self, request: Request) -> Hashable:
        """A batch is for one endpoint and one model."""
        return request.model, lines.endpoint(request), request.address

    def prepare(self, batch: Sequence[Request], inputs: Mapping[str, bytes], tag: str) -> Prepared:
        """Upload the input pictures and the list of requests."""
        wanted = dict.fromkeys(digest for request in batch for digest in edits.named(request))
        files = {digest: self._picture(inputs[digest]) for digest in wanted}
        data = lines.written(batch, self._offers, files)
        return Prepared(self._upload(_input_name(tag), data, "application/jsonl", "batch"), lines.endpoint(batch[0]))

    def create(self, prepared: Prepared, tag: str) -> str:
        """Create the batch, tagged."""
        endpoint: Any = prepared.endpoint
        made = _said(
            lambda: self._client.batches.create(
                completion_window="24h",
                endpoint=endpoint,
                input_file_id=prepared.file,
                metadata={TAG: tag},
            )
        )
        return _id(made)

    def find(self, tag: str, sent: float) -> str | bool | None:
        """Look through the batches for the one with `tag`. That there is none is certain where our input file lies in
        the same account, and the list had time to show the batch."""
        pages = self._client.batches.list
        for batch in _since(lambda after: pages(limit=PAGE, **after), sent - MARGIN):
            if (getattr(batch, "metadata", None) or {}).get(TAG) == tag:
                return _id(batch)
        if time.time() - sent < self._grace:
            return None
        listed = self._client.files.list
        files = _since(lambda after: listed(limit=PAGE, purpose="batch", order="desc", **after), sent - MARGIN)
        return False if any(getattr(file, "filename", None) == _input_name(tag) for file in files) else None

    def look(self, number: str) -> Over | None:
        """The batch, when it is over."""
        with IMPORTING:
            import openai

        try:
            batch = _said(lambda: self._client.batches.retrieve(number))
        except openai.NotFoundError as problem:
            raise Gone(self._line.hide(str(problem))) from None
        status = getattr(batch, "status", None)
        if status not in ENDS:
            return None
        counts = batch.request_counts
        told = [
            {"code": each.code, "message": each.message, "line": each.line}
            for each in (batch.errors.data if batch.errors and batch.errors.data else ())
        ]
        files = tuple(file for file in (batch.output_file_id, batch.error_file_id) if file)
        return Over(
            number, str(status), files, (counts.total, counts.completed, counts.failed) if counts else None, told
        )

    def results(self, look: Over) -> Iterator[bytes]:
        """The lines of its files, and the closing one."""
        for file in look.files:
            with self._client.files.with_streaming_response.content(file) as response:
                yield from self._line.pieces(response)
            yield b"\n"
        yield look.closing()

    def read(self, answer: bytes, batch: Mapping[Key, Request]) -> Iterable[Outcome]:
        """See `imagegen.providers.openai.lines`."""
        return lines.read(answer, batch, self._offers, self.name, self._line.hide)

    def close(self) -> None:
        """Close the connections."""
        self._line.close()

    @property
    def _client(self) -> Client:
        return self._line.client()

    def _picture(self, data: bytes) -> str:
        """The number of an input picture; each is uploaded once."""
        from imagegen.inputs import local

        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._uploaded:
            form = local.look(data).format
            self._uploaded[digest] = self._upload(f"{digest[:16]}.{form}", data, f"image/{form}", "vision")
        return self._uploaded[digest]

    def _upload(self, name: str, data: bytes, media_type: str, purpose: Any) -> str:
        kept: Any = KEPT
        made = _said(
            lambda: self._client.files.create(file=(name, data, media_type), purpose=purpose, expires_after=kept)
        )
        return _id(made)


def _input_name(tag: str) -> str:
    return f"imagegen-{tag}.jsonl"


def _said(ask: Callable[[], T]) -> T:
    """What the server answers. Raises Cut for what is no answer of this API."""
    with IMPORTING:
        import openai

    try:
        return ask()
    except (openai.APIStatusError, openai.APIConnectionError):
        raise
    except (openai.APIError, ValueError) as problem:
        raise Cut(f"the answer is not what it should be: {type(problem).__name__}") from problem


def _id(made: Any) -> str:
    found = getattr(made, "id", None)
    if not isinstance(found, str) or not found:
        raise Cut("the answer names no number")
    return found


def _since(page: Callable[[dict[str, Any]], Any], since: float) -> Iterator[Any]:
    """What is listed, newest first, back to `since`."""
    after: dict[str, Any] = {}
    for _ in range(PAGES):
        found = _said(lambda after=after: page(after))  # type: ignore[misc]
        data = getattr(found, "data", None)
        if not isinstance(data, list):
            raise Cut("the answer is no list")
        yield from data
        if not data or not getattr(found, "has_more", False) or (getattr(data[-1], "created_at", 0) or 0) < since:
            return
        after = {"after": _id(data[-1])}
    raise Cut("the list is too long")
