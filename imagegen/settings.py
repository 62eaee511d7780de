"""Settings: built-in defaults < config.yaml of the home < the manifest's keys < IMAGEGEN_* variables < flags.

The only reader of the environment. Secrets live in `Secret`, which never shows itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagegen.domain.money import Nano, nano
from imagegen.dotenv import read_dotenv
from imagegen.errors import SettingsError

#: Provider -> the variables its key may stand in, first found wins.
KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
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
    "replicate": "REPLICATE_BASE_URL",
    "together": "TOGETHER_BASE_URL",
}

#: Where a provider is at home: an address that says the same thing is not another one.
HOME_ADDRESSES = {"openai": "https://api.openai.com/v1"}

BUDGETS = ("run", "hour", "day", "month")


class Secret:
    """A key. `reveal()` is the only way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one command. Amounts in nanodollars; `providers` None: every provider with a key.
    `concurrency` is by provider, `workers` for all others; `same_as` lists providers whose other
    address is declared to be the original. Input pictures are fetched from `input_hosts` ("name" or "name:port")
    though they are not on the public internet."""

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

    def address_of(self, provider: str) -> str | None:
        """The address that makes another Key: None when the provider is at home or declared the same."""
        return None if provider in self.same_as else self.addresses.get(provider)

    @property
    def picture_hosts(self) -> frozenset[str]:
        """The hosts that the user named, be they internal: of input pictures, and of providers, with their port."""
        return self.input_hosts | {_host_and_port(address) for address in self.addresses.values()}


def home_folder(environ: Mapping[str, str] | None = None) -> Path:
    """IMAGEGEN_HOME, or the platform's user data folder. Nothing is created."""
    environ = os.environ if environ is None else environ
    named = environ.get("IMAGEGEN_HOME", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("imagegen", appauthor=False)


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
    input_hosts.
    """
    environ = dict(os.environ if environ is None else environ)
    home = home_folder(environ)
    if beside is not None:
        # Keys only: a folder from somewhere else must not send them to another address.
        keys = {name for names in KEY_VARIABLES.values() for name in names}
        environ = {**{n: v for n, v in read_dotenv(beside / ".env").items() if n in keys}, **environ}
    layers = [_config(home / "config.yaml"), manifest or {}, _from_variables(environ), flags or {}]
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if value is None:
                continue
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping) and name != "routes"
            merged[name] = {**merged[name], **value} if both else value
    return _settings(home, merged, environ)


def _settings(home: Path, merged: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    return Settings(
        home=home,
        keys=_keys(environ),
        addresses=_elsewhere({**(merged.get("base_url") or {}), **_addresses(environ)}),
        same_as=frozenset(merged.get("same_as") or ()),
        providers=tuple(merged["providers"]) if merged.get("providers") is not None else None,
        concurrency={
            name: _positive(f"concurrency.{name}", n) for name, n in (merged.get("concurrency") or {}).items()
        },
        workers=_positive("workers", merged["workers"]) if merged.get("workers") is not None else None,
        routes=merged.get("routes"),
        optimize=_optimize(merged.get("optimize") or "route"),
        budgets=_budgets(merged.get("budget")),
        catalogs=tuple(Path(path) for path in _several(merged.get("catalog"))),
        guard=_money("guard", merged.get("guard", 5)),
        input_hosts=frozenset(name.lower() for name in _several(merged.get("input_hosts"))),
    )


def _optimize(value: str) -> str:
    if value not in ("route", "cost"):
        raise SettingsError(f"optimize is {value!r}", "write route or cost")
    return value


def _keys(environ: Mapping[str, str]) -> dict[str, Secret]:
    found = {}
    for provider, names in KEY_VARIABLES.items():
        value = next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
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
    providers = environ.get("IMAGEGEN_PROVIDERS", "")
    return {
        "workers": environ.get("IMAGEGEN_WORKERS") or None,
        "routes": environ.get("IMAGEGEN_ROUTES") or None,
        "budget": {name: value for name, value in budget.items() if value} or None,
        "providers": [name.strip() for name in providers.split(",") if name.strip()] or None,
        "input_hosts": [name.strip() for name in environ.get("IMAGEGEN_INPUT_HOSTS", "").split(",") if name.strip()]
        or None,
        "catalog": [path for path in environ.get("IMAGEGEN_CATALOG", "").split(os.pathsep) if path] or None,
    }


def _budgets(value: Any) -> dict[str, Nano]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        value = {"run": value}
    unknown = sorted(set(value) - set(BUDGETS))
    if unknown:
        raise SettingsError(f"budget.{unknown[0]} is not a budget", f"there are {', '.join(BUDGETS)}")
    return {scope: _money(f"budget.{scope}", amount) for scope, amount in value.items() if amount is not None}


def _money(name: str, value: Any) -> Nano:
    try:
        amount = nano(str(value).removeprefix("$") if not isinstance(value, float) else repr(value))
    except ValueError as problem:
        raise SettingsError(f"{name}: {problem}", "give US dollars, such as 25 or 0.50") from None
    if amount < 0:
        raise SettingsError(f"{name} is negative", "give US dollars, such as 25 or 0.50")
    return amount


def _host_and_port(address: str) -> str:
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:  # whoever calls it will say so
        port = None
    return f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"


def _positive(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}", "give a whole number from 1")
    return number


def _several(value: Any) -> Sequence[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


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
    "guard": str,
    "input_hosts": list,
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
    return said


def step_summary(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where a CI job's summary page is written, if this is a CI job that has one."""
    named = (os.environ if environ is None else environ).get("GITHUB_STEP_SUMMARY", "")
    return Path(named) if named else None


def secrets(environ: Mapping[str, str] | None = None) -> list[str]:
    """The values of every variable that holds a provider's key, for redaction."""
    environ = os.environ if environ is None else environ
    return [environ[name] for names in KEY_VARIABLES.values() for name in names if len(environ.get(name, "")) > 5]
