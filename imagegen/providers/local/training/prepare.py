"""Prepare: from what a person asked to a job, with its forecast, before torch is needed. Only reads."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagegen.catalog import Catalog, Gpu
from imagegen.catalog.gpus import named
from imagegen.domain.money import Nano
from imagegen.errors import SettingsError, UsageError
from imagegen.providers.local import where
from imagegen.providers.local.families import FAMILIES
from imagegen.providers.local.gpuname import recognised
from imagegen.providers.local.training import dataset, forecast, sheet
from imagegen.providers.local.training.course import TRAINED, Course, check, check_weights, usual_steps
from imagegen.providers.local.training.dataset import Album
from imagegen.providers.local.training.forecast import Forecast, Samples
from imagegen.providers.local.training.plan import Size, fitted
from imagegen.providers.local.weights import Weights, glance
from imagegen.settings import Settings

#: Why that GPU: it was named, it is this machine's, or it only gives an idea.
Basis = Literal["named", "this machine's", "for comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says; None where it says nothing."""

    folder: Path
    model: str = "sdxl"
    output: Path | None = None
    trigger: str | None = None
    steps: int | None = None
    rank: int = 16
    alpha: float | None = None
    learning_rate: float = 1e-4
    batch: int = 1
    accumulate: int = 1
    size: int = 1024
    min_snr: float | None = None
    seed: int = 0
    prompts: tuple[str, ...] = ()
    sample_every: int = 250
    sample_steps: int | None = None
    checkpoint_every: int = 250
    resume: bool = False
    device: str = "auto"
    dtype: str = "auto"
    gpu: str | None = None
    hourly: str | None = None
    yes: bool = False
    catalog: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would be trained. `model`: the catalogue's whose work is counted, None where that is not known and
    `no_forecast` says why. `weights` None: they are not on this machine."""

    album: Album
    weights: Weights | None
    title: str
    model: str | None
    course: Course
    fits: tuple[Size, ...] = field(repr=False)
    samples: Samples
    guidance: float
    prompts: tuple[str, ...]
    output: Path
    no_forecast: str = ""

    @property
    def sizes(self) -> list[tuple[Size, int]]:
        """Each size that is trained in and how many pictures have it, most first."""
        return sorted(Counter(self.fits).items(), key=lambda each: (-each[1], each[0]))

    @property
    def enlarged(self) -> int:
        """Pictures that are smaller than what they are trained in."""
        pairs = zip(self.album.shots, self.fits, strict=True)
        return sum(shot.width < width or shot.height < height for shot, (width, height) in pairs)


def prepare(asked: Asked, book: Catalog, settings: Settings) -> Prepared:
    """Look at the folder and the weights. Raises UsageError, SettingsError, StorageError, one line each."""
    output = _output(asked)
    weights, name = _weights(asked.model, book, settings)
    album = dataset.read(asked.folder, asked.trigger)
    if weights is not None:
        check_weights(weights)
    course = Course(
        steps=asked.steps or usual_steps(len(album.shots)),
        rank=asked.rank,
        alpha=float(asked.rank if asked.alpha is None else asked.alpha),
        learning_rate=asked.learning_rate,
        batch=asked.batch,
        accumulate=asked.accumulate,
        size=asked.size,
        seed=asked.seed,
        min_snr=asked.min_snr,
    )
    check(course)
    _check_min_snr(course, weights.family.name if weights else None, name)
    usual = dict.fromkeys(shot.caption for shot in album.shots)
    prompts = asked.prompts or tuple(usual)[: sheet.USUAL]
    model, why = (name, "") if weights is None else forecast.model_of(weights)
    steps, guidance = (weights.recipe.steps, weights.recipe.guidance) if weights else _USUAL[name]
    return Prepared(
        album,
        weights,
        (weights.family if weights else _FAMILY[name]).title,
        model,
        course,
        tuple(fitted(shot.width, shot.height, course.size) for shot in album.shots),
        Samples(len(prompts), asked.sample_steps or steps, asked.sample_every),
        guidance,
        prompts,
        output,
        why,
    )


_FAMILY = {model: FAMILIES[family] for family, model in TRAINED.items()}
#: Steps and guidance of a sample where the weights are not there to say: SDXL's are the guide's.
_USUAL = {"sdxl": (30, 7.5), "flux-dev": (28, 3.5)}


def priced(prepared: Prepared, gpu: Gpu, hourly: Nano | None) -> Forecast | None:
    """What it takes on `gpu`; None where nobody can tell."""
    if prepared.model is None:
        return None
    return forecast.forecast(prepared.model, prepared.fits, prepared.course, prepared.samples, gpu, hourly)


def reckoned_with(asked: Asked, book: Catalog, device_name: str | None) -> tuple[Gpu, Basis]:
    """The GPU for the forecast: the one named, that of this machine, else the catalogue's for comparisons."""
    if asked.gpu is not None:
        return named(book.gpus, asked.gpu), "named"
    found = recognised(book.gpus, device_name) if device_name else None
    if found is not None:
        return found, "this machine's"
    assert book.comparison, "our own data say what to compare with"
    return named(book.gpus, book.comparison.gpu), "for comparison"


def _output(asked: Asked) -> Path:
    folder = Path(os.path.abspath(asked.folder.expanduser()))
    if asked.output is None:
        return folder.with_name(f"{folder.name}-lora") / f"{folder.name}.safetensors"
    output = Path(os.path.abspath(asked.output.expanduser()))
    if output.suffix != ".safetensors" or output.is_dir():
        raise UsageError(f"--output {asked.output} is no safetensors file", "name one, as brand.safetensors")
    return output


def _weights(model: str, book: Catalog, settings: Settings) -> tuple[Weights | None, str]:
    """The weights of `model`, and the catalogue's name of it; None and its name where they are not on this machine."""
    path = Path(model).expanduser()
    if model not in book.models and path.is_dir():
        return glance(path), ""
    if model not in book.models and len(path.parts) > 1 and not path.exists() and book.models.get(path.name) is None:
        raise UsageError(f"there are no weights in {model}", "name a folder in diffusers' layout, or a model")
    name = book.find(model)[0].name
    offer = book.models[name].offer("local")
    if name not in TRAINED.values() or offer is None:
        raise UsageError(f"no LoRA is trained for {name}", f"there are {' and '.join(TRAINED.values())}")
    found = where.find(name, offer.api_name, None, settings)
    if found.weights is None and found.problem:
        raise SettingsError(found.problem)
    return found.weights, name


def _check_min_snr(course: Course, family: str | None, name: str) -> None:
    if course.min_snr is not None and "flux" in (family or name):
        raise UsageError("--min-snr weighs SDXL's noise, and FLUX.1 has none", "leave it out")
