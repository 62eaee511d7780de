"""`imagegen lora train`: look, estimate, ask, train."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from imagegen.cli import lora_words as words
from imagegen.cli import say
from imagegen.errors import Exit, GuardError, SettingsError
from imagegen.providers.local.extra import LOCAL
from imagegen.providers.local.training import prepare
from imagegen.providers.local.training.prepare import Asked as Asked  # noqa: PLC0414  it is had from here

if TYPE_CHECKING:
    from imagegen.catalog import Catalog
    from imagegen.cli.lora_watch import Watch
    from imagegen.providers.local.training.forecast import Forecast
    from imagegen.providers.local.training.job import Job
    from imagegen.providers.local.training.prepare import Basis, Prepared
    from imagegen.providers.local.weights import Weights
    from imagegen.settings import Settings


def look_at(asked: Asked, as_json: bool) -> int:
    """Only say what would be done; needs neither torch nor weights."""
    settings, book = _known(asked)
    prepared = prepare.prepare(asked, book, settings)
    gpu, basis = prepare.reckoned_with(asked, book, None)
    found = prepare.priced(prepared, gpu, _hourly(asked))
    _say_notes(prepared, asked)
    if as_json:
        say.event(words.as_json(prepared, found, basis))
    for line in () if as_json else words.lines(prepared, found, basis):
        say.put(say.visible(line), sys.stdout)
    return 0


def train(asked: Asked, as_json: bool) -> int:
    """Look, say what it takes, ask where that is much, train, say what came of it."""
    missing = LOCAL.missing()
    if missing:
        raise SettingsError(missing)
    from imagegen.cli.lora_watch import watch
    from imagegen.providers.local.training import device as devices
    from imagegen.providers.local.training import job as jobs

    settings, book = _known(asked)
    prepared = prepare.prepare(asked, book, settings)
    if prepared.weights is None:
        what = f"the weights of {asked.model} are not on this machine"
        raise SettingsError(what, f"imagegen models pull {asked.model}")
    device = devices.choose(asked.device)
    course = replace(prepared.course, dtype=devices.dtype(asked.dtype, device))
    job = _job(replace(prepared, course=course), prepared.weights, asked, settings, device)
    jobs.begun(job)
    gpu, basis = prepare.reckoned_with(asked, book, devices.name(device))
    found = prepare.priced(prepared, gpu, _hourly(asked))
    _say_notes(prepared, asked)
    if as_json:
        say.event(words.as_json(prepared, found, basis))
    for line in words.lines(prepared, found, basis):
        say.info(line)
    _guard(found, basis, settings, asked)
    teller = watch(as_json, prepared.course.steps, found.hourly if found and basis != "for comparison" else None)
    return _carried_out(job, teller, as_json)


def _carried_out(job: Job, teller: Watch, as_json: bool) -> int:
    from imagegen.cli.signals import listen
    from imagegen.providers.local.training import job as jobs

    heard = listen()
    try:
        done = jobs.train(job, teller, lambda: bool(heard))
    finally:
        teller.close()
    code = Exit.OK if done.file else Exit.INTERRUPTED if heard[:1] == [signal.SIGINT] else Exit.TERMINATED
    for line in words.ending(job, done):
        say.info(line)
    if as_json:
        say.event(words.summary(job, done, code))
    elif done.file:
        say.put(say.visible(str(done.file)), sys.stdout)
    return int(code)


def _known(asked: Asked) -> tuple[Settings, Catalog]:
    from imagegen import catalog
    from imagegen import settings as all_settings

    given = all_settings.load()
    return given, catalog.load([*given.catalogs, *asked.catalog])


def _job(prepared: Prepared, weights: Weights, asked: Asked, settings: Settings, device: str) -> Job:
    from imagegen.providers.local.training.job import Job
    from imagegen.providers.local.training.sheet import Wanted
    from imagegen.providers.local.weights import look
    from imagegen.providers.local.where import remembered

    samples = prepared.samples
    wanted = Wanted(prepared.prompts, asked.size, samples.steps, prepared.guidance, asked.seed)
    return Job(
        prepared.album,
        look(weights.folder, remembered(settings.home)),
        prepared.course,
        prepared.output,
        device,
        wanted if samples.every else None,
        samples.every,
        asked.checkpoint_every,
        asked.resume,
    )


def _hourly(asked: Asked) -> int | None:
    from imagegen.settingvalues import money

    return None if asked.hourly is None else money("--hourly", asked.hourly)


def _guard(found: Forecast | None, basis: Basis, settings: Settings, asked: Asked) -> None:
    """Ask where it may cost more than a run may without asking."""
    if found is None or asked.yes or (basis == "for comparison" and asked.hourly is None):
        return
    if found.cost[1] <= settings.guard:
        return
    amount = words.money_range(found.cost)
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise GuardError(f"this training would cost {amount}", "add --yes")
    import typer

    if not typer.confirm(f"This training will cost {amount}. Go on?", default=False, err=True):
        raise GuardError("nothing was trained", "add --yes to train without being asked")


def _say_notes(prepared: Prepared, asked: Asked) -> None:
    for line in prepared.album.notes:
        say.note(line)
    if prepared.enlarged:
        say.note(
            f"{prepared.enlarged} of {len(prepared.fits)} pictures are smaller than {asked.size} allows; scaled up"
        )
    if prepared.weights is None:
        say.note(f"the weights are not on this machine: imagegen models pull {asked.model}")
