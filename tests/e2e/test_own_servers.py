"""Servers of the user's own through the real program: named in config.yaml or by a variable, priced in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import Books, Imagegen, Write, manifest, opened

ENTRY = """source: ours
read_on: 2026-11-01
models:
  house-model:
    title: House model
    maker: us
    best_for: swatches
    typical_seconds: 3
    sizes: {list: [256x256]}
    can: [seed, steps]
    offers:
      lab: {api_name: sd-turbo, price: 0.001}
      azure: {api_name: pictures, can: [], price: 0.001}
      free: {api_name: free, price: 0}
"""


@pytest.fixture
def config(home: Path, write: Write) -> None:
    write("own.yaml", ENTRY)
    home.mkdir(exist_ok=True)


def row(provider: str) -> str:
    return f"id: {provider}, prompt: A mug, model: house-model, provider: {provider}"


@pytest.mark.usefixtures("config")
def test_rows_are_made_on_servers_of_ones_own(
    imagegen: Imagegen, cloud: Cloud, books: Books, write: Write, home: Path, tmp_path: Path
) -> None:
    """One named in config.yaml, an Azure resource, and one that only a variable names; each at its declared price."""
    lab = f"{cloud.url('lab')}/v1"
    azure = f"{{base_url: '{cloud.url('azure')}', api_version: 2025-04-01-preview, key_variable: OUR_KEY}}"
    (home / "config.yaml").write_text(f"servers:\n  lab: {{base_url: '{lab}'}}\n  azure: {azure}\n")
    write("m.yaml", manifest(row("lab"), row("azure"), row("free"), head="catalog: own.yaml"))
    env = {"OUR_KEY": "az-secret-123", "IMAGEGEN_FREE_BASE_URL": lab}
    plan = imagegen("plan", "m.yaml", **env)
    assert [line.split()[3] for line in plan.out.splitlines()[:3]] == ["lab", "azure", "free"]
    ran = imagegen("run", "m.yaml", "--json", **env)
    assert (ran.code, ran.summary["spent_usd"]) == (0, "0.002"), ran.err
    assert (len(cloud.requests), books.spent) == (3, cloud.bill)
    assert opened(tmp_path / "out/m/azure.png") == ((256, 256), "PNG")
    explained = imagegen("explain", "m.yaml", "lab", **env)
    assert "house-model on lab: the row names house-model" in explained.out
    assert "az-secret" not in ran.out + ran.err + explained.out


@pytest.mark.usefixtures("config")
def test_a_server_that_nobody_named_is_not_called(imagegen: Imagegen, cloud: Cloud, write: Write, home: Path) -> None:
    """A catalogue file tells of a provider, not where it is: that is said with the variable to set; and where a key
    was promised, without it there is no call."""
    (home / "config.yaml").write_text(f"servers: {{lab: {{base_url: '{cloud.url('lab')}', key_variable: LAB2_KEY}}}}\n")
    write("m.yaml", manifest(row("lab"), row("free"), head="catalog: own.yaml"))
    ran = imagegen("run", "m.yaml")
    assert ran.code == 2
    assert "house-model is not enabled (no LAB2_KEY); set LAB2_KEY" in ran.err
    assert "house-model is not enabled (no IMAGEGEN_FREE_BASE_URL); set IMAGEGEN_FREE_BASE_URL" in ran.err
    assert cloud.requests == []


@pytest.mark.usefixtures("config")
def test_a_manifest_cannot_name_a_server(imagegen: Imagegen, cloud: Cloud, write: Write, tmp_path: Path) -> None:
    """Neither its own keys nor the `.env` beside it: an address from somewhere would get a key."""
    head = f"catalog: own.yaml\nservers: {{lab: {{base_url: '{cloud.url('lab')}'}}}}"
    write("m.yaml", manifest(row("lab"), head=head))
    ran = imagegen("run", "m.yaml")
    assert ran.code == 2
    assert "unknown key servers" in ran.err
    (tmp_path / ".env").write_text(f"IMAGEGEN_LAB_BASE_URL={cloud.url('lab')}/v1\nLAB_API_KEY=secret-123456\n")
    write("m.yaml", manifest(row("lab"), head="catalog: own.yaml"))
    assert "set IMAGEGEN_LAB_BASE_URL" in imagegen("run", "m.yaml").err
    assert cloud.requests == []


@pytest.mark.usefixtures("config")
def test_doctor_tells_of_own_servers(imagegen: Imagegen, cloud: Cloud, write: Write) -> None:
    """Where each is asked, whether it answers, and that a name without a model is of no use."""
    write("m.yaml", manifest(row("lab"), head="catalog: own.yaml"))
    env = {"IMAGEGEN_LAB_BASE_URL": f"{cloud.url('lab')}/v1", "IMAGEGEN_LOST_BASE_URL": "http://10.1.2.3/v1"}
    said = imagegen("doctor", "m.yaml", "--online", "--json", LAB_API_KEY="lab-secret-1", **env).out
    texts = [json.loads(line).get("text", "") for line in said.splitlines()]
    assert "lab: LAB_API_KEY" in texts
    assert any(text.startswith("lab: can be called, asked at 127.0.0.1:") for text in texts)
    assert any(text.startswith("lab: 127.0.0.1 answers in ") and "takes the key" in text for text in texts)
    assert "lost: no model of the catalogue is served there (10.1.2.3)" in texts
    assert "lab-secret-1" not in said
