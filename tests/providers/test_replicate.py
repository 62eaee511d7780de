"""Replicate beyond the contract: what goes over the wire, what it costs, and how predictions end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagegen.domain.outcome import FREE, UNKNOWN_CHARGE, Charge, Failed, Made, Pending, Refused, Unknown
from imagegen.domain.request import Request, key
from imagegen.providers.hosted.remote import Patience, Remote
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.cloud.replicate_rules import SDXL
from tests.providers.contract import KEY
from tests.providers.replicates import WIDE, Connects, ask, connecting, digest, noise, offers, one, pixels, service
from tests.providers.slips import MemorySlip

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "replicate.openapi.json"
FLUX = "/replicate/v1/models/black-forest-labs"
SMALL, LARGE = picture("small", 64, 48), noise()


@pytest.fixture
def connects(cloud: Cloud) -> Iterator[Connects]:
    with connecting(cloud) as connects:
        yield connects


@pytest.fixture
def provider(connects: Connects) -> Remote:
    return connects()


BODIES = [
    (
        ask(steps=2, options='{"output_quality":90}'),
        f"{FLUX}/flux-schnell/predictions",
        {
            "aspect_ratio": "1:1",
            "megapixels": "0.25",
            "num_inference_steps": 2,
            "output_format": "png",
            "go_fast": False,
            "output_quality": 90,
        },
    ),
    (
        ask(model="flux-dev", guidance=2.5, wire_format="jpeg", seed=None),
        f"{FLUX}/flux-dev/predictions",
        {"aspect_ratio": "1:1", "megapixels": "0.25", "guidance": 2.5, "output_format": "jpg"},
    ),
    (
        pixels("flux-1.1-pro", 1440, 256, options='{"safety_tolerance":5}'),
        f"{FLUX}/flux-1.1-pro/predictions",
        {"aspect_ratio": "custom", "width": 1440, "height": 256, "output_format": "png", "safety_tolerance": 5},
    ),
    (
        pixels("flux-2-pro", 2048, 2048),
        f"{FLUX}/flux-2-pro/predictions",
        {"aspect_ratio": "custom", "width": 2048, "height": 2048, "output_format": "png"},
    ),
    (
        pixels("flux-2-flex", steps=50, guidance=1.5, options='{"prompt_upsampling":false}'),
        f"{FLUX}/flux-2-flex/predictions",
        {
            "aspect_ratio": "custom",
            "width": 512,
            "height": 512,
            "output_format": "png",
            "steps": 50,
            "guidance": 1.5,
            "prompt_upsampling": False,
        },
    ),
    (
        pixels("flux-2-dev"),
        f"{FLUX}/flux-2-dev/predictions",
        {"aspect_ratio": "custom", "width": 512, "height": 512, "output_format": "png", "go_fast": False},
    ),
    (
        ask(model="flux-kontext-max", width=1392, height=752, aspect_ratio="16:9", resolution=None),
        f"{FLUX}/flux-kontext-max/predictions",
        {"aspect_ratio": "16:9", "output_format": "png"},
    ),
    (
        ask(model="sd-3.5-large", negative_prompt="fog", guidance=4.5, **WIDE),
        "/replicate/v1/models/stability-ai/stable-diffusion-3.5-large/predictions",
        {"aspect_ratio": "16:9", "negative_prompt": "fog", "cfg": 4.5, "output_format": "png"},
    ),
    (
        pixels("sdxl", steps=30, guidance=7, scheduler="PNDM", refiner="True", options='{"high_noise_frac":0.7}'),
        "/replicate/v1/predictions",
        {
            "width": 512,
            "height": 512,
            "num_inference_steps": 30,
            "guidance_scale": 7,
            "scheduler": "PNDM",
            "refine": "expert_ensemble_refiner",
            "high_noise_frac": 0.7,
        },
    ),
]


@pytest.mark.parametrize(("request_", "path", "more"), BODIES, ids=[request.model for request, _, _ in BODIES])
def test_the_wire_says_what_was_asked(
    provider: Remote, cloud: Cloud, request_: Request, path: str, more: dict[str, Any]
) -> None:
    """Each model is asked in its own words, and for nothing that the request does not name; nobody waits on the
    creation, and only what is paid for by the second has a deadline."""
    request_ = replace(request_, prompt="Ein Cafe\u0301")
    outcome = one(provider, request_)
    assert isinstance(outcome, Made), outcome
    ((headers, body),) = service(cloud).sent
    seed = {} if request_.seed is None else {"seed": 7}
    assert body["input"] == {"prompt": "Ein Caf\u00e9", **seed, **more}
    assert cloud.requests[0].path == path
    assert body.get("version") == (SDXL.partition(":")[2] if request_.model == "sdxl" else None)
    assert headers.get("cancel-after") == ("60s" if request_.model == "sdxl" else None)
    assert "prefer" not in headers
    size = outcome.artifact.data[16:24] if outcome.artifact.media_type == "image/png" else None
    assert size in (None, request_.width.to_bytes(4, "big") + request_.height.to_bytes(4, "big"))  # type: ignore[union-attr]
    assert cloud.bill == outcome.charge.amount or request_.model in (
        "flux-2-flex",
        "flux-2-dev",
        "sd-3.5-large",
        "flux-kontext-max",
    )


@pytest.mark.skipif(not SPEC.exists(), reason="Replicate's official description is not part of the project")
@pytest.mark.parametrize("model", ["flux-schnell", "flux-2-pro", "sdxl"])
def test_the_official_description_agrees(provider: Remote, cloud: Cloud, model: str) -> None:
    """Bodies are right by Replicate's own description, and so are the local server's answers."""
    from jsonschema import Draft4Validator

    described = json.loads(SPEC.read_text())
    schemas = described["components"]["schemas"]
    request_ = ask() if model == "flux-schnell" else pixels(model)
    assert isinstance(one(provider, request_), Made)
    ((_, body),) = service(cloud).sent
    kind = "schemas_version_prediction_request" if model == "sdxl" else "schemas_prediction_request"
    Draft4Validator(described | schemas[kind]).validate(body)
    (job,) = service(cloud).jobs.values()
    told = service(cloud)._told(job, "succeeded")
    answers = schemas["schemas_prediction_response"]
    answers["properties"]["error"]["type"] = ["string", "null"]  # `nullable`, which only OpenAPI knows
    answers["properties"]["version"] = {"type": "string"}  # "hidden" is both of the two of which it must be one
    Draft4Validator(described | answers).validate(told)


def test_a_seed_counts_unless_speed_is_asked_for(provider: Remote, cloud: Cloud) -> None:
    """`go_fast` makes a seed meaningless, so it is off; asked for it goes out, and the picture has another Key."""
    plain, fast = ask(), ask(options='{"go_fast":true}')
    for request_ in (plain, fast):
        assert isinstance(one(provider, request_), Made)
    assert [body["input"]["go_fast"] for _, body in service(cloud).sent] == [False, True]
    assert key(plain) != key(fast)


def test_the_sdk_repeats_nothing(cloud: Cloud, connects: Connects, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look is one request, whatever the answer; the SDK alone would wait and ask ten times."""
    waited: list[float] = []
    monkeypatch.setattr("replicate.client.time", SimpleNamespace(sleep=waited.append))
    cloud.faults.add("look_limit")
    provider = connects(patience=Patience(first=0.01, longest=0.01, total=0))
    slip = MemorySlip()
    assert isinstance(one(provider, ask(), slip), Pending)
    (job,) = service(cloud).jobs.values()
    assert (job.looks, slip.calls, waited) == (1, ["sending", "accepted"], [])


