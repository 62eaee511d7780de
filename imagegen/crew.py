"""Crew: every provider that this version can call, built from settings and catalogue when it is first asked for.

Beside `wiring` and `roster` the only importer of concrete providers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from imagegen.bearing import limits
from imagegen.blueprint import PLACEHOLDER
from imagegen.catalog import Catalog
from imagegen.clock import Clock
from imagegen.domain.handoff import HANDOFF, Brought
from imagegen.domain.model import Offer
from imagegen.domain.queue import LOCAL, judges_of, queue_of
from imagegen.domain.request import Key
from imagegen.ondemand import OnDemand
from imagegen.ownmodels import OwnModels
from imagegen.providers import Provider
from imagegen.roster import BUILDERS, DAY, KEEPS, QUEUED, Post, build, build_judges
from imagegen.settings import Settings


def providers(settings: Settings, catalog: Catalog, clock: Clock) -> Mapping[str, Provider]:
    """Every provider that this version can call, wrapped: retry(breaker(limit(provider))). Each is built when it is
    first asked for, which raises SettingsError for a key or an address that cannot be one."""

    def placeholder() -> Provider:
        from imagegen.providers.placeholder import Placeholder

        return Placeholder(concurrency=settings.concurrency.get(PLACEHOLDER) or settings.workers or 4)

    def wrapped(builder: Callable[[Post], Provider], name: str) -> Provider:
        from imagegen.providers.wrap import breaking, limited, retrying

        return retrying(breaking(limited(builder(_post(settings, catalog, clock, name)), clock), clock), clock)

    def queue(name: str) -> Provider:
        return QUEUED[name](_post(settings, catalog, clock, name), clock)

    def local() -> Provider:
        from imagegen.providers.local.provider import Local
        from imagegen.providers.local.studio import Stock

        own = OwnModels(settings, catalog, settings.home)
        licenses = {name: model.license for name, model in catalog.models.items()}
        stock = Stock(own.folders(), settings.home, own.controls(), licenses, own.extras)
        return Local(stock, settings.local, _offers(catalog, LOCAL), own.hourly)

    judges = sorted({judge.provider for judge in catalog.judges.values()})
    return OnDemand[Provider](
        {
            PLACEHOLDER: placeholder,
            LOCAL: local,
            **{name: partial(wrapped, build(name), name) for name in (*BUILDERS, *settings.servers)},
            **{queue_of(name): partial(queue, name) for name in QUEUED},
            **{judges_of(name): partial(wrapped, build_judges(name), name) for name in judges},
            HANDOFF: partial(by_hand, catalog),
        }
    )


def by_hand(catalog: Catalog, brought: Mapping[Key, Brought] | None = None) -> Provider:
    """The person, and the pictures that he brought."""
    from imagegen.providers.handoff import Handoff

    return Handoff(_offers(catalog, HANDOFF), brought)


def _post(settings: Settings, catalog: Catalog, clock: Clock, name: str) -> Post:
    key, address = settings.keys.get(name), settings.addresses.get(name)
    offers = _offers(catalog, name)
    return Post(
        name,
        api_key=key.reveal() if key else "" if address else "none",
        base_url=address,
        offers=offers,
        limits=replace(limits(settings, name, offers), keeps=KEEPS.get(name, DAY)),
        server=settings.servers.get(name),
        judges={judge.name: judge for judge in catalog.judges.values() if judge.provider == name},
        stopped=getattr(getattr(clock, "stop", None), "is_set", lambda: False),
    )


def _offers(catalog: Catalog, provider: str) -> dict[str, Offer]:
    found = {name: model.offer(provider) for name, model in catalog.models.items()}
    return {name: offer for name, offer in found.items() if offer is not None}
