"""Servers of the user's own: any that speaks OpenAI's images dialect, under a name that the user gives it.

They are named by `servers` or `base_url` of config.yaml, or by IMAGEGEN_<NAME>_BASE_URL, and nowhere else: a manifest,
a catalogue file or a `.env` from somewhere must not decide where a key goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from imagegen.errors import SettingsError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"IMAGEGEN_([A-Z][A-Z0-9_]{0,31})_BASE_URL")
_KEY_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
#: What a server may be told beyond OpenAI's fields, and under which names unless it has others.
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "negative_prompt": "negative_prompt",
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
    }
)
_SAID = ("base_url", "key_variable", "api_version", "fields", "response_format")
_ANSWERS = ("b64_json", "url", "none")


@dataclass(frozen=True, slots=True)
class OwnServer:
    """One server. `needs_key`: it was said where its key stands, so it is not called without one. `api_version` makes
    it an Azure resource. `fields` are names on the wire; `response_format` is what is asked for, None: nothing."""

    name: str
    base_url: str
    key_variable: str
    needs_key: bool = False
    api_version: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: FIELDS)
    response_format: str | None = "b64_json"


def own_servers(
    said: Any, addresses: Mapping[str, Any], environ: Mapping[str, str], taken: Collection[str]
) -> dict[str, OwnServer]:
    """Every server by name. `said` is `servers` of config.yaml and `addresses` its `base_url`; `taken` are the names
    of providers. Raises SettingsError."""
    given = dict(said or {})
    clash = next((name for name in given if name in taken), None)
    if clash:
        raise SettingsError(f"servers: {clash} is a provider's own name", "give its address under base_url")
    given = {**{name: {} for name in addresses if name not in taken}, **given}
    given |= {name: {} for name in _in(environ, given, taken)}
    return {name: _server(name, values, addresses.get(name), environ) for name, values in given.items()}


def variable(name: str) -> str:
    """The variable that holds the address of the server `name`."""
    return f"IMAGEGEN_{_upper(name)}_BASE_URL"


def _in(environ: Mapping[str, str], known: Iterable[str], taken: Collection[str]) -> list[str]:
    """The servers that only a variable names."""
    spelled = {_upper(name) for name in (*known, *taken)}
    matches = [match for name in environ if environ[name].strip() and (match := _VARIABLE.fullmatch(name))]
    return sorted(match[1].lower() for match in matches if match[1] not in spelled)


def _server(name: str, values: Any, address: Any, environ: Mapping[str, str]) -> OwnServer:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"servers: {name[:40]!r} is no name for a server", "use small letters, digits, - and _")
    if not isinstance(values, Mapping):
        raise SettingsError(f"servers.{name} is not what it should be", "write {base_url: http://…}")
    unknown = next((key for key in values if key not in _SAID), None)
    if unknown:
        raise SettingsError(f"servers.{name}: unknown key {unknown}", f"there are {', '.join(_SAID)}")
    url = environ.get(variable(name), "").strip() or address or values.get("base_url")
    if not isinstance(url, str):
        raise SettingsError(f"servers.{name} has no base_url", f"write one, or set {variable(name)}")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"the address of {name} is not a URL: {url}", "begin it with https://")
    key = values.get("key_variable")
    if key is not None and not _KEY_VARIABLE.fullmatch(str(key)):
        raise SettingsError(f"servers.{name}.key_variable is no name of a variable", "name it, do not write the key")
    version = values.get("api_version")
    if version is not None and not isinstance(version, str):
        raise SettingsError(f"servers.{name}.api_version is no text", "write one such as 2025-04-01-preview")
    return OwnServer(
        name,
        url.rstrip("/"),
        str(key or f"{_upper(name)}_API_KEY"),
        needs_key=key is not None or version is not None,
        api_version=version,
        fields=_fields(name, values.get("fields") or {}),
        response_format=_answer(name, values.get("response_format"), version),
    )


def _fields(name: str, said: Any) -> Mapping[str, str]:
    if not isinstance(said, Mapping) or not all(isinstance(value, str) and value for value in said.values()):
        raise SettingsError(f"servers.{name}.fields is not what it should be", "write names such as {steps: step}")
    unknown = next((key for key in said if key not in FIELDS), None)
    if unknown:
        raise SettingsError(f"servers.{name}.fields: unknown field {unknown}", f"there are {', '.join(FIELDS)}")
    return MappingProxyType({**FIELDS, **said})


def _answer(name: str, said: Any, azure: str | None) -> str | None:
    """What is asked for as an answer. Azure's GPT Image models know no choice."""
    if said is None:
        return None if azure else "b64_json"
    if said not in _ANSWERS:
        raise SettingsError(f"servers.{name}.response_format is {said!r}", f"one of {', '.join(_ANSWERS)}")
    return None if said == "none" else str(said)


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