def test_a_prediction_is_picked_up_again(cloud: Cloud, connects: Connects) -> None:
    """After a kill the prediction is found by its id, at the price that was told when it was bought, in a picture
    that is the same."""
    first = connects(patience=Patience(first=0.01, longest=0.01, total=0))
    cloud.faults.add("look_error", times=1)
    slip = MemorySlip()
    request_ = pixels("flux-2-pro", images=(digest(LARGE),))
    assert isinstance(one(first, request_, slip, LARGE), Pending)
    dearer = {"flux-2-pro": replace(offers()["flux-2-pro"], price=offers()["flux-dev"].price)}
    again = MemorySlip(remote_id=slip.remote_id, told=slip.told)
    made = one(connects(offers=dearer), request_, again)
    assert isinstance(made, Made)
    assert (made.charge.amount, again.calls) == (cloud.bill, ["receive"])
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("request_", "inputs", "amount"),
    [
        (ask(), (), 3_000_000),
        (ask(model="flux-dev"), (), 25_000_000),
        (pixels("flux-1.1-pro", 1440, 1440), (), 40_000_000),
        (pixels("flux-2-pro", 1024, 1024), (), 30_000_000),
        (pixels("flux-2-pro", 1056, 1024), (), 45_000_000),
        # 2.15 megapixels in count as three, and a small one as one.
        (pixels("flux-2-pro", images=(digest(LARGE), digest(SMALL))), (LARGE, SMALL), 90_000_000),
    ],
)
def test_prices(provider: Remote, cloud: Cloud, request_: Request, inputs: tuple[bytes, ...], amount: int) -> None:
    """What is booked is the bill, to the nanodollar."""
    made = one(provider, request_, None, *inputs)
    assert isinstance(made, Made)
    assert made.charge == Charge(amount, "price")
    assert cloud.bill == amount


