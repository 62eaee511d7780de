"""fal: what goes over the wire for each app, what is refused before, and what its answers mean."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Pending, Refused, Unknown
from imagegen.domain.request import Request
from imagegen.providers import Limits
from imagegen.providers.fal import Fal
from imagegen.providers.fal.forms import body
from imagegen.providers.hosted.remote import Remote
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.providers.contract import KEY, outcomes
from tests.providers.fals import QUICK, SOON, ask, connect, offers
from tests.providers.slips import MemorySlip


def bought(
    provider: Remote, request: Request, slip: MemorySlip | None = None, inputs: Mapping[str, bytes] | None = None
) -> Any:
    """What came of it; the connections are closed."""
    (outcome,) = outcomes(provider, [request], slip, inputs)
    provider.close()
    return outcome


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


def sized(model: str, **changes: Any) -> Request:
    """A request at the model's usual size."""
    size = offers("fal")[model].sizes.default
    seed = 7 if "seed" in offers("fal")[model].can else None
    words = {"aspect_ratio": size.ratio, "resolution": size.resolution}
    return ask(**({"model": model, "width": size.width, "height": size.height, "seed": seed} | words | changes))


#: Model -> app, its body beside the prompt and the format, and the price in nanodollars by fal's own list.
WIRE = [
    (ask(), "fal-ai/flux/schnell", {"image_size": {"width": 512, "height": 512}, "seed": 7}, 3_000_000),
    (
        ask(width=1040, height=1024, steps=12, guidance=3.5),
        "fal-ai/flux/schnell",
        {"image_size": {"width": 1040, "height": 1024}, "seed": 7, "num_inference_steps": 12, "guidance_scale": 3.5},
        6_000_000,
    ),
    (
        ask(model="flux-dev", options='{"acceleration":"high","enable_safety_checker":false}'),
        "fal-ai/flux/dev",
        {
            "image_size": {"width": 512, "height": 512},
            "seed": 7,
            "acceleration": "high",
            "enable_safety_checker": False,
        },
        25_000_000,
    ),
    (
        ask(model="flux-1.1-pro", options='{"safety_tolerance":5}'),
        "fal-ai/flux-pro/v1.1",
        {"image_size": {"width": 512, "height": 512}, "seed": 7, "safety_tolerance": "5"},
        40_000_000,
    ),
    (
        sized("flux-1.1-pro-ultra", options='{"raw":true}'),
        "fal-ai/flux-pro/v1.1-ultra",
        {"aspect_ratio": "16:9", "seed": 7, "raw": True},
        60_000_000,
    ),
    (
        sized("gemini-3-pro-image", width=3392, height=5056, aspect_ratio="2:3", resolution="4K"),
        "fal-ai/nano-banana-pro",
        {"aspect_ratio": "2:3", "resolution": "4K", "seed": 7},
        300_000_000,
    ),
    (
        sized("gemini-3.1-flash-image", width=688, height=384, aspect_ratio="16:9", resolution="512"),
        "fal-ai/nano-banana-2",
        {"aspect_ratio": "16:9", "resolution": "0.5K", "seed": 7},
        60_000_000,
    ),
    (
        sized("flux-3-image", width=768, height=768, resolution="0.75K", options='{"safety_tolerance":0}'),
        "blackforestlabs/flux-3/text-to-image",
        {"aspect_ratio": "1:1", "resolution": "768sq", "safety_tolerance": 0},
        41_000_000,
    ),
]


@pytest.mark.parametrize(("request_", "app", "sent", "amount"), WIRE, ids=[each[1] for each in WIRE])
def test_each_app_is_asked_in_its_own_words(
    cloud: Cloud, request_: Request, app: str, sent: dict[str, Any], amount: int
) -> None:
    """Only what was asked for goes out, the strict service takes it, and what is booked is what fal bills."""
    slip = MemorySlip()
    made = bought(connect(cloud), request_, slip)
    assert isinstance(made, Made), made
    (asked,) = cloud.requests
    assert asked.body == {"app": app, "prompt": request_.prompt, "output_format": "png", **sent}
    assert (made.charge.amount, cloud.bill, made.charge.basis) == (amount, amount, "price")
    assert made.artifact.facts["request_id"] == slip.remote_id == "fal-00000001"
    assert made.artifact.facts["seed"] == sent.get("seed", 42)
    assert slip.poll_url == f"{cloud.url('fal')}/{'/'.join(app.split('/')[:2])}/requests/fal-00000001/status"


def test_an_edit_goes_to_an_address_of_its_own_with_its_pictures(cloud: Cloud) -> None:
    """Pictures go as data URLs of their own type, in their order, under the price of any other picture."""
    data = [picture("mug", 64, 48, "jpeg"), picture("cup", 64, 48)]
    inputs = {hashlib.sha256(each).hexdigest(): each for each in data}
    made = bought(connect(cloud), sized("gemini-3-pro-image", images=tuple(inputs)), inputs=inputs)
    assert isinstance(made, Made), made
    sent = cloud.requests[0].body
    assert sent["app"] == "fal-ai/nano-banana-pro/edit"
    assert [each.partition(";")[0] for each in sent["image_urls"]] == ["data:image/jpeg", "data:image/png"]
    assert made.charge.amount == cloud.bill == 150_000_000


