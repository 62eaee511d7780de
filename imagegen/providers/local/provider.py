"""The provider that is this machine: Requests in, pictures out, made by the engine. Imports torch when it makes the
first of them, not before.

    requests -> pieces -> engine (one batch) -> late artifacts, compressed by whoever puts them away
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from imagegen.domain.given import NOT_LOOKED_AT, Given
from imagegen.domain.model import Offer
from imagegen.domain.money import Nano
from imagegen.domain.outcome import FREE, Charge, Failed, LateArtifact, Made, Outcome
from imagegen.domain.request import Request, key
from imagegen.errors import SettingsError, StorageError
from imagegen.localsettings import LocalSettings
from imagegen.picture import BadPicture
from imagegen.providers import Limits, Slip
from imagegen.providers.local import extra, png, rules
from imagegen.providers.local.digests import Digests
from imagegen.providers.local.fleet import Fleet, WorkerDied
from imagegen.providers.local.piece import Flaw, Piece, Pixels
from imagegen.providers.local.pieces import piece_of
from imagegen.providers.local.reckon import learned_as, work_of
from imagegen.providers.local.studio import Stock, Studio
from imagegen.providers.local.where import remembered

_HOUR = 3600


class Local:
    """This machine. `stock` is what it works with, `hourly` what an hour costs in nanodollars (None: the price of each
    model in the catalogue, by its offer, holds)."""

    def __init__(
        self, stock: Stock, settings: LocalSettings, offers: Mapping[str, Offer], hourly: Nano | None = None
    ) -> None:
        self._offers, self._hourly, self._device = offers, hourly, settings.device
        devices = settings.devices
        settings = replace(settings, device=devices[0]) if len(devices) == 1 else settings
        self._studio = Fleet(stock, settings, devices) if len(devices) > 1 else Studio(stock, settings)
        self._digests = Digests(remembered(stock.home))
        self._speeds: dict[str, list[float]] = {}
        self._memory: Any = None
        self._limits = Limits(max_batch=self._studio.batch, concurrency=len(devices), writers=settings.writers)

    @property
    def limits(self) -> Limits:
        """One batch at a time on each device; others are put away meanwhile."""
        return self._limits

    def refuses(self, request: Request, given: Mapping[str, Given] = NOT_LOOKED_AT) -> str | None:
        """What the engine cannot make, known without its weights."""
        return rules.refusal(request, given)

    def shares(self, request: Request) -> Hashable:
        """What must be equal in a batch: whatever forces other weights, another graph or another number of steps."""
        return rules.shared(request)

    def expect(self, buckets: Mapping[str, int]) -> None:
        """What is to come: how many pictures, by what they share. Decides whether compiling pays."""
        self._studio.expect(sum(buckets.values()), len(buckets))

    def listen(self, tell: Callable[[str], None]) -> None:
        """Who hears what a person should know of the making."""
        self._studio.tell = tell

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        """Make the pictures of one batch."""
        if lacking := extra.LOCAL.missing():
            yield from (Failed(key(request), lacking, stops_provider=True) for request in batch)
            return
        able = []
        for request in batch:
            if refusal := self.refuses(request):
                yield Failed(key(request), refusal)
            else:
                able.append(request)
        if not able:
            return
        slip.sending()
        pieces: dict[str, Piece] = {}
        for request in able:
            try:
                pieces[key(request)] = piece_of(request, inputs, self._digests)
            except (BadPicture, SettingsError, StorageError) as problem:
                yield Failed(key(request), _said(problem))
        if pieces:
            yield from self._made([request for request in able if key(request) in pieces], list(pieces.values()))

    def _made(self, batch: Sequence[Request], pieces: Sequence[Piece]) -> Iterator[Outcome]:
        try:
            pictures, seconds = self._studio.make(batch[0], pieces)
        except (SettingsError, StorageError) as problem:
            yield from (Failed(key(request), _said(problem)) for request in batch)
            return
        except WorkerDied as problem:  # because of these pictures, it may be: others go on
            yield from (Failed(key(request), f"{problem}; run again") for request in batch)
            return
        except RuntimeError as problem:  # what torch says of a device that failed
            why = f"the device failed: {' '.join(str(problem).split())[:200]}; run again"
            yield from (Failed(key(request), why, stops_provider=True) for request in batch)
            return
        sound = sum(isinstance(picture, Pixels) for picture in pictures)
        self._learn(batch[0], seconds / len(batch))
        for request, picture in zip(batch, pictures, strict=True):
            if isinstance(picture, Flaw):
                yield Failed(key(request), picture.reason)
            else:
                yield Made(key(request), _artifact(picture, seconds / sound), self._charge(request, seconds / sound))

    def _charge(self, request: Request, seconds: float) -> Charge:
        """The time that it took without loading, at what an hour costs; without that the catalogue's price."""
        if self._hourly is not None:
            return Charge(ceil(seconds * self._hourly / _HOUR), "time")
        offer = self._offers.get(request.model)
        price = offer.price.per_image.get("*") if offer and offer.price else None
        return FREE if price is None else Charge(price, "price")

    def attach(self, memory: Any) -> None:
        """Where the speed that is seen is kept between runs."""
        self._memory = memory

    def keep(self) -> None:
        """Write down the speed that was seen: the middle one, since a first batch compiles."""
        for model, seen in self._speeds.items():
            if self._memory is not None:
                self._memory.keep(model, {"tflops": sorted(seen)[len(seen) // 2]})
        self._speeds.clear()

    def _learn(self, request: Request, seconds: float) -> None:
        work = work_of(request)
        if work and seconds > 0:
            self._speeds.setdefault(learned_as(request, self._device), []).append(work.tflop / seconds)

    def close(self) -> None:
        """Free the device."""
        self._studio.close()


def _artifact(picture: Pixels, seconds: float) -> LateArtifact:
    facts = {**picture.facts, "seconds": round(seconds, 3)}
    return LateArtifact(lambda: png.encode(picture.array), "image/png", facts)


def _said(problem: BadPicture | SettingsError | StorageError) -> str:
    return f"an input picture cannot be used: {problem.reason}" if isinstance(problem, BadPicture) else str(problem)
