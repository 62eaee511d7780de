"""Stability: what goes over the wire, what is charged for a blurred picture, and what is refused before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from imagegen.domain.given import Given
from imagegen.domain.money import nano
from imagegen.domain.outcome import Failed, Made, Refused, Unknown
from imagegen.providers.hosted.hosted import Direct
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server
from imagegen.providers.stability import HOME, answer
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.bfls import offers, stability, stable
from tests.providers.contract import KEY, known, outcomes
from tests.providers.slips import MemorySlip

MUG, CUP = picture("mug", 640, 480, "jpeg"), picture("cup", 300, 200, "webp")
INPUTS = {hashlib.sha256(data).hexdigest(): data for data in (MUG, CUP)}
A, B = INPUTS
PHOTO = Given("jpeg", 640, 480, 99_000)
OFFERS = offers("stability")
SERVER = Server("stability", KEY, None, home=HOME, variable="STABILITY_API_KEY")
LARGE = 65 * 10**6


@pytest.fixture
def provider(cloud: Cloud) -> Iterator[Direct]:
    provider = stability(cloud)
    yield provider
    provider.close()


PLAIN = {"prompt": "A stoneware mug on linen", "aspect_ratio": "1:1", "seed": "7", "output_format": "png"}
EDIT = {"images": (A,), "strength": 0.5, "aspect_ratio": "5:4"}


@pytest.mark.parametrize(
    ("model", "changes", "path", "fields", "dollars"),
    [
        ("stable-image-core", {}, "core", PLAIN, "0.03"),
        ("stable-image-ultra", {}, "ultra", PLAIN, "0.08"),
        ("sd-3.5-large", {}, "sd3", PLAIN | {"model": "sd3.5-large"}, "0.065"),
        ("sd-3.5-large-turbo", {}, "sd3", PLAIN | {"model": "sd3.5-large-turbo"}, "0.04"),
        ("sd-3.5-medium", {}, "sd3", PLAIN | {"model": "sd3.5-medium"}, "0.035"),
        ("sd-3.5-flash", {}, "sd3", PLAIN | {"model": "sd3.5-flash"}, "0.025"),
        (
            "sd-3.5-medium",
            {
                "negative_prompt": "dog",
                "guidance": 4.0,
                "options": '{"style_preset":"3d-model"}',
                "wire_format": "webp",
            },
            "sd3",
            PLAIN
            | {"model": "sd3.5-medium", "negative_prompt": "dog", "cfg_scale": "4", "style_preset": "3d-model"}
            | {"output_format": "webp"},
            "0.035",
        ),
    ],
)
def test_what_arrives(
    provider: Direct, cloud: Cloud, model: str, changes: dict[str, Any], path: str, fields: dict[str, str], dollars: str
) -> None:
    """Each model at its address, as multipart though no file goes along, with what was asked for and nothing else, for
    its price."""
    request = stable(model, **changes)
    assert provider.refuses(request) is None
    (made,) = outcomes(provider, [request])
    assert isinstance(made, Made), made
    asked = cloud.requests[0]
    assert asked.path == f"/stability/v2beta/stable-image/generate/{path}"
    assert {name: value for name, value in asked.body.items() if name != "bytes"} == fields
    assert (made.charge.amount, made.charge.basis) == (nano(dollars), "price")
    assert cloud.bill == nano(dollars)
    assert made.artifact.facts == {"seed": 7, "request_id": "req-1"}


@pytest.mark.parametrize("model", ["sd-3.5-large", "stable-image-ultra"])
def test_a_picture_goes_in(provider: Direct, cloud: Cloud, model: str) -> None:
    """As a file with its strength. Stable Diffusion is told the mode and no ratio, for it keeps the picture's."""
    request = stable(model, **EDIT)
    assert provider.refuses(request, {A: PHOTO}) is None
    (made,) = outcomes(provider, [request], inputs=INPUTS)
    assert isinstance(made, Made), made
    body = cloud.requests[0].body
    assert (body["image"], body["strength"]) == (MUG, "0.5")
    diffusion = model == "sd-3.5-large"
    assert (body.get("mode"), "aspect_ratio" in body) == (("image-to-image", False) if diffusion else (None, True))


