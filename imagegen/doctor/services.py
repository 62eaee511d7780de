"""Providers: which keys are there (names of variables, never values), which providers can be called and why the
others cannot, and which certificates a connection is checked against."""

from __future__ import annotations

import difflib
import os
import platform
import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from imagegen.catalog import Catalog
from imagegen.doctor.finding import Finding, note, ok, problem
from imagegen.domain.queue import LOCAL
from imagegen.dotenv import read_dotenv
from imagegen.errors import SettingsError
from imagegen.settings import KEY_VARIABLES, Settings
from imagegen.wiring import enabled_providers

_KEY = re.compile(r"_?(API)?_?(KEYS?|TOKEN)$", re.I)
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


def keys(settings: Settings, beside: Path | None) -> Iterator[Finding]:
    """Where each key comes from, and what is wrong with one as far as one can see without asking."""
    files = _dotenv(beside)
    own = {name: (server.key_variable,) for name, server in settings.servers.items()}
    for provider, names in {**KEY_VARIABLES, **own}.items():
        here = [name for name in names if os.environ.get(name, "").strip()]
        there = [name for name in names if files.get(name, "").strip() and name not in here]
        if not here and not there:
            continue
        said = [*here, *(f"{name} (in {beside}{os.sep}.env)" for name in there)]
        text = f"{provider}: {said[0]}" + (f"; not used: {', '.join(said[1:])}" if said[1:] else "")
        secret = settings.keys.get(provider)
        if secret is not None and not all("!" <= sign <= "~" for sign in secret.reveal()):
            yield problem("keys", f"{text} holds a space or a sign that no key has", "copy it anew")
        else:
            yield ok("keys", text)
    known = {name for names in KEY_VARIABLES.values() for name in names}
    for name in sorted({*os.environ, *files} - known - {variable for names in own.values() for variable in names}):
        meant = _meant(name, known)
        if meant is not None:
            yield note("keys", f"{name} is set, and nobody reads it", f"did you mean {meant}?")


def _meant(name: str, known: Collection[str]) -> str | None:
    """The variable that `name` was meant to be: the same company by another name, not another company."""
    if not _KEY.search(name):
        return None
    near = difflib.get_close_matches(_company(name), [_company(each) for each in known], n=1, cutoff=0.85)
    return min(each for each in known if _company(each) == near[0]) if near else None


def _company(name: str) -> str:
    """OPENAI of OPENAI_API_KEY and Open_AI_key."""
    return _KEY.sub("", name.upper()).replace("_", "")


def providers(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Those that can be called, those that cannot by reason, and their addresses. Placeholders always can."""
    enabled, missing = enabled_providers(settings, catalog)
    for name in sorted(enabled):
        address = settings.addresses.get(name)
        place = f", asked at {_host(address)}" if address else ""
        yield ok("providers", f"{name}: can be called{place}")
    reasons: dict[str, list[str]] = {}
    for name, why in missing.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield note("providers", f"{', '.join(names)}: {why}")
    for name in sorted(set(settings.servers) - set(catalog.providers())):
        place = _host(settings.addresses[name])
        mend = "add one to a catalogue file, with an offer by that name: docs/providers/compatible.md"
        yield note("providers", f"{name}: no model of the catalogue is served there ({place})", mend)
    if not enabled:
        lacking = [why.removeprefix("no ") for name, why in missing.items() if why.startswith("no ") and name != LOCAL]
        mend = f"set {' or '.join(lacking)}; placeholders need no key: --provider placeholder" if lacking else ""
        yield problem("providers", "none can be called", mend or "list one under `providers`")


def certificates(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """What a server's certificate is checked against, and the proxy that calls go through."""
    for name, there in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", os.path.isdir)):
        path = environ.get(name)
        if not path:
            continue
        if not there(path):
            yield problem("trust", f"{name} names {path}, which is not there", f"correct {name}, or unset it")
        elif name == "SSL_CERT_FILE" and not _bundle(path):
            yield problem("trust", f"{name} names {path}, which holds no certificates", f"correct {name}, or unset it")
        else:
            yield ok("trust", f"{path} ({name})")
        break
    else:
        yield _of_the_system()
    proxy = next((name for name in _PROXIES if environ.get(name)), None)
    if proxy:
        yield note("trust", f"calls go through the proxy {_host(environ[proxy])} ({proxy})")


def _of_the_system() -> Finding:
    if platform.system() in ("Windows", "Darwin"):
        return ok("trust", "the certificates of the system")
    paths = ssl.get_default_verify_paths()
    for path in (paths.openssl_cafile, paths.openssl_capath):
        if os.path.isfile(path) and _bundle(path):
            return ok("trust", f"{path} (OpenSSL's own)")
        if os.path.isdir(path) and os.listdir(path):
            return ok("trust", f"{path} (OpenSSL's own)")
    mend = "install the package ca-certificates, or set SSL_CERT_FILE"
    return problem("trust", f"no certificates at {paths.openssl_cafile} or {paths.openssl_capath}", mend)


def _bundle(path: str) -> bool:
    """Whether OpenSSL reads certificates from the file."""
    try:
        return bool(ssl.create_default_context(cafile=path).get_ca_certs())
    except (ssl.SSLError, OSError):
        return False


def _dotenv(beside: Path | None) -> Mapping[str, str]:
    try:
        return read_dotenv(beside / ".env") if beside else {}
    except SettingsError:
        return {}  # said where the settings are read


def _host(address: str) -> str:
    """The host of a URL; never what stands before an @."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.hostname or '?'}{port}"
