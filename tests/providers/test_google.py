"""Google: what goes over the wire, what an answer means and costs, what is refused while planning."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Refused
from imagegen.picture import inspect
from imagegen.prices import TEXT_OUT_AT_MOST, unit
from imagegen.providers.google import answer, ask
from imagegen.providers.hosted.server import Timeouts
from tests.cloud import Cloud
from tests.cloud.google_rules import IMAGEN, MODELS, SCALE
from tests.cloud.pictures import picture
from tests.providers.contract import KEY, outcomes
from tests.providers.googles import FLASH, LITE, OFFERS, OLD, PRO, close, google, of, one, sizes, vertex
from tests.providers.googles import ask as asked
from tests.providers.slips import MemorySlip

MUG, CUP = picture("mug", 64, 48, "jpeg"), picture("cup", 64, 48, "webp")
DIGESTS = {hashlib.sha256(data).hexdigest(): data for data in (MUG, CUP)}
BODY = f"{FLASH}:generateContent"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No test leaves a connection behind."""
    yield
    close()


def test_the_body_holds_what_was_asked_and_nothing_else(cloud: Cloud) -> None:
    """Prompt in NFC, the pictures in order as they are, ratio and resolution in Google's words."""
    request = asked("Cafe\u0301", images=tuple(DIGESTS), safety="BLOCK_ONLY_HIGH", options='{"temperature":0.5}')
    whole = ask.body(request, OFFERS["google"][FLASH], DIGESTS)
    parts = whole["contents"][0]["parts"]
    assert [part.get("text") for part in parts] == ["Caf\u00e9", None, None]
    assert [base64.b64decode(part["inlineData"]["data"]) for part in parts[1:]] == [MUG, CUP]
    assert [part["inlineData"]["mimeType"] for part in parts[1:]] == ["image/jpeg", "image/webp"]
    shape = {"aspectRatio": "1:1", "imageSize": "1K"}
    assert whole["generationConfig"] == {"responseModalities": ["IMAGE"], "temperature": 0.5, "imageConfig": shape}
    assert {level["threshold"] for level in whole["safetySettings"]} == {"BLOCK_ONLY_HIGH"}
    assert isinstance(one(google(cloud), request, DIGESTS), Made)
    sent = cloud.requests[0]
    assert (sent.path, sent.prompt) == (f"/google/v1/models/{BODY}", "Caf\u00e9")
    assert sent.body["generationConfig"] == whole["generationConfig"]
    assert sent.body["safetySettings"] == whole["safetySettings"]


def test_a_model_of_one_resolution_is_not_told_which(cloud: Cloud) -> None:
    """gemini-2.5-flash-image knows no imageSize."""
    assert isinstance(one(google(cloud), of(OLD, sizes(OLD)[-1])), Made)
    assert cloud.requests[0].body["generationConfig"]["imageConfig"] == {"aspectRatio": "21:9"}


@pytest.mark.parametrize("name", MODELS)
def test_every_size_of_the_catalogue_is_one_that_google_makes(name: str) -> None:
    """Ratio, resolution and pixels agree with Google's table, and nothing of the table is missing."""
    kind = MODELS[name]
    theirs = {
        (ratio, word, round(wide * SCALE[word]), round(high * SCALE[word]))
        for ratio, (wide, high) in kind.ratios.items()
        for word in kind.tokens
        if (ratio, word) != ("21:9", "512")
    }
    ours = {(size.ratio, size.resolution, size.width, size.height) for size in sizes(name)}
    assert ours == theirs
    assert OFFERS["vertex"][name].max_inputs == kind.inputs


