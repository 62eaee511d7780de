"""Projects: rows from a file or from a program, with everything that decides what becomes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imagegen.api.words import python_words
from imagegen.domain.words import counted

if TYPE_CHECKING:
    from imagegen import wiring
    from imagegen.domain.row import Row

    #: Flags, and whether nothing will be bought -> the project as the rest of the program has it.
    Opener = Callable[[Mapping[str, Any], bool], wiring.Project]

#: What `load` takes: a file, a whole manifest, or its rows.
Source = str | os.PathLike[str] | Mapping[str, Any] | Iterable[Any]
#: An amount in USD.
Usd = Decimal | int | float | str
#: A limit for one run, or limits by `run`, `hour`, `day` and `month`.
Budget = Usd | Mapping[str, Usd]


@dataclass(frozen=True, eq=False, repr=False)
class Project:
    """What is to be made, and how; `load` makes one. Looking at it costs nothing and changes nothing.

    `name` is the manifest's, `output` the folder that the pictures go to, `notes` are remarks about the rows for
    who wrote them. Its length is the number of rows.
    """

    name: str
    output: Path
    notes: tuple[str, ...]
    _count: int
    _flags: Mapping[str, Any]
    _said: Mapping[str, Any]
    _open: Opener

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return True

    @property
    def rows(self) -> Iterator[Row]:
        """The rows in order, read anew. Raises ManifestError when the file has become wrong meanwhile."""
        with python_words():
            for placed in self.opened(estimating=True).manifest.rows():
                yield placed.row

    def opened(self, *, estimating: bool, budget: Budget | None = None) -> wiring.Project:
        """Everything that a plan or a run works with; keys and settings are read here. For this package."""
        return self._open(self._with(budget), estimating)

    def said(self, budget: Budget | None) -> dict[str, Any]:
        """What the ledger keeps of the arguments, as `imagegen resume` reads it. For this package."""
        flags = {"flags": self._with(budget), **self._said, "output": str(self.output.absolute())}
        kept: dict[str, Any] = json.loads(json.dumps(flags, default=str))
        return kept

    def _with(self, budget: Budget | None) -> dict[str, Any]:
        if budget is None:
            return dict(self._flags)
        return {**self._flags, "budget": {**(self._flags["budget"] or {}), **_limits(budget)}}

    def __repr__(self) -> str:
        return f"<imagegen.Project {self.name}: {counted(len(self), 'row')}, to {self.output}>"


def load(
    source: Source,
    *,
    name: str | None = None,
    output: str | os.PathLike[str] | None = None,
    provider: str | None = None,
    model: str | None = None,
    routes: str | Mapping[str, Any] | None = None,
    optimize: Literal["route", "cost"] | None = None,
    budget: Budget | None = None,
    workers: int | None = None,
    catalog: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    allow_retired: bool = False,
) -> Project:
    """Read what is to be made, and check every row of it. Nothing is bought and nothing is written.

    >>> import imagegen
    >>> project = imagegen.load([{"id": "mug", "prompt": "A stoneware mug on linen"}], provider="placeholder")
    >>> len(project)
    1

    Args:
        source: The path of a manifest or of a plan file. Or rows: mappings of row fields, objects that have them as
            attributes, or prompts. Or a mapping with the keys of a YAML manifest, rows among them. Paths in it are
            relative to the manifest's folder, or to the current one.
        name: What rows in memory are called, in messages and as a folder; "rows" unless said.
        output: The folder for the pictures; `out/NAME` unless said.
        provider: Ask this provider for every row. "placeholder" costs nothing.
        model: Make every row with this model.
        routes: A preset ("current", "guide"), or a mapping that changes single use cases.
        optimize: "route" (the first model that can) or "cost" (the cheapest).
        budget: The most a run may spend in USD, or limits by "run", "hour", "day" and "month".
        workers: Calls at once, per provider.
        catalog: Catalogue files of your own.
        allow_retired: Ask for models that were shut down all the same.

    Raises:
        ManifestError: A row or the heading is wrong; says where, and what to do.
        SettingsError: A setting or an argument is wrong.
    """
    flags = {
        "routes": dict(routes) if isinstance(routes, Mapping) else routes,
        "budget": _limits(budget) if budget is not None else None,
        "workers": workers,
        "optimize": optimize,
        "catalog": _paths(catalog),
    }
    set_fields = {name: value for name, value in (("model", model), ("provider", provider)) if value is not None}
    with python_words():
        from imagegen.manifest import check

        opener = _opener(source, name or "rows", set_fields, allow_retired)
        opened = opener(flags, True)
        folder = Path(output) if output is not None else opened.output
        count = check(opened.manifest)
        said = {"set_fields": set_fields, "allow_retired": allow_retired}
        if not isinstance(source, str | os.PathLike):
            said["in_memory"] = True
        return Project(opened.name, folder, tuple(opened.manifest.notes), count, flags, said, opener)


def loaded(project: Project | Source) -> Project:
    """`project`, or what `load` makes of it."""
    return project if isinstance(project, Project) else load(project)


def several(names: str | Iterable[str]) -> frozenset[str]:
    """One name or several."""
    return frozenset([names] if isinstance(names, str) else names)


def _opener(source: Source, name: str, set_fields: Mapping[str, Any], allow_retired: bool) -> Opener:
    """Opens what `source` is, as often as wanted: a file is read anew, rows in memory stay what they are."""
    from imagegen.wiring import open_project, project_of

    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return lambda flags, estimating: open_project(
            path, flags, set_fields=set_fields, estimating=estimating, allow_retired=allow_retired
        )
    from imagegen.manifest.memory import open_rows

    manifest = open_rows(source, name, set_fields=set_fields)
    return lambda flags, estimating: project_of(manifest, flags, estimating=estimating, allow_retired=allow_retired)


def _limits(budget: Budget) -> dict[str, Any]:
    return dict(budget) if isinstance(budget, Mapping) else {"run": budget}


def _paths(given: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None) -> list[str] | None:
    if given is None:
        return None
    several = [given] if isinstance(given, str | os.PathLike) else given
    return [str(Path(path).absolute()) for path in several]
