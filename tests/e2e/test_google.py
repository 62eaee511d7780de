"""Google through the real program: every model that is sold, Vertex with credentials of its own, Imagen where an
address still serves it, blocks, and a kill in the middle of a call."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from imagegen import catalog
from tests.cloud import Cloud
from tests.cloud.pictures import picture
from tests.e2e.conftest import PROGRAM, Books, Imagegen, Write, environment, manifest, opened

KEY = "AIzaTest0123456789abcdef"
SOLD = [
    name
    for name, model in catalog.load().models.items()
    if (offer := model.offer("google")) and offer.price and "retired" not in (model.status, offer.status)
]


def google(cloud: Cloud) -> dict[str, str]:
    """The Gemini API at `cloud`."""
    return {"GOOGLE_API_KEY": KEY, "IMAGEGEN_GOOGLE_BASE_URL": cloud.url("google")}


def vertex(cloud: Cloud, folder: Path) -> dict[str, str]:
    """Vertex at `cloud`, with the key file of a service account that gets its tokens there."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    account = {
        "type": "service_account",
        "project_id": "another-project",
        "private_key_id": "1",
        "private_key": private.private_bytes(serialization.Encoding.PEM, *form).decode(),
        "client_email": "test@example.invalid",
        "token_uri": f"{cloud.url('vertex')}/token",
    }
    (folder / "account.json").write_text(json.dumps(account))
    return {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "my-project",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
        "GOOGLE_VERTEX_BASE_URL": cloud.url("vertex"),
    }


def test_every_model_with_a_price_makes_a_picture(imagegen: Imagegen, cloud: Cloud, write: Write) -> None:
    """One row each, one of them with references, at the size asked for; the books are the bill (the `cloud` fixture
    compares them), no key is in what was written, and the next run buys nothing."""
    write("mug.png", picture("mug", 64, 48))
    rows = [f"id: {name}, prompt: A mug, model: {name}, provider: google, size: 1000x1000" for name in SOLD]
    rows.append(f"id: edit, prompt: On a shelf, model: {SOLD[0]}, image: [mug.png, mug.png], aspect_ratio: '16:9'")
    write("m.yaml", manifest(*rows))
    ran = imagegen("run", "m.yaml", "--json", **google(cloud))
    assert (ran.code, set(ran.states.values())) == (0, {"made"}), ran.err
    folder = Path(ran.events[0]["file"]).parent if Path(ran.events[0]["file"]).is_absolute() else Path("out/m")
    assert {opened(folder / f"{name}.png")[0] for name in SOLD} == {(1000, 1000)}
    assert opened(folder / "edit.png")[0] == (1376, 768)
    written = "".join(path.read_text(errors="replace") for path in Path("home").rglob("*") if path.is_file())
    assert KEY not in written + ran.out + ran.err
    assert set(imagegen("run", "m.yaml", "--json", **google(cloud)).states.values()) == {"kept"}
    assert len(cloud.requests) == len(rows)


def test_vertex_serves_what_the_gemini_api_does_not(
    imagegen: Imagegen, cloud: Cloud, write: Write, tmp_path: Path
) -> None:
    """With a service account's own tokens; Imagen at an address of the user's that still serves it."""
    rows = [
        "id: flash, prompt: A mug, model: gemini-3.1-flash-image, provider: vertex, size: 512x512",
        "id: imagen, prompt: A mug, model: imagen-3, provider: vertex, size: 1024x1024",
        "id: new, prompt: A mug, model: gemini-nano-banana-2.1, provider: vertex, size: 1024x1024",
    ]
    write("m.yaml", manifest(*rows))
    ran = imagegen("run", "m.yaml", "--json", "--allow-retired", **vertex(cloud, tmp_path))
    assert (ran.code, set(ran.states.values())) == (0, {"made"}), ran.err
    assert opened(tmp_path / "out/m/flash.png")[0] == (512, 512)
    start = "/vertex/v1beta1/projects/my-project/locations/europe-west4/publishers/google/models/"
    assert all(asked.path.startswith(start) for asked in cloud.requests)


