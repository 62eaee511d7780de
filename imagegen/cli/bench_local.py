"""`imagegen bench local`: its flags, its weights, its tables."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagegen import catalog as catalogs
from imagegen import settings
from imagegen.catalog import Catalog
from imagegen.catalog.gpus import named
from imagegen.cli import say
from imagegen.domain.money import Nano
from imagegen.domain.row import pixels
from imagegen.errors import SettingsError, UsageError
from imagegen.files import storage_error, write_whole
from imagegen.forecast.anchors import Anchor
from imagegen.forecast.speed import HOUR, Mode
from imagegen.localsettings import LocalSettings
from imagegen.providers.local import measure, tiny
from imagegen.providers.local.compiling import MODES
from imagegen.providers.local.extra import LOCAL
from imagegen.providers.local.gpuname import recognised
from imagegen.providers.local.machine import device_of
from imagegen.providers.local.measured import Measured
from imagegen.providers.local.measuretable import Table, cell_event, document, headline, notes, tables
from imagegen.providers.local.measuretable import markdown as as_markdown
from imagegen.providers.local.precision import DTYPES
from imagegen.providers.local.weights import Weights, glance, known_as
from imagegen.providers.local.where import survey

#: More pictures at once than any GPU holds: a slip of the key.
MOST_AT_ONCE = 1024
#: Of the catalogue's models, the tiny one that has its architecture.
_TINY = {
    "sd-3.5-large": "sd3",
    "sd-3.5-medium": "sd3",
    "sd-3.5-large-turbo": "sd3",
    "flux-dev": "flux",
    "flux-2-klein-4b": "flux2",
}

Keep = Callable[[Measured, Anchor | None], None]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says. `size`, `steps`: None for the model's own."""

    model: str
    size: str | None
    steps: int | None
    modes: tuple[Mode, ...]
    batches: tuple[int, ...]
    pictures: int
    device: str
    dtype: str
    hourly: Nano | None
    gpu: str | None


@dataclass(frozen=True, slots=True)
class There:
    """Weights that are here, what people call them, the catalogue, and what the settings say of this machine."""

    weights: Weights
    name: str
    book: Catalog
    own: LocalSettings


def modes(text: str) -> tuple[Mode, ...]:
    """Raises UsageError for a word that is no mode."""
    every: dict[str, Mode] = {"eager": "eager", "regional": "regional", "full": "full"}
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if word not in every]
    if wrong or not words:
        raise UsageError(f"--modes {text!r}: {wrong[0] if wrong else 'nothing'} is no mode", f"use {', '.join(MODES)}")
    return tuple(dict.fromkeys(every[word] for word in words))


def batches(text: str) -> tuple[int, ...]:
    """Raises UsageError for what are no numbers of pictures."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(re.fullmatch("[1-9][0-9]{0,3}", word) and int(word) <= MOST_AT_ONCE for word in words):
        raise UsageError(f"--batches {text!r} is no list of 1 to {MOST_AT_ONCE}", "write 1,2,4,8")
    return tuple(sorted({int(word) for word in words}))


@contextmanager
def weights(asked: Flags, random: bool, own: list[Path] | None) -> Iterator[There]:
    """The weights to measure; random ones are there only while this lasts. Raises SettingsError where there are
    none, and where the extra local is not installed."""
    missing = LOCAL.missing()
    if missing:
        raise SettingsError(missing)
    given = settings.load()
    book = catalogs.load([*given.catalogs, *(own or ())])
    _check(asked, book)
    if random:
        family = _TINY.get(asked.model, asked.model)
        with tempfile.TemporaryDirectory(prefix="imagegen-bench-") as place:
            made = tiny.write(Path(place), [family])[family]
            yield There(glance(made), f"tiny {family}", book, given.local)
        return
    folder = Path(asked.model).expanduser()
    if asked.model not in book.models and (folder.exists() or re.search(r"^[.~]|[/\\]", asked.model)):
        found = glance(folder)
        yield There(found, known_as(found.folder), book, given.local)
        return
    line = next(survey(book, given, asked.model))
    if line.weights is None:
        problem = line.problem or f"the weights of {line.model} are not on this machine"
        raise SettingsError(problem, f"imagegen models pull {line.model}, or try with --tiny")
    yield There(line.weights, line.model, book, given.local)


def measured(asked: Flags, there: There) -> tuple[Measured, Anchor | None]:
    """Measure; the figures, and the guide's to stand beside them."""
    recipe, book, own = there.weights.recipe, there.book, there.own
    gpu = asked.gpu or own.gpu
    width, height = _size(asked.size or f"{recipe.edge}x{recipe.edge}", there.weights)
    wish = measure.Wish(
        name=there.name,
        width=width,
        height=height,
        steps=asked.steps or recipe.steps,
        guidance=recipe.guidance,
        modes=asked.modes,
        batches=asked.batches,
        pictures=asked.pictures,
        device=device_of(asked.device if asked.device != "auto" else own.device),
        dtype=asked.dtype if asked.dtype != "auto" else own.dtype,
        gpu=lambda name: named(book.gpus, gpu) if gpu else recognised(book.gpus, name),
        hourly=asked.hourly if asked.hourly is not None else own.hourly,
    )
    return measure.measure(there.weights, wish, say.info), _guide(book)


