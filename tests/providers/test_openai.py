"""The OpenAI provider beyond the contract: the body it sends, what it refuses, how it reads errors, what it books."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image

from imagegen.domain.outcome import Failed, Made, Outcome, Refused, Unknown
from imagegen.domain.request import Request, key
from imagegen.errors import SettingsError
from imagegen.providers import Limits
from imagegen.providers.openai import OpenAI, Timeouts
from imagegen.providers.openai.call import Line
from imagegen.providers.openai.errors import outcome, retry_after
from tests.cloud import Cloud
from tests.providers.contract import KEY, known, outcomes
from tests.providers.openais import OFFERS, ask, connect
from tests.providers.slips import MemorySlip


@pytest.fixture
def provider(cloud: Cloud) -> Iterator[OpenAI]:
    provider = connect(cloud)
    yield provider
    provider.close()


def one(provider: OpenAI, request: Request) -> Outcome:
    """The only outcome of the only request."""
    (result,) = outcomes(provider, [request])
    return result


BASE = {"model": "gpt-image-2.5-flare", "prompt": "A mug"}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"width": None, "height": None, "quality": None, "wire_format": None}, BASE),
        ({}, BASE | {"size": "1024x1024", "quality": "low", "output_format": "png"}),
        (
            {"width": 1216, "height": 640, "wire_format": "webp", "background": "transparent", "safety": "low"},
            BASE
            | {"size": "1216x640", "quality": "low", "output_format": "webp", "background": "transparent"}
            | {"moderation": "low"},
        ),
        (
            {"wire_format": "jpeg", "options": '{"complexity":"high","output_compression":80}'},
            BASE
            | {"size": "1024x1024", "quality": "low", "output_format": "jpeg"}
            | {"complexity": "high", "output_compression": 80},
        ),
        (
            {"model": "dall-e-3-hd", "quality": "hd", "width": 1792, "options": '{"style":"natural"}'},
            {"model": "dall-e-3", "prompt": "A mug", "size": "1792x1024", "quality": "hd"}
            | {"response_format": "b64_json", "style": "natural"},
        ),
    ],
)
def test_the_body_holds_only_what_was_asked(
    cloud: Cloud, provider: OpenAI, changes: dict[str, Any], body: dict[str, Any]
) -> None:
    """The wire body is exactly the fields that were set, in the endpoint's words."""
    request = ask("A mug", **changes)
    assert provider.refuses(request) is None
    assert isinstance(one(provider, request), Made)
    assert cloud.requests[0].body == body


def test_what_the_offer_sends_is_sent(cloud: Cloud) -> None:
    """Fields that the catalogue adds to every call of an offer go over the wire."""
    offer = replace(OFFERS["gpt-image-2"], sent={"user": "catalogue"})
    provider = connect(cloud, offers={"gpt-image-2": offer})
    one(provider, ask(model="gpt-image-2"))
    provider.close()
    assert cloud.requests[0].body["user"] == "catalogue"


def test_prompts_travel_as_they_are_hashed(cloud: Cloud, provider: OpenAI) -> None:
    """A decomposed letter arrives composed, as in the Key; nothing else is changed."""
    one(provider, ask("  Cafe\u0301 SALE\n"))
    assert cloud.requests[0].prompt == "  Café SALE\n"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "gpt-image-9"}, "does not serve"),
        ({"kind": "judge"}, "not judge"),
        ({"negative_prompt": "blur"}, "no negative prompt"),
        ({"seed": 7}, "no seed"),
        ({"steps": 30}, "no inference steps"),
        ({"guidance": 7.5}, "no guidance scale"),
        ({"aspect_ratio": "1:1"}, "no aspect ratio"),
        ({"loras": (("0" * 64, 1.0),)}, "no LoRA"),
        ({"prompt": " \n"}, "is empty"),
        ({"prompt": "x" * 32_001}, "32,001 characters"),
        ({"prompt": "half a \ud83d"}, "surrogate"),
        ({"width": 1200, "height": 630}, "multiples of 16"),
        ({"width": 512, "height": 512}, "655,360"),
        ({"width": 3840, "height": 1024}, "3:1"),
        ({"width": 4096, "height": 2048}, "3840"),
        ({"height": None}, "both"),
        ({"model": "gpt-image-1", "width": 1280, "height": 720}, "1536x1024"),
        ({"model": "gpt-image-2", "quality": "xhigh"}, "low, medium, high"),
        ({"quality": "standard"}, "no quality 'standard'"),
        ({"wire_format": "avif"}, "does not answer in avif"),
        ({"background": "remove"}, "no background"),
        ({"background": "transparent", "wire_format": "jpeg"}, "needs png or webp"),
        ({"safety": "off"}, "auto and low"),
        ({"options": '{"styel":"vivid"}'}, "no option 'styel'"),
        ({"options": '{"style":"vivid"}'}, "no option 'style'"),
        ({"options": '{"moderation":"none"}'}, "one of auto, low"),
        ({"options": '{"complexity":3}'}, "one of low, medium, high"),
        ({"options": '{"output_compression":80}'}, "needs format jpeg or webp"),
        ({"options": '{"output_compression":101}', "wire_format": "webp"}, "0 to 100"),
        ({"options": '{"output_compression":true}', "wire_format": "webp"}, "0 to 100"),
        ({"options": '{"safety_identifier":""}'}, "1 to 64"),
        ({"options": '{"moderation":"auto"}', "safety": "low"}, "different things"),
        ({"options": "[]"}, "a mapping"),
        ({"model": "dall-e-3", "quality": "standard", "prompt": "x" * 4001}, "at most 4,000"),
        ({"model": "dall-e-3", "quality": "standard", "background": "opaque"}, "no choice of background"),
        ({"model": "dall-e-3", "quality": "standard", "safety": "low"}, "it has none"),
        ({"model": "dall-e-3", "quality": "hd"}, "standard"),
    ],
)
def test_planning_refuses(provider: OpenAI, cloud: Cloud, changes: dict[str, Any], says: str) -> None:
    """What OpenAI would refuse is refused while planning, with a sentence that names the reason."""
    sentence = provider.refuses(ask(**changes))
    assert sentence is not None
    assert says in sentence
    assert cloud.requests == []


