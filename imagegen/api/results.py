"""Results: what became of each picture, with the picture itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from imagegen.api.words import in_words
from imagegen.domain.money import nano, show, usd
from imagegen.domain.result import PRESENT, State
from imagegen.errors import StorageError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagegen.domain import result as domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one picture of a row (a row of n=3 has three, told apart by `sample`). In a notebook it shows the
    picture.

    `state` is made, cached (found in the cache), kept (it lay in the folder), refused, failed, unknown (possibly
    charged), waiting or skipped; `reason` explains those without a picture. `cost` is what this run paid in USD (None:
    not known), `estimate` what was expected. `file` is the picture, `renditions` further files of it by name. In a row
    with drafts `role` is draft or refine; a draft has its `score` and whether it was `chosen`, the refined one why.
    """

    event: ClassVar[Literal["row"]] = "row"
    id: str
    sample: int
    state: State
    prompt: str
    file: Path | None
    renditions: dict[str, Path]
    model: str | None
    provider: str | None
    stands_for: str | None
    use_case: str | None
    cost: Decimal | None
    estimate: Decimal | None
    width: int | None
    height: int | None
    format: str | None
    seed: int | None
    key: str | None
    reason: str | None
    why: str | None
    place: str | None
    role: str | None = None
    score: dict[str, Any] | None = None
    chosen: bool | str | None = None

    @property
    def ok(self) -> bool:
        """Whether the picture lies in the folder."""
        return self.state in PRESENT

    def image(self) -> Image:
        """The picture, decoded and upright, for Pillow. Raises UsageError where there is none, StorageError where its
        file is gone or no picture any more."""
        from imagegen.picture import BadPicture, inspect

        if self.file is None:
            raise UsageError(f"{self.id} has no picture: {self.state}: {self.reason}", "ask only where .ok is true")
        try:
            return inspect(self.file.read_bytes()).image
        except (OSError, BadPicture) as problem:
            what = problem.reason if isinstance(problem, BadPicture) else problem.strerror or str(problem)
            raise StorageError(f"{self.file} cannot be read: {what}", "run again: it comes back for nothing") from None

    def __str__(self) -> str:
        if not self.ok:
            return f"{self.id}: {self.state}: {self.reason}"
        cost = "cost not known" if self.cost is None else show(nano(self.cost))
        return f"{self.id}: {self.state}, {self.file}, {cost}"

    def __repr__(self) -> str:
        return f"<imagegen.Result {self}>"

    def _repr_html_(self) -> str:
        from imagegen.api.html import results_html

        return results_html([self])


class Results(Sequence[Result]):
    """Results in the order of the rows: by number, by slice, or by a row's id (its first picture). In a notebook they
    show their pictures."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int | str) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | str | slice) -> Result | Results:
        if isinstance(index, slice):
            return Results(self._results[index])
        if isinstance(index, int):
            return self._results[index]
        found = next((result for result in self._results if result.id == index), None)
        if found is None:
            raise KeyError(index)
        return found

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"<imagegen.Results: {len(self):,} pictures, {sum(each.ok for each in self):,} there>"

    def _repr_html_(self) -> str:
        from imagegen.api.html import results_html

        return results_html(self)


def result_of(found: domain.Result, output: Path) -> Result:
    """A line of a run into the folder `output`."""
    return Result(
        id=found.id,
        sample=found.sample,
        state=found.state,
        prompt=found.prompt,
        file=output / found.file if found.file and found.state in PRESENT else None,
        renditions={name: output / file for name, file in found.renditions.items()},
        model=found.model,
        provider=found.provider,
        stands_for=found.stands_for,
        use_case=found.use_case,
        cost=None if found.cost is None else usd(found.cost),
        estimate=None if found.estimate is None else usd(found.estimate),
        width=found.width,
        height=found.height,
        format=found.format,
        seed=found.seed,
        key=found.key,
        reason=in_words(found.reason) if found.reason else None,
        why=found.why,
        place=found.place,
        role=found.role,
        score=found.score,
        chosen=found.chosen,
    )
