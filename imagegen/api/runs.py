"""Runs: making the pictures, told event by event."""

from __future__ import annotations

import signal
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from threading import get_ident
from typing import Any

from imagegen.api.events import Event
from imagegen.api.projects import Budget, Project, Source, loaded, several
from imagegen.api.relay import Relay
from imagegen.api.summaries import Summary
from imagegen.api.words import python_words
from imagegen.domain import result as domain


class Run:
    """A run that begins when it is first asked for something: its events, or its `result()`.

    Going through it gives the events as they happen, the Summary last. Leaving the loop early, by `break` or by an
    error, stops the run: nothing new is asked for, what was sent is waited for, and nothing is lost. In `with` the
    same happens at the end of the block. An instance is run once.
    """

    def __init__(self, project: Project, budget: Budget | None, wanted: dict[str, Any]) -> None:
        self.project = project
        self._relay = Relay(project.output, lambda relay: _execute(project, budget, wanted, relay))
        self._begun = False

    def __iter__(self) -> Iterator[Event]:
        relay, reader = self._begin(), get_ident()
        try:
            with python_words():
                while (event := relay.next()) is not None:
                    yield event
        finally:
            # The garbage collector may end this in a thread that the run itself waits for.
            (relay.close if get_ident() == reader else relay.leave)()

    def result(self) -> Summary:
        """Run to the end and return the Summary, its results read. After a loop that was left early: how it ended.
        Raises what stopped the run from beginning, and any bug."""
        for _ in self:
            pass
        summary = self._relay.summary
        assert summary is not None
        _ = summary.results
        return summary

    def stop(self) -> None:
        """Start nothing new. What was sent is waited for, and told; the Summary's exit code is 130."""
        self._relay.stop.set()

    def close(self) -> None:
        """Stop, and wait until the folder and the ledger are closed. A run that never began never will."""
        if self._begun:
            self._relay.close()
        else:
            self._begun = True
            self._relay.never()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<imagegen.Run {self.project.name}: {self._state()}>"

    def _repr_html_(self) -> str:
        from imagegen.api.html import line_html, summary_html

        return summary_html(self._relay.summary) if self._relay.summary else line_html(repr(self)[1:-1])

    def _state(self) -> str:
        if self._relay.summary:
            return str(self._relay.summary)
        if self._relay.error:
            return f"ended: {self._relay.error}"
        return "at work" if self._begun else "not begun; go through it, or ask for its result()"

    def _begin(self) -> Relay:
        if not self._begun:
            self._begun = True
            weakref.finalize(self, self._relay.leave).atexit = False
            self._relay.start()
        return self._relay


def run(
    project: Project | Source,
    *,
    budget: Budget | None = None,
    yes: bool = False,
    skip_refused: bool = False,
    only: str | Iterable[str] = (),
    limit: int | None = None,
    redo: str | Iterable[str] = (),
    reroute: bool = False,
    refetch: bool = False,
    retry_unknown: bool = False,
    max_failures: int | None = None,
) -> Run:
    """Make the pictures of `project`; run it again after any accident: it goes on, and never buys a picture twice.

    Nothing happens before the Run is gone through or asked for its `result()`. Nothing is printed, and no signal is
    listened to.

    >>> import imagegen
    >>> project = imagegen.load([{"id": "mug", "prompt": "A stoneware mug on linen"}], provider="placeholder")
    >>> for event in imagegen.run(project, budget=5):
    ...     if event.event == "row":
    ...         print(event.state, event.file.as_posix())
    made out/rows/mug.png
    >>> imagegen.run(project).result().results["mug"].state
    'kept'

    Args:
        project: What `load` gave, or what `load` takes.
        budget: The most this run may spend in USD, or limits by "run", "hour", "day" and "month".
        yes: Spend more than $5 without a budget.
        skip_refused: Make the rest when planning refuses rows.
        only: Make only the rows of this id or tag, or of these.
        limit: Make only the first so many of these rows.
        redo: Make the row of this id, or the rows of these, anew, whatever is there.
        reroute: Make rows anew that would go to another model now.
        refetch: Ask for input pictures by URL again: have they changed?
        retry_unknown: Buy pictures again whose first purchase is unknown; its money stays counted.
        max_failures: Stop after so many failures.

    Raises (when it is gone through):
        UsageError: Planning refuses rows; the error's notes name them.
        GuardError: It would cost more than $5, and there is neither a budget nor `yes`.
        ManifestError: A row is wrong.
        LockedError: Another run is at work in this folder.
        StorageError: A disk, the folder or the ledger cannot be used.
    """
    wanted = {
        "yes": yes,
        "skip_refused": skip_refused,
        "only": several(only),
        "limit": limit,
        "redo": several(redo),
        "reroute": reroute,
        "refetch": refetch,
        "retry_unknown": retry_unknown,
        "max_failures": max_failures,
    }
    return Run(loaded(project), budget, wanted)


def _execute(project: Project, budget: Budget | None, wanted: dict[str, Any], relay: Relay) -> domain.Summary:
    """What the run's own thread does."""
    from imagegen.order import Order
    from imagegen.session import execute, parts_of

    opened = project.opened(estimating=False, budget=budget)
    flags = {**project.said(budget), **wanted, "only": sorted(wanted["only"]), "redo": sorted(wanted["redo"])}
    parts = parts_of(opened, relay.stop, lambda: signal.SIGINT if relay.stop.is_set() else None)
    with ExitStack() as stack:
        for provider in parts.providers.values():
            stack.callback(getattr(provider, "close", _nothing))
        return execute(opened, Order(output=project.output, flags=flags, **wanted), parts, relay)


def _nothing() -> None:
    """What there is to close of a provider without connections."""
