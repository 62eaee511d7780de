"""Downloading a model's weights from the hub: what would come, said before, then only that, at one commit.

Only diffusers' own layout, only safetensors, and of each component one set of files: the 16-bit ones where the model
has them, unless the full ones are asked for. The index is fetched and checked before anything large.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from imagegen.errors import ProviderStop, SettingsError, StorageError, UsageError
from imagegen.files import make_private, storage_error
from imagegen.providers.local.controlfolder import CONFIG, PROCESSOR, STEMS, TITLES, check_kind
from imagegen.providers.local.extra import LOCAL
from imagegen.providers.local.families import Family
from imagegen.providers.local.hub import model_folder
from imagegen.providers.local.tensorfiles import VARIANTS
from imagegen.providers.local.vetting import check_index
from imagegen.providers.local.weights import INDEX

_SMALL = (".json", ".txt", ".model", ".jinja")
#: A component's weights as diffusers and transformers name them; others (one file for all, other tools') are left.
_WEIGHTS = re.compile(
    r"(model|diffusion_pytorch_model)(\.(?P<early>fp16|bf16))?(?P<part>-\d+-of-\d+)?\.safetensors"
    r"((?P<index>\.index)(\.(?P<late>fp16|bf16))?\.json)?"
)
#: Bytes of disk that stay free.
_SPARE = 500_000_000


@dataclass(frozen=True, slots=True)
class Pull:
    """What a download would bring: `files` of `repository` at the commit `revision`, name -> bytes. `family`: of a
    model, or the kind of a net. `missing`: bytes of those that are not there yet. `into` None: the `cache`, in the
    hub's own layout."""

    repository: str
    revision: str
    family: str
    title: str
    variant: str | None
    files: Mapping[str, int]
    cache: Path
    into: Path | None

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(self.files.values())

    @property
    def missing(self) -> int:
        """Bytes that are not on disk yet."""
        return sum(size for name, size in self.files.items() if not (self.folder / name).exists())

    @property
    def folder(self) -> Path:
        """Where the model will be."""
        return self.into or model_folder(self.cache, self.repository) / "snapshots" / self.revision


def prepare(
    repository: str, revision: str | None, caches: Sequence[Path], into: Path | None = None, full: bool = False
) -> Pull:
    """Ask the hub what `repository` holds at `revision` [main], and look at its index. It would come into the first
    of `caches` (folders in the hub's own layout), unless another has it already, or `into` a plain folder.
    Raises SettingsError, UsageError or ProviderStop, one line each."""
    hub = _library()
    with _explained(repository, revision), TemporaryDirectory() as aside:
        api = hub.HfApi()
        commit = api.model_info(repository, revision=revision).sha
        tree = api.list_repo_tree(repository, revision=commit, recursive=True)
        sizes = {item.path: item.size for item in tree if hasattr(item, "size")}
        first = INDEX if INDEX in sizes else CONFIG
        if first not in sizes:
            raise UsageError(f"{repository} is not in diffusers' layout: it has no {INDEX}", "pull another model")
        said = _index(Path(hub.hf_hub_download(repository, first, revision=commit, local_dir=aside)), repository)
    if first == INDEX:
        family, classes = check_index(Path(f"{repository}/{INDEX}"), said)
        inside = (*family.classes, "scheduler")
        components = [name for name in inside if name in classes and family.classes.get(name) != ()]
        named, (chosen, variant) = (family.name, family.title), _files(repository, sizes, family, components, full)
    else:
        kind = check_kind(Path(f"{repository}/{CONFIG}"), said)
        named, (chosen, variant) = (kind, TITLES[kind]), _control_files(repository, sizes, kind, full)
    files = {name: sizes[name] for name in sorted(chosen)}
    ways = [Pull(repository, commit, *named, variant, files, cache, into) for cache in caches]
    return next((way for way in ways if not way.missing), ways[0])


def fetch(pull: Pull) -> Path:
    """Download what is missing; the model's folder. Goes on where an earlier download stopped. Raises as `prepare`,
    and StorageError where the disk is too small."""
    if not pull.missing:
        return pull.folder
    hub = _library()
    target = pull.into or pull.cache
    try:
        if not pull.into:
            make_private(target)
        target.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target).free
    except OSError as error:
        raise storage_error(error, target) from None
    if free < pull.missing + _SPARE:
        need = f"{pull.missing / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free in {target}"
        raise StorageError(need, "free space, or name another folder with --into")
    place = {"local_dir": pull.into} if pull.into else {"cache_dir": pull.cache}
    with _explained(pull.repository, pull.revision):
        hub.snapshot_download(pull.repository, revision=pull.revision, allow_patterns=list(pull.files), **place)
    return pull.folder