def test_seconds_are_settled_as_reported(provider: Remote, cloud: Cloud) -> None:
    """A model paid for by the second costs what it ran, rounded up to the nanodollar."""
    for number in range(3):
        made = one(provider, pixels("sdxl", prompt=f"picture {number}"))
        assert isinstance(made, Made)
        ran = made.artifact.facts["predict_time"]
        assert made.charge == Charge(cloud.charges[-1].amount, "returned")
        assert abs(made.charge.amount - ran * 975_000) < 1  # type: ignore[operator]
        assert made.artifact.facts["version"] == SDXL.partition(":")[2]


@pytest.mark.parametrize(
    ("ending", "request_", "kind", "charge", "words"),
    [
        ("aborted", pixels("sdxl"), Failed, FREE, "did not start it in time"),
        ("aborted", ask(), Failed, FREE, "charges nothing"),
        ("canceled", pixels("sdxl"), Failed, Charge(58_500_000, "returned"), "canceled it"),
        ("canceled", ask(), Failed, FREE, "canceled it"),
        ("removed", ask(), Failed, Charge(3_000_000, "price"), "deletes pictures after an hour"),
        ("removed", pixels("flux-2-pro"), Failed, Charge(30_000_000, "price"), "paid for, but lost"),
        ("kept back", ask(), Refused, FREE, "kept the picture back"),
    ],
)
def test_endings(
    provider: Remote, cloud: Cloud, ending: str, request_: Request, kind: type, charge: Charge, words: str
) -> None:
    """However a prediction ends without a picture: what it is, what it cost, and that it is not tried again."""
    service(cloud).endings["mug"] = ending
    outcome = one(provider, request_)
    assert isinstance(outcome, kind), outcome
    assert outcome.charge == charge  # type: ignore[attr-defined]
    assert cloud.bill == charge.amount
    assert words in outcome.reason  # type: ignore[attr-defined]
    assert not getattr(outcome, "retryable", False)


@pytest.mark.parametrize(
    ("fault", "model", "kind", "charge"),
    [
        ("job_failed", "flux-schnell", Failed, FREE),
        ("job_failed", "flux-2-pro", Failed, UNKNOWN_CHARGE),
        ("job_failed", "sdxl", Failed, UNKNOWN_CHARGE),
        ("job_moderated", "flux-schnell", Refused, FREE),
        ("job_moderated", "flux-2-pro", Refused, UNKNOWN_CHARGE),
        ("job_lost", "flux-schnell", Unknown, UNKNOWN_CHARGE),
        ("empty", "flux-schnell", Failed, UNKNOWN_CHARGE),
        ("no_usage", "sdxl", Made, UNKNOWN_CHARGE),
        ("more", "flux-schnell", Made, Charge(6_000_000, "price")),
        ("file_gone", "flux-schnell", Failed, Charge(3_000_000, "price")),
        ("file_inside", "flux-schnell", Failed, Charge(3_000_000, "price")),
        ("moderation", "flux-schnell", Refused, FREE),
        ("html", "flux-schnell", Unknown, UNKNOWN_CHARGE),
        ("server_error", "flux-schnell", Unknown, UNKNOWN_CHARGE),
        ("cut_accepted", "flux-schnell", Unknown, UNKNOWN_CHARGE),
    ],
)
def test_faults(provider: Remote, cloud: Cloud, fault: str, model: str, kind: type, charge: Charge) -> None:
    """What each fault is, and what is known of its cost: models that are paid for by the picture cost nothing without
    one; for the others nobody says."""
    cloud.faults.add(fault)
    outcome = one(provider, ask() if model == "flux-schnell" else pixels(model))
    assert isinstance(outcome, kind), outcome
    assert outcome.charge == charge  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rate_limit", {"retryable": True, "because": "rate", "retry_after": 7.0}),
        ("rate_limit_bare", {"retryable": True, "because": "rate", "retry_after": 1.0}),
        ("overloaded", {"retryable": True, "because": "overload"}),
        ("quota", {"retryable": False, "stops_provider": True}),
        ("bad_key", {"retryable": False, "stops_provider": True}),
        ("unverified", {"retryable": False, "stops_provider": True}),
        ("model_gone", {"retryable": False, "stops_provider": False}),
        ("no_route", {"retryable": False, "stops_provider": True}),
        ("cut_before", {}),
    ],
)
def test_refused_before_work(provider: Remote, cloud: Cloud, fault: str, expected: dict[str, Any]) -> None:
    """What is not taken is free of charge; how long to wait stands in the header or in the sentence."""
    cloud.faults.add(fault, seconds=7)
    outcome = one(provider, ask())
    if not expected:
        assert isinstance(outcome, Unknown)
        return
    assert isinstance(outcome, Failed)
    assert {name: getattr(outcome, name) for name in expected} == expected
    assert (outcome.charge, cloud.bill) == (FREE, 0)