def test_a_seed_of_zero_is_a_seed(provider: Direct, cloud: Cloud) -> None:
    """0 would mean any: the largest one goes out in its place, so that the same request gives the same picture."""
    two = [outcomes(provider, [stable(seed=0, sample=sample)])[0] for sample in (0, 1)]
    assert [asked.body["seed"] for asked in cloud.requests] == ["4294967294"] * 2
    assert all(isinstance(made, Made) for made in two)
    assert two[0].artifact.data == two[1].artifact.data  # type: ignore[union-attr]
    assert two[0].artifact.facts["seed"] == 4_294_967_294  # type: ignore[union-attr]
    outcomes(provider, [stable(seed=None)])
    assert "seed" not in cloud.requests[2].body


def test_a_blurred_picture_is_a_refusal_that_costs(provider: Direct, cloud: Cloud) -> None:
    """It comes as 200 and looks like a success; kept in the spool and read again it is the same."""
    cloud.faults.add("filtered")
    slip = MemorySlip()
    (result,) = outcomes(provider, [stable()], slip)
    assert isinstance(result, Refused)
    assert result.reason == "stability blurred the picture (content_filtered) and charges for it"
    assert (result.charge.amount, cloud.bill) == (LARGE, LARGE)
    assert outcomes(provider, [stable()], MemorySlip(answer=slip.received)) == [result]
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "charged", "says"),
    [
        ("moderation", Refused, 0, "refused the request (403): Your request was flagged"),
        ("unverified", Failed, 0, "denies access (403): You lack the permission"),
        ("bad_key", Failed, 0, "the API key was not accepted (401)"),
        ("quota", Failed, 0, "no credit left (402): You lack sufficient credits"),
        ("server_error", Failed, 0, "failed (500), which it does not charge for"),
        ("server_error_charged", Unknown, None, "answered 502 after taking the request, possibly charged"),
        ("overloaded", Failed, 0, "overloaded (503)"),
        ("rate_limit", Failed, 0, "asks to go slower (429)"),
        ("model_gone", Failed, 0, "(404): there is no such service any more"),
        ("no_route", Failed, 0, "check the base URL"),
        ("html", Unknown, None, "not its JSON: possibly charged"),
        ("echo", Unknown, None, "not its JSON: possibly charged"),
        ("cut_body", Unknown, None, "possibly charged"),
        ("empty", Failed, LARGE, "paid for, but the answer holds no picture"),
        ("bad_base64", Failed, LARGE, "paid for, but what came is not a picture"),
        ("not_a_picture", Failed, LARGE, "paid for, but what came is not a picture"),
    ],
)
def test_what_went_wrong(
    provider: Direct, cloud: Cloud, fault: str, kind: type, charged: int | None, says: str
) -> None:
    """Each in one sentence, without the key, with the charge that the bill has or an admission that nobody knows."""
    cloud.faults.add(fault, seconds=3)
    (result,) = outcomes(provider, [stable()])
    assert isinstance(result, kind)
    assert says in result.reason
    assert known([result]) == charged
    assert known([result]) in (None, cloud.bill)
    assert KEY not in repr(result)
    if isinstance(result, Failed):
        assert result.stops_provider == (fault in ("quota", "bad_key", "unverified", "no_route"))
        assert result.retryable == (fault in ("server_error", "overloaded", "rate_limit"))
        assert result.retry_after == {"rate_limit": 3, "overloaded": 1}.get(fault)
        assert (result.evidence is not None) == bool(charged)