def _library() -> Any:
    if find_spec("huggingface_hub") is None:
        raise SettingsError(LOCAL.missing() or f"downloading weights needs the extra local: {LOCAL.install}")
    hub: Any = import_module("huggingface_hub")
    tools: Any = import_module("huggingface_hub.utils")
    tools.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        tools.disable_progress_bars()
    return hub


def _index(path: Path, repository: str) -> dict[str, Any]:
    try:
        said = json.loads(path.read_bytes()[:1_000_000])
    except (OSError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise SettingsError(f"{repository}/{INDEX} is no index of a model", "pull another model")
    return said


def _files(
    repository: str, sizes: Mapping[str, int], family: Family, components: list[str], full: bool
) -> tuple[set[str], str | None]:
    """The files to fetch, and the variant of the denoiser's weights."""
    chosen = {INDEX}
    small = {name for name in sizes if name.endswith(_SMALL) and ".index." not in name}
    main = None
    for component in components:
        inside = {name for name in sizes if str(PurePosixPath(name).parent) == component}
        chosen |= inside & small
        if component not in family.models:
            continue
        variant, files = _set(repository, component, inside, full)
        main = variant if component == family.denoiser else main
        chosen |= files
    return chosen, main


def _control_files(repository: str, sizes: Mapping[str, int], kind: str, full: bool) -> tuple[set[str], str | None]:
    """The files to fetch of a ControlNet or depth model, which lie in no folder, and their variant."""
    variant, files = _set(
        repository, TITLES[kind], {name for name in sizes if name.startswith(f"{STEMS[kind]}.")}, full
    )
    return {CONFIG, *files, *({PROCESSOR} & set(sizes))}, variant


def _set(repository: str, component: str, inside: set[str], full: bool) -> tuple[str | None, set[str]]:
    """One set of a component's weights, whole or in parts with their index: the variant, and its files."""
    sets: dict[tuple[str | None, bool], set[str]] = {}
    for name in inside:
        found = _WEIGHTS.fullmatch(PurePosixPath(name).name)
        if found:
            whole = not (found["part"] or found["index"])
            sets.setdefault((found["early"] or found["late"], whole), set()).add(name)
    for variant in VARIANTS if full else ("fp16", "bf16", None):
        for whole in (True, False):
            files = sets.get((variant, whole), set())
            if any(name.endswith(".safetensors") for name in files):
                return variant, files
    raise UsageError(f"{repository}: {component} has no safetensors weights", "pull another model")


@contextmanager
def _explained(repository: str, revision: str | None) -> Iterator[None]:
    """The hub's errors in one line each."""
    errors: Any = import_module("huggingface_hub.errors")
    wire: Any = import_module("httpx2")
    page = f"https://huggingface.co/{repository}"
    try:
        yield
    except errors.GatedRepoError:
        todo = f"accept its licence at {page}, then run `hf auth login` or set HF_TOKEN"
        raise SettingsError(f"{repository} is given only to those who accepted its licence", todo) from None
    except errors.RevisionNotFoundError:
        raise UsageError(f"{repository} has no revision {revision}", f"see {page}/commits") from None
    except errors.RepositoryNotFoundError:
        todo = f"see {page}; for a private one run `hf auth login` or set HF_TOKEN"
        raise UsageError(f"the hub knows no model {repository}, or not for you", todo) from None
    except errors.HFValidationError:
        raise UsageError(f"{repository} is no name of a model of the hub", "write OWNER/NAME") from None
    except errors.OfflineModeIsEnabled:
        raise ProviderStop("HF_HUB_OFFLINE is set, so nothing is downloaded", "unset it to pull") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise ProviderStop(f"the hub answered {status} for {repository}", "run again later") from None
    except (errors.LocalEntryNotFoundError, wire.HTTPError) as error:
        reason = type(error.__cause__ or error).__name__
        raise ProviderStop(f"the hub cannot be reached ({reason})", "check the network, then run again") from None
    except (ConnectionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ProviderStop(f"the download of {repository} broke off: {reason}", "run again: it goes on") from None
    except OSError as error:
        raise storage_error(error, repository) from None
