"""Odd answers of vision models, as an interrupted process left them in the spool: each becomes an outcome with a
charge that is right or admitted to be unknown. Nothing is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from imagegen.choose.judge import scores_of
from imagegen.domain.outcome import UNKNOWN_CHARGE, Charge, Failed, Made, Outcome, Refused, Unknown
from tests.cloud import Cloud
from tests.providers.contract import KEY, outcomes
from tests.providers.judged import JUDGES, WISH, ask, google, openai
from tests.providers.slips import MemorySlip

MINI, GEMINI = "gpt-5.4-mini", "gemini-3.1-flash-lite"
NAMES = {MINI: "openai", GEMINI: "google"}
#: What ten tokens in and five out cost.
PAID = {name: Charge(JUDGES[name].charge(10, 5), "usage") for name in (MINI, GEMINI)}


def chat(usage: Any = None, ended: str = "stop", model: str = MINI, **message: Any) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": ended}
    counts = {"prompt_tokens": 10, "completion_tokens": 5} if usage is None else usage
    return {"choices": [choice], "usage": counts, "model": model}


def content(text: str = "", usage: Any = None, ended: str = "STOP") -> dict[str, Any]:
    """A GenerateContentResponse."""
    parts = [{"text": text}] if text else []
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2} if usage is None else usage
    return {"candidates": [{"content": {"parts": parts}, "finishReason": ended}], "usageMetadata": counts}


def read(cloud: Cloud, said: Any, model: str, /, **changes: Any) -> Outcome:
    """What the provider of `model` makes of the answer `said` to a request with `changes`."""
    provider = openai(cloud) if model == MINI else google(cloud)
    slip = MemorySlip(answer=json.dumps(said).encode())
    (result,) = outcomes(provider, [replace(ask(NAMES[model], model), **changes)], slip)
    provider.close()
    assert (slip.calls, cloud.requests) == ([], [])
    return result


@pytest.mark.parametrize(
    ("said", "model", "ended"),
    [
        (chat(ended="length", content=None), MINI, " (length)"),
        (chat(ended="length", content=""), MINI, " (length)"),
        ({**chat(), "choices": []}, MINI, ""),
        (content(ended="MAX_TOKENS"), GEMINI, " (MAX_TOKENS)"),
        (content(ended="OTHER"), GEMINI, " (OTHER)"),
    ],
)
def test_nothing_written_is_paid_for_and_evidence(cloud: Cloud, said: Any, model: str, ended: str) -> None:
    """As with pictures: what was counted is charged, and nobody is said to have refused."""
    failed = read(cloud, said, model)
    assert isinstance(failed, Failed)
    assert failed.reason == f"paid for, but {model} wrote nothing{ended}"
    assert (failed.charge, failed.retryable) == (PAID[model], False)
    assert failed.evidence == json.dumps(said).encode()


@pytest.mark.parametrize(
    ("said", "model", "why"),
    [
        (chat(content=None, refusal="No, thanks."), MINI, "No, thanks."),
        (chat(ended="content_filter", content="{"), MINI, "content_filter"),
        (content("{", ended="PROHIBITED_CONTENT"), GEMINI, "PROHIBITED_CONTENT"),
        ({**content(), "candidates": []}, GEMINI, "no candidates"),
        ({"usageMetadata": content()["usageMetadata"]}, GEMINI, "no candidates"),
        ({**content(), "candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}, GEMINI, "SAFETY"),
    ],
)
def test_every_way_to_refuse(cloud: Cloud, said: Any, model: str, why: str) -> None:
    """Also after a part of the answer."""
    refused = read(cloud, said, model)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.charge) == (f"{model} would not look: {why}", PAID[model])


@pytest.mark.parametrize("count", [-10, "10", True, 10**40, 1.5, [10]])
def test_a_count_that_is_none_leaves_the_charge_unknown(cloud: Cloud, count: Any) -> None:
    """In each place; an answer that was paid for is kept all the same."""
    bad = [
        (chat({"prompt_tokens": count, "completion_tokens": 5}, content="{}"), MINI),
        (chat({"prompt_tokens": 10, "completion_tokens": count}, content="{}"), MINI),
        (content("{}", {"promptTokenCount": count}), GEMINI),
        (content("{}", {"promptTokenCount": 10, "candidatesTokenCount": count}), GEMINI),
        (content("{}", {"promptTokenCount": 10, "thoughtsTokenCount": count}), GEMINI),
    ]
    for said, model in bad:
        made = read(cloud, said, model)
        assert isinstance(made, Made)
        assert (made.artifact.data, made.charge) == (b"{}", UNKNOWN_CHARGE)


@pytest.mark.parametrize("usage", ["none", [], {}, {"total_tokens": 15, "totalTokenCount": 15}])
def test_without_counts_the_charge_is_unknown(cloud: Cloud, usage: Any) -> None:
    """Never $0."""
    for said, model in ((chat(usage, content="{}"), MINI), (content("{}", usage), GEMINI)):
        made = read(cloud, said, model)
        assert isinstance(made, Made)
        assert made.charge == UNKNOWN_CHARGE


def test_half_characters_do_no_harm(cloud: Cloud) -> None:
    """JSON may hold them where no file can."""
    half = "Nice \ud83d"
    for said, model in ((chat(content=half, model=half), MINI), (content(half), GEMINI)):
        made = read(cloud, said, model)
        assert isinstance(made, Made)
        assert (made.artifact.data, made.charge) == (b"Nice ?", PAID[model])
        assert "\ud83d" not in json.dumps(made.artifact.facts, ensure_ascii=False)
        with pytest.raises(ValueError, match="not JSON"):
            scores_of(made.artifact.data, 3, WISH)


def test_a_disabled_account_stops_the_provider(cloud: Cloud) -> None:
    """Google's word for it, whatever else the answer holds."""
    failed = read(cloud, content("{}", ended="PUP_LIMITED_DISABLED"), GEMINI)
    assert isinstance(failed, Failed)
    assert (failed.stops_provider, failed.charge) == (True, PAID[GEMINI])
    assert "limited or disabled the account" in failed.reason


def test_what_was_bought_is_read_whatever_is_refused_today(cloud: Cloud) -> None:
    """An answer about more pictures than may be asked about now; without the judge's price its charge is unknown."""
    many = tuple(f"{number:064}" for number in range(17))
    made = read(cloud, chat(content="{}"), MINI, images=many)
    assert isinstance(made, Made)
    assert made.charge == PAID[MINI]
    gone = read(cloud, chat(content="{}"), MINI, model="gpt-4")
    assert isinstance(gone, Unknown)
    assert (gone.charge, "gpt-4" in gone.reason) == (UNKNOWN_CHARGE, True)


def test_no_key_comes_out_of_an_answer(cloud: Cloud) -> None:
    """Neither in what was written, nor in a refusal, nor in the evidence."""
    for message in ({"content": f"my key is {KEY}"}, {"refusal": f"not with {KEY}"}, {"content": None, "name": KEY}):
        result = read(cloud, chat(**message), MINI)
        whole = result.artifact.data if isinstance(result, Made) else getattr(result, "evidence", None) or b""
        assert KEY.encode() not in whole
        assert KEY not in repr(result)
