"""Black Forest Labs: what goes over the wire, what it costs, how tasks are found again, and what is refused before."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imagegen.domain.given import Given
from imagegen.domain.money import nano
from imagegen.domain.outcome import Failed, Made, Pending, Refused, Unknown
from imagegen.providers.bfl import HOME, Bfl, answer, place
from imagegen.providers.hosted.remote import Ended, Job, Ready, Remote, Running
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.pictureserver import PictureServer
from tests.providers.bfls import bfl, flux, offers
from tests.providers.contract import KEY, known, outcomes
from tests.providers.slips import MemorySlip

#: The official description, which is not part of the project.
SPEC = Path(__file__).parents[3] / "shared" / "specs" / "bfl.openapi.json"
OFFERS = offers("bfl")
MUG, CUP = picture("mug", 640, 480, "jpeg"), picture("cup", 300, 200, "webp")
HOLE = picture("mask", 640, 480, alpha=True)
INPUTS = {hashlib.sha256(data).hexdigest(): data for data in (MUG, CUP, HOLE)}
A, B, M = INPUTS
PHOTO, CLEAR = Given("jpeg", 640, 480, 99_000), Given("png", 640, 480, 20_000, alpha=True)
FILL = {"images": (A,), "mask": M, "aspect_ratio": "4:3"}
SERVER = Server("bfl", KEY, None, home=HOME, variable="BFL_API_KEY")


@pytest.fixture
def provider(cloud: Cloud) -> Iterator[Remote]:
    provider = bfl(cloud)
    yield provider
    provider.close()


def chunk(name: bytes, data: bytes) -> bytes:
    """A piece of a PNG, its checksum right."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


EVERYTHING: list[tuple[str, dict[str, Any]]] = [
    ("flux-2-pro", {"images": (A, B), "safety": "5", "wire_format": "webp"}),
    ("flux-2-max", {"images": (A,) * 8, "width": 1024, "height": 512}),
    ("flux-2-flex", {"steps": 50, "guidance": 4.5, "options": '{"prompt_upsampling":false}'}),
    ("flux-2-klein-4b", {"images": (A, B)}),
    ("flux-2-klein-9b", {"seed": 0, "options": '{"safety_tolerance":0}'}),
    ("flux-1.1-pro", {"width": 1440, "height": 256, "safety": "6"}),
    ("flux-1.1-pro-ultra", {"aspect_ratio": "9:16", "options": '{"prompt_upsampling":true,"raw":true}'}),
    ("flux-dev", {"steps": 1, "guidance": 1.5}),
    ("flux-kontext-pro", {"images": (A, B), "aspect_ratio": "4:3"}),
    ("flux-kontext-max", {"aspect_ratio": "9:21"}),
    ("flux-fill", {**FILL, "steps": 15, "guidance": 100.0}),
    ("flux-pro", {"steps": 20, "guidance": 2.5}),
]


@pytest.mark.parametrize(("model", "changes"), EVERYTHING, ids=[model for model, _ in EVERYTHING])
def test_what_arrives_is_what_their_document_describes(
    provider: Remote, cloud: Cloud, model: str, changes: dict[str, Any]
) -> None:
    """Every model, plain and with all that it takes: the body fits the official schema, holds nothing that the schema
    does not name, and the outcome's charge is the bill's."""
    if not SPEC.exists():
        pytest.skip("the official description is not here")
    document = json.loads(SPEC.read_text(encoding="utf-8"))
    for request in (flux(model, **(FILL if model == "flux-fill" else {})), flux(model, prompt="Ä mug", **changes)):
        assert provider.refuses(request) is None
        (made,) = outcomes(provider, [request], inputs=INPUTS)
        assert isinstance(made, Made), made
        assert (made.charge.amount, made.charge.basis) == (cloud.charges[-1].amount, "returned")
        asked = cloud.requests[-1]
        assert asked.path == f"/bfl/v1/{OFFERS[model].api_name}"
        if model == "flux-pro":  # retired: no longer in the document
            continue
        schema = document["paths"][asked.path.removeprefix("/bfl")]["post"]["requestBody"]["content"]
        reference = schema["application/json"]["schema"]
        jsonschema.Draft202012Validator({**reference, "components": document["components"]}).validate(asked.body)
        named = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]["properties"]
        assert set(asked.body) <= set(named)


