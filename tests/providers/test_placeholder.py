"""The placeholder provider: exact size, the same bytes for the same request, readable, for nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageChops

from imagegen.domain.outcome import Charge, Failed, Made
from imagegen.domain.request import Request, key
from imagegen.errors import StorageError
from imagegen.finish import inspect, verify
from imagegen.providers import Provider, Slip
from imagegen.providers.placeholder import Placeholder
from imagegen.providers.placeholder_art import COMPOSITIONS
from imagegen.providers.placeholder_colour import Colour, palette

BASE = Request(
    provider="placeholder", model="placeholder", prompt="A stoneware mug on linen", width=256, height=256,
    stands_for="gpt-image-2.5-flare", options=json.dumps({"id": "mug"}),
)  # fmt: skip


class Counter:
    """A slip that counts what is said to it; `full` makes `sending` fail as a full disk does."""

    id, remote_id, poll_url, answer = "1", None, None, None

    def __init__(self, full: bool = False) -> None:
        self.sent, self.full = 0, full

    def sending(self) -> None:
        if self.full:
            raise StorageError("the disk is full")
        self.sent += 1

    def accepted(self, remote_id: str, poll_url: str | None = None) -> None:
        raise AssertionError("a placeholder has no remote job")

    def receive(self, chunks: Iterable[bytes], length: int | None = None) -> bytes:
        return b"".join(chunks)

    def again(self, reason: str) -> Slip:
        raise AssertionError("a placeholder is never tried again")


def made(request: Request) -> Made:
    """The one outcome of `request`."""
    slip = Counter()
    (outcome,) = Placeholder().generate([request], {}, slip)
    assert isinstance(outcome, Made)
    assert slip.sent == 1
    return outcome


def test_it_is_a_provider() -> None:
    """It satisfies the protocol, takes one request at a time and as many at once as told."""
    provider: Provider = Placeholder(concurrency=3)
    assert (provider.limits.max_batch, provider.limits.concurrency) == (1, 3)
    assert provider.limits.images_per_minute is None
    assert provider.refuses(BASE) is None
    assert provider.shares(BASE) == provider.shares(replace(BASE, prompt="another"))


def test_a_picture_costs_nothing_and_says_what_it_is() -> None:
    """The charge is exactly zero and the facts name the placeholder and the model it stands in for."""
    outcome = made(BASE)
    assert outcome.key == key(BASE)
    assert outcome.charge == Charge(0, "price")
    assert outcome.artifact.facts["placeholder"] is True
    assert outcome.artifact.facts["stands_for"] == "gpt-image-2.5-flare"
    assert json.loads(json.dumps(outcome.artifact.facts)) == outcome.artifact.facts


SIZES = [(1, 1), (7, 300), (64, 64), (128, 128), (199, 201), (512, 512), (1200, 630), (1792, 1024), (640, 3000)]


@pytest.mark.parametrize("size", SIZES)
def test_the_size_is_exact(size: tuple[int, int]) -> None:
    """Any size comes out to the pixel, tiny and odd ones included."""
    picture = inspect(made(replace(BASE, width=size[0], height=size[1])).artifact.data)
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", None])
def test_the_wire_format_is_obeyed(form: str | None) -> None:
    """What is asked comes; PNG where nothing is. All of it passes the check of what came back."""
    artifact = made(replace(BASE, wire_format=form)).artifact
    assert artifact.media_type == f"image/{form or 'png'}"
    picture = inspect(artifact.data)
    assert verify(picture, width=256, height=256, formats={form or "png"}, alpha_wanted=False) is None


@pytest.mark.parametrize("form", ["png", "webp", "avif"])
def test_a_transparent_ground_is_obeyed(form: str) -> None:
    """Asked for a transparent background, the picture has one."""
    request = replace(BASE, background="transparent", wire_format=form)
    assert inspect(made(request).artifact.data).alpha
    assert not inspect(made(replace(request, background="opaque")).artifact.data).alpha


def test_without_a_size_it_is_a_square_of_1024() -> None:
    """A request that names no size gets the default."""
    picture = inspect(made(replace(BASE, width=None, height=None)).artifact.data)
    assert (picture.width, picture.height) == (1024, 1024)


def test_the_same_request_makes_the_same_bytes_in_another_process() -> None:
    """Nothing but the request decides the bytes: neither the process, its hash seed nor what it drew before."""
    code = (
        "import sys, json, hashlib; from imagegen.domain.request import Request;"
        "from imagegen.providers.placeholder import _made; fields = json.loads(sys.argv[1]);"
        "print(hashlib.sha256(_made(Request(**fields)).artifact.data).hexdigest())"
    )
    names = ("provider", "model", "prompt", "width", "height", "stands_for", "options")
    fields = json.dumps({name: getattr(BASE, name) for name in names})
    other = subprocess.run(
        [sys.executable, "-c", code, fields], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert other.stdout.strip() == hashlib.sha256(made(BASE).artifact.data).hexdigest()


def test_threads_do_not_disturb_each_other() -> None:
    """Drawn at once or one after the other, the pictures are the same."""
    requests = [replace(BASE, prompt=f"prompt {n} ü") for n in range(24)]
    alone = [made(request).artifact.data for request in requests]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda request: made(request).artifact.data, requests)) == alone


@pytest.mark.parametrize(
    "change",
    [{"prompt": "another"}, {"seed": 7}, {"sample": 1}, {"stands_for": "sdxl"}, {"options": '{"id":"cup"}'}],
)
def test_one_can_tell_pictures_apart(change: dict[str, Any]) -> None:
    """Whatever a person would look for makes another picture."""
    assert made(replace(BASE, **change)).artifact.data != made(BASE).artifact.data


@pytest.mark.parametrize("change", [{"stands_for": "sdxl"}, {"options": '{"id":"cup"}'}])
@pytest.mark.parametrize("edge", [256, 1024])
def test_id_and_model_are_written_on_the_card_only(change: dict[str, Any], edge: int) -> None:
    """The look comes from the prompt: another id or model changes the caption at the bottom, nothing else."""
    base = replace(BASE, width=edge, height=edge)
    one, other = (inspect(made(request).artifact.data).image for request in (base, replace(base, **change)))
    box = ImageChops.difference(one, other).getbbox()
    assert box is not None
    assert box[1] > edge * 0.6


def test_many_prompts_make_every_composition() -> None:
    """The hash reaches all compositions, and no two pictures are equal."""
    outcomes = [made(replace(BASE, width=64, height=64, prompt=f"prompt {n}")) for n in range(120)]
    motifs = {outcome.artifact.facts["motif"] for outcome in outcomes}
    assert motifs == {compose.__name__.strip("_") for compose in COMPOSITIONS}
    assert len(motifs) == 9
    assert len({outcome.artifact.data for outcome in outcomes}) == len(outcomes)


def light(colour: Colour) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_the_caption_can_be_read() -> None:
    """Text stands out from its card by 10 to 1, lesser text by 5 to 1, in every palette."""
    for seed in range(300):
        colours = palette(Random(seed))
        assert (light(colours.paper) + 0.05) / (light(colours.ink) + 0.05) > 10
        assert (light(colours.paper) + 0.05) / (light(colours.faint) + 0.05) > 5


def test_tones_lead_away_from_the_ground() -> None:
    """Tones go steadily from light to dark on a light ground, from dark to light on a dark one."""
    for seed in range(300):
        colours = palette(Random(seed))
        steps = [light(tone) for tone in (colours.ground, *colours.tones)]
        assert all((one < other) == colours.dark for one, other in pairwise(steps))


PROMPTS = [
    "猫坐在垫子上", "مرحبا بالعالم", "😀🎨 party", "हिन्दी", "Ein großer Löwe — übergroß",
    "\u202eabc", "a\nb\tc\0d", " ", ".",
    "x" * 200_000, "word " * 50_000, "\ud800", "e\u0301" * 50, "\u200b", "<script>alert(1)</script>",
]  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS, ids=map(str, range(len(PROMPTS))))
@pytest.mark.parametrize("edge", [100, 300])
def test_any_prompt_is_drawn(prompt: str, edge: int) -> None:
    """No script, emoji, control character or length stops it."""
    request = replace(BASE, width=edge, height=edge)
    if prompt == "\ud800":
        request = replace(request, prompt="lone", options=json.dumps({"id": prompt}))
    else:
        request = replace(request, prompt=prompt)
    assert inspect(made(request).artifact.data).width == edge


@given(st.integers(1, 400), st.integers(1, 400), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_size_and_text_is_drawn(width: int, height: int, prompt: str) -> None:
    """There is no size and no text that fails."""
    options = json.dumps({"id": prompt})
    picture = inspect(made(replace(BASE, width=width, height=height, prompt=prompt, options=options)).artifact.data)
    assert (picture.width, picture.height) == (width, height)


@pytest.mark.parametrize("options", [None, "", "{", "[]", "{}", '{"id": null}', '{"id": 7}', '{"other": 1}'])
def test_odd_options_are_no_obstacle(options: str | None) -> None:
    """The id is drawn where there is one; anything else among the options is passed over."""
    assert inspect(made(replace(BASE, options=options)).artifact.data).width == 256


def test_a_picture_too_large_to_decode_is_refused() -> None:
    """What no decoder of ours would take is refused while planning, and not drawn when it comes all the same."""
    request = replace(BASE, width=99_999, height=99_999)
    assert "99999x99999" in (Placeholder().refuses(request) or "")
    (outcome,) = Placeholder().generate([request], {}, Counter())
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


def test_nothing_is_drawn_before_the_intent_is_on_disk() -> None:
    """When the slip cannot be written no picture is made."""
    with pytest.raises(StorageError):
        list(Placeholder().generate([BASE], {}, Counter(full=True)))
