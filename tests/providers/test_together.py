"""Together: what goes over the wire, what is refused before, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Refused
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.hosted.hosted import Direct
from imagegen.providers.together import Together
from tests.cloud import Cloud
from tests.providers.contract import KEY, outcomes
from tests.providers.fals import QUICK
from tests.providers.togethers import ask, connect, priced


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


def bought(cloud: Cloud, request: Request) -> Outcome:
    """What came of it; the connections are closed."""
    provider = connect(cloud)
    (outcome,) = outcomes(provider, [request])
    provider.close()
    return outcome


SCHNELL = ask(model="flux-schnell", width=1024, height=1024, aspect_ratio="1:1", steps=4)
WIRE = [
    (
        ask(negative_prompt="dust", steps=28, guidance=3.5),
        "black-forest-labs/FLUX.1-dev",
        {"width": 512, "height": 512, "seed": 7, "negative_prompt": "dust", "steps": 28, "guidance_scale": 3.5},
        15_400_000,
    ),
    (SCHNELL, "black-forest-labs/FLUX.1-schnell", {"aspect_ratio": "1:1", "seed": 7, "steps": 4}, 2_700_000),
    (
        ask(model="flux-1.1-pro", width=1440, height=1440, options='{"disable_safety_checker":true}'),
        "black-forest-labs/FLUX.1.1-pro",
        {"width": 1440, "height": 1440, "seed": 7, "disable_safety_checker": True},
        79_101_563,
    ),
]


@pytest.mark.parametrize(("request_", "model", "sent", "amount"), WIRE, ids=[each[1] for each in WIRE])
def test_only_what_was_asked_goes_out(
    cloud: Cloud, request_: Request, model: str, sent: dict[str, Any], amount: int
) -> None:
    """Pixels or a ratio, base64 in answer, and the declared price to the nanodollar."""
    made = bought(cloud, request_)
    assert isinstance(made, Made), made
    (asked,) = cloud.requests
    common = {"model": model, "prompt": request_.prompt, "response_format": "base64", "output_format": "jpeg"}
    assert asked.body == {**common, **sent}
    assert (made.charge.amount, cloud.bill) == (amount, amount)
    assert made.artifact.facts == {"request_id": "tog-000001"}


REFUSED = [
    (ask(width=1000), "does not make 1000x512"),
    (ask(steps=29), "takes steps from 1 to 28"),
    (ask(model="flux-schnell", width=512, height=512), "does not make 512x512; it makes 1024x1024"),
    (ask(model="flux-schnell", width=1024, height=1024, aspect_ratio="1:1", steps=5), "takes steps from 1 to 4"),
    (ask(model="flux-kontext-pro", width=1024, height=1024, images=("a" * 64,)), "takes no input pictures"),
    (ask(loras=(("b" * 64, 1.0),)), "takes no LoRA"),
    (ask(wire_format="webp"), "does not answer in webp"),
    (ask(options='{"n":4}'), "has no option 'n'; it has disable_safety_checker"),
    (ask(quality="hd"), "has no choice of quality"),
]


@pytest.mark.parametrize(("request_", "says"), REFUSED, ids=[says[:30] for _, says in REFUSED])
def test_what_together_would_refuse_is_refused_while_planning(cloud: Cloud, request_: Request, says: str) -> None:
    """With a sentence, and nothing is sent."""
    said = connect(cloud).refuses(request_)
    assert said is not None
    assert says in said
    assert isinstance(bought(cloud, request_), Failed)
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("fault", "kind", "fields"),
    [
        ("moderation", Refused, {}),
        ("rate_limit", Failed, {"retryable": True, "because": "rate"}),
        ("overloaded", Failed, {"retryable": True, "because": "overload"}),
        ("bad_key", Failed, {"stops_provider": True}),
        ("quota", Failed, {"stops_provider": True}),
        ("model_gone", Failed, {"stops_provider": False, "retryable": False}),
    ],
)
def test_what_costs_nothing_is_told_apart(cloud: Cloud, fault: str, kind: type, fields: dict[str, Any]) -> None:
    """Refused before work: free, and worth another try only where Together says so."""
    cloud.faults.add(fault)
    outcome = bought(cloud, ask())
    assert isinstance(outcome, kind)
    assert (getattr(outcome, "charge").amount, cloud.bill) == (0, 0)  # noqa: B009
    assert {name: getattr(outcome, name) for name in fields} == fields
    assert KEY not in repr(outcome)


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/"])
def test_an_address_with_or_without_v1(cloud: Cloud, tail: str) -> None:
    """The SDK wants its address without /v1, other providers with it: both are understood."""
    provider = Direct(Together("", cloud.url("together") + tail, QUICK), priced(), Limits())
    cloud.services["together"].key = lambda headers: "none"  # type: ignore[method-assign]
    (made,) = outcomes(provider, [ask()])
    provider.close()
    assert isinstance(made, Made)
