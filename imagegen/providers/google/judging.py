"""Gemini as a judge's dialect: pictures and a question in, JSON out; by key or at Vertex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.domain.judge import Judge
from imagegen.domain.request import Request, nfc
from imagegen.providers import Slip
from imagegen.providers.google.answer import BANNED, POLICY
from imagegen.providers.google.errors import denied
from imagegen.providers.google.wire import Wire
from imagegen.providers.hosted.judging import Said, counted, options
from imagegen.providers.hosted.pictures import media_type
from imagegen.providers.hosted.rest import parsed
from imagegen.providers.hosted.server import one_line

#: What an answer's tokens are counted in.
_WRITTEN = ("candidatesTokenCount", "thoughtsTokenCount")


class GeminiJudge:
    """A JudgeSpeaker over the SDK."""

    def __init__(self, wire: Wire) -> None:
        self.server, self._wire = wire.server, wire

    def ask(
        self, request: Request, judge: Judge, pictures: Sequence[bytes], slip: Slip
    ) -> tuple[bytes, Mapping[str, Any]]:
        """Send it once."""
        reply = self._wire.content(judge.api_name, *asked(request, judge, pictures), slip)
        if 200 <= reply.status < 300:
            return reply.data, {}
        raise denied(reply, self.server)

    def read(self, data: bytes) -> Said | None:
        """The candidate's text, or why there is none."""
        said = parsed(data)
        if not isinstance(said, Mapping) or not ({"candidates", "promptFeedback", "usageMetadata"} & set(said)):
            return None
        usage, feedback = said.get("usageMetadata"), said.get("promptFeedback")
        given, came = counted(usage, "promptTokenCount"), counted(_came(usage), *_WRITTEN)
        tokens = None if given is None or came is None else (given, came)
        candidates = said.get("candidates")
        first = candidates[0] if isinstance(candidates, list) and candidates else {}
        ended = str(first.get("finishReason") or "") if isinstance(first, Mapping) else ""
        text = _text(first)
        blocked = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
        if blocked or ended in POLICY or not first:
            return Said(None, str(blocked or ended or "no candidates"), tokens=tokens)
        if not text or ended == BANNED:
            return Said(None, ended=ended, tokens=tokens, banned=ended == BANNED)
        return Said(text, tokens=tokens, facts=_facts(said))

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()


def asked(request: Request, judge: Judge, pictures: Sequence[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Contents and config in the words of the SDK."""
    schema, most = options(request)
    parts: list[dict[str, Any]] = [{"text": nfc(request.prompt)}]
    parts += [{"inline_data": {"mime_type": media_type(data) or "image/png", "data": data}} for data in pictures]
    config: dict[str, Any] = {
        "candidate_count": 1,
        "max_output_tokens": most,
        "media_resolution": "MEDIA_RESOLUTION_HIGH",
        "response_mime_type": "application/json",
        "response_json_schema": schema,
    }
    if judge.effort:
        config["thinking_config"] = {"thinking_level": judge.effort.upper()}
    return [{"role": "user", "parts": parts}], config


def _facts(said: Mapping[str, Any]) -> dict[str, str]:
    """Who answered, and Google's name for the answer."""
    named = {"answered_by": said.get("modelVersion"), "request_id": said.get("responseId")}
    return {name: one_line(str(value)) for name, value in named.items() if value}


def _came(usage: Any) -> dict[str, Any]:
    """What was written; where nothing was, that is not mentioned."""
    return {"candidatesTokenCount": 0, **usage} if isinstance(usage, Mapping) else {}


def _text(first: Any) -> str:
    """The words of a candidate, without what it only thought."""
    content = first.get("content") if isinstance(first, Mapping) else None
    parts = content.get("parts") if isinstance(content, Mapping) else None
    meant = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    return "".join(str(part["text"]) for part in meant if part.get("text") and not part.get("thought"))
