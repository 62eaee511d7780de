"""Collecting: what waits in providers' queues is brought home into its manifest's folder. Buys nothing.

An errand is a run like any other, with an order that leaves everything alone that would have to be bought: so the
folder, the results and the report know of what came, and of what did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen.domain.result import Summary
from imagegen.errors import Exit
from imagegen.ledger import queued, schema
from imagegen.ledger.queued import Waiting
from imagegen.ledger.runs import RunLine
from imagegen.order import Order, Watcher
from imagegen.planfile import plan_output
from imagegen.providers import Provider
from imagegen.session import Parts, execute
from imagegen.wiring import Project, open_project


@dataclass(frozen=True)
class Errand:
    """A manifest and its folder; `said` is what its latest run was told. `collection` None: it was never run."""

    manifest: Path
    output: Path
    collection: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)


def errand_of(home: Path, manifest: Path, output: Path | None) -> Errand:
    """The errand for `manifest`, with the flags of its latest run into that folder."""
    with schema.looking(home / "ledger.db") as connection:
        past = queued.latest(connection, manifest=str(manifest.absolute())) if connection else []
    for run in past:
        if "output" in run.flags and (output is None or Path(run.flags["output"]) == output.absolute()):
            return _of_run(run)
    return Errand(manifest, output or plan_output(manifest) or Path("out") / manifest.stem)


def errands(home: Path, note: Callable[[str], None]) -> list[Errand]:
    """One for each folder of the home that waits for a queue."""
    found = []
    with schema.looking(home / "ledger.db") as connection:
        if connection is None:
            return []
        for collection in queued.collections(connection):
            run = queued.latest(connection, collection=collection)[0]
            if run.flags.get("in_memory") or "output" not in run.flags:
                note(f"run {run.id} had its rows from a Python program: start that program again, it collects")
            else:
                found.append(_of_run(run))
    return found


def _of_run(run: RunLine) -> Errand:
    return Errand(Path(run.manifest), Path(run.flags["output"]), run.collection, run.flags)


def opened(errand: Errand) -> Project:
    """The errand's project, with the keys and on the day of now. Raises ManifestError or SettingsError."""
    said = errand.said
    return open_project(
        errand.manifest,
        said.get("flags") or {},
        set_fields=said.get("set_fields") or {},
        allow_retired=bool(said.get("allow_retired")),
    )


def bring(project: Project, errand: Errand, parts: Parts, watcher: Watcher) -> Summary:
    """Bring home what is ready, and say of every row where it is."""
    said = errand.said
    plain = {"flags": {}, "set_fields": {}, "allow_retired": False, "max_failures": None, "yes": False}
    order = Order(
        output=_short(errand.output),
        yes=True,
        skip_refused=True,
        only=frozenset(said.get("only") or ()),
        limit=said.get("limit"),
        collects=True,
        flags={**plain, "skip_refused": False, **said, "output": str(errand.output.absolute())},
    )
    return execute(project, order, parts, watcher)


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def gather(
    home: Path,
    found: Sequence[Errand],
    brought: Callable[[Errand], tuple[Exit, Mapping[str, Provider]]],
    pause: Callable[[], bool],
) -> set[Exit]:
    """Run the errands; and those again that still wait, each time that one of their batches is over. `brought` runs
    one and gives its exit code and its providers, `pause` waits and says whether to go on. The last code of each."""
    codes: dict[Path, Exit] = {}
    while True:
        callable_ = {}
        for errand in found:
            codes[errand.output], callable_[errand.collection] = brought(errand)
        left = _waiting(home, found)
        over = not left
        while not over:
            if not pause():
                return set(codes.values())
            over = any(_is_over(each, callable_[each.collection]) for each in left)
        if not left:
            return set(codes.values())
        found = [errand for errand in found if errand.collection in {each.collection for each in left}]


def _waiting(home: Path, among: Iterable[Errand]) -> list[Waiting]:
    """The batches of these errands that are not home yet."""
    wanted = {errand.collection for errand in among}
    with schema.looking(home / "ledger.db") as connection:
        return [each for each in queued.batches(connection) if each.collection in wanted] if connection else []


def _is_over(batch: Waiting, providers: Mapping[str, Provider]) -> bool:
    """Whether there is something to bring home, or to find out about a batch whose number was lost."""
    over = getattr(providers.get(batch.provider), "over", None)
    return batch.remote_id is None or (over is not None and bool(over(batch.remote_id)))
