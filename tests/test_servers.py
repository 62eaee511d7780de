"""Tests of imagegen.servers: who may name a server, what may be said of it, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import SettingsError
from imagegen.servers import FIELDS, OwnServer, own_servers
from imagegen.settings import Settings, load, secrets

TAKEN = frozenset({"openai", "fal", "local"})


def named(home: Path, config: str = "", beside: Path | None = None, **environ: str) -> Settings:
    """Settings of a home with `config` in its config.yaml."""
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text(config, encoding="utf-8")
    return load({}, {}, beside=beside, environ={"IMAGEGEN_HOME": str(home), **environ})


def test_a_server_is_named_in_config(home: Path) -> None:
    """Its address is its provider's, its key stands in a variable of its name unless another is named."""
    config = "servers: {lab: {base_url: 'http://10.0.0.5:8000/v1/'}, my-gpu: {base_url: 'http://g', key_variable: G}}\n"
    found = named(home, config, LAB_API_KEY="secret", MY_GPU_API_KEY="not this")
    assert found.addresses == {"lab": "http://10.0.0.5:8000/v1", "my-gpu": "http://g"}
    assert found.servers["lab"] == OwnServer("lab", "http://10.0.0.5:8000/v1", "LAB_API_KEY")
    assert (found.servers["my-gpu"].key_variable, found.servers["my-gpu"].needs_key) == ("G", True)
    assert {name: key.reveal() for name, key in found.keys.items()} == {"lab": "secret"}


def test_a_variable_names_one_too_and_is_stronger(home: Path) -> None:
    """IMAGEGEN_<NAME>_BASE_URL; providers' own names are none."""
    found = named(
        home, "base_url: {lab: 'http://a'}\n", IMAGEGEN_LAB_BASE_URL="http://b", IMAGEGEN_GPU_BOX_BASE_URL="http://c/v1"
    )
    assert {name: one.base_url for name, one in found.servers.items()} == {"lab": "http://b", "gpu_box": "http://c/v1"}
    assert found.addresses == {"lab": "http://b", "gpu_box": "http://c/v1"}
    assert (
        own_servers(None, {}, {"IMAGEGEN_OPENAI_BASE_URL": "http://x", "IMAGEGEN_LOCAL_BASE_URL": "http://x"}, TAKEN)
        == {}
    )


def test_a_dash_in_a_name_is_an_underscore_in_its_variable(home: Path) -> None:
    """One server, not two."""
    found = named(home, "servers: {my-gpu: {base_url: 'http://a'}}\n", IMAGEGEN_MY_GPU_BASE_URL="http://b")
    assert {name: one.base_url for name, one in found.servers.items()} == {"my-gpu": "http://b"}


def test_a_manifest_or_a_dotenv_names_none(home: Path, tmp_path: Path) -> None:
    """A `.env` may hold the key of a server that the user named, never an address."""
    (tmp_path / ".env").write_text("LAB_API_KEY=from-env\nIMAGEGEN_OTHER_BASE_URL=http://evil\n", encoding="utf-8")
    found = named(home, "servers: {lab: {base_url: 'http://a'}}\n", beside=tmp_path)
    assert list(found.servers) == ["lab"]
    assert found.keys["lab"].reveal() == "from-env"
    servers = {"servers": {"lab": {"base_url": "http://evil"}}, "base_url": {"lab": "http://evil"}}
    assert load(servers, {}, environ={"IMAGEGEN_HOME": str(home / "none")}).servers == {}


def test_azure_and_fields() -> None:
    """A version makes it Azure, which needs a key and knows no choice of answer; fields have other names on request."""
    said = {
        "az": {"base_url": "https://r.openai.azure.com", "api_version": "2025-04-01-preview"},
        "lab": {"base_url": "http://l", "fields": {"steps": "step"}, "response_format": "url"},
    }
    found = own_servers(said, {}, {}, TAKEN)
    assert (found["az"].api_version, found["az"].needs_key, found["az"].response_format) == (
        "2025-04-01-preview",
        True,
        None,
    )
    assert found["lab"].fields == {**FIELDS, "steps": "step"}
    assert found["lab"].response_format == "url"
    assert (
        own_servers({"lab": {"base_url": "http://l", "response_format": "none"}}, {}, {}, TAKEN)["lab"].response_format
        is None
    )


WRONG: list[tuple[Any, str]] = [
    ({"openai": {"base_url": "http://x"}}, "openai is a provider's own name; give its address under base_url"),
    ({"Lab!": {"base_url": "http://x"}}, "'Lab!' is no name for a server; use small letters, digits, - and _"),
    ({"lab": "http://x"}, "servers.lab is not what it should be; write {base_url: http://…}"),
    ({"lab": {}}, "servers.lab has no base_url; write one, or set IMAGEGEN_LAB_BASE_URL"),
    (
        {"lab": {"base_url": "localhost:8080"}},
        "the address of lab is not a URL: localhost:8080; begin it with https://",
    ),
    (
        {"lab": {"base_url": "http://x", "key": "sk-1"}},
        "servers.lab: unknown key key; there are base_url",
    ),
    ({"lab": {"base_url": "http://x", "key_variable": "sk-123-456"}}, "name it, do not write the key"),
    ({"lab": {"base_url": "http://x", "api_version": {}}}, "servers.lab.api_version is no text"),
    ({"lab": {"base_url": "http://x", "fields": {"size": "s"}}}, "unknown field size; there are negative_prompt, seed"),
    ({"lab": {"base_url": "http://x", "fields": "steps"}}, "servers.lab.fields is not what it should be"),
    (
        {"lab": {"base_url": "http://x", "response_format": "png"}},
        "is 'png'; one of b64_json, url, none",
    ),
]


@pytest.mark.parametrize(("said", "says"), WRONG)
def test_what_is_wrong_is_said_with_what_to_do(said: Any, says: str) -> None:
    """On one line, and a key that stands in the wrong place is not repeated."""
    with pytest.raises(SettingsError) as caught:
        own_servers(said, {}, {}, TAKEN)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sk-1" not in str(caught.value)


def test_keys_of_own_servers_are_redacted() -> None:
    """Whatever their variables are called."""
    environ = {"LAB_API_KEY": "lab-secret", "OUR_TOKEN": "tok-secret", "PATH": "/usr/bin", "KEYBOARD": "qwertyui"}
    assert sorted(secrets(environ)) == ["lab-secret", "tok-secret"]