@pytest.mark.parametrize(("prompt", "kind"), [("Eine Tässe", Failed), ("a celebrity", Refused)])
def test_what_it_will_not_read(provider: Direct, cloud: Cloud, prompt: str, kind: type) -> None:
    """Another language is a mistake in the row; a public figure is the policy's. Neither costs."""
    (result,) = outcomes(provider, [stable(prompt=prompt)])
    assert isinstance(result, kind)
    assert (known([result]), cloud.bill) == (0, 0)
    assert "(422): " in result.reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 60.0), ({"retry-after": "90"}, 90.0), ({"retry-after": "2"}, 2.0)],
)
def test_who_asks_too_often_waits_a_minute(headers: dict[str, str], seconds: float) -> None:
    """Unless told another time."""
    body = b'{"id": "x", "name": "rate_limit_exceeded", "errors": ["timed out for 60 seconds."]}'
    result = answer.denied(Reply(429, headers, body), SERVER).outcome
    assert isinstance(result, Failed)
    assert (result.retryable, result.because, result.retry_after) == (True, "rate", seconds)


@pytest.mark.parametrize(
    ("seed", "facts"),
    [("7", {"seed": 7}), ("7.0", {"seed": 7}), ("NaN", {}), ("null", {}), ('"7"', {}), ("1e400", {})],
)
def test_the_seed_of_the_answer_is_kept(seed: str, facts: dict[str, int]) -> None:
    """Whatever stands there, a picture that was paid for is a picture."""
    body = f'{{"image": "{"iVBORw0KGgoAAAANSUhEUg=="}", "finish_reason": "SUCCESS", "seed": {seed}}}'.encode()
    made = answer.outcome(body, stable(), OFFERS["sd-3.5-large"], {}, SERVER)
    assert isinstance(made, Made)
    assert made.artifact.facts == facts


@pytest.mark.parametrize(
    ("model", "changes", "given", "says"),
    [
        ("sd-3.5-large", {"seed": 2**32 - 1}, {}, "seed from 0 to 4,294,967,294"),
        ("sd-3.5-large", {"guidance": 0.5}, {}, "guidance from 1 to 10"),
        ("stable-image-core", {"guidance": 4.0}, {}, "takes no guidance scale"),
        ("sd-3.5-large", {"steps": 20}, {}, "takes no inference steps"),
        ("sd-3.5-large-turbo", {"negative_prompt": "dog"}, {}, "takes no negative prompt"),
        ("sd-3.5-large", {"negative_prompt": "x" * 10_001}, {}, "the negative prompt has 10,001"),
        ("sd-3.5-large", {"prompt": "x" * 10_001}, {}, "at most 10,000"),
        ("sd-3.5-large", {"options": '{"style_preset":"cubist"}'}, {}, "must be one of enhance"),
        ("sd-3.5-large", {"options": '{"grow_mask":5}'}, {}, "no option 'grow_mask'"),
        ("sd-3.5-large", {"safety": "low"}, {}, "no safety level"),
        ("sd-3.5-large", {"wire_format": "avif"}, {}, "does not answer in avif"),
        ("sd-3.5-large", {"strength": 0.5}, {}, "takes no strength without `image`"),
        ("sd-3.5-large", {"images": (A,)}, {}, "add `strength`"),
        ("sd-3.5-large", {**EDIT, "images": (A, B)}, {}, "at most 1 input pictures"),
        ("sd-3.5-large", {**EDIT, "mask": B}, {}, "takes no mask"),
        ("stable-image-core", EDIT, {}, "takes no input pictures"),
        ("sd-3.5-large", EDIT, {A: Given("avif", 640, 480, 9)}, "is an AVIF"),
        ("sd-3.5-large", EDIT, {A: Given("png", 640, 480, 10 * 2**20)}, "takes at most"),
        ("sd-3.5-large", EDIT, {A: Given("png", 80, 63, 9)}, "edges of 64 to 16,384 pixels"),
        ("stable-image-ultra", EDIT, {A: Given("png", 20_000, 100, 9)}, "edges of 64 to 16,384 pixels"),
        ("sd-3.5-large", {**EDIT, "aspect_ratio": "16:9"}, {A: PHOTO}, "keeps the shape of the input picture, 640x480"),
        ("sdxl", {}, {}, "does not serve the model sdxl"),
    ],
)
def test_planning_refuses(
    provider: Direct, model: str, changes: dict[str, Any], given: dict[str, Given], says: str
) -> None:
    """What it would refuse is one sentence before anything is sent."""
    sentence = provider.refuses(stable(model, **changes), given)
    assert sentence is not None
    assert says in sentence