REFUSED = [
    (ask(steps=13), "flux-schnell at fal takes steps from 1 to 12, not 13"),
    (ask(model="flux-dev", steps=51), "takes steps from 1 to 50"),
    (ask(guidance=21.0), "takes guidance from 1.0 to 20.0, not 21.0"),
    (ask(width=520), "does not make 520x512"),
    (ask(wire_format="webp"), "does not answer in webp"),
    (ask(quality="high"), "has no choice of quality"),
    (ask(negative_prompt="dust"), "takes no negative prompt"),
    (ask(background="transparent"), "cannot make transparent backgrounds"),
    (ask(prompt=" "), "the prompt is empty"),
    (ask(images=("a" * 64,)), "takes no input pictures"),
    (ask(options='{"sync_mode":true}'), "has no option 'sync_mode'; it has acceleration, enable_safety_checker"),
    (ask(options='{"acceleration":"fast"}'), "option acceleration must be one of none, regular, high"),
    (ask(model="flux-1.1-pro", options='{"safety_tolerance":7}'), "must be 1 (strictest) to 6, not 7"),
    (sized("flux-3-image", seed=1), "takes no seed"),
    (sized("gemini-3.1-flash-image", options='{"enable_web_search":true}'), "has no option 'enable_web_search'"),
    (ask(model="dall-e-3"), "fal does not serve the model dall-e-3"),
]


@pytest.mark.parametrize(("request_", "says"), REFUSED, ids=[says[:30] for _, says in REFUSED])
def test_what_fal_would_refuse_is_refused_while_planning(cloud: Cloud, request_: Request, says: str) -> None:
    """With a sentence, and nothing is sent."""
    provider = connect(cloud)
    said = provider.refuses(request_)
    assert said is not None
    assert says in said
    bought(provider, request_)
    assert cloud.requests == []


def test_a_picture_that_was_blacked_out_is_refused_and_paid_for(cloud: Cloud) -> None:
    """The safety checker's black picture is no picture; it was made all the same."""
    cloud.faults.add("unsafe")
    refused = bought(connect(cloud), ask())
    assert isinstance(refused, Refused)
    assert "safety checker" in refused.reason
    assert refused.charge.amount == cloud.bill == 3_000_000


def test_a_job_is_followed_by_its_number(cloud: Cloud) -> None:
    """Another process that knows number, address and what was told collects the picture and hands nothing in."""
    cloud.faults.add("job_slow", seconds=0.3)
    first = MemorySlip()
    hasty = connect(cloud, patience=type(SOON)(first=0.01, longest=0.02, total=0.03))
    waiting = bought(hasty, ask(), first)
    assert isinstance(waiting, Pending)
    later = MemorySlip(remote_id=first.remote_id, poll_url=first.poll_url, told=first.told)
    made = bought(connect(cloud), ask(), later)
    assert isinstance(made, Made)
    assert (made.charge.amount, len(cloud.requests)) == (cloud.bill, 1)
    assert "sending" not in later.calls


def test_a_revoked_key_stops_new_jobs_and_leaves_old_ones_waiting(cloud: Cloud) -> None:
    """What is in the queue is paid for: it is asked for again when a key works."""
    slip = MemorySlip()
    bought(connect(cloud), ask(), slip)
    old = MemorySlip(remote_id=slip.remote_id, poll_url=slip.poll_url, told=slip.told)
    waiting = bought(Remote(Fal("", cloud.url("fal"), QUICK), offers("fal"), Limits(), patience=SOON), ask(), old)
    assert isinstance(waiting, Pending)
    cloud.faults.add("bad_key")
    failed = bought(connect(cloud), ask("other"))
    assert isinstance(failed, Failed)
    assert failed.stops_provider
    assert KEY not in repr(failed)


def test_a_gateways_page_leaves_open_whether_the_job_is_queued(cloud: Cloud) -> None:
    """A 502 without JSON may have come after the job was taken: unknown, not bought again."""
    with Elsewhere(502, b"<html>nginx</html>") as other:
        unknown = bought(Remote(Fal(KEY, other.url, QUICK), offers("fal"), Limits(), patience=SOON), ask())
    assert isinstance(unknown, Unknown)


class Elsewhere:
    """A server that answers everything with one body, and notes which headers came."""

    def __init__(self, status: int, said: bytes) -> None:
        seen: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append(dict(self.headers))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.seen, self._server = seen, ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Elsewhere:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_the_key_goes_to_no_other_host(cloud: Cloud) -> None:
    """Addresses of another server are not asked: the job is unknown, and that server never hears of the key."""
    with Elsewhere(200, b'{"status": "COMPLETED"}') as other:
        told = {"response_url": f"{other.url}/requests/1"}
        slip = MemorySlip(remote_id="1", poll_url=f"{other.url}/requests/1/status", told=told)
        unknown = bought(connect(cloud), ask(), slip)
        assert isinstance(unknown, Unknown)
        assert other.seen == []
        assert "no address of its own" in unknown.reason


def test_headers(cloud: Cloud) -> None:
    """The key after the word Key, and fal's own retries off."""
    with Elsewhere(500, b'{"detail": "broke"}') as other:
        bought(Remote(Fal(KEY, other.url, QUICK), offers("fal"), Limits(), patience=SOON), ask())
    headers = {name.lower(): value for name, value in other.seen[0].items()}
    assert (headers["authorization"], headers["x-fal-no-retry"]) == (f"Key {KEY}", "1")


def test_an_app_nobody_knows_is_asked_by_its_sizes() -> None:
    """A user's own catalogue entry for another app: pixels or ratio as its sizes say, no options."""
    other = replace(offers("fal")["flux-schnell"], api_name="fal-ai/other", sent={"mode": "fast"})
    assert body(ask(seed=None), other, {}) == {
        "prompt": "A stoneware mug on linen",
        "output_format": "png",
        "image_size": {"width": 512, "height": 512},
        "mode": "fast",
    }