def test_pictures_go_out_as_they_are(provider: Remote, cloud: Cloud) -> None:
    """In the order of the row, in base64; the seed and the prompt in NFC beside them; nothing else."""
    outcomes(provider, [flux(images=(B, A), prompt="Cafe\u0301")], inputs=INPUTS)
    body = cloud.requests[0].body
    assert [base64.b64decode(body[name]) for name in ("input_image", "input_image_2")] == [CUP, MUG]
    assert body["prompt"] == "Caf\u00e9"
    assert set(body) == {"prompt", "width", "height", "seed", "output_format", "input_image", "input_image_2"}


def test_a_mask_is_painted_white_where_it_is_transparent(provider: Remote, cloud: Cloud) -> None:
    """A manifest's mask is transparent where the edit happens, theirs is white there; one that is painted already goes
    out as it is; one that cannot be read is not sent."""
    from PIL import Image

    outcomes(provider, [flux("flux-fill", **FILL)], inputs=INPUTS)
    with (
        Image.open(io.BytesIO(base64.b64decode(cloud.requests[0].body["mask"]))) as sent,
        Image.open(io.BytesIO(HOLE)) as ours,
    ):
        assert sent.mode == "L"
        alpha = ours.getchannel("A")
        for at in ((0, 0), (5, 200), (320, 240), (639, 479)):
            assert sent.getpixel(at) == 255 - alpha.getpixel(at)  # type: ignore[operator]
    painted = picture("painted", 640, 480)
    name = hashlib.sha256(painted).hexdigest()
    outcomes(provider, [flux("flux-fill", **FILL | {"mask": name})], inputs=INPUTS | {name: painted})
    assert base64.b64decode(cloud.requests[1].body["mask"]) == painted
    broken = HOLE[:33] + chunk(b"IDAT", b"no pixels") + chunk(b"IEND", b"")
    name = hashlib.sha256(broken).hexdigest()
    (result,) = outcomes(provider, [flux("flux-fill", **FILL | {"mask": name})], inputs=INPUTS | {name: broken})
    assert isinstance(result, Failed)
    assert "the mask cannot be used" in result.reason
    assert len(cloud.requests) == 2


@pytest.mark.parametrize(
    ("model", "size", "images", "dollars"),
    [
        ("flux-2-pro", (1024, 1024), 0, "0.03"),
        ("flux-2-pro", (2048, 2048), 0, "0.075"),
        ("flux-2-max", (1024, 2048), 0, "0.10"),
        ("flux-2-klein-4b", (512, 512), 0, "0.014"),
        ("flux-2-flex", (1024, 1024), 1, "0.0645"),
        ("flux-1.1-pro", (1440, 1440), 0, "0.04"),
    ],
)
def test_costs_are_what_they_say(
    provider: Remote, cloud: Cloud, model: str, size: tuple[int, int], images: int, dollars: str
) -> None:
    """To the nanodollar; what was said at submission is kept with the task."""
    slip = MemorySlip()
    request = flux(model, width=size[0], height=size[1], images=(A,) * images)
    (made,) = outcomes(provider, [request], slip, INPUTS)
    assert isinstance(made, Made)
    assert made.charge.amount == nano(dollars) == cloud.bill
    assert slip.told["cost"] * 10**7 == pytest.approx(cloud.bill)
    assert made.artifact.facts["request_id"] == slip.remote_id
    assert made.artifact.facts["seed"] == 7


def test_a_task_is_found_again(provider: Remote, cloud: Cloud) -> None:
    """With its number, address and price from the ledger, or with its number alone, it is collected, not bought."""
    request, first = flux(), MemorySlip()
    (bought,) = outcomes(provider, [request], first)
    for poll_url in (first.poll_url, None):
        slip = MemorySlip(remote_id=first.remote_id, poll_url=poll_url, told=first.told)
        (found,) = outcomes(provider, [request], slip)
        assert isinstance(bought, Made)
        assert isinstance(found, Made)
        assert (found.artifact.data, found.charge) == (bought.artifact.data, bought.charge)
        assert slip.calls == ["receive"]
    assert len(cloud.requests) == 1


