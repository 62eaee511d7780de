"""The page of a review: every picture that waits, with its drafts. Markup, style and script lie in `imagegen/data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from imagegen.choose import Decision
from imagegen.domain.money import show
from imagegen.review.pending import Pending


def page(title: str, pending: Sequence[Pending], decided: Mapping[str, Decision], command: str) -> str:
    """The page as HTML. `command` is what is to be run afterwards. Every text of a manifest is escaped."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template.filters.update(money=show)
    known = {each.name: found for each in pending if (found := each.decided(decided))}
    return template.from_string(data("review.html.j2")).render(
        title=title, pending=pending, decided=known, command=command
    )


@cache
def data(name: str) -> str:
    """A file of `imagegen/data` as text."""
    return (files("imagegen") / "data" / name).read_text(encoding="utf-8")
