"""Own models: what this machine can make, as planning needs it: which models, with which weights and LoRAs, and what a
picture costs. Reads files, loads no weights and imports no torch."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path

from imagegen.catalog import Catalog
from imagegen.catalog.gpus import named
from imagegen.context import OwnLora, OwnWeights
from imagegen.domain.model import Estimate
from imagegen.domain.money import Nano
from imagegen.domain.queue import LOCAL
from imagegen.domain.request import Request
from imagegen.domain.row import Lora
from imagegen.errors import ImagegenError, SettingsError, StorageError
from imagegen.forecast import speed
from imagegen.forecast.speed import Device
from imagegen.ledger import learned, schema
from imagegen.providers.local import extra, lorafile
from imagegen.providers.local import extras as extras_of_the_engine
from imagegen.providers.local.controlfolder import Control, check_fits, look_control
from imagegen.providers.local.extras import Extras
from imagegen.providers.local.piece import CONTROLS
from imagegen.providers.local.reckon import learned_as, work_of
from imagegen.providers.local.weights import Weights, look
from imagegen.providers.local.where import Found, remembered, survey
from imagegen.settings import Settings

#: A picture may take so many times as long as the last ones did before its reservation does not cover it.
MARGIN = 3
_HOUR = 3600


@dataclass(frozen=True)
class OwnModels:
    """The models that run here. `beside`: the folder that paths of LoRAs are counted from. `planned`: the speeds that a
    plan was made with, which hold for all of it whatever its own pictures taught since; None: the last learned."""

    settings: Settings
    catalog: Catalog
    beside: Path
    planned: Mapping[str, float] | None = None

    @cached_property
    def found(self) -> Mapping[str, Found]:
        """Every model that could run here, by its name. The hub's shared cache counts only where the settings name
        this machine among the providers: what other tools downloaded is no wish to use it."""
        named_here = LOCAL in (self.settings.providers or ())
        return {
            each.model: each
            for each in survey(self.catalog, self.settings)
            if each.place is None or each.place.source != "hub" or named_here
        }

    @property
    def ready(self) -> bool:
        """Whether any model can be used, or was meant to be."""
        return any(self.model_found(name) for name in self.settings.weights) or any(
            each.state == "ready" for each in self.found.values()
        )

    def model_found(self, name: str) -> bool:
        """Whether the catalogue has a model called `name` that runs on machines like this."""
        model = self.catalog.models.get(name)
        return model is not None and model.offer(LOCAL) is not None

    def missing(self) -> str | None:
        """Why nothing can be made here, as a clause; None when something can."""
        if not self.ready:
            return "no weights are here"
        return extra.LOCAL.missing()

    def barred(self) -> dict[tuple[str, str], str]:
        """(model, provider) -> why it cannot be made here, of every model that could be."""
        bars = {}
        for model in self.catalog.models.values():
            if model.offer(LOCAL) is None:
                continue
            here = self.found.get(model.name)
            if here is None or here.state != "ready":
                problem = here.problem if here else None
                bars[model.name, LOCAL] = problem or "its weights are not here"
        return bars

    def weights(self, model: str) -> OwnWeights:
        """The weights of `model`. Raises SettingsError (one line): they are not here, or may not be used."""
        recipe, family = self._weights(model).recipe, self._weights(model).family
        bulk = family.bulk if recipe.name == "base" else None
        digest, takes = self._weights(model).digest, family.schedulers
        return OwnWeights(digest, family.name, recipe.steps, recipe.guidance, recipe.scheduler, takes, bulk)

    def loras(self, model: str, asked: Sequence[Lora]) -> list[OwnLora]:
        """The LoRAs that a row asks for with `model`. Raises SettingsError (one line): one is not there, is no LoRA,
        or is for another model."""
        found = []
        for each in asked:
            path = self.beside / Path(each.path).expanduser()
            file = lorafile.read(path)
            if no := lorafile.refuses(file, self._weights(model)):
                raise SettingsError(no)
            digest = file.digest(remembered(self.settings.home))
            few = file.recipe if file.recipe and file.recipe.few else None
            steps = (few.steps, few.guidance, few.scheduler) if few else None
            found.append(OwnLora(digest, each.weight, str(file.path), steps))
        return found

    def nets(self, model: str, kind: str) -> dict[str, str]:
        """See `imagegen.context.Own`."""
        if kind not in CONTROLS:
            raise SettingsError(f"options.local.control is {kind!r}", f"write one of: {', '.join(CONTROLS)}")
        weights, found = self._weights(model), {}
        if weights.family.name != "sdxl":
            raise SettingsError(f"{model} on this machine follows no control image", "sdxl does")
        net = self._control(f"sdxl-{kind.removesuffix('-map')}")
        check_fits(net, weights)
        found["control_net"] = net.digest
        if kind == "depth":
            found["depth_model"] = self._control("depth-estimator").digest
        return found

    def refiner(self, model: str) -> str:
        """See `imagegen.context.Own`."""
        if self._weights(model).family.name != "sdxl":
            raise SettingsError(f"{model} on this machine has no refiner", "sdxl has")
        return self._weights("sdxl-refiner").digest

    def adapters(self, family: str, steps: int, loras: bool, step_cache: object) -> dict[str, str]:
        """See `imagegen.context.Own`."""
        local = self.settings.local
        extras = self.extras if step_cache is None else replace(self.extras, step_cache=_cache(step_cache))
        given = [""] if loras else []
        device, kinds = local.device, {"dtype": local.dtype, "compile": local.compile}
        if no := extras_of_the_engine.refuses(extras, family, None, device, given, steps=steps, **kinds):
            raise SettingsError(no)
        return extras_of_the_engine.key_parts(extras)

    @cached_property
    def extras(self) -> Extras:
        """The adapters that the settings ask for. Raises SettingsError."""
        local = self.settings.local
        said = {"quantize": local.quantize, "accelerate": local.accelerate, "step_cache": local.step_cache}
        try:
            return extras_of_the_engine.extras_of(said)
        except SettingsError as problem:
            raise SettingsError(f"local: {problem.what}", problem.todo) from None

    def folders(self) -> dict[str, Path]:
        """Where the weights of every model are that is here."""
        ready = {name: one.place for name, one in self.found.items() if one.weights is not None}
        return {name: place.folder for name, place in ready.items() if place is not None and place.folder is not None}

    def controls(self) -> dict[str, Path]:
        """The nets that are here, by what the engine calls them, and their folders."""
        names = {"canny": "sdxl-canny", "depth": "sdxl-depth", "depth-estimator": "depth-estimator"}
        here = {use: self.found[name] for use, name in names.items() if name in self.found}
        places = {use: one.place for use, one in here.items() if one.control is not None}
        return {use: place.folder for use, place in places.items() if place is not None and place.folder is not None}

    def _control(self, name: str) -> Control:
        here = self.found.get(name)
        if here is None or here.place is None or here.place.folder is None or here.control is None:
            why = here.problem if here and here.problem else "it is not here"
            raise SettingsError(f"{name}: {why}", f"imagegen models pull {name}")
        try:
            return look_control(here.place.folder, remembered(self.settings.home))
        except StorageError as problem:
            raise SettingsError(problem.what, problem.todo) from problem

    def folder(self, model: str) -> Path:
        """Where the weights of `model` are. Raises SettingsError where they are not, or may not be used."""
        here = self.found.get(model)
        if here is None or here.place is None or here.place.folder is None or here.weights is None:
            why = here.problem if here and here.problem else "its weights are not here"
            raise SettingsError(f"{model}: {why}", f"imagegen models pull {model}")
        return here.place.folder

    def _weights(self, model: str) -> Weights:
        known = self._known.get(model)
        if known is None:
            try:
                known = self._known[model] = look(self.folder(model), remembered(self.settings.home))
            except StorageError as problem:
                raise SettingsError(problem.what, problem.todo) from problem
        return known

    @cached_property
    def _known(self) -> dict[str, Weights]:
        return {}

    @cached_property
    def hourly(self) -> Nano | None:
        """What an hour of this machine costs, in nanodollars; None where nobody said."""
        local = self.settings.local
        if local.hourly is not None or local.gpu is None:
            return local.hourly
        return named(self.catalog.gpus, local.gpu).hourly

    def estimate(self, request: Request) -> Estimate | None:
        """What a picture costs by the time that the last ones took here; None where either is not known."""
        hourly = self.hourly
        seconds = self.seconds(request) if hourly is not None else None
        if hourly is None or seconds is None:
            return None
        return Estimate(ceil(seconds * hourly / _HOUR), ceil(MARGIN * seconds * hourly / _HOUR), "estimated")

    def seconds(self, request: Request) -> float | None:
        """How long a picture should take here: by the speed of the last ones, else by what is forecast for the GPU that
        the settings name; None where neither is known."""
        learned_speed, work = self.speeds.get(learned_as(request, self.settings.local.device)), work_of(request)
        if work is None:
            return None
        if learned_speed:
            return work.tflop / learned_speed
        gpu = named(self.catalog.gpus, self.settings.local.gpu) if self.settings.local.gpu else None
        if gpu is None or gpu.peak_tflops is None:
            return None
        pixels = (request.width or 0) * (request.height or 0)
        return sum(speed.forecast(work, pixels, Device(gpu.peak_tflops, gpu.mfu_scale)).seconds) / 2

    @property
    def timed(self) -> Nano | None:
        """`hourly`, where estimates are of the time that pictures take; else None."""
        return self.hourly if self.speeds or self.settings.local.gpu else None

    @cached_property
    def speeds(self) -> Mapping[str, float]:
        """Model and weights, see `learned_as` -> TFLOP/s as learned."""
        if self.planned is not None:
            return self.planned
        try:
            with schema.looking(self.settings.home / "ledger.db") as reader:
                every = learned.everything(reader, LOCAL) if reader else []
        except (ImagegenError, sqlite3.Error):
            return {}  # whoever needs the ledger says what is wrong with it
        newest = sorted(every, key=lambda each: each.updated)
        return {each.model: each.facts["tflops"] for each in newest if each.facts.get("tflops")}


def _cache(said: object) -> str:
    """A row's own step caching in its canonical form. Raises SettingsError."""
    try:
        return extras_of_the_engine.extras_of({"step_cache": said}).step_cache
    except SettingsError as problem:
        raise SettingsError(f"options.local.{problem.what}", problem.todo) from None
