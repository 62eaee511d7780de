"""Remote: a provider that takes a job, gives it a number, and has the picture ready some time later.

submit -> its number is on disk -> poll -> fetch -> spool. A slip that carries a number polls and fetches; it never
submits. Whatever goes wrong after the number is known is no reason to buy again: the job stays and is asked for later.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from imagegen.domain.model import Offer
from imagegen.domain.outcome import UNKNOWN_CHARGE, Artifact, Charge, Failed, Made, Outcome, Pending, Unknown
from imagegen.domain.request import Request
from imagegen.imports import IMPORTING
from imagegen.inputs.guarded import Guarded, NotFetched, shown
from imagegen.providers import Limits, Slip
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.hosted import Hosted, Speaker
from imagegen.providers.hosted.pictures import decoded, media_type
from imagegen.providers.hosted.rest import Cut, NotSent


@dataclass(frozen=True, slots=True)
class Taken:
    """The provider took the job. `told` is what it said then and will not say again (JSON values)."""

    id: str
    poll_url: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """Not ready. `pause`: seconds that the provider asks to wait."""

    pause: float | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The picture lies at `url` (or is a data URL); what it cost; facts for the sidecar. `kept`: how long the
    provider keeps it there, for people ("10 minutes")."""

    url: str
    charge: Charge
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The job is over without a picture; the outcome's `key` is still empty."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Job:
    """A job at the provider, as the ledger knows it."""

    id: str
    poll_url: str | None
    told: Mapping[str, Any]


class RemoteSpeaker(Speaker, Protocol):
    """A dialect of jobs."""

    def submit(self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip) -> Taken:
        """Hand the job in, once (`slip.sending()` first). Raises NotSent, Cut, Denied."""

    def look(self, job: Job, request: Request, offer: Offer) -> Running | Ready | Ended:
        """Ask how the job stands. Raises NotSent and Cut, which mean: ask again later."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. Looks are `first` apart, then ever longer up to `longest`; after `total` the job is left for a later
    run, after `stopping` when the run was asked to stop. `fetches`: rounds of looking and downloading."""

    first: float = 0.5
    longest: float = 5.0
    total: float = 900.0
    stopping: float = 60.0
    fetches: int = 3


class Remote(Hosted):
    """`stopped` tells whether the run was asked to stop."""

    speaker: RemoteSpeaker

    def __init__(
        self,
        speaker: RemoteSpeaker,
        offers: Mapping[str, Offer],
        limits: Limits,
        *,
        patience: Patience | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(speaker, offers, limits)
        self._patience, self._asked_to_stop = patience or Patience(), stopped

    def _one(self, request: Request, inputs: Mapping[str, bytes], slip: Slip) -> Outcome:
        offer = self.offers.get(request.model)
        kept = _unpacked(slip.answer) if slip.answer is not None else None
        if kept is not None:
            return kept
        if slip.answer is not None and slip.remote_id is None:
            return Unknown("", "what was kept of the answer cannot be read: possibly charged")
        if offer is None:
            return Failed("", self.refuses(request) or "")
        if slip.remote_id is None:
            stopped = self._stopped(request, inputs)
            if stopped:
                return stopped
            try:
                taken = self.speaker.submit(request, offer, inputs, slip)
            except (NotSent, Cut, Denied) as error:
                return self._denied(error, request)
            slip.accepted(taken.id, taken.poll_url, taken.told)
        return self._followed(Job(slip.remote_id or "", slip.poll_url, slip.told), request, offer, slip)

    def _followed(self, job: Job, request: Request, offer: Offer, slip: Slip) -> Outcome:
        """From the job's number to its picture."""
        trouble, charge = "", UNKNOWN_CHARGE
        for _ in range(self._patience.fetches):
            found = self._awaited(job, request, offer)
            if isinstance(found, Ended):
                return found.outcome
            if isinstance(found, Pending):
                return found
            charge = found.charge
            try:
                data = self._fetched(found.url)
            except NotFetched as problem:
                if problem.passing:
                    return Pending("", self._patience.longest)  # the job is there: a later run fetches it
                trouble = f"its picture at {shown(found.url)} {problem.what}"
                trouble += f" ({self.server.name} keeps it for {found.kept})" if found.kept else ""
                continue  # the link may have run out: a fresh look gives a fresh one
            return _read(slip, data, found)
        return Failed("", f"paid for, but {trouble}", charge=charge)

    def _awaited(self, job: Job, request: Request, offer: Offer) -> Ready | Ended | Pending:
        """Ask until the job is over, or patience is."""
        wait, begun, stopping = self._patience.first, time.monotonic(), None
        while True:
            pause = wait
            try:
                found = self.speaker.look(job, request, offer)
                if not isinstance(found, Running):
                    return found
                pause = max(wait, found.pause or 0.0)
            except (NotSent, Cut):
                pause = self._patience.longest
            now = time.monotonic()
            if stopping is None and self._asked_to_stop():
                stopping = now
            late = now + pause - begun > self._patience.total
            if late or (stopping is not None and now + pause - stopping > self._patience.stopping):
                return Pending("", self._patience.longest)
            time.sleep(pause)
            wait = min(wait * 1.5, self._patience.longest)

    def _fetched(self, url: str) -> bytes:
        """The bytes at `url`, which an answer named: nothing internal is asked but the user's own server."""
        if url.startswith("data:"):
            data = decoded(url)
            if data is None:
                raise NotFetched("is not base64")
            return data
        hosts = frozenset() if self.server.is_home else frozenset({self.server.authority})
        if not url.startswith("https://") and not self.server.same_site(url):
            raise NotFetched("is not at an https address")
        with Guarded(hosts=hosts, verify=_trusted(), pause=min(1.0, self._patience.longest)) as guarded:
            return guarded.get(url).data or b""


@cache
def _trusted() -> ssl.SSLContext:
    """The system's trust store: reading it takes 40 ms, far longer than most downloads."""
    with IMPORTING:
        import httpx2

    return httpx2.create_ssl_context()


def _read(slip: Slip, data: bytes, ready: Ready) -> Outcome:
    """Keep what came, with what it cost, and say what it is."""
    packed = json.dumps({"charge": [ready.charge.amount, ready.charge.basis], "facts": dict(ready.facts)}).encode()
    whole = packed + b"\n" + data
    slip.receive([whole], len(whole))
    return _outcome(data, ready.charge, dict(ready.facts))


def _unpacked(kept: bytes) -> Outcome | None:
    """What `_read` kept; None when this is not what it keeps."""
    head, _, data = kept.partition(b"\n")
    try:
        said = json.loads(head)
        amount, basis = said["charge"]
        facts = dict(said["facts"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return _outcome(data, Charge(amount, str(basis)), facts)


def _outcome(data: bytes, charge: Charge, facts: dict[str, Any]) -> Outcome:
    media = media_type(data)
    if media is None:
        return Failed("", "paid for, but what came is not a picture", charge=charge, evidence=data)
    return Made("", Artifact(data, media, facts), charge)
