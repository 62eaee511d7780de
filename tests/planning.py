"""Plans for tests: rows from keywords, and the presets on the day the catalogue was read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any

from imagegen import catalog as catalogue
from imagegen.context import Context
from imagegen.domain.row import Place, Placed, Row
from imagegen.estimate import Totals
from imagegen.planned import Planned
from imagegen.planner import plan
from imagegen.routing import load_routes

TODAY = date(2026, 11, 22)


@cache
def preset(name: str = "guide", **said: Any) -> Context:
    """What `cost-estimate --routes NAME` plans with where no key is set; `said` differs from that."""
    routes = load_routes(name)
    priced = catalogue.load().repriced(routes.prices)
    return Context(**({"catalog": priced, "routes": routes, "today": TODAY, "estimating": True} | said))


def placed(rows: Iterable[dict[str, Any]]) -> list[Placed]:
    """Rows, each on a line of its own; ids r0, r1, … and a prompt of its own where none is given."""
    numbered = [{"id": f"r{n}", "prompt": f"picture {n}"} | fields for n, fields in enumerate(rows)]
    return [Placed(Row(**fields), Place("rows.csv", n + 2, 1)) for n, fields in enumerate(numbered)]


def planned(rows: Iterable[dict[str, Any]], context: Context | None = None, **said: Any) -> list[Planned]:
    """The plan of `rows`."""
    return list(plan(placed(rows), context or preset(), **said))


def added(rows: Iterable[dict[str, Any]], context: Context | None = None, **said: Any) -> Totals:
    """What the plan of `rows` adds up to."""
    totals = Totals()
    for picture in planned(rows, context, **said):
        totals.add(picture)
    return totals


def guide_catalogue(count: int = 10_000) -> list[dict[str, Any]]:
    """The guide's shop: 70 % thumbnails, 25 % product shots, 5 % heroes."""
    kinds = ["thumbnail"] * 14 + ["product_shot"] * 5 + ["hero_image"]
    return [{"use_case": kinds[n % 20]} for n in range(count)]