def test_transparency_needs_a_model_that_makes_it(cloud: Cloud) -> None:
    """A model that the catalogue does not credit with transparency refuses it."""
    opaque = replace(OFFERS["gpt-image-2"], can=frozenset({"text"}))
    provider = connect(cloud, offers={"gpt-image-2": opaque})
    sentence = provider.refuses(ask(model="gpt-image-2", background="transparent"))
    assert sentence == "gpt-image-2 cannot make transparent backgrounds"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rate_limit", {"retryable": True, "retry_after": 7.0, "because": "rate", "stops_provider": False}),
        ("rate_limit_bare", {"retryable": True, "retry_after": None, "because": "rate"}),
        ("slow_down", {"retryable": True, "because": "rate"}),
        ("quota", {"retryable": False, "stops_provider": True}),
        ("bad_key", {"retryable": False, "stops_provider": True}),
        ("unverified", {"retryable": False, "stops_provider": False, "stops_model": True}),
        ("no_route", {"retryable": False, "stops_provider": True}),
        ("moved", {"retryable": False, "stops_provider": True}),
        ("model_gone", {"retryable": False, "stops_provider": False}),
        ("overloaded", {"retryable": True, "retry_after": None, "because": "overload"}),
    ],
)
def test_uncharged_errors(provider: OpenAI, cloud: Cloud, fault: str, expected: dict[str, Any]) -> None:
    """Errors that come before any work cost nothing; each says whether another try makes sense."""
    cloud.faults.add(fault, seconds=7)
    failed = one(provider, ask())
    assert isinstance(failed, Failed)
    assert {name: getattr(failed, name) for name in expected} == expected
    assert failed.charge.amount == 0 == cloud.bill


def test_a_bad_key_is_not_quoted(provider: OpenAI, cloud: Cloud) -> None:
    """OpenAI's sentence about a wrong key repeats part of it; ours does not use that sentence."""
    cloud.faults.add("bad_key")
    failed = one(provider, ask())
    assert isinstance(failed, Failed)
    assert failed.reason == "openai: the API key was not accepted (401 invalid_api_key)"


