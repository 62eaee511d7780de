"""The local server itself: strict where the real one is, exact in its books."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from tests.cloud import Cloud
from tests.cloud.openai_prices import grid_tokens
from tests.cloud.pictures import picture

ROOT = Path(__file__).parents[2]
RIGHT: dict[str, Any] = {"model": "gpt-image-2.5-flare", "prompt": "a mug", "size": "1024x1024", "quality": "low"}
DALLE: dict[str, Any] = {"model": "dall-e-3", "prompt": "a mug", "size": "1024x1024", "quality": "hd"}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


def post(cloud: Cloud, body: Any, key: str = "Bearer sk-x") -> tuple[int, dict[str, Any]]:
    """Status and JSON of a raw request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": key, "content-type": "application/json"}
    request = urllib.request.Request(cloud.base_url + "/images/generations", data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"seed": 1}, "seed"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"n": 11}, "n"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 32_001}, "prompt"),
        ({"size": "1200x630"}, "size"),
        ({"size": "512x512"}, "size"),
        ({"size": "3840x1024"}, "size"),
        ({"size": "3856x2160"}, "size"),
        ({"size": "big"}, "size"),
        ({"model": "gpt-image-1", "size": "1280x720"}, "size"),
        ({"quality": "hd"}, "quality"),
        ({"model": "gpt-image-2", "quality": "max"}, "quality"),
        ({"output_format": "avif"}, "output_format"),
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"response_format": "b64_json"}, "response_format"),
        (DALLE | {"n": 2}, "n"),
        (DALLE | {"size": "1536x1024"}, "size"),
        (DALLE | {"quality": "low"}, "quality"),
        (DALLE | {"output_format": "png"}, "output_format"),
        (DALLE | {"prompt": "x" * 4001}, "prompt"),
    ],
)
def test_wrong_requests_are_refused(cloud: Cloud, changes: dict[str, Any], param: str) -> None:
    """A request that the real service refuses is refused, naming the field, and costs nothing."""
    status, answer = post(cloud, RIGHT | changes)
    assert (status, answer["error"]["param"], cloud.bill) == (400, param, 0)


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        (RIGHT, "", 401, None),
        (RIGHT, "Basic x", 401, None),
        (RIGHT | {"model": "gpt-image-9"}, "Bearer sk-x", 404, "model_not_found"),
        (b"{", "Bearer sk-x", 400, None),
        ([], "Bearer sk-x", 400, None),
        ({"model": "gpt-image-2"}, "Bearer sk-x", 400, "missing_required_parameter"),
    ],
)
def test_errors_have_openais_shape(cloud: Cloud, body: Any, key: str, status: int, code: str | None) -> None:
    """Status, code, type, param and message are where the SDK looks for them."""
    got, answer = post(cloud, body, key)
    assert (got, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (1024, 1024, [196, 439, 1756, 3122, 7024]),
        (1024, 1536, [158, 343, 1372, 2459, 5488]),
        (2560, 1440, [205, 478, 1843, 3276, 7370]),
        (3840, 2160, [371, 865, 3336, 5930, 13342]),
    ],
)
def test_published_token_counts(width: int, height: int, tokens: list[int]) -> None:
    """The formula gives the counts that were published."""
    assert [grid_tokens(grid, width, height) for grid in (8, 12, 24, 32, 48)] == tokens


def test_the_bill_is_usage_times_price(cloud: Cloud) -> None:
    """$5 a million text tokens and $30 a million image tokens, in nanodollars, for every picture of the call."""
    status, answer = post(cloud, RIGHT | {"prompt": "12345678", "n": 2})
    assert status == 200
    assert answer["usage"]["input_tokens"] == 2
    assert answer["usage"]["output_tokens"] == 2 * 196
    assert cloud.bill == 2 * 5_000 + 2 * 196 * 30_000
    assert [(charge.number, charge.prompt, charge.n) for charge in cloud.charges] == [(1, "12345678", 2)]


