"""Edits bought from the local server: what is planned, what arrives, what is booked, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from PIL import Image

from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import Imagegen, Write, manifest, opened
from tests.pictureserver import PictureServer, Reply

MUG, CUP = picture("mug", 640, 480, "jpeg"), picture("cup", 640, 480)
MASK = picture("mask", 640, 480, alpha=True)
FLARE = "model: gpt-image-2.5-flare, quality: low"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_edits_are_bought_once(paid: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Pictures and mask arrive as they are, the books are the bill (the `books` fixture compares them), and the
    next run buys nothing; the edit of a picture whose row gives no size keeps its shape."""
    for name, data in {"mug.jpg": MUG, "cup.png": CUP, "mask.png": MASK}.items():
        write(name, data)
    rows = [
        f"id: one, prompt: On a shelf, image: mug.jpg, {FLARE}",
        f"id: both, prompt: Both, image: [mug.jpg, cup.png], mask: mask.png, size: 1024x1024, {FLARE}",
        f"id: plain, prompt: A mug, size: 1024x1024, {FLARE}",
    ]
    write("m.yaml", manifest(*rows))
    plan = paid("plan", "m.yaml")
    assert [line.split()[:2] for line in plan.out.splitlines()[:3]] == [
        ["one", "buy"],
        ["both", "buy"],
        ["plain", "buy"],
    ]
    assert "~$" in plan.out
    ran = paid("run", "m.yaml", "--json")
    assert (ran.code, ran.states) == (0, dict.fromkeys(("one", "both", "plain"), "made")), ran.err
    asked = {each.prompt: each for each in cloud.requests}
    assert (asked["On a shelf"].path, asked["A mug"].path) == ("/v1/images/edits", "/v1/images/generations")
    assert asked["On a shelf"].body["image"] == [digest(MUG)]
    assert (asked["Both"].body["image"], asked["Both"].body["mask"]) == ([digest(MUG), digest(CUP)], [digest(MASK)])
    width, height = opened(tmp_path / "out/m/one.png")[0]
    assert abs(width / height - 640 / 480) < 0.02
    bill = cloud.bill
    assert set(paid("run", "m.yaml", "--json").states.values()) == {"kept"}
    assert set(paid("run", "m.yaml", "--json", "--output", "else").states.values()) == {"cached"}
    assert (len(cloud.requests), cloud.bill) == (3, bill)


def test_an_estimate_counts_the_pictures_that_go_in(imagegen: Imagegen, write: Write) -> None:
    """Each picture and the mask cost on top of the picture that comes out, and the figure says that it is a guess."""
    write("mug.jpg", MUG)
    write("mask.png", MASK)
    costs = []
    for more in ("", ", image: mug.jpg", ", image: [mug.jpg, mug.jpg]", ", image: mug.jpg, mask: mask.png"):
        write("m.yaml", manifest(f"id: a, prompt: A, size: 1024x1024, {FLARE}{more}"))
        ran = imagegen("cost-estimate", "m.yaml", "--json", OPENAI_API_KEY="sk-x")
        assert ran.code == 0, ran.err
        costs.append(ran.summary)
    amounts = [float(summary["cost_usd"]) for summary in costs]
    steps = [round(amount - amounts[0], 6) for amount in amounts]
    assert steps == [0, 0.013, 0.026, 0.026]


def test_what_openai_would_refuse_is_refused_in_the_plan(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """Each with a sentence and exit code 2, before anything is sent."""
    for name, data in {"mug.jpg": MUG, "cup.png": CUP, "mask.png": MASK}.items():
        write(name, data)
    write("turned.png", picture("mask", 480, 640, alpha=True))
    avif = write("mug.avif", b"")
    Image.new("RGB", (64, 64), (200, 10, 10)).save(avif)
    cases = {
        "image: mug.avif": "takes PNG, JPEG and WebP: convert it",
        "mask: mask.png": "add `image`",
        "image: mug.jpg, mask: mug.jpg": "the mask is a JPEG",
        "image: mug.jpg, mask: cup.png": "the mask has no alpha channel",
        "image: mug.jpg, mask: turned.png": "the mask is 480x640, the picture 640x480",
        f"image: [{', '.join(['mug.jpg'] * 17)}]": "takes at most 16 input pictures",
        "image: mug.jpg, options: {openai: {input_fidelity: high}}": "no option 'input_fidelity'",
        "image: mug.jpg, safety: low": "takes no safety level",
    }
    for fields, said in cases.items():
        write("m.yaml", manifest(f"id: a, prompt: A, {fields}, size: 1024x1024, {FLARE}"))
        assert said in " ".join(paid("plan", "m.yaml").out.split()), fields
        ran = paid("run", "m.yaml")
        assert (ran.code, said in ran.err) == (2, True), ran.err
    assert cloud.requests == []


def test_nothing_is_fetched_for_a_row_that_is_refused_anyway(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """A model that cannot edit is known without the picture; its neighbour's picture is fetched."""
    with PictureServer() as server:
        server.routes |= {"/a.jpg": Reply(MUG), "/b.jpg": Reply(CUP)}
        rows = [f"id: {name}, prompt: A mug, image: '{server.url(f'/{name}.jpg')}', {FLARE}" for name in "ab"]
        write("m.yaml", manifest(f"{rows[0]}, safety: low", rows[1]))
        ran = paid("run", "m.yaml", "--json", "--skip-refused", IMAGEGEN_INPUT_HOSTS="127.0.0.1")
    assert (ran.code, ran.states, server.asked) == (3, {"a": "refused", "b": "made"}, ["/b.jpg"]), ran.err
    assert [asked.body["image"] for asked in cloud.requests] == [[digest(CUP)]]


def test_a_plan_holds_though_the_picture_was_not_seen(paid: Imagegen, cloud: Cloud, write: Write) -> None:
    """The shape of a fetched picture decides the size: what was planned is bought where it costs no more."""
    with PictureServer() as server:
        server.routes["/a.jpg"] = Reply(MUG)
        write("m.yaml", manifest(f"id: a, prompt: A, image: '{server.url('/a.jpg')}', {FLARE}"))
        assert paid("plan", "m.yaml", "-o", "m.plan").code == 0
        ran = paid("run", "m.plan", "--json", IMAGEGEN_INPUT_HOSTS="127.0.0.1")
    assert (ran.code, ran.states) == (0, {"a": "made"}), ran.err
    width, height = (int(edge) for edge in cloud.requests[0].body["size"].split("x"))
    assert width > height
    assert json.dumps(cloud.requests[0].body["image"]) == json.dumps([digest(MUG)])
