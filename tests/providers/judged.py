"""Vision models that judge, at the local server, and what they are asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from imagegen import catalog
from imagegen.choose import Candidate, Model, Wish
from imagegen.choose.judge import request_of
from imagegen.domain.judge import Judge
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.compatible.line import OwnLine
from imagegen.providers.google import Google, Vertex
from imagegen.providers.google.judging import GeminiJudge
from imagegen.providers.hosted.judging import JudgeSpeaker, Judging
from imagegen.providers.openai.call import Line
from imagegen.providers.openai.judging import ChatJudge
from imagegen.servers import OwnServer
from tests.cloud import Cloud
from tests.cloud.google import TOKEN
from tests.cloud.pictures import picture
from tests.providers.contract import KEY, Supplied
from tests.providers.googles import QUICK, Credentials

JUDGES = dict(catalog.load().judges)
#: A model of a server of one's own, with a price so that its charges can be told.
OWN = replace(JUDGES["gpt-5.4-nano"], name="house-judge", provider="lab", effort=None)
DRAFTS = {hashlib.sha256(data).hexdigest(): data for data in (picture(f"draft {n}", 256, 160) for n in range(3))}
WISH = Wish("A stoneware mug on linen", text="SALE")


def openai(cloud: Cloud, key: str = KEY) -> Supplied:
    """OpenAI's."""
    return _judging(ChatJudge(Line("openai", key, cloud.base_url, QUICK)))


def own(cloud: Cloud, key: str = "") -> Supplied:
    """Those of a server of the user's own, which speaks OpenAI's dialect and calls its model as OpenAI does."""
    server = OwnServer("lab", cloud.base_url, "LAB_API_KEY")
    return _judging(ChatJudge(OwnLine(server, key or KEY, QUICK)), {"house-judge": OWN})


def google(cloud: Cloud, key: str = KEY) -> Supplied:
    """The Gemini API's."""
    return _judging(GeminiJudge(Google(key, cloud.url("google"), QUICK).wire))


def vertex(cloud: Cloud) -> Supplied:
    """Those of a project at Google Cloud."""
    speaker = Vertex("my-project", "global", cloud.url("vertex"), QUICK, Credentials(TOKEN))
    return _judging(GeminiJudge(speaker.wire))


def _judging(speaker: JudgeSpeaker, judges: dict[str, Judge] | None = None) -> Supplied:
    """With the drafts at hand."""
    return Supplied(Judging(speaker, judges or JUDGES, Limits()), DRAFTS)


def ask(provider: str = "openai", model: str = "gpt-5.4-mini", drafts: Sequence[bytes] = (), **changes: Any) -> Request:
    """What to ask about the drafts."""
    candidates = [Candidate(number, data) for number, data in enumerate(drafts or DRAFTS.values())]
    return replace(request_of(candidates, WISH, Model(provider, model)), **changes)