@pytest.mark.parametrize(
    ("quality", "size", "nano"),
    [("standard", "1024x1024", 40), ("standard", "1792x1024", 80), ("hd", "1024x1024", 80), ("hd", "1024x1792", 120)],
)
def test_dalle_is_billed_by_the_picture(cloud: Cloud, quality: str, size: str, nano: int) -> None:
    """DALL-E 3 cost so many thousandths of a dollar."""
    post(cloud, DALLE | {"quality": quality, "size": size, "response_format": "b64_json"})
    assert cloud.bill == nano * 1_000_000


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1216, 640), (640, 1216)])
def test_pictures_are_real(form: str, width: int, height: int) -> None:
    """Pictures decode to the asked size, are not blank, and differ by prompt."""
    one, two = picture("one", width, height, form), picture("two", width, height, form)
    image = Image.open(io.BytesIO(one))
    image.load()
    assert image.size == (width, height)
    assert all(low < high for low, high in image.convert("RGB").getextrema()[:1])
    assert one != two


def test_pngs_are_whole() -> None:
    """The rows of a PNG decompress with the right checksum, to the right length."""
    data, rows = picture("a mug", 1024, 640), b""
    place = 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        rows += data[place + 8 : place + 8 + length] if data[place + 4 : place + 8] == b"IDAT" else b""
        place += 12 + length
    assert len(zlib.decompress(rows)) == 640 * (1 + 3 * 1024)


def test_transparent_pictures_have_alpha(cloud: Cloud) -> None:
    """A transparent background is see-through."""
    _, answer = post(cloud, RIGHT | {"background": "transparent"})
    image = Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"])))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema()[0] < 255


def test_the_sdk_reads_its_answers(cloud: Cloud) -> None:
    """The SDK's own types take the answer, and its errors carry code and request id."""
    with openai.OpenAI(api_key="sk-x", base_url=cloud.base_url, max_retries=0) as client:
        answer = client.images.generate(**RIGHT)
        assert answer.usage is not None
        assert answer.usage.output_tokens_details is not None
        assert answer.usage.total_tokens == answer.usage.input_tokens + 196
        cloud.faults.add("quota")
        with pytest.raises(openai.RateLimitError) as error:
            client.images.generate(**RIGHT)
    assert error.value.code == "insufficient_quota"
    assert error.value.request_id == "req_00000002"


def test_faults_by_number_prompt_rate_and_times(cloud: Cloud) -> None:
    """A fault strikes the requests it was scripted for and no others."""
    cloud.faults.add("overloaded", at=[2, 3])
    cloud.faults.add("moderation", prompt="poison")
    assert [post(cloud, RIGHT)[0] for _ in range(4)] == [200, 503, 503, 200]
    assert [post(cloud, RIGHT | {"prompt": text})[0] for text in ("poisonous", "sweet")] == [400, 200]
    cloud.faults.clear()
    cloud.faults.add("server_error", times=2)
    assert [post(cloud, RIGHT)[0] for _ in range(3)] == [500, 500, 200]
    cloud.faults.add("overloaded", rate=0.5)
    statuses = [post(cloud, RIGHT)[0] for _ in range(60)]
    assert 15 <= statuses.count(503) <= 45
    with pytest.raises(ValueError, match="no such fault"):
        cloud.faults.add("earthquake")


def test_as_a_process(tmp_path: Path) -> None:
    """Its first line is its address; the bill is served, written to a file, and outlives the client."""
    lines = tmp_path / "bill.jsonl"
    command = [sys.executable, "-m", "tests.cloud", "--latency", "0", "--bill-file", str(lines)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        script = json.dumps([{"kind": "moderation", "prompt": "poison"}]).encode()
        root = address.removesuffix("/v1")
        urllib.request.urlopen(urllib.request.Request(root + "/_faults", script)).close()
        with openai.OpenAI(api_key="sk-x", base_url=address, max_retries=0) as client:
            client.images.generate(**RIGHT)
            with pytest.raises(openai.BadRequestError):
                client.images.generate(**(RIGHT | {"prompt": "poison"}))
        with urllib.request.urlopen(root + "/_bill") as answer:
            bill = json.load(answer)
        process.terminate()
    assert bill["total_nanodollars"] == 2 * 5_000 + 196 * 30_000
    assert bill["requests"] == 2
    assert [json.loads(line)["amount"] for line in lines.read_text().splitlines()] == [bill["total_nanodollars"]]
