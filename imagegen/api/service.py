"""ImageGenerationService: pictures one at a time, for a program that stays up. Cache, routing, budgets, drafts for
premium pictures and a queue with priorities, over the same books as `imagegen run`."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from imagegen.api.projects import Budget, load
from imagegen.api.results import Result, result_of
from imagegen.api.summaries import Summary, summary_of
from imagegen.api.words import in_words, python_words
from imagegen.errors import ImagegenError, NotMade

if TYPE_CHECKING:
    from imagegen.domain.row import Placed
    from imagegen.serving import Serving
    from imagegen.wiring import Project


class ImageGenerationService:
    """Makes pictures as they are asked for. One service holds one folder; open it once and share it.

    >>> import asyncio, imagegen
    >>> async def main():
    ...     async with imagegen.ImageGenerationService(provider="placeholder", budget={"day": 100}) as service:
    ...         picture = await service.generate("A stoneware mug on linen", use_case="product_shot")
    ...         return picture.state, picture.file.suffix
    >>> asyncio.run(main())
    ('made', '.png')

    A picture that lies in the folder or in the cache costs nothing. Whoever asks for the same picture at the same time
    shares it. Requests of priority 1 are made before those of 2 and 3. In the premium tier the picture comes by way of
    drafts, where the routes say how (`premium_drafts=False`: directly).

    Args:
        output: The folder for the pictures, the results and the report.
        budget: Limits in USD, by "hour", "day" and "month"; or a number for this service's whole life.
        routes, provider, model, workers, catalog: As for `imagegen.load`.
        defaults: Row fields for every request, such as {"format": "webp"}.
        premium_drafts: Whether premium pictures are drafted.
        on_note: Hears what an operator should know, a line each.
    """

    def __init__(
        self,
        output: str | os.PathLike[str] = "out/service",
        *,
        budget: Budget | None = None,
        routes: str | Mapping[str, Any] | None = None,
        provider: str | None = None,
        model: str | None = None,
        workers: int | None = None,
        catalog: Any = None,
        defaults: Mapping[str, Any] | None = None,
        premium_drafts: bool = True,
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._output, self._defaults, self._drafts = Path(output), dict(defaults or {}), premium_drafts
        self._on_note, self._stop, self._opening, self._closed = on_note, Event(), Lock(), False
        self._given = {name: value for name, value in (("provider", provider), ("model", model)) if value is not None}
        heading = {"defaults": self._defaults, "rows": []}
        self._loaded = load(
            heading, name="service", output=output, routes=routes, budget=budget, workers=workers, catalog=catalog,
            provider=provider, model=model,
        )  # fmt: skip
        self._serving: Serving | None = None
        self._project: Project | None = None

    async def generate(
        self,
        prompt: str,
        use_case: str | None = "blog_image",
        needs_text: bool = False,
        priority: int = 2,
        **fields: Any,
    ) -> Result:
        """Make one picture; `fields` are further fields of a row (`size`, `image`, `text`, `tags`, …).

        Raises:
            ManifestError: A field is wrong.
            NotMade: It was refused, failed, or may have been charged without coming (`.result` says more).
            BudgetStop: A budget does not cover it.
            ProviderStop: Nobody who could make it can be used now.
        """
        asked = {"prompt": prompt, "needs_text": needs_text, "priority": priority, **fields}
        if use_case is not None:
            asked["use_case"] = use_case
        with python_words():
            made = await asyncio.to_thread(self._submitted, asked)
            # Who stops waiting gives up the wait, not the picture: it may be paid for.
            found = await asyncio.shield(asyncio.wrap_future(made))
        return result_of(found, self._output)

    async def open(self) -> None:
        """Open the folder and the books, and fetch what an earlier service paid for and could not keep; `async with`
        does it. Raises LockedError when another process holds the folder."""
        with python_words():
            await asyncio.to_thread(self._opened)

    async def close(self, *, finish: bool = True) -> Summary | None:
        """Take no more, make what was asked for, write the results and the report; the Summary, None where the
        service was never opened. Without `finish` only what was sent is waited for; an `async with` that is left by
        an error or Ctrl-C does so."""
        with python_words():
            serving = await asyncio.to_thread(self._close, finish)
        return summary_of(serving.summary, self._output) if serving and serving.summary else None

    async def __aenter__(self) -> ImageGenerationService:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(finish=kind is None)

    def _submitted(self, asked: dict[str, Any]) -> Any:
        serving, project = self._opened()
        return serving.submit(self._placed(asked, project))

    def _opened(self) -> tuple[Serving, Project]:
        """Open the folder and the books with the first request."""
        from imagegen.order import Order
        from imagegen.serving import Serving
        from imagegen.session import parts_of

        with self._opening:
            if self._closed:
                raise NotMade("the service is closed", "make a new one")
            if self._serving is None or self._project is None:
                project = self._loaded.opened(estimating=False)
                parts = parts_of(project, self._stop, lambda: signal.SIGINT if self._stop.is_set() else None)
                order = Order(output=self._output, yes=True, flags=self._loaded.said(None))
                serving = Serving(project, order, parts, self._stop, lambda text: self._on_note(in_words(text)))
                serving.start()
                self._serving, self._project = serving, project
                atexit.register(self._forgotten)
            return self._serving, self._project

    def _forgotten(self) -> None:
        """The program ends and nobody closed it: what was sent is waited for all the same."""
        with suppress(ImagegenError, OSError):  # nobody is there to hear it, and the books say it
            self._close(False)

    def _close(self, finish: bool) -> Serving | None:
        with self._opening:
            self._closed = True
        atexit.unregister(self._forgotten)
        if self._serving is not None:
            self._serving.close(finish=finish)
        return self._serving

    def _placed(self, asked: dict[str, Any], project: Project) -> Placed:
        placed = self._row(asked)
        if not self._drafts or "strategy" in {**self._defaults, **asked} or not _premium(placed, project):
            return placed
        return self._row({**asked, "strategy": "draft_refine"})

    def _row(self, asked: dict[str, Any]) -> Placed:
        from imagegen.manifest.memory import open_rows

        heading = {"defaults": self._defaults, "rows": [asked]}
        found = list(open_rows(heading, "service", set_fields=self._given).rows())
        if len(found) != 1 or found[0].row.n != 1:
            raise NotMade("a request makes one picture", "ask once for each, with another seed")
        return found[0]


def _premium(placed: Placed, project: Project) -> bool:
    """Whether the row goes to the premium tier and can come by way of drafts."""
    from imagegen.blueprint import blueprint_of
    from imagegen.drafting import drafting_of

    row, place, _ = placed
    if row.image is not None or row.n != 1:
        return False
    plain = blueprint_of(row, place, project.context)
    if plain.choice is None or plain.choice.tier != "premium":
        return False
    wanted = row.model_copy(update={"strategy": "draft_refine"})
    drafting = drafting_of(wanted, place, project.context, blueprint_of(wanted, place, project.context))
    return drafting is not None and not drafting.refine.refusal
