"""Google's providers at the local server, with the catalogue's own offers."""

from __future__ import annotations

from typing import Any

from google.oauth2.credentials import Credentials

from imagegen import catalog
from imagegen.domain.model import Size
from imagegen.domain.outcome import Outcome
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.google import Google, Vertex
from imagegen.providers.google.batches import Batches
from imagegen.providers.hosted.hosted import Direct
from imagegen.providers.hosted.queue import Queue
from imagegen.providers.hosted.server import Timeouts
from tests.cloud import Cloud
from tests.cloud.google import TOKEN
from tests.cloud.google_batch import GoogleBatchService
from tests.providers.contract import KEY, outcomes

CATALOG = catalog.load()
OFFERS = {
    provider: {name: offer for name, model in CATALOG.models.items() if (offer := model.offer(provider))}
    for provider in ("google", "vertex")
}
OPEN: list[Direct] = []
QUICK = Timeouts(connect=2, first_byte=0.5, progress=0.5, total=5)
FLASH, PRO, LITE, OLD = (
    "gemini-nano-banana-2.1",
    "gemini-3-pro-image",
    "gemini-3.1-flash-lite-image",
    "gemini-2.5-flash-image",
)


def google(cloud: Cloud, key: str = KEY, timeouts: Timeouts = QUICK) -> Direct:
    """The Gemini API at `cloud`."""
    return _noted(Direct(Google(key, cloud.url("google"), timeouts), OFFERS["google"], Limits()))


def vertex(cloud: Cloud, project: str = "my-project", location: str = "global", timeouts: Timeouts = QUICK) -> Direct:
    """Vertex at `cloud`, with a token that needs no renewal."""
    speaker = Vertex(project, location, cloud.url("vertex"), timeouts, Credentials(TOKEN))
    return _noted(Direct(speaker, OFFERS["vertex"], Limits()))


def _noted(provider: Direct) -> Direct:
    OPEN.append(provider)
    return provider


def close() -> None:
    """Close all that were connected."""
    while OPEN:
        OPEN.pop().close()


def ask(prompt: str = "A stoneware mug on linen", **changes: Any) -> Request:
    """A square picture at 1K, but for `changes`."""
    fields: dict[str, Any] = {
        "provider": "google",
        "model": FLASH,
        "prompt": prompt,
        "width": 1024,
        "height": 1024,
        "aspect_ratio": "1:1",
        "resolution": "1K",
    }
    return Request(**(fields | changes))


def one(provider: Direct, request: Request, inputs: dict[str, bytes] | None = None) -> Outcome:
    """The one outcome of `request`."""
    (result,) = outcomes(provider, [request], None, inputs)
    return result


def sizes(name: str) -> list[Size]:
    """All that a model makes."""
    offer = OFFERS["vertex"][name]
    return list(dict.fromkeys((offer.sizes.default, *offer.sizes.sizes)))


def of(name: str, size: Size, **changes: Any) -> Request:
    """A request for `size`."""
    words = {"aspect_ratio": size.ratio, "resolution": size.resolution}
    return ask(model=name, width=size.width, height=size.height, **words, **changes)


def queue(cloud: Cloud, key: str = KEY, keeps: float = 1000.0) -> Queue:
    """The Gemini API's queue at `cloud`."""
    batches = Batches(key, cloud.url("google"), OFFERS["google"], keeps, QUICK)
    limits = Limits(max_batch=50, keeps=keeps, most_bytes=10**9)
    return Queue(batches, Direct(Google(key, cloud.url("google"), QUICK), OFFERS["google"], Limits()), limits)


def batches(cloud: Cloud) -> GoogleBatchService:
    """What `cloud` has of Gemini's batches."""
    found = cloud.services["google"]
    assert isinstance(found, GoogleBatchService)
    return found
