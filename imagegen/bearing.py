"""Bearing: what each provider bears, from the user's settings and the catalogue, and where what it was found to bear
is kept. Which account that is about is told by a hash: keys themselves are written nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from imagegen.domain.model import Offer
from imagegen.domain.queue import provider_of
from imagegen.ledger import Ledger
from imagegen.ledger.learned import Memory
from imagegen.providers import Limits, Provider, Rates
from imagegen.settings import Settings

#: How many calls go out at once where nobody knows better.
CONCURRENCY = 5
#: Providers that count each model by itself, by their own pages on rate limits. All others are taken to count what
#: is asked of them together.
BY_MODEL = frozenset({"openai", "google", "vertex"})
_COUNTS = tuple(each.name for each in fields(Rates) if each.name != "concurrency")


def limits(settings: Settings, provider: str, offers: Mapping[str, Offer]) -> Limits:
    """What a provider bears: of calls at once the user's word first, then the most that the catalogue knows of any of
    its models; of each model what the catalogue says. What it says of all of them is also the limit of all
    together, unless the provider counts each by itself."""
    known = [offer.concurrency for offer in offers.values() if offer.concurrency]
    most = max(known, default=None)
    by_model = provider in BY_MODEL
    return Limits(
        max_batch=1,
        concurrency=settings.concurrency.get(provider) or settings.workers or most or CONCURRENCY,
        models={name: _rates(offer, most) for name, offer in offers.items()},
        by_model=by_model,
        **({} if by_model else _whole(offers)),
    )


def remember(providers: Mapping[str, Provider], settings: Settings, ledger: Ledger) -> None:
    """Let every provider that learns begin with what `ledger` holds of its account."""
    for name, provider in providers.items():
        attach = getattr(provider, "attach", None)
        if attach is not None:
            attach(Memory(ledger, name, account(settings, name)))


def keep(providers: Mapping[str, Provider]) -> None:
    """Let every provider that learned write it down."""
    for provider in providers.values():
        write = getattr(provider, "keep", None)
        if write is not None:
            write()


def account(settings: Settings, provider: str) -> str:
    """A name for the key and the address that are used with `provider`, from which neither can be told."""
    whose = provider_of(provider)
    key, address = settings.keys.get(whose), settings.addresses.get(whose, "")
    told = "\n".join((provider, address, key.reveal() if key else ""))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _rates(offer: Offer, most: int | None) -> Rates:
    """`most`: calls at once that hold for the provider anyway."""
    own = offer.concurrency if offer.concurrency != most else None
    return Rates(**{name: getattr(offer, name) for name in _COUNTS}, concurrency=own)


def _whole(offers: Mapping[str, Offer]) -> dict[str, Any]:
    """The limits that every offer states, each at its highest."""
    found = {name: [getattr(offer, name) for offer in offers.values()] for name in _COUNTS}
    return {name: max(values) for name, values in found.items() if values and None not in values}