def test_what_is_gone_says_so(imagegen: Imagegen, write: Write) -> None:
    """A retired model names its successor and where it still lives; nothing is asked."""
    write(
        "m.yaml",
        manifest(
            "id: a, prompt: A mug, model: imagen-3",
            "id: b, prompt: A mug, model: gemini-3.1-flash-image, provider: google",
        ),
    )
    ran = imagegen("run", "m.yaml", GOOGLE_API_KEY=KEY)
    assert ran.code == 2
    assert "imagen-3 on google was shut down on 2026-08-17" in ran.err
    assert "gemini-3.1-flash-image was shut down on 2026-10-29" in ran.err
    assert ran.err.count("use gemini-nano-banana-2.1 instead") == 2


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({}, "is not enabled (no GOOGLE_GENAI_USE_VERTEXAI); set GOOGLE_GENAI_USE_VERTEXAI"),
        ({"GOOGLE_CLOUD_PROJECT": "my-project"}, "is not enabled (no GOOGLE_GENAI_USE_VERTEXAI)"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "true"}, "vertex needs a project at Google Cloud: set GOOGLE_CLOUD_PROJECT"),
    ],
)
def test_vertex_is_turned_on_on_purpose(imagegen: Imagegen, write: Write, env: dict[str, str], sentence: str) -> None:
    """A project alone, which is set on many machines, buys nothing."""
    write("m.yaml", manifest("id: a, prompt: A mug, model: gemini-nano-banana-2.1, provider: vertex"))
    ran = imagegen("run", "m.yaml", **env)
    assert ran.code == 2
    assert sentence in ran.err


def test_without_credentials_the_provider_stops(imagegen: Imagegen, write: Write, cloud: Cloud, tmp_path: Path) -> None:
    """One clear line, nothing bought, exit 5."""
    write("m.yaml", manifest("id: a, prompt: A mug, model: gemini-nano-banana-2.1, provider: vertex"))
    env = vertex(cloud, tmp_path) | {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}
    ran = imagegen("run", "m.yaml", **env)
    assert ran.code == 5, ran.err
    assert "vertex has no credentials that are accepted" in ran.out + ran.err
    assert "gcloud auth application-default login" in ran.out + ran.err
    assert cloud.requests == []


def test_blocks_are_refused_rows(imagegen: Imagegen, cloud: Cloud, write: Write) -> None:
    """Charged by their usage, listed to be edited; the others are made."""
    prompts = {"a": "[block SAFETY]", "b": "[IMAGE_SAFETY]", "c": "[words]", "d": "A mug"}
    rows = [f"id: {name}, prompt: '{prompt}', model: {SOLD[0]}, provider: google" for name, prompt in prompts.items()]
    write("m.yaml", manifest(*rows))
    ran = imagegen("run", "m.yaml", "--json", **google(cloud))
    assert ran.code == 3, ran.err
    assert ran.states == {"a": "refused", "b": "refused", "c": "refused", "d": "made"}
    assert cloud.bill > 0


def test_a_kill_in_mid_call_is_unknown_and_not_bought_twice(
    imagegen: Imagegen, write: Write, home: Path, books: Books, tmp_path: Path
) -> None:
    """Google keeps no answers: what was under way may have been paid for, says so, and is left alone."""
    write("m.yaml", manifest(f"id: a, prompt: A mug, model: {SOLD[0]}, provider: google"))
    with Cloud(latency=20) as cloud:
        command = [PROGRAM, "run", "m.yaml"]
        with subprocess.Popen(
            command,
            env=environment(home, **google(cloud)),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            end = time.monotonic() + 60
            while not cloud.requests and time.monotonic() < end:
                time.sleep(0.02)
            running.send_signal(signal.SIGKILL)
        again = imagegen("run", "m.yaml", "--json", **google(cloud))
        assert (again.code, again.states) == (6, {"a": "unknown"}), again.err
        assert len(cloud.requests) == 1
    held = books.ask("SELECT reserved FROM attempts WHERE state = 'unknown'")
    assert held >= cloud.bill > 0
    assert (books.spent, books.reserved) == (0, 0)