def test_a_gone_version_is_asked_for_once(cloud: Cloud, connects: Connects) -> None:
    """A pinned version that Replicate does not have stops its model, not the provider."""
    gone = {"sdxl": replace(offers()["sdxl"], api_name=f"stability-ai/sdxl:{'0' * 64}")}
    provider = connects(offers=offers() | gone)
    first, second = (one(provider, pixels("sdxl", prompt=prompt)) for prompt in ("one", "two"))
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert "version does not exist" in first.reason
    assert not first.stops_provider
    assert [asked.status for asked in cloud.requests] == [422]
    assert isinstance(one(provider, ask()), Made)


def test_the_key_stays_here(cloud: Cloud, connects: Connects) -> None:
    """The key goes to the API and nowhere else; an answer that repeats it is shown without it."""
    mine = "r8_" + "a1B2" * 9
    cloud.faults.add("bad_key", times=1)
    cloud.faults.add("unverified", times=1)
    provider = connects(key=mine)
    for _ in range(2):
        assert mine[5:20] not in repr(one(provider, ask()))
    made = one(provider, ask())
    assert isinstance(made, Made)
    assert mine not in repr(made.artifact.facts)
    assert [dict(headers).get("authorization") for headers, _ in service(cloud).sent] == [f"Bearer {mine}"] * 3
    assert service(cloud).fetched_with == [None]


def test_no_key_is_borrowed(cloud: Cloud, connects: Connects, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one's own that needs no key gets none, though the SDK would find one in the environment."""
    monkeypatch.setenv("REPLICATE_API_TOKEN", KEY)
    outcome = one(connects(key=""), ask())
    assert isinstance(outcome, Failed)
    assert outcome.stops_provider
    assert "authorization" not in service(cloud).sent[0][0]


def test_the_address_may_name_the_version(cloud: Cloud, connects: Connects) -> None:
    """The SDK's address has no /v1 at its end, the documents' has."""
    assert isinstance(one(connects(base_url=f"{cloud.url('replicate')}/v1"), ask()), Made)


@pytest.mark.parametrize("number", ["", "../account", "a" * 200, "é"])
def test_what_is_no_prediction_is_not_asked_for(provider: Remote, cloud: Cloud, number: str) -> None:
    """An id from a damaged ledger does not become a path."""
    outcome = one(provider, ask(), MemorySlip(remote_id=number))
    assert isinstance(outcome, Unknown)
    assert service(cloud).gets == []


def test_a_refused_key_leaves_the_prediction(cloud: Cloud, connects: Connects) -> None:
    """Who looks without a key that is taken is told to come back: the picture is there."""
    first = connects(patience=Patience(first=0.01, longest=0.01, total=0))
    cloud.faults.add("look_error", times=1)
    slip = MemorySlip()
    assert isinstance(one(first, ask(), slip), Pending)
    again = MemorySlip(remote_id=slip.remote_id, told=slip.told)
    service(cloud).gets.clear()
    assert isinstance(one(connects(key=""), ask(), again), Pending)
    assert len(service(cloud).gets) == 1
    assert isinstance(one(connects(), ask(), again), Made)