def show(found: Measured, guide: Anchor | None, as_json: bool) -> None:
    """For machines a line for each cell, last the whole; for people the tables."""
    if as_json:
        for each in found.cells:
            say.event(cell_event(found, each))
        say.event(document(found, guide))
        return
    from imagegen.cli.sheet import cell, put

    put(cell(headline(found), style="bold"), "")
    for table in tables(found, guide):
        put(cell(table.title, style="bold"))
        _put(table)
        put("")
    for line in notes(found):
        put(cell(line))


@contextmanager
def files(write: Path | None, markdown: Path | None) -> Iterator[Keep]:
    """What writes the files that were asked for. Their folders are looked at before an hour is spent on measuring.
    Raises UsageError for a folder that is not there, StorageError for what cannot be written."""
    for path in filter(None, (write, markdown)):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise UsageError(f"{path} cannot be written", "name a file in a folder that is there")

    def keep(found: Measured, guide: Anchor | None) -> None:
        if write is not None:
            _write(write, json.dumps(document(found, guide), indent=2, ensure_ascii=False) + "\n")
        if markdown is not None:
            _write(markdown, as_markdown(found, guide))

    yield keep


def _check(asked: Flags, book: Catalog) -> None:
    if asked.dtype != "auto" and asked.dtype not in DTYPES:
        raise UsageError(f"--dtype {asked.dtype!r} is unknown", f"use auto or one of: {', '.join(DTYPES)}")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", asked.device):
        raise UsageError(f"--device {asked.device!r} is unknown", "use auto, cpu, cuda, cuda:1 or mps")
    if asked.gpu:
        named(book.gpus, asked.gpu)


def _size(text: str, there: Weights) -> tuple[int, int]:
    found, multiple = pixels(text), there.family.multiple
    if found is None or min(found) < multiple or any(edge % multiple for edge in found):
        what = f"--size {text!r} is none that {there.family.title} makes"
        raise UsageError(what, f"write WIDTHxHEIGHT, each a multiple of {multiple}")
    return found


def _guide(book: Catalog) -> Anchor | None:
    """What the guide says of its A100: its steps are those that the catalogue counts its figures in."""
    if book.comparison is None:
        return None
    gpu = named(book.gpus, book.comparison.gpu)
    seconds = HOUR / gpu.images_per_hour
    return Anchor(gpu.title, book.comparison.makes, "the guide", book.comparison.steps, seconds, None, gpu.source)


def _put(table: Table) -> None:
    from imagegen.cli.sheet import cell, put, sheet

    shown = sheet(*table.columns, right=table.columns[table.right :], keep=table.columns[1:])
    for row in table.rows:
        shown.add_row(*map(cell, row))
    put(shown)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise storage_error(error, path.parent) from None
    say.put(say.visible(f"written: {path}"), sys.stderr)