@pytest.mark.parametrize(
    ("cause", "sent"),
    [
        (httpx2.ConnectError("refused"), False),
        (httpx2.ConnectTimeout("slow"), False),
        (httpx2.PoolTimeout("full"), False),
        (httpx2.ProxyError("no tunnel"), False),
        (httpx2.ReadTimeout("silence"), True),
        (httpx2.WriteError("reset"), True),
        (httpx2.RemoteProtocolError("closed"), True),
        (None, True),
    ],
)
@pytest.mark.parametrize("kind", [openai.APIConnectionError, openai.APITimeoutError])
def test_never_connected_is_known_by_the_cause(
    kind: type[openai.APIConnectionError], cause: Exception | None, sent: bool
) -> None:
    """Only where no connection ever stood is a request known not to be charged."""
    error = kind(request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    error.__cause__ = cause
    result = outcome(error, Line("openai", KEY, None, Timeouts()))
    assert isinstance(result, Unknown if sent else Failed)
    assert result.charge.amount == (None if sent else 0)


def test_retry_after_as_a_date(provider: OpenAI, cloud: Cloud) -> None:
    """A date in Retry-After becomes seconds, by the server's own clock."""
    cloud.faults.add("rate_limit_date", seconds=120)
    failed = one(provider, ask())
    assert isinstance(failed, Failed)
    assert failed.retry_after is not None
    assert 119 <= failed.retry_after <= 121


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
        (
            {"retry-after": "Sun, 22 Nov 2026 12:01:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"},
            60.0,
        ),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_both_forms_of_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date, never negative; what is neither is not taken for a wish."""
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    "fault", ["server_error", "server_error_charged", "cut_before", "cut_accepted", "cut_headers", "cut_body", "hang"]
)
def test_what_cannot_be_known_is_unknown(provider: OpenAI, cloud: Cloud, fault: str) -> None:
    """Sent, and no full answer: possibly charged, whether it was or not."""
    cloud.faults.add(fault)
    result = one(provider, ask())
    assert isinstance(result, Unknown)
    assert result.charge.amount is None


def test_policy_refusals_are_told_apart(provider: OpenAI, cloud: Cloud) -> None:
    """A moderated prompt is Refused with the provider's own words, for nothing."""
    cloud.faults.add("moderation")
    result = one(provider, ask())
    assert isinstance(result, Refused)
    assert "violence" in result.reason
    assert result.charge.amount == 0


@pytest.mark.parametrize(
    ("fault", "amount_known", "says"),
    [
        ("html", False, "not the JSON"),
        ("not_a_picture", True, "not a picture"),
        ("bad_base64", True, "not base64"),
        ("empty", True, "no picture"),
    ],
)
def test_paid_for_and_unusable(provider: OpenAI, cloud: Cloud, fault: str, amount_known: bool, says: str) -> None:
    """A full answer without a picture is a failure that was paid for, with what came as evidence."""
    cloud.faults.add(fault)
    result = one(provider, ask())
    assert isinstance(result, Failed)
    assert not result.retryable
    assert says in result.reason
    assert result.evidence
    assert result.charge.amount == (cloud.bill if amount_known else None)


def test_without_usage_the_cost_is_unknown(provider: OpenAI, cloud: Cloud) -> None:
    """A picture whose answer tells no usage is kept, its cost is not guessed."""
    cloud.faults.add("no_usage")
    result = one(provider, ask())
    assert isinstance(result, Made)
    assert result.charge.amount is None


def test_a_gone_model_is_asked_once(provider: OpenAI, cloud: Cloud) -> None:
    """After `model_not_found` no further request for that model leaves; other models go on."""
    cloud.faults.add("model_gone", at=1)
    first, second = one(provider, ask("one")), one(provider, ask("two"))
    other = one(provider, ask(model="gpt-image-2"))
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert isinstance(other, Made)
    assert len(cloud.requests) == 2


@pytest.mark.parametrize("secret", ["sk-proj-abcdefghijklmnop", "plain+key/of=a.server"])
@pytest.mark.parametrize("fault", ["bad_key", "rate_limit", "echo"])
def test_errors_never_hold_the_key(cloud: Cloud, secret: str, fault: str) -> None:
    """However a server repeats the key, no outcome does."""
    provider = connect(cloud, key=secret)
    cloud.faults.add(fault)
    result = one(provider, ask())
    provider.close()
    assert isinstance(result, Failed)
    assert secret not in repr(result)
    assert secret.encode() not in (result.evidence or b"")


def test_samples_ride_in_one_call(provider: OpenAI, cloud: Cloud) -> None:
    """Requests that differ in nothing but the sample are one call with `n`; their charges add up exactly."""
    batch = [ask("Three stone mugs", sample=number) for number in range(3)]
    made = outcomes(provider, batch)
    assert [result.key for result in made] == [key(request) for request in batch]
    assert len({result.artifact.data for result in made if isinstance(result, Made)}) == 3
    assert [asked.body["n"] for asked in cloud.requests] == [3]
    assert known(made) == cloud.bill


def test_batches_end_where_the_model_ends(provider: OpenAI) -> None:
    """No more samples share a batch than the model makes in one call; other fields never share."""
    groups = [provider.shares(ask(sample=number)) for number in range(8)]
    assert [groups.index(group) for group in groups] == [0, 0, 0, 0, 4, 4, 4, 4]
    assert provider.shares(ask(quality="high")) != provider.shares(ask())
    alone = [provider.shares(ask(model="dall-e-3", sample=number)) for number in range(2)]
    assert alone[0] != alone[1]


def test_a_mixed_batch_is_a_bug(provider: OpenAI, cloud: Cloud) -> None:
    """Requests that do not share are not sent as one."""
    with pytest.raises(ValueError, match="shares"):
        outcomes(provider, [ask("one"), ask("two")])
    assert cloud.requests == []


@pytest.mark.parametrize(("fault", "made", "failed"), [("fewer", 2, 1), ("more", 3, 0)])
def test_settled_by_count(provider: OpenAI, cloud: Cloud, fault: str, made: int, failed: int) -> None:
    """With more or fewer pictures than asked, what came is kept and the whole bill is booked."""
    cloud.faults.add(fault)
    results = outcomes(provider, [ask(sample=number) for number in range(3)])
    assert [type(result) for result in results] == [Made] * made + [Failed] * failed
    assert known(results) == cloud.bill
    assert isinstance(results[0], Made)
    assert results[0].artifact.facts["pictures"] == {"asked": 3, "came": 2 if failed else 4}


def test_facts_of_the_making(provider: OpenAI) -> None:
    """A picture carries the request id, its usage, and what size and quality the provider says it has."""
    result = one(provider, ask())
    assert isinstance(result, Made)
    facts = result.artifact.facts
    assert facts["request_id"] == "req_00000001"
    assert (facts["size"], facts["quality"]) == ("1024x1024", "low")
    assert facts["usage"]["output_tokens"] == 196
    assert json.loads(json.dumps(facts)) == facts


def test_the_revised_prompt_is_kept(provider: OpenAI) -> None:
    """DALL-E's rewritten prompt is a fact of the picture."""
    result = one(provider, ask("A mug", model="dall-e-3", quality="standard"))
    assert isinstance(result, Made)
    assert result.artifact.facts["revised_prompt"] == "Revised: A mug"


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_pictures_are_what_was_asked(provider: OpenAI, form: str) -> None:
    """The bytes are a picture of the asked format and size, and its media type says so."""
    result = one(provider, ask(wire_format=form, width=1280, height=720))
    assert isinstance(result, Made)
    assert result.artifact.media_type == f"image/{form}"
    image = Image.open(io.BytesIO(result.artifact.data))
    image.load()
    assert image.size == (1280, 720)


@pytest.mark.parametrize("timeouts", [Timeouts(first_byte=60, progress=0.1), Timeouts(total=0.2)])
def test_a_trickle_ends(cloud: Cloud, timeouts: Timeouts) -> None:
    """An answer that stalls, or that takes too long in all, is given up as unknown."""
    cloud.faults.add("slow_body", seconds=3)
    provider = connect(cloud, timeouts=timeouts)
    result = one(provider, ask())
    provider.close()
    assert isinstance(result, Unknown)


def test_a_slow_answer_is_waited_for(cloud: Cloud, provider: OpenAI) -> None:
    """An answer that goes on coming is taken whole."""
    cloud.faults.add("slow_body", seconds=0.6)
    slip = MemorySlip()
    (result,) = outcomes(provider, [ask()], slip)
    assert isinstance(result, Made)
    assert len(slip.received) == slip.length


def test_threads_share_one_client(cloud: Cloud, provider: OpenAI) -> None:
    """Many threads at once: each gets its own picture, every charge is booked."""
    results: dict[int, Outcome] = {}

    def work(number: int) -> None:
        for step in range(4):
            request = ask(f"picture {number}.{step}")
            results[10 * number + step] = one(provider, request)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [result for result in results.values() if isinstance(result, Made)]
    assert len({result.artifact.data for result in made}) == 64
    assert known(made) == cloud.bill


def test_nothing_heavy_before_the_first_call() -> None:
    """Building the provider and planning with it imports neither the SDK nor its HTTP client."""
    code = (
        "import sys; from imagegen.providers.openai import OpenAI; from imagegen.providers import Limits;"
        "OpenAI('sk-x', None, {}, Limits()); "
        "print(sorted({'openai', 'httpx2', 'pydantic_core', 'PIL'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("secret", "address"),
    [("", None), ("sk-a b", None), ("sk-ключ", None), ("sk-x\n", None), (KEY, "api.openai.com"), (KEY, "ftp://x")],
)
def test_impossible_keys_and_addresses(secret: str, address: str | None) -> None:
    """A key that cannot be one, or an address that is none, is a settings error that does not show the key."""
    with pytest.raises(SettingsError) as problem:
        OpenAI(secret, address, OFFERS, Limits())
    assert len(secret) < 2 or secret not in str(problem.value)


def test_an_own_server_needs_no_key(cloud: Cloud) -> None:
    """A server at another address may do without a key."""
    provider = OpenAI("", cloud.base_url, OFFERS, Limits())
    assert isinstance(one(provider, ask()), Made)
    provider.close()