def test_imagen_is_asked_as_it_was(cloud: Cloud) -> None:
    """`:predict` with one picture, and its own words for everything."""
    size = next(size for size in sizes("imagen-4") if (size.ratio, size.resolution) == ("16:9", "2K"))
    options = '{"enhance_prompt":false,"language":"en","person_generation":"DONT_ALLOW"}'
    made = one(vertex(cloud), of("imagen-4", size, provider="vertex", wire_format="jpeg", options=options))
    assert isinstance(made, Made)
    assert (made.charge.amount, made.artifact.media_type) == (cloud.bill, "image/jpeg")
    assert cloud.requests[0].path.endswith("/publishers/google/models/imagen-4.0-generate-001:predict")
    assert cloud.requests[0].body["parameters"] == {
        "sampleCount": 1,
        "aspectRatio": "16:9",
        "sampleImageSize": "2K",
        "includeRaiReason": True,
        "personGeneration": "DONT_ALLOW",
        "language": "en",
        "outputOptions": {"mimeType": "image/jpeg"},
        "enhancePrompt": False,
    }


@pytest.mark.parametrize("name", ["imagen-3", "imagen-3-fast", "imagen-4", "imagen-4-ultra", "imagen-4-fast"])
def test_imagens_ratios_are_those_it_had(name: str, cloud: Cloud) -> None:
    """Each is in the catalogue under its own pixels, and is made."""
    assert {size.ratio: (size.width, size.height) for size in sizes(name) if size.resolution in (None, "1K")} == IMAGEN
    assert isinstance(one(vertex(cloud), of(name, sizes(name)[1], provider="vertex")), Made)
    assert one(vertex(cloud), of(name, sizes(name)[0], provider="vertex")).charge.amount == cloud.bill // 2  # type: ignore[union-attr]


def test_people_are_vertexs_business(cloud: Cloud) -> None:
    """The Gemini API takes no person_generation, Vertex does."""
    request = asked(options='{"person_generation":"ALLOW_NONE"}')
    assert "no option 'person_generation'" in (google(cloud).refuses(request) or "")
    assert isinstance(one(vertex(cloud), request), Made)
    assert cloud.requests[0].body["generationConfig"]["imageConfig"]["personGeneration"] == "ALLOW_NONE"


@pytest.mark.parametrize("name", [FLASH, PRO, LITE, OLD])
def test_every_model_costs_what_its_usage_says(name: str, cloud: Cloud) -> None:
    """To the nanodollar, thinking and input pictures included; less than was set aside for it."""
    provider, offer = google(cloud, timeouts=Timeouts()), OFFERS["google"][name]
    for size, inputs in ((sizes(name)[0], {}), (sizes(name)[-1], DIGESTS)):
        before = cloud.bill
        made = one(provider, of(name, size, images=tuple(inputs)), inputs)
        assert isinstance(made, Made)
        assert made.charge.amount == cloud.bill - before
        estimate = unit(offer.price, size, None, [1.0] * len(inputs))
        assert estimate.expected is not None
        assert estimate.most is not None
        assert abs(made.charge.amount - estimate.expected) < TEXT_OUT_AT_MOST * offer.price.text_out // 10**6  # type: ignore[union-attr]
        assert made.charge.amount < estimate.most


def test_the_picture_is_the_one_that_was_meant(cloud: Cloud) -> None:
    """What the model only thought, pictures among it, is left out; its usage and its name for the answer are kept."""
    made = one(google(cloud), asked())
    assert isinstance(made, Made)
    assert inspect(made.artifact.data).width == 1024
    assert (made.artifact.facts["request_id"], made.artifact.facts["model_version"]) == ("r1", FLASH)
    assert made.artifact.facts["usage"]["thoughtsTokenCount"] > 0
    assert KEY not in repr(made)


