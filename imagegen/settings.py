"""Settings: built-in defaults < config.yaml of the home < the manifest's keys < IMAGEGEN_* variables < flags.

The only reader of the environment. Keys live in `Secret`, which never shows itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen import googlecloud
from imagegen.domain.money import Nano
from imagegen.dotenv import read_dotenv
from imagegen.errors import SettingsError
from imagegen.localsettings import LocalSettings, local_settings
from imagegen.secret import Secret as Secret  # noqa: PLC0414  it is had from here
from imagegen.servers import OwnServer, own_servers
from imagegen.settingvalues import BUDGETS, budgets, host_and_port, money, optimize, positive, several, weights

#: Provider -> the variables its key may stand in, first found wins.
KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "vertex": googlecloud.SWITCHES,
    "replicate": ("REPLICATE_API_TOKEN",),
    "fal": ("FAL_KEY",),
    "together": ("TOGETHER_API_KEY",),
    "bfl": ("BFL_API_KEY",),
    "stability": ("STABILITY_API_KEY",),
}

#: Provider -> the SDK's own variable for another address; IMAGEGEN_<PROVIDER>_BASE_URL comes first.
ADDRESS_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
    "vertex": "GOOGLE_VERTEX_BASE_URL",
    "replicate": "REPLICATE_BASE_URL",
    "together": "TOGETHER_BASE_URL",
}

#: Where a provider is at home: an address that says the same thing is not another one.
HOME_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "google": "https://generativelanguage.googleapis.com",
    "fal": "https://queue.fal.run",
    "together": "https://api.together.ai",
    "bfl": "https://api.bfl.ai",
    "stability": "https://api.stability.ai",
    "replicate": "https://api.replicate.com",
}

#: Names that no server of the user's own may have.
_TAKEN = frozenset({*KEY_VARIABLES, "local", "placeholder", "handoff"})
#: The variable that holds what webhooks are signed with.
WEBHOOK_SECRET = "IMAGEGEN_WEBHOOK_SECRET"  # noqa: S105  its name
_LIKE_A_KEY = re.compile(r"(KEY|TOKEN|SECRET)$")
#: Settings whose variables are lists, by commas.
_LISTS = ("providers", "input_hosts", "callback_hosts")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one command. Amounts in nanodollars; `providers` None: every provider with a key.
    `concurrency` is by provider, `workers` for all others; `same_as` lists providers whose other
    address is declared to be the original. Input pictures are fetched from `input_hosts` ("name" or "name:port")
    though they are not on the public internet, and webhooks sent to `callback_hosts`. `servers` are the user's own.
    `weights` is model -> folder on this machine, or OWNER/NAME@REVISION of the hub; `local` how it makes pictures."""

    home: Path
    keys: Mapping[str, Secret] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    same_as: frozenset[str] = frozenset()
    providers: tuple[str, ...] | None = None
    concurrency: Mapping[str, int] = field(default_factory=dict)
    workers: int | None = None
    routes: Any = None
    optimize: str = "route"
    budgets: Mapping[str, Nano] = field(default_factory=dict)
    catalogs: tuple[Path, ...] = ()
    guard: Nano = 5 * 10**9
    input_hosts: frozenset[str] = frozenset()
    callback_hosts: frozenset[str] = frozenset()
    servers: Mapping[str, OwnServer] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    local: LocalSettings = field(default_factory=LocalSettings)

    def address_of(self, provider: str) -> str | None:
        """The address that makes another Key: None when the provider is at home or declared the same."""
        return None if provider in self.same_as else self.addresses.get(provider)

    @property
    def picture_hosts(self) -> frozenset[str]:
        """The hosts that the user named, be they internal: of input pictures, and of providers, with their port."""
        return self.input_hosts | {host_and_port(address) for address in self.addresses.values()}


