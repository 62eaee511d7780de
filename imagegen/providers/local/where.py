"""Where a model's weights are on this machine: in a folder that the settings name, in the tool's home, or in the
cache that Hugging Face's tools share. Only looks; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen.catalog import Catalog
from imagegen.errors import SettingsError
from imagegen.providers.local import hub
from imagegen.providers.local.controlfolder import CONTROLNET, DEPTH_ESTIMATOR, Control, glance_control, look_control
from imagegen.providers.local.weights import INDEX, Weights, glance, look
from imagegen.settings import Settings, hub_folder
from imagegen.settingvalues import PINNED

#: Models that only help another: name -> what the hub calls it, and its licence.
HELPERS = {
    "sdxl-refiner": ("stabilityai/stable-diffusion-xl-refiner-1.0", "CreativeML Open RAIL++-M"),
    "sdxl-canny": ("diffusers/controlnet-canny-sdxl-1.0", "CreativeML Open RAIL++-M"),
    "sdxl-depth": ("diffusers/controlnet-depth-sdxl-1.0", "CreativeML Open RAIL++-M"),
    "depth-estimator": ("Intel/dpt-hybrid-midas", "Apache 2.0"),
}
#: Those of them that are no pipeline: name -> kind.
_CONTROLS = {"sdxl-canny": CONTROLNET, "sdxl-depth": CONTROLNET, "depth-estimator": DEPTH_ESTIMATOR}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model's weights should be. `folder` None: they are not there. `source`: "settings", "home" (pulled) or
    "hub" (the shared cache)."""

    source: str
    folder: Path | None
    wanted: str


@dataclass(frozen=True, slots=True)
class Found:
    """One model: its place, and its weights (a net or depth model: `control`) or the sentence that says why they
    cannot be used."""

    model: str
    repository: str
    license: str | None
    place: Place | None
    weights: Weights | None
    problem: str | None
    control: Control | None = None

    @property
    def state(self) -> str:
        """ "ready", "refused" (there, and not to be used) or "missing"."""
        if self.files is not None:
            return "ready"
        return "refused" if self.place is not None and self.place.folder is not None else "missing"

    @property
    def files(self) -> Weights | Control | None:
        """What is there and good, of either kind."""
        return self.weights or self.control

    @property
    def family(self) -> str | None:
        """What it is, for machines."""
        kind = self.control.kind if self.control else None
        return self.weights.family.name if self.weights else kind

    @property
    def title(self) -> str | None:
        """What it is, for people."""
        title = self.control.title if self.control else None
        return self.weights.family.title if self.weights else title


def pulled(home: Path) -> Path:
    """Where `models pull` keeps what it downloads, in the hub's own layout."""
    return home / "weights"


def remembered(home: Path) -> Path:
    """The file that remembers the digests of large files."""
    return home / "weights.json"


def place(model: str, repository: str, settings: Settings) -> Place | None:
    """Where `model`, which the hub calls `repository`, is; None where it is nowhere and the settings name no place."""
    named = settings.weights.get(model)
    if named is not None:
        pinned = PINNED.fullmatch(named)
        if not pinned:
            return Place("settings", Path(named) if Path(named).exists() else None, named)
        found = _cached(pinned["repository"], pinned["revision"], settings)
        return Place("settings", found.folder if found else None, named)
    return _cached(repository, None, settings)


def _cached(repository: str, revision: str | None, settings: Settings) -> Place | None:
    for source, cache in (("home", pulled(settings.home)), ("hub", hub_folder())):
        folder = hub.snapshot(cache, repository, revision)
        if folder is not None:
            return Place(source, folder, repository)
    return None


def survey(book: Catalog, settings: Settings, name: str | None = None) -> Iterator[Found]:
    """Every model of the catalogue that this machine could run and its helpers, or only the one called `name`; then
    those for which the settings name weights in vain. Raises UsageError for an unknown name."""
    if name in HELPERS:
        yield find(name, *HELPERS[name], settings)
        return
    for model in [book.find(name)[0]] if name else book.models.values():
        offer = model.offer("local")
        if offer is not None:
            yield find(model.name, offer.api_name, model.license, settings)
        elif name or model.name in settings.weights:
            problem = "the catalogue does not run it on this machine: it has no offer `local`"
            yield Found(model.name, "", model.license, None, None, problem)
    if name:
        return
    for helper, (repository, license_name) in HELPERS.items():
        yield find(helper, repository, license_name, settings)
    for other in sorted(set(settings.weights) - set(book.models) - set(HELPERS)):
        yield Found(other, "", None, None, None, "the settings name weights for it, and no model is called so")


def find(model: str, repository: str, license_name: str | None, settings: Settings) -> Found:
    """The weights of `model`, which the hub calls `repository`, looked at but for their digest."""
    where = place(model, repository, settings)
    weights, control, problem = None, None, None
    if where is None or where.folder is None:
        problem = f"{where.wanted} is not there" if where else None
    else:
        try:
            if model in _CONTROLS:
                control = _control(where.folder, _CONTROLS[model])
            else:
                weights = glance(where.folder)
        except SettingsError as error:
            problem = str(error)
    return Found(model, repository, license_name, where, weights, problem, control)


def looked(folder: Path, digests: Path) -> Weights | Control:
    """What was pulled into `folder`, whichever it is, with its digest. Raises SettingsError."""
    return look(folder, digests) if (folder / INDEX).is_file() else look_control(folder, digests)


def _control(folder: Path, kind: str) -> Control:
    found = glance_control(folder)
    if found.kind != kind:
        raise SettingsError(f"{folder} is a {found.title}", "`imagegen models pull` knows which is wanted here")
    return found