def test_the_key_goes_nowhere_else(provider: Remote, cloud: Cloud) -> None:
    """An address that is not theirs is not asked, whoever named it: the task is looked for at the general one."""
    first = MemorySlip()
    outcomes(provider, [flux()], first)
    with PictureServer() as elsewhere:
        slip = MemorySlip(remote_id=first.remote_id, poll_url=elsewhere.url("/v1/get_result"), told=first.told)
        (found,) = outcomes(provider, [flux()], slip)
        assert isinstance(found, Made)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("base", "url", "asked"),
    [
        (None, "https://api.eu1.bfl.ai/v1/get_result?id=7", True),
        (None, "https://api.bfl.ai/v1/get_result?id=7", True),
        (None, "http://api.eu1.bfl.ai/v1/get_result?id=7", False),
        (None, "https://api.bfl.ai.example.com/v1/get_result?id=7", False),
        (None, "https://notbfl.ai/x", False),
        (None, "https://api.bfl.ai@example.com/x", False),
        (None, "https://user:word@api.bfl.ai/x", False),
        ("https://api.eu.bfl.ai", "https://api.eu4.bfl.ai/v1/get_result?id=7", True),
        ("https://flux.example.com", "https://api.eu4.bfl.ai/v1/get_result?id=7", False),
        ("https://flux.example.com", "https://flux.example.com/v1/get_result?id=7", True),
    ],
)
def test_tasks_are_looked_for_at_their_hosts_only(base: str | None, url: str, asked: bool) -> None:
    """Their regions share the key, also where a user chose one of them; nobody else does."""
    server = Bfl(KEY, base).server
    assert place(Job("7", url, {}), server) == (url if asked else "v1/get_result?id=7")


@pytest.mark.parametrize(
    ("fault", "kind", "charged", "says"),
    [
        ("moderation", Refused, 0, "refused the request (request moderated): Violence"),
        ("job_moderated", Refused, 0, "keeps it back (content moderated): Violence"),
        ("filtered", Refused, 1, "keeps it back (content moderated): Violence"),
        ("job_failed", Failed, 0, "bfl failed: no luck"),
        ("job_lost", Unknown, None, "does not know the task task-000001 any more; it was to cost $0.03"),
        ("empty", Failed, 1, "names no picture"),
        ("file_gone", Failed, 1, "answers 404 (bfl keeps it for 10 minutes)"),
        ("file_inside", Failed, 1, "paid for, but its picture"),
        ("not_a_picture", Failed, 1, "not a picture"),
        ("server_error", Unknown, None, "possibly charged"),
        ("html", Unknown, None, "named no task: possibly charged"),
        ("cut_accepted", Unknown, None, "possibly charged"),
        ("quota", Failed, 0, "no credit left (402)"),
        ("bad_key", Failed, 0, "denies access (403)"),
        ("model_gone", Failed, 0, "(404): Not Found"),
        ("rate_limit", Failed, 0, "asks to go slower"),
        ("overloaded", Failed, 0, "overloaded (503)"),
        ("no_route", Failed, 0, "check the base URL"),
    ],
)
def test_what_went_wrong(
    provider: Remote, cloud: Cloud, fault: str, kind: type, charged: int | None, says: str
) -> None:
    """Each in one sentence, without the key, with the charge that the bill has or an admission that nobody knows."""
    cloud.faults.add(fault, seconds=1)
    (result,) = outcomes(provider, [flux()])
    assert isinstance(result, kind)
    assert says in result.reason
    assert known([result]) == (None if charged is None else charged * 3 * 10**7)
    assert known([result]) in (None, cloud.bill)
    assert KEY not in repr(result)
    if isinstance(result, Failed):
        assert result.stops_provider == (fault in ("quota", "bad_key", "no_route"))
        assert result.retryable == (fault in ("rate_limit", "overloaded"))


