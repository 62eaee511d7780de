"""What vision models are asked and what their answers mean; the contract is kept in test_contract_judges.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from imagegen.choose.judge import schema, scores_of
from imagegen.domain.outcome import Failed, Made, Outcome, Refused
from imagegen.providers.openai.judging import body
from tests.cloud import Cloud
from tests.providers.contract import KEY, Supplied, outcomes
from tests.providers.judged import DRAFTS, JUDGES, WISH, ask, google, openai, own, vertex

Connect = Callable[[Cloud], Supplied]
GEMINI = "gemini-3.1-flash-lite"
ALL = [
    pytest.param(openai, ("openai", "gpt-5.4-mini"), id="openai"),
    pytest.param(own, ("lab", "house-judge"), id="own"),
    pytest.param(google, ("google", GEMINI), id="google"),
    pytest.param(vertex, ("vertex", GEMINI), id="vertex"),
]


def one(cloud: Cloud, connect: Connect, model: tuple[str, str], **changes: Any) -> Outcome:
    """The one outcome of asking about the drafts."""
    provider = connect(cloud)
    (result,) = outcomes(provider, [ask(*model, **changes)])
    provider.close()
    return result


@pytest.mark.parametrize(("connect", "model"), ALL)
def test_the_answer_can_be_read_strictly(cloud: Cloud, connect: Connect, model: tuple[str, str]) -> None:
    """As the model wrote it, without what it only thought; the draft that the server likes best has the best score,
    so the pictures went out whole and in order."""
    made = one(cloud, connect, model)
    assert isinstance(made, Made)
    scores = scores_of(made.artifact.data, len(DRAFTS), WISH)
    best = max(range(len(DRAFTS)), key=lambda at: scores[at].value)
    assert list(DRAFTS)[best] == max(DRAFTS)
    assert made.charge.amount == cloud.bill > 0
    assert made.charge.basis == "usage"
    assert len(made.artifact.facts["tokens"]) == 2


@pytest.mark.parametrize(("connect", "model"), ALL)
@pytest.mark.parametrize("fault", ["unwilling", "filtered"])
def test_a_model_that_will_not_look_is_a_refusal(
    cloud: Cloud, connect: Connect, model: tuple[str, str], fault: str
) -> None:
    """Charged by its usage, and told in the model's own words."""
    cloud.faults.add(fault)
    refused = one(cloud, connect, model)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(f"{model[1]} would not look: ")
    assert refused.charge.amount == cloud.bill > 0


@pytest.mark.parametrize(("connect", "model"), ALL)
@pytest.mark.parametrize("fault", ["garbage", "truncated"])
def test_what_is_no_json_was_paid_for(cloud: Cloud, connect: Connect, model: tuple[str, str], fault: str) -> None:
    """It is kept as it came: the strict reader says what is wrong with it."""
    cloud.faults.add(fault)
    made = one(cloud, connect, model)
    assert isinstance(made, Made)
    assert made.charge.amount == cloud.bill > 0
    with pytest.raises(ValueError, match="not JSON"):
        scores_of(made.artifact.data, len(DRAFTS), WISH)


@pytest.mark.parametrize(("connect", "model"), ALL)
def test_an_answer_of_another_kind_is_evidence(cloud: Cloud, connect: Connect, model: tuple[str, str]) -> None:
    """A web page where an answer should be: paid for, nobody knows how much."""
    cloud.faults.add("html")
    failed = one(cloud, connect, model)
    assert isinstance(failed, Failed)
    assert failed.charge.amount is None
    assert failed.evidence
    assert b"nginx" in failed.evidence


@pytest.mark.parametrize(("connect", "model"), ALL)
def test_a_revoked_key_stops_the_provider(cloud: Cloud, connect: Connect, model: tuple[str, str]) -> None:
    """It costs nothing, and the key is in no sentence."""
    cloud.faults.add("bad_key")
    failed = one(cloud, connect, model)
    assert isinstance(failed, Failed)
    assert (failed.stops_provider, failed.charge.amount) == (True, 0)
    assert KEY not in repr(failed)


def test_a_closed_model_is_asked_once(cloud: Cloud) -> None:
    """Whoever asks it again hears the same, and nothing is sent."""
    cloud.faults.add("model_gone")
    provider = openai(cloud)
    first, second = (outcomes(provider, [ask()])[0] for _ in range(2))
    provider.close()
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert first.reason == second.reason
    assert len(cloud.requests) == 1


def test_pictures_that_are_not_at_hand_are_not_asked_about(cloud: Cloud) -> None:
    """A digest whose bytes nobody has: nothing is sent."""
    provider = openai(cloud)
    (failed,) = outcomes(provider, [ask(images=("0" * 64, "1" * 64))])
    provider.close()
    assert isinstance(failed, Failed)
    assert "000000000000… is not at hand" in failed.reason
    assert cloud.requests == []


def test_the_body_is_of_the_sdk_s_own_type() -> None:
    """Checked by pydantic against the SDK's TypedDict, which takes no other keys; the schema is the judge's."""
    request = ask()
    whole = body(request, JUDGES["gpt-5.4-mini"], list(DRAFTS.values()), keeps=True)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(whole)
    assert set(whole) <= set(CompletionCreateParamsNonStreaming.__annotations__) | {"model", "messages"}
    assert whole["response_format"]["json_schema"]["schema"] == schema(WISH)
    assert whole["max_completion_tokens"] == json.loads(request.options or "")["most_tokens"]
    assert whole["reasoning_effort"] == "none"
    assert whole["store"] is False


@pytest.mark.parametrize(("connect", "model", "said"), [(*ALL[0].values, {"store"}), (*ALL[1].values, set())])
def test_nobody_keeps_the_pictures(cloud: Cloud, connect: Connect, model: tuple[str, str], said: set[str]) -> None:
    """OpenAI is told so; a server of the user's own gets no field that it may not know."""
    one(cloud, connect, model)
    assert {"store"} & set(cloud.requests[0].body) == said
