"""OpenAI's chat completions as a judge's dialect: pictures and a question in, JSON out. Through the SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.domain.judge import Judge
from imagegen.domain.request import Request, nfc
from imagegen.providers import Slip
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.judging import Said, counted, options
from imagegen.providers.hosted.pictures import data_url
from imagegen.providers.hosted.rest import parsed
from imagegen.providers.hosted.server import Server, one_line
from imagegen.providers.openai import errors
from imagegen.providers.openai.call import Line

#: How an answer ends that the provider's policy kept back.
FILTERED = "content_filter"


class ChatJudge:
    """A JudgeSpeaker on `line`: OpenAI itself, Azure, or a server of one's own."""

    def __init__(self, line: Line) -> None:
        self.server: Server = line
        self._line = line

    def ask(
        self, request: Request, judge: Judge, pictures: Sequence[bytes], slip: Slip
    ) -> tuple[bytes, Mapping[str, Any]]:
        """Send it once."""
        try:
            call = self._line.chat(body(request, judge, pictures, self._line.keeps), slip)
        except errors.wire_errors() as error:
            outcome = errors.outcome(error, self._line)
            raise (ModelGone if errors.says_model_is_gone(error) else Denied)(outcome) from error
        return call.data, {"request_id": call.request_id} if call.request_id else {}

    def read(self, data: bytes) -> Said | None:
        """The first choice's text, or its refusal."""
        said = parsed(data)
        choices = said.get("choices") if isinstance(said, Mapping) else None
        if not isinstance(said, Mapping) or not isinstance(choices, list):
            return None
        first, usage = choices[0] if choices else {}, said.get("usage")
        message = first.get("message", {}) if isinstance(first, Mapping) else None
        given, came = counted(usage, "prompt_tokens"), counted(usage, "completion_tokens")
        tokens = None if given is None or came is None else (given, came)
        if not isinstance(message, Mapping):
            return None
        refused, text, ended = message.get("refusal"), message.get("content"), str(first.get("finish_reason") or "")
        if refused or ended == FILTERED:
            return Said(None, str(refused or ended), tokens=tokens)
        if not isinstance(text, str) or not text:
            return Said(None, ended=ended, tokens=tokens)
        return Said(text, tokens=tokens, facts={"answered_by": one_line(str(said.get("model") or ""))})

    def close(self) -> None:
        """Close the client."""
        self._line.close()


def body(request: Request, judge: Judge, pictures: Sequence[bytes], keeps: bool) -> dict[str, Any]:
    """What goes over the wire, in the words of the SDK; with the wish that nothing be kept where the server `keeps`."""
    schema, most = options(request)
    parts: list[dict[str, Any]] = [{"type": "text", "text": nfc(request.prompt)}]
    parts += [{"type": "image_url", "image_url": {"url": data_url(data), "detail": "high"}} for data in pictures]
    whole: dict[str, Any] = {
        "model": judge.api_name,
        "messages": [{"role": "user", "content": parts}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "scores", "strict": True, "schema": schema}},
        "max_completion_tokens": most,
    }
    whole |= {"reasoning_effort": judge.effort} if judge.effort else {}
    return whole | ({"store": False} if keeps else {})