def home_folder(environ: Mapping[str, str] | None = None) -> Path:
    """IMAGEGEN_HOME, or the platform's user data folder. Nothing is created."""
    environ = os.environ if environ is None else environ
    named = environ.get("IMAGEGEN_HOME", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("imagegen", appauthor=False)


def hub_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where Hugging Face's tools keep what they download. Nothing is created."""
    environ = os.environ if environ is None else environ
    named = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(os.path.expandvars(named)).expanduser()
    base = environ.get("HF_HOME") or os.path.join(environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.path.expandvars(base)).expanduser() / "hub"


def load(
    manifest: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    beside: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from every layer. `manifest` and `flags` are mappings of the keys below; None values
    do not count. `beside` is the folder whose `.env` may hold keys. Raises SettingsError.

    Keys: providers, concurrency, workers, routes, optimize, budget, catalog, same_as, base_url, guard,
    input_hosts, callback_hosts.
    """
    environ = dict(os.environ if environ is None else environ)
    home = home_folder(environ)
    config = _config(home / "config.yaml")
    addresses = {**(config.get("base_url") or {}), **((flags or {}).get("base_url") or {})}
    own = own_servers(config.pop("servers", None), addresses, environ, _TAKEN)
    if beside is not None:
        # Keys only: a folder from somewhere else must not send them to another address.
        keys = {name for names in KEY_VARIABLES.values() for name in names} | {one.key_variable for one in own.values()}
        environ = {**{n: v for n, v in read_dotenv(beside / ".env").items() if n in keys}, **environ}
    layers = [config, manifest or {}, _from_variables(environ), flags or {}]
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                continue
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping) and name != "routes"
            merged[name] = {**merged[name], **value} if both else value
    return _settings(home, merged, environ, own)


def _settings(
    home: Path, merged: Mapping[str, Any], environ: Mapping[str, str], own: Mapping[str, OwnServer]
) -> Settings:
    there = {name: one.base_url for name, one in own.items()}
    return Settings(
        home=home,
        keys=_keys(environ, own),
        servers=own,
        addresses=_elsewhere({**(merged.get("base_url") or {}), **_addresses(environ), **there}),
        same_as=frozenset(merged.get("same_as") or ()),
        providers=tuple(merged["providers"]) if merged.get("providers") is not None else None,
        concurrency={name: positive(f"concurrency.{name}", n) for name, n in (merged.get("concurrency") or {}).items()},
        workers=positive("workers", merged["workers"]) if merged.get("workers") is not None else None,
        routes=merged.get("routes"),
        optimize=optimize(merged.get("optimize") or "route"),
        budgets=budgets(merged.get("budget")),
        catalogs=tuple(Path(path) for path in several(merged.get("catalog"))),
        guard=money("guard", merged.get("guard", 5)),
        input_hosts=frozenset(name.lower() for name in several(merged.get("input_hosts"))),
        callback_hosts=frozenset(name.lower() for name in several(merged.get("callback_hosts"))),
        weights=merged.get("weights") or {},
        local=local_settings(merged.get("local")),
    )


def _keys(environ: Mapping[str, str], own: Mapping[str, OwnServer]) -> dict[str, Secret]:
    found = {}
    for provider, names in {**KEY_VARIABLES, **{name: (one.key_variable,) for name, one in own.items()}}.items():
        value = next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
        value = googlecloud.account(environ) if provider == "vertex" else value
        if value:
            found[provider] = Secret(value)
    return found


def _addresses(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for provider in {*KEY_VARIABLES, *ADDRESS_VARIABLES}:
        names = (f"IMAGEGEN_{provider.upper()}_BASE_URL", ADDRESS_VARIABLES.get(provider, ""))
        value = next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
        if value:
            found[provider] = value
    return found


def _elsewhere(addresses: Mapping[str, str]) -> dict[str, str]:
    """The addresses that are not a provider's own."""
    found = {}
    for provider, address in addresses.items():
        if not str(address).startswith(("http://", "https://")):
            raise SettingsError(f"the address of {provider} is not a URL: {address}", "begin it with https://")
        if address.rstrip("/") != HOME_ADDRESSES.get(provider):
            found[provider] = address.rstrip("/")
    return found


def _from_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    budget = {scope: environ.get(f"IMAGEGEN_BUDGET_{scope.upper()}") or None for scope in BUDGETS}
    lists = {name: environ.get(f"IMAGEGEN_{name.upper()}", "").split(",") for name in _LISTS}
    return {
        **{name: [each.strip() for each in said if each.strip()] or None for name, said in lists.items()},
        "workers": environ.get("IMAGEGEN_WORKERS") or None,
        "routes": environ.get("IMAGEGEN_ROUTES") or None,
        "budget": {name: value for name, value in budget.items() if value} or None,
        "catalog": [path for path in environ.get("IMAGEGEN_CATALOG", "").split(os.pathsep) if path] or None,
    }


#: What config.yaml may say, and the form each takes.
_CONFIG: dict[str, type] = {
    "providers": list,
    "concurrency": dict,
    "workers": str,
    "routes": object,
    "optimize": str,
    "budget": object,
    "catalog": list,
    "same_as": list,
    "base_url": dict,
    "servers": dict,
    "guard": str,
    "input_hosts": list,
    "callback_hosts": list,
    "weights": dict,
    "local": dict,
}
_FORMS: dict[type, str] = {list: "a list such as [one, two]", dict: "a mapping such as {openai: …}", str: "one value"}


def _config(path: Path) -> dict[str, Any]:
    """config.yaml as texts, lists and mappings; a single text stands for a list of one."""
    if not path.exists():
        return {}
    from imagegen.plainyaml import read

    said = read(path)
    for name, value in said.items():
        form = _CONFIG.get(name)
        if form is None:
            raise SettingsError(f"{path}: unknown key {name}", f"there are {', '.join(sorted(_CONFIG))}")
        if form is list and isinstance(value, str):
            said[name] = [value]
        elif not isinstance(value, form):
            raise SettingsError(f"{path}: {name} is not what it should be", f"write {_FORMS[form]}")
    said["catalog"] = [str(path.parent / item) for item in said.get("catalog", ())] or None
    said["weights"] = weights(said.get("weights") or {}, path.parent)
    return said


def step_summary(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where a CI job's summary page is written, if this is a CI job that has one."""
    named = (os.environ if environ is None else environ).get("GITHUB_STEP_SUMMARY", "")
    return Path(named) if named else None


def webhook_secret(beside: Path | None = None) -> Secret | None:
    """What webhooks are signed with: of the environment, else of the `.env` in the folder `beside`."""
    here = {**(read_dotenv(beside / ".env") if beside else {}), **os.environ}
    found = here.get(WEBHOOK_SECRET, "").strip()
    return Secret(found) if found else None


def secrets(environ: Mapping[str, str] | None = None) -> list[str]:
    """The values of every variable that holds a key, for redaction."""
    environ = os.environ if environ is None else environ
    known = {WEBHOOK_SECRET, *(name for names in KEY_VARIABLES.values() for name in names)}
    # Servers of the user's own have keys in variables of any name.
    names = [name for name in environ if name in known or _LIKE_A_KEY.search(name)]
    return [environ[name] for name in names if len(environ[name]) > 5]
