"""Google: what an error answer means, and what is refused while planning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imagegen.domain.given import Given
from imagegen.domain.outcome import Failed, Made, Unknown
from tests.cloud import Cloud
from tests.providers.contract import KEY
from tests.providers.googles import LITE, OLD, close, google, of, one, sizes, vertex
from tests.providers.googles import ask as asked


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No test leaves a connection behind."""
    yield
    close()


@pytest.mark.parametrize(
    ("fault", "retryable", "stops", "said"),
    [
        ("rate_limit", True, None, "asks to go slower"),
        ("quota", False, "model", "the quota of a day is used up for this model (GenerateRequestsPerDay"),
        ("bad_key", False, "provider", "the API key was not accepted (400)"),
        ("unverified", False, "provider", "denies access (403)"),
        ("model_gone", False, None, "did not take the request (404)"),
        ("no_route", False, "provider", "no such endpoint"),
        ("overloaded", True, None, "is overloaded (503)"),
        ("server_error", True, None, "failed (500), which it does not bill"),
        ("moved", False, "provider", "sending us elsewhere"),
    ],
)
def test_errors_that_cost_nothing(fault: str, retryable: bool, stops: str | None, said: str, cloud: Cloud) -> None:
    """What may be tried again, what stops the provider and what the model, each with its sentence."""
    cloud.faults.add(fault, seconds=7)
    result = one(google(cloud), asked())
    assert isinstance(result, Failed)
    assert said in result.reason
    stopped = "provider" if result.stops_provider else "model" if result.stops_model else None
    assert (result.retryable, stopped, result.charge.amount) == (retryable, stops, 0)
    assert result.retry_after == (7 if fault == "rate_limit" else 1 if fault == "overloaded" else None)
    assert KEY not in repr(result)
    assert cloud.bill == 0


def test_a_gateways_end_of_time_is_unknown(cloud: Cloud) -> None:
    """Google says that 400 and 500 are not billed; of 504 it says nothing."""
    cloud.faults.add("server_error_charged")
    result = one(google(cloud), asked())
    assert isinstance(result, Unknown)
    assert "answered 504 after taking the request, possibly charged: Deadline expired" in result.reason


def test_a_gone_model_is_asked_for_once(cloud: Cloud) -> None:
    """The next request for it is not sent; other models are."""
    cloud.faults.add("model_gone", at=1)
    provider = google(cloud)
    one(provider, asked())
    assert isinstance(one(provider, asked("another")), Failed)
    assert isinstance(one(provider, of(LITE, sizes(LITE)[0])), Made)
    assert len(cloud.requests) == 2


def given(size: int, form: Any = "png") -> Given:
    return Given(form, 64, 48, size)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"aspect_ratio": "7:5", "width": None, "height": None}, "has no aspect ratio 7:5; it has 1:1, 2:3"),
        ({"resolution": "8K", "width": None, "height": None}, "has no resolution 8K; it has 1K, 2K, 4K"),
        ({"resolution": "1k", "width": None, "height": None}, "has no resolution 1k"),
        ({"aspect_ratio": "16:9"}, "makes no 1024x1024 that is 16:9 1K"),
        ({"width": 1000, "height": 1000}, "does not make 1000x1000"),
        ({"model": LITE, "width": 2048, "height": 2048, "resolution": "2K"}, "does not make 2048x2048"),
        ({"images": tuple("abcdefghijklmno")}, "takes at most 14 input pictures, not 15"),
        ({"model": OLD, "images": tuple("abcd")}, "takes at most 3 input pictures, not 4"),
        ({"seed": 1}, "takes no seed"),
        ({"negative_prompt": "text"}, "takes no negative prompt"),
        ({"background": "transparent"}, "cannot make transparent backgrounds"),
        ({"mask": "a", "images": ("b",)}, "takes no mask"),
        ({"wire_format": "webp"}, "does not answer in webp; it answers in the one it chooses"),
        ({"quality": "high"}, "has no choice of quality"),
        ({"safety": "low"}, "has no safety level 'low'; it has OFF, BLOCK_NONE"),
        ({"options": '{"temperature":3}'}, "option temperature must be a number from 0 to 2"),
        ({"options": '{"top_k":3}'}, "has no option 'top_k'; it has temperature, top_p"),
        ({"prompt": "x" * 32_001}, "takes at most 32,000"),
        ({"prompt": " "}, "the prompt is empty"),
        ({"images": ("png", "big")}, "the input pictures have 16,000,001 bytes; in one request google takes about"),
        ({"images": ("avif",)}, "the input picture is an AVIF"),
        ({"model": "imagen-3", "resolution": None}, "is asked for at Vertex only: `provider: vertex`"),
        ({"model": "dall-e-3"}, "google does not serve the model dall-e-3"),
    ],
)
def test_what_would_be_refused_after_payment(changes: dict[str, Any], sentence: str, cloud: Cloud) -> None:
    """Is refused before it, with a sentence."""
    pictures = {"png": given(1), "big": given(16 * 10**6), "avif": given(1, "avif")}
    assert sentence in (google(cloud).refuses(asked(**changes), pictures) or "")


def test_vertex_wants_a_project(cloud: Cloud) -> None:
    """Project and location become part of an address, so that both must be names."""
    assert "set GOOGLE_CLOUD_PROJECT" in (vertex(cloud, "").refuses(asked()) or "")
    assert "is no project's id: 'a/b'" in (vertex(cloud, "a/b").refuses(asked()) or "")
    assert "is no location: 'evil.example/'" in (vertex(cloud, location="evil.example/").refuses(asked()) or "")
    assert vertex(cloud, "my-project", "europe-west4").refuses(asked()) is None