@pytest.mark.parametrize(
    ("prompt", "kind", "said"),
    [
        ("[block PROHIBITED_CONTENT]", Refused, "refused the prompt (PROHIBITED_CONTENT)"),
        ("[IMAGE_SAFETY]", Refused, "refused the picture (IMAGE_SAFETY)"),
        ("[IMAGE_RECITATION]", Refused, "refused the picture (IMAGE_RECITATION)"),
        ("[words]", Refused, "answered in words and made no picture: I can tell you about mugs."),
        ("[NO_IMAGE]", Failed, "paid for, but the answer holds no picture (NO_IMAGE)"),
        ("[PUP_LIMITED_DISABLED]", Failed, "has limited or disabled the account"),
    ],
)
def test_blocks_that_come_as_success(prompt: str, kind: type[Outcome], said: str, cloud: Cloud) -> None:
    """Each shape of a block is told apart, is no success, is not tried again, and costs what its usage says."""
    result = one(google(cloud), asked(prompt))
    assert isinstance(result, kind)
    assert said in result.reason  # type: ignore[union-attr]
    assert result.charge.amount == cloud.bill > 0  # type: ignore[union-attr]
    assert not getattr(result, "retryable", False)
    assert getattr(result, "stops_provider", False) == ("PUP" in prompt)


@pytest.mark.parametrize("prompt", ["[filtered]", "A mug"])
def test_imagens_filter(prompt: str, cloud: Cloud) -> None:
    """A filtered picture is refused, with or without a reason; what that costs nobody says."""
    if prompt == "A mug":
        cloud.faults.add("moderation")
    result = one(vertex(cloud), of("imagen-3", sizes("imagen-3")[0], prompt=prompt))
    assert isinstance(result, Refused)
    assert result.charge.amount is None


USAGE = {
    "promptTokenCount": 10,
    "candidatesTokenCount": 1200,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    "thoughtsTokenCount": 100,
}


@pytest.mark.parametrize(
    ("change", "amount"),
    [
        ({}, 10 * 1500 + 1120 * 30_000 + 180 * 7500),
        ({"thoughtsTokenCount": None}, 10 * 1500 + 1120 * 30_000 + 80 * 7500),
        ({"candidatesTokensDetails": None}, 10 * 1500 + 1200 * 30_000 + 100 * 7500),
        ({"promptTokenCount": None}, None),
        ({"promptTokenCount": -1}, None),
        ({"candidatesTokenCount": "many"}, None),
        ({"candidatesTokensDetails": [7]}, None),
        ({"candidatesTokensDetails": "IMAGE"}, None),
    ],
)
def test_usage_that_is_less_than_usual(change: dict[str, Any], amount: int | None) -> None:
    """What is missing counts as the rules say; what makes no sense is not known."""
    data = base64.b64encode(picture("mug", 64, 48)).decode()
    content = {"parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}
    said = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": USAGE | change}
    made = answer.content(said, asked(), OFFERS["google"][FLASH], {})
    assert isinstance(made, Made)
    assert made.charge.amount == amount


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"candidates": None},
        {"candidates": [None]},
        {"candidates": [{"content": []}]},
        {"candidates": [{"content": {"parts": [None, 7, {"inlineData": 3}, {"inlineData": {"data": 4}}]}}]},
        {"promptFeedback": [], "usageMetadata": []},
    ],
)
def test_nonsense_is_no_picture(said: Any) -> None:
    """Whatever comes, it is an outcome; nobody can say what it cost."""
    result = answer.content(said, asked(), OFFERS["google"][FLASH], {})
    assert isinstance(result, Failed)
    assert (result.charge.amount, result.retryable) == (None, False)


def test_both_alphabets_of_base64_are_read() -> None:
    """Google uses them both."""
    data = picture("?>?>", 64, 48) + b"\xfb\xff\xfe"
    for text in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        content = {"parts": [{"inlineData": {"mimeType": "image/png", "data": text.decode()}}]}
        made = answer.content({"candidates": [{"content": content}]}, asked(), OFFERS["google"][FLASH], {})
        assert isinstance(made, Made)
        assert made.artifact.data == data


def test_one_request_goes_out_whatever_the_answer_asks_for(cloud: Cloud) -> None:
    """The SDK neither goes on by itself nor calls functions; the answer is spooled as it came."""
    slip = MemorySlip()
    outcomes(google(cloud), [asked("[CONTINUATION]")], slip)
    assert len(cloud.requests) == 1
    assert json.loads(slip.received)["candidates"][0]["finishReason"] == "CONTINUATION"