def test_a_link_that_ran_out_is_asked_for_again(provider: Remote, cloud: Cloud) -> None:
    """And looks that fail are no reason to buy again."""
    for fault in ("link_expired", "look_error", "look_limit", "look_cut", "job_slow"):
        cloud.faults.clear()
        cloud.faults.add(fault, seconds=0.1)
        (result,) = outcomes(provider, [flux(prompt=fault)])
        assert isinstance(result, Made), fault
    assert len(cloud.requests) == 5
    assert cloud.bill == 5 * 3 * 10**7


def looked(body: Any, status: int = 200, told: dict[str, Any] | None = None, model: str = "flux-2-pro") -> Any:
    """What a look's answer means for a task that was told to cost three credits."""
    job = Job("task-1", None, {"cost": 3.0} if told is None else told)
    return answer.state(Reply(status, {}, json.dumps(body).encode()), job, flux(model), OFFERS[model], SERVER)


READY = {"status": "Ready", "result": {"sample": "https://x.example/1.png"}}


@pytest.mark.parametrize(
    ("body", "told", "model", "amount", "basis"),
    [
        (READY, {"cost": 3.0}, "flux-2-pro", 3 * 10**7, "returned"),
        ({**READY, "cost": 4.49}, {"cost": 3.0}, "flux-2-pro", 44_900_000, "returned"),
        ({**READY, "cost": 0}, {"cost": 3.0}, "flux-2-pro", 0, "returned"),
        ({**READY, "cost": None}, {"cost": 3.0}, "flux-2-pro", 3 * 10**7, "returned"),
        ({**READY, "cost": "3"}, {}, "flux-2-pro", None, "unknown"),
        ({**READY, "cost": -1}, {"cost": True}, "flux-1.1-pro", 4 * 10**7, "price"),
        (READY, {}, "flux-dev", 25 * 10**6, "price"),
    ],
)
def test_a_finished_task_costs_what_the_last_word_says(
    body: Any, told: dict[str, Any], model: str, amount: int | None, basis: str
) -> None:
    """The answer's own figure, 0 included; else that of the submission; else the list's, where it is no estimate."""
    found = looked(body, told=told, model=model)
    assert isinstance(found, Ready)
    assert (found.charge.amount, found.charge.basis) == (amount, basis)


@pytest.mark.parametrize("word", ["Request Moderated", "Content Moderated", "Error"])
def test_what_an_ended_task_cost_is_not_guessed(word: str) -> None:
    """Without a figure in the answer that ends it nobody knows, though submission named one."""
    found = looked({"status": word, "result": None, "details": {"x": [1, "two"], "y": {"z": 1}}})
    assert isinstance(found, Ended)
    assert known([found.outcome]) is None
    assert "1, two" in found.outcome.reason  # type: ignore[union-attr]
    found = looked({"status": word, "cost": 0})
    assert isinstance(found, Ended)
    assert known([found.outcome]) == 0


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"status": "Pending"}, 200, Running),
        ({"status": "Reasoning"}, 200, Running),
        ({"status": "Generating", "progress": 0.5}, 200, Running),
        ({"status": "Dreaming"}, 200, Running),
        ({"detail": "boom"}, 500, Running),
        ({"detail": "slower"}, 429, Running),
        (["?"], 200, Running),
        ({"detail": "no key"}, 401, Pending),
        ({"detail": "no key"}, 403, Pending),
        ({"detail": "no credit"}, 402, Pending),
        ({"status": "Task not found"}, 404, Unknown),
        ({"detail": "Not Found"}, 404, Unknown),
    ],
)
def test_a_task_is_let_go_of_only_when_it_is_over(body: Any, status: int, kind: type) -> None:
    """Words that nobody knows, errors and refused keys leave it where it is."""
    found = looked(body, status)
    assert isinstance(found.outcome if isinstance(found, Ended) else found, kind)


