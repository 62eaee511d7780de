"""Weights: one model on disk, looked at without torch and without trusting it. `look` is the way in.

What decides the pictures: model_index.json, the components' configurations, the words of their tokenizers, and their
safetensors. The digest is of these and of nothing else, so a copy in another folder is the same model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagegen.errors import SettingsError
from imagegen.providers.local.digests import Digests, together
from imagegen.providers.local.families import Family
from imagegen.providers.local.recipes import Recipe, recipe_of
from imagegen.providers.local.tensorfiles import Part, part
from imagegen.providers.local.vetting import check_config, check_files, check_index

INDEX = "model_index.json"
#: Files of a component that decide pictures, beside its safetensors.
_CONFIGS = frozenset({".json", ".txt", ".model", ".jinja"})
#: Of a model's encoders and denoiser, as their library names the files.
_STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
#: A snapshot of a hub's model ends so: models--<owner>--<name>/snapshots/<revision>.
_SNAPSHOT = re.compile(r"models--(?P<owner>[^/\\]+?)--(?P<name>[^/\\]+)[/\\]snapshots[/\\](?P<revision>[0-9a-f]{40})$")
#: What a download into a plain folder leaves behind: the revision stands in its first line.
_TRACE = Path(".cache/huggingface/download", f"{INDEX}.metadata")


@dataclass(frozen=True)
class Weights:
    """One model on disk. `digest` is its name in Keys ("" where it was only glanced at), `revision` the hub's commit
    where it is known, `size` the bytes of what is loaded. `parts`: component -> its files and tensors' headers.
    `variants`, `dtypes`: how the files hold their numbers, in torch's words."""

    folder: Path
    family: Family
    digest: str
    revision: str | None
    size: int
    dtypes: frozenset[str]
    recipe: Recipe
    parts: Mapping[str, Part] = field(repr=False, hash=False)
    configs: Mapping[str, Mapping[str, Any]] = field(repr=False, hash=False)
    files: tuple[str, ...] = field(repr=False, default=())

    @property
    def few_steps(self) -> bool:
        """Whether it was distilled to few steps."""
        return self.recipe.few

    def variant(self, component: str) -> str | None:
        """What `from_pretrained(subfolder=component)` must be told to load the files that were looked at."""
        return self.parts[component].variant


def look(folder: Path, digests: Path | None = None) -> Weights:
    """The model in `folder`, checked, with its digest. `digests`: the JSON file that remembers those of large files.
    Raises SettingsError (one line) for a folder that is no model, is damaged, or could run code."""
    found = glance(folder)
    memory = Digests(digests)
    lines = [
        (name, (found.folder / name).stat().st_size, memory.of(found.folder / name, str(found.folder / name)))
        for name in found.files
    ]
    memory.keep()
    return replace(found, digest=together(lines))


def glance(folder: Path) -> Weights:
    """As `look`, without reading the weights themselves: the digest is ""."""
    folder = folder.expanduser().absolute()
    index_file = _index(folder)
    check_files(folder, ())
    index = check_config(index_file)
    family, classes = check_index(index_file, index)
    names = [name for name in (*family.classes, "scheduler") if name in classes and family.classes.get(name) != ()]
    check_files(folder, names)
    configs = {name: _config(folder, name, classes[name]) for name in names}
    configs[""] = index
    libraries = {name: index[name][0] for name in names}
    parts = {
        name: part(folder, name, _STEMS[libraries[name]])
        for name in names
        if name in (family.denoiser, "vae", *family.encoders)
    }
    _check_channels(folder, family, configs[family.denoiser])
    files = tuple(
        sorted({INDEX, *_settings_of(folder, names), *(file for one in parts.values() for file in one.files)})
    )
    return Weights(
        folder=folder,
        family=family,
        digest="",
        revision=revision_of(folder),
        size=sum((folder / name).stat().st_size for name in files),
        dtypes=frozenset().union(*(one.dtypes for one in parts.values())),
        recipe=recipe_of(family, _names(folder, configs, family), configs),
        parts=parts,
        configs=configs,
        files=files,
    )


def revision_of(folder: Path) -> str | None:
    """The hub's commit that `folder` is a snapshot of, where its path or the download's trace says so."""
    found = _SNAPSHOT.search(str(folder.absolute()))
    if found:
        return found["revision"]
    try:
        first = (folder / _TRACE).read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError):
        return None
    return first if re.fullmatch("[0-9a-f]{40}", first) else None


def _index(folder: Path) -> Path:
    if not folder.exists():
        raise SettingsError(f"{folder} is not there", "`imagegen models where` shows what is on disk")
    if not folder.is_dir():
        raise SettingsError(f"{folder} is a single file", "name the folder of a model in diffusers' layout")
    index = folder / INDEX
    if not index.is_file():
        check_files(folder, ())
        raise SettingsError(f"{folder} is no model: it has no {INDEX}", "name a folder in diffusers' layout")
    return index


def _config(folder: Path, name: str, kind: str) -> dict[str, Any]:
    """A component's configuration, which must be of the class that the index says."""
    if not (folder / name).is_dir():
        raise SettingsError(f"{folder}: the folder {name} is missing", "download the model again")
    if name.startswith("tokenizer"):
        path = folder / name / "tokenizer_config.json"
        return check_config(path) if path.is_file() else {}
    path = folder / name / ("scheduler_config.json" if name == "scheduler" else "config.json")
    said = check_config(path)
    named = said.get("_class_name", kind)
    if named != kind and name != "scheduler":
        raise SettingsError(f"{path} is of a {named}, and {INDEX} says {kind}", "download the model again")
    return said


def _check_channels(folder: Path, family: Family, denoiser: Mapping[str, Any]) -> None:
    channels = denoiser.get("in_channels")
    if family.denoiser == "unet" and channels != 4:
        what = f"{folder}: its UNet takes {channels} channels, as models made only for inpainting do"
        raise SettingsError(what, "take an ordinary SDXL, which inpaints too")


def _settings_of(folder: Path, names: list[str]) -> set[str]:
    """The small files of components that decide pictures; indexes of weights only where those weights are loaded."""
    found = set()
    for name in names:
        for path in (folder / name).iterdir():
            if path.suffix in _CONFIGS and ".safetensors.index" not in path.name and path.is_file():
                found.add(f"{name}/{path.name}")
    return found


def known_as(folder: Path) -> str:
    """What the model in `folder` is called: by the hub whose snapshot it is, else by its folder."""
    found = _SNAPSHOT.search(str(folder))
    return found["name"] if found else folder.name


def _names(folder: Path, configs: Mapping[str, Mapping[str, Any]], family: Family) -> str:
    """Every name that the model goes by, in one text: of its folder, its hub and the files themselves."""
    said = [configs[part].get("_name_or_path", "") for part in ("", family.denoiser)]
    return " ".join([known_as(folder), *(Path(text).name for text in said if isinstance(text, str))])
