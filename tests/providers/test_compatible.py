"""Servers of the user's own: fields under their own names, links in place of base64, free pictures, Azure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Unknown
from imagegen.domain.request import Request
from imagegen.providers.compatible import Compatible
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.compatibles import ask, azure, connect
from tests.providers.contract import KEY, outcomes
from tests.providers.slips import MemorySlip


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


def bought(provider: Compatible, request: Request, slip: MemorySlip | None = None) -> Outcome:
    """What came of it; the connections are closed."""
    (outcome,) = outcomes(provider, [request], slip)
    provider.close()
    return outcome


def test_fields_go_out_under_the_servers_names(cloud: Cloud) -> None:
    """Seed, steps, guidance and negative prompt, options as they are, and nothing that only OpenAI knows."""
    request = ask(seed=7, steps=4, guidance=2.5, negative_prompt="dust", options='{"mode":1}')
    made = bought(connect(cloud), request)
    assert isinstance(made, Made), made
    assert cloud.requests[0].body == {
        "model": "sd-turbo",
        "prompt": request.prompt,
        "size": "256x256",
        "response_format": "b64_json",
        "seed": 7,
        "num_inference_steps": 4,
        "guidance_scale": 2.5,
        "negative_prompt": "dust",
        "mode": 1,
    }
    assert made.charge.amount == cloud.bill == 1_000_000


def test_a_server_may_call_its_fields_otherwise(cloud: Cloud) -> None:
    """`fields` renames them; here the server knows no such name and says so."""
    fields = {"seed": "seed", "steps": "step", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"}
    failed = bought(connect(cloud, fields=fields), ask(steps=4))
    assert isinstance(failed, Failed)
    assert "Unknown parameter step" in failed.reason


def test_a_link_is_fetched_from_the_users_own_host(cloud: Cloud) -> None:
    """Its pictures count as in base64; what an interrupted process left is fetched again, not bought again."""
    slip = MemorySlip()
    made = bought(connect(cloud, response_format=None), ask(), slip)
    assert isinstance(made, Made), made
    assert made.artifact.media_type == "image/png"
    assert made.charge.amount == 1_000_000
    again = bought(connect(cloud, response_format=None), ask(), MemorySlip(answer=slip.received))
    assert isinstance(again, Made)
    assert (again.artifact.data, len(cloud.requests)) == (made.artifact.data, 1)


@pytest.mark.parametrize(("fault", "says"), [("file_gone", "answers 404"), ("file_inside", "not the server's own")])
def test_a_link_that_leads_nowhere_is_paid_for(cloud: Cloud, fault: str, says: str) -> None:
    """Nothing internal is asked but the server itself, and nothing is bought again for want of a download."""
    cloud.faults.add(fault)
    failed = bought(connect(cloud, response_format=None), ask())
    assert isinstance(failed, Failed)
    assert says in failed.reason
    assert (failed.charge.amount, failed.retryable) == (cloud.bill, False)


@pytest.mark.parametrize("fault", ["cut_accepted", "server_error", "hang"])
def test_a_free_picture_is_never_in_doubt(cloud: Cloud, fault: str) -> None:
    """Where the declared price is 0 there is nothing to fear: it is tried again. Elsewhere it is unknown."""
    cloud.faults.add(fault)
    free = bought(connect(cloud), ask(model="free"))
    assert isinstance(free, Failed)
    assert (free.retryable, free.charge.amount) == (True, 0)
    assert "possibly charged" not in free.reason
    assert isinstance(bought(connect(cloud), ask()), Unknown)


REFUSED = [
    (ask(model="plain", seed=1), "takes no seed; its catalogue entry does not list it under can"),
    (ask(model="plain", negative_prompt="x"), "takes no negative prompt"),
    (ask(model="plain", images=("a" * 64,)), "edits no pictures"),
    (ask(width=300), "does not make 300x256; it makes 512x512, 256x256"),
    (ask(quality="high"), "has no choice of quality"),
    (ask(safety="low"), "has no safety level"),
    (ask(aspect_ratio="1:1"), "takes no aspect ratio"),
    (ask(options='{"response_format":"url"}'), "option response_format has a field of its own"),
    (ask(options='{"seed":1}'), "option seed has a field of its own"),
    (ask(options='{"mode":[1]}'), "option mode must be a text, a number, true or false"),
    (ask(model="other"), "lab does not serve the model other"),
]


@pytest.mark.parametrize(("request_", "says"), REFUSED, ids=[says[:30] for _, says in REFUSED])
def test_what_the_entry_does_not_list_is_refused_while_planning(cloud: Cloud, request_: Request, says: str) -> None:
    """With a sentence, and nothing is sent."""
    said = connect(cloud).refuses(request_)
    assert said is not None
    assert says in said
    bought(connect(cloud), request_)
    assert cloud.requests == []


def test_an_edit_goes_out_with_its_picture(cloud: Cloud) -> None:
    """Multipart to the edits, with the same further fields."""
    data = picture("mug", 64, 48)
    digest = hashlib.sha256(data).hexdigest()
    provider = connect(cloud)
    (made,) = outcomes(provider, [ask(images=(digest,), seed=7)], inputs={digest: data})
    provider.close()
    assert isinstance(made, Made), made
    (asked,) = cloud.requests
    assert asked.path == "/lab/v1/images/edits"
    assert (asked.body["image"], asked.body["seed"]) == (digest, "7")


def test_azure_has_its_own_path_header_and_query(cloud: Cloud) -> None:
    """The deployment stands in the path, the version in the query, the key in `api-key`."""
    made = bought(azure(cloud), ask())
    assert isinstance(made, Made), made
    (asked,) = cloud.requests
    assert asked.path == "/azure/images/generations"
    assert asked.body == {"model": "pictures", "prompt": "A stoneware mug on linen", "size": "256x256"}


def test_a_deployment_that_is_not_there_stops_its_model_only(cloud: Cloud) -> None:
    """It is said by name, and not asked for again."""
    provider = azure(cloud, deployment="paintings")
    for _ in range(2):
        failed = bought(provider, ask())
        assert isinstance(failed, Failed)
        assert failed.reason == "azure has no deployment called paintings"
        assert not failed.stops_provider
    assert KEY not in repr(failed)


def test_no_key_is_asked_for_where_none_is_needed(cloud: Cloud) -> None:
    """A server of one's own may ask for none."""
    assert isinstance(bought(connect(cloud, key=""), ask()), Made)