@pytest.mark.parametrize(
    ("model", "changes", "given", "says"),
    [
        ("flux-2-pro", {"width": 1000}, {}, "multiples of 16"),
        ("flux-2-pro", {"width": 4096, "height": 2048}, {}, "4,194,304 pixels"),
        ("flux-2-pro", {"images": (A,) * 9}, {}, "at most 8 input pictures, not 9"),
        ("flux-2-klein-4b", {"images": (A,) * 5}, {}, "at most 4 input pictures, not 5"),
        ("flux-2-pro", {"images": (A,), "mask": M}, {}, "takes no mask"),
        ("flux-2-pro", {"images": (A,), "strength": 0.5}, {}, "takes no strength"),
        ("flux-2-pro", {"negative_prompt": "dog"}, {}, "takes no negative prompt"),
        ("flux-2-pro", {"steps": 20}, {}, "takes no inference steps"),
        ("flux-2-flex", {"steps": 51}, {}, "steps from 1 to 50"),
        ("flux-2-flex", {"guidance": 1.0}, {}, "guidance from 1.5 to 10"),
        ("flux-dev", {"guidance": 5.5}, {}, "guidance from 1.5 to 5"),
        ("flux-dev", {"images": (A,)}, {}, "takes no input pictures"),
        ("flux-1.1-pro", {"width": 272}, {}, "multiples of 32"),
        ("flux-1.1-pro", {"width": 1472, "height": 1024}, {}, "up to 1440"),
        ("flux-2-pro", {"safety": "6"}, {}, "it has 0 (strict) to 5"),
        ("flux-2-pro", {"safety": "low"}, {}, "no safety level 'low'"),
        ("flux-1.1-pro", {"safety": "7"}, {}, "no safety level '7'"),
        ("flux-dev", {"safety": "2", "options": '{"safety_tolerance":2}'}, {}, "give one of them"),
        ("flux-2-pro", {"options": '{"safety_tolerance":6}'}, {}, "a whole number from 0 to 5"),
        ("flux-2-pro", {"options": '{"prompt_upsampling":true}'}, {}, "no option 'prompt_upsampling'"),
        ("flux-dev", {"options": '{"raw":true}'}, {}, "no option 'raw'"),
        ("flux-1.1-pro-ultra", {"options": '{"raw":1}'}, {}, "true or false"),
        ("flux-2-pro", {"options": '{"webhook_url":"https://x"}'}, {}, "no option 'webhook_url'"),
        ("flux-2-pro", {"wire_format": "avif"}, {}, "does not answer in avif"),
        ("flux-2-pro", {"quality": "high"}, {}, "no choice of quality"),
        ("flux-2-pro", {"background": "transparent"}, {}, "transparent backgrounds"),
        ("flux-2-pro", {"prompt": " "}, {}, "the prompt is empty"),
        ("flux-2-pro", {"prompt": "x" * 32_001}, {}, "at most 32,000"),
        ("flux-2-pro", {"images": (A,)}, {A: Given("avif", 64, 64, 99)}, "is an AVIF"),
        ("flux-2-pro", {"images": (A,)}, {A: Given("png", 64, 64, 20_000_001)}, "20,000,001 bytes"),
        ("flux-fill", {}, {}, "add `image`"),
        ("flux-fill", {**FILL, "mask": None}, {A: PHOTO}, "add `mask`"),
        ("flux-fill", FILL, {A: PHOTO, M: Given("png", 480, 640, 9, alpha=True)}, "480x640, the picture 640x480"),
        ("flux-fill", {**FILL, "aspect_ratio": "16:9"}, {A: PHOTO}, "keeps the shape of the input picture, 640x480"),
        ("flux-fill", {**FILL, "steps": 14}, {}, "steps from 15 to 50"),
        ("flux-schnell", {}, {}, "does not serve the model flux-schnell"),
    ],
)
def test_planning_refuses(
    provider: Remote, model: str, changes: dict[str, Any], given: dict[str, Given], says: str
) -> None:
    """What they would refuse is one sentence before anything is sent."""
    sentence = provider.refuses(flux(model, **changes), given)
    assert sentence is not None
    assert says in sentence


def test_planning_takes_what_they_take(provider: Remote) -> None:
    """Pictures of any shape but for inpainting, which takes its own; a picture that is its own mask."""
    assert provider.refuses(flux(images=(A,)), {A: PHOTO}) is None
    assert provider.refuses(flux("flux-fill", **FILL), {A: PHOTO, M: CLEAR}) is None
    assert provider.refuses(flux("flux-fill", **FILL | {"mask": None}), {A: CLEAR}) is None
    assert provider.refuses(flux("flux-fill", **FILL | {"mask": None})) is None
