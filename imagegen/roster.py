"""Roster: the hosted providers that this version can call, and how each is built. One builder a provider.

Beside `wiring` the only importer of concrete providers; they are imported when they are built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from imagegen.clock import Clock
from imagegen.domain.judge import Judge
from imagegen.domain.model import Offer
from imagegen.providers import Limits, Provider
from imagegen.servers import OwnServer


@dataclass(frozen=True)
class Post:
    """What a provider is built from. `api_key` is "" for a server of one's own that asks for none, and "none" where
    nobody gave one: no row is planned for it then, but what earlier runs paid for is still collected. `base_url`
    None: the provider's own address. `server`: the user's own, where it is one. `stopped` tells whether the
    run was asked to stop."""

    name: str
    api_key: str
    base_url: str | None
    offers: Mapping[str, Offer]
    limits: Limits
    stopped: Callable[[], bool] = lambda: False
    server: OwnServer | None = None
    judges: Mapping[str, Judge] = field(default_factory=dict)


def _openai(post: Post) -> Provider:
    from imagegen.providers.openai import OpenAI

    return OpenAI(post.api_key, post.base_url, post.offers, post.limits)


def _fal(post: Post) -> Provider:
    from imagegen.providers.fal import Fal
    from imagegen.providers.hosted.remote import Remote

    return Remote(Fal(post.api_key, post.base_url), post.offers, post.limits, stopped=post.stopped)


def compatible(post: Post) -> Provider:
    """A server of the user's own."""
    from imagegen.providers.compatible import Compatible

    assert post.server is not None
    return Compatible(post.server, post.api_key, post.offers, post.limits)


def _together(post: Post) -> Provider:
    from imagegen.providers.hosted.hosted import Direct
    from imagegen.providers.together import Together

    return Direct(Together(post.api_key, post.base_url), post.offers, post.limits)


#: Seconds for which a finished job's picture can be fetched, by provider: BFL's links live ten minutes, Replicate
#: deletes a prediction's files after an hour.
DAY = 86_400.0
KEEPS = {"bfl": 600.0, "replicate": 3600.0}


def _bfl(post: Post) -> Provider:
    from imagegen.providers.bfl import Bfl
    from imagegen.providers.hosted.remote import Remote

    return Remote(Bfl(post.api_key, post.base_url), post.offers, post.limits, stopped=post.stopped)


def _stability(post: Post) -> Provider:
    from imagegen.providers.hosted.hosted import Direct
    from imagegen.providers.stability import Stability

    return Direct(Stability(post.api_key, post.base_url), post.offers, post.limits)


def _replicate(post: Post) -> Provider:
    from imagegen.providers.hosted.remote import Remote
    from imagegen.providers.replicate import Replicate

    return Remote(Replicate(post.api_key, post.base_url), post.offers, post.limits, stopped=post.stopped)


def _google(post: Post) -> Provider:
    from imagegen.providers.google import Google
    from imagegen.providers.hosted.hosted import Direct

    return Direct(Google(post.api_key, post.base_url), post.offers, post.limits)


def _vertex(post: Post) -> Provider:
    from imagegen.googlecloud import parts
    from imagegen.providers.google import Vertex
    from imagegen.providers.hosted.hosted import Direct

    return Direct(Vertex(*parts(post.api_key), post.base_url), post.offers, post.limits)


#: Provider -> its builder.
BUILDERS: dict[str, Callable[[Post], Provider]] = {
    "openai": _openai,
    "google": _google,
    "vertex": _vertex,
    "fal": _fal,
    "together": _together,
    "bfl": _bfl,
    "stability": _stability,
    "replicate": _replicate,
}


def build(name: str) -> Callable[[Post], Provider]:
    """The builder of the provider `name`; any other name is a server of the user's own."""
    return BUILDERS.get(name, compatible)


def _chat_judges(post: Post) -> Provider:
    """OpenAI's, and those of every server that speaks its dialect."""
    from imagegen.providers.compatible.line import OwnLine
    from imagegen.providers.hosted.judging import Judging
    from imagegen.providers.hosted.server import Timeouts
    from imagegen.providers.openai.call import Line
    from imagegen.providers.openai.judging import ChatJudge

    if post.server:
        line: Line = OwnLine(post.server, post.api_key, Timeouts())
    else:
        line = Line(post.name, post.api_key, post.base_url, Timeouts())
    return Judging(ChatJudge(line), post.judges, post.limits)


def _gemini_judges(post: Post) -> Provider:
    """Those of the Gemini API, and of a project at Google Cloud."""
    from imagegen.googlecloud import parts
    from imagegen.providers.google import Google, Vertex
    from imagegen.providers.google.judging import GeminiJudge
    from imagegen.providers.hosted.judging import Judging

    vertex = post.name == "vertex"
    google = Vertex(*parts(post.api_key), post.base_url) if vertex else Google(post.api_key, post.base_url)
    return Judging(GeminiJudge(google.wire), post.judges, post.limits)


#: Provider -> the builder of what asks its vision models.
JUDGES: dict[str, Callable[[Post], Provider]] = {
    "openai": _chat_judges,
    "google": _gemini_judges,
    "vertex": _gemini_judges,
}


def build_judges(name: str) -> Callable[[Post], Provider]:
    """The builder of what asks the vision models of `name`; of any other name it is a server of the user's own."""
    return JUDGES.get(name, _chat_judges)


#: What a batch of OpenAI's may hold: pictures, and bytes of its answer, which is read whole (100 pictures of 1024x1024
#: in base64). The provider takes 50,000 requests, but gives everything back in one file.
OPENAI_BATCH = Limits(max_batch=100, concurrency=2, most_bytes=320 * 2**20, keeps=30 * DAY)


def _openai_queue(post: Post, clock: Clock) -> Provider:
    from imagegen.providers.openai.batches import Batches
    from imagegen.providers.wrap.queued import Queued

    batches = Batches(post.api_key, post.base_url, post.offers)
    return Queued(batches, _openai(post), OPENAI_BATCH, clock)


#: What a batch of Gemini's may hold. Larger ones were billed and could never be fetched; its answer holds the pictures,
#: perhaps twice, and is read whole (50 of 1K, 13 of 2K, 3 of 4K). Nobody says how long Google keeps them: it expires a
#: batch after two days, so one that is not there after a week is gone.
GOOGLE_BATCH = Limits(max_batch=50, concurrency=2, most_bytes=160 * 2**20, keeps=7 * DAY)


def _google_queue(post: Post, clock: Clock) -> Provider:
    from imagegen.providers.google.batches import Batches
    from imagegen.providers.wrap.queued import Queued

    batches = Batches(post.api_key, post.base_url, post.offers, GOOGLE_BATCH.keeps)
    return Queued(batches, _google(post), GOOGLE_BATCH, clock)


#: Provider -> the builder of its queue, around the provider itself.
QUEUED: dict[str, Callable[[Post, Clock], Provider]] = {"openai": _openai_queue, "google": _google_queue}
