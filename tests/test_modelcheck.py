"""What dates mean for the models in use: levels, whose word counts, where rows go next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from imagegen import catalog as catalogue
from imagegen import routing
from imagegen.catalog import Catalog
from imagegen.domain.row import Row
from imagegen.modelcheck import Announced, Finding, Uses, findings, overlaid, spec_names
from imagegen.modelcheck.dates import count, successor
from imagegen.routing import Choice, NoChoice
from tests.planning import TODAY, planned, preset

#: Ends on the day that each test says.
DYING = "gpt-image-1.5"
END = date(2026, 12, 1)


def chooser(catalog: Catalog, preset_name: str = "current") -> Callable[[Row, date], Choice | NoChoice]:
    """Chooses as the preset does, everything enabled."""
    routes = routing.load_routes(preset_name)
    return lambda row, today: routing.choose(row, routes, catalog, today)


def found(
    rows: list[dict[str, Any]],
    today: date = TODAY,
    announced: Announced | None = None,
    catalog: Catalog | None = None,
    **said: Any,
) -> dict[str, Finding]:
    """The findings for `rows`, by model."""
    book = catalog or catalogue.load()
    uses = Uses()
    uses.take(planned(rows, replace(preset("current"), catalog=book), **said))
    every = findings(uses, book, today, announced, chooser)
    return {finding.model.name: finding for finding in every}


def listed(day: date | None = None, own: bool = False, **more: date | None) -> Announced:
    """OpenAI says that DYING ends on `day`; `more` with _ for what stands in names."""
    return Announced("openai", "api.openai.com", own, {DYING: day, **more})


@pytest.mark.parametrize(
    ("days", "level"),
    [
        (31, "later"),
        (30, "notice"),
        (8, "notice"),
        (7, "warning"),
        (1, "warning"),
        (0, "retired"),
        (-1, "retired"),
    ],
)
def test_a_shutdown_is_told_30_and_7_days_before(days: int, level: str) -> None:
    """Both borders belong to what is nearer; on the day itself the model is gone."""
    finding = found([{"model": DYING}], END - timedelta(days=days))[DYING]
    assert (finding.level, finding.day, finding.days_left) == (level, END, days)
    assert finding.successor == "gpt-image-2.6-sunburst"


def test_only_what_rows_use_is_looked_at() -> None:
    """Two models of two rows; the rest of the catalogue, half of it retired, is nobody's business."""
    every = found([{"model": "dall-e-3"}, {"model": "flux-2-pro"}, {"model": "flux-2-pro"}])
    assert {name: (each.level, each.use.rows) for name, each in every.items()} == {
        "dall-e-3": ("retired", 1),
        "flux-2-pro": ("fine", 2),
    }
    assert next(iter(every)) == "dall-e-3", "the worst comes first"


def test_rows_and_not_samples_are_counted_and_the_first_are_named() -> None:
    """A row of four pictures is one row."""
    use = found([{"model": "dall-e-3", "n": 4} for _ in range(5)])["dall-e-3"].use
    assert (use.rows, use.named, [name for name, _ in use.first]) == (5, 5, ["r0", "r1", "r2"])
    assert use.first[1][1] == ("rows.csv", 3, 1)


def test_rows_of_a_route_go_on_to_the_next_model() -> None:
    """Where the first of a list is gone, rows that name no model count for the one that makes them today."""
    book = catalogue.load()
    gone = overlaid(book, Announced("openai", "x", False, {"gpt-image-2.5-flare": date(2026, 11, 1)}))
    assert set(found([{"use_case": "product_shot"}])) == {"gpt-image-2.5-flare"}
    every = found([{"use_case": "product_shot"}, {"model": "gpt-image-2.5-flare"}], catalog=gone)
    assert {name: (each.level, each.use.rows, each.use.named) for name, each in every.items()} == {
        "gpt-image-2.5-flare": ("retired", 1, 1),
        "flux-2-pro": ("fine", 1, 0),
    }


def test_what_the_routes_take_next_is_foretold() -> None:
    """Before the end: which model makes the rows that name none afterwards."""
    soon = listed(None, **{"gpt-image-2.5-flare": TODAY + timedelta(days=5)})
    finding = found([{"use_case": "product_shot"}, {"model": "gpt-image-2.5-flare"}], announced=soon)
    assert finding["gpt-image-2.5-flare"].then == {"flux-2-pro": 1}


def test_rows_that_are_made_ask_nobody() -> None:
    """A retired model whose rows are all there is no failure: a made row stays made."""
    from imagegen.planned import Seen

    def look(chunk: Any) -> list[Seen | None]:
        return [Seen("cached") if draft.row.id == "r0" else None for draft in chunk]

    finding = found([{"model": "dall-e-3"}], look=look)["dall-e-3"]
    assert (finding.level, finding.use.rows, finding.use.made) == ("notice", 0, 1)
    finding = found([{"model": "dall-e-3"}, {"model": "dall-e-3"}], look=look)["dall-e-3"]
    assert (finding.level, finding.use.rows, finding.use.made) == ("retired", 1, 1)


def test_a_finished_manifest_is_warned_all_the_same() -> None:
    """New rows will be such as the made ones are: their model's end is told while it is ahead."""
    from imagegen.planned import Seen

    def look(chunk: Any) -> list[Seen | None]:
        return [Seen("cached") for _ in chunk]

    soon = listed(None, **{"gpt-image-2.5-flare": TODAY + timedelta(days=5)})
    rows = [{"use_case": "product_shot"}]
    finding = found(rows, announced=soon, look=look)["gpt-image-2.5-flare"]
    assert (finding.level, finding.use.rows, finding.use.made) == ("warning", 0, 1)
    assert found(rows, TODAY + timedelta(days=5), announced=soon, look=look) == {}, "the routes go on elsewhere"


@pytest.mark.parametrize(
    ("announced", "level", "day", "remark"),
    [
        (listed(END), "notice", END, ""),
        (
            listed(date(2027, 1, 12)),
            "later",
            date(2027, 1, 12),
            "the provider says 2027-01-12, the catalogue 2026-12-01 (read 2026-11-22)",
        ),
        (
            listed(TODAY),
            "retired",
            TODAY,
            "the provider says 2026-11-22, the catalogue 2026-12-01 (read 2026-11-22)",
        ),
        (
            listed(None),
            "notice",
            END,
            "the provider lists it without a date, the catalogue says 2026-12-01 (read 2026-11-22)",
        ),
        (
            listed(None, own=True),
            "fine",
            None,
            "the provider lists it without a date, the catalogue says 2026-12-01 (read 2026-11-22)",
        ),
        (Announced("openai", "api.openai.com", False, {"o9": None}), "notice", END, "api.openai.com does not list it"),
        (Announced("openai", "api.openai.com", False, {}, "no answer in time"), "notice", END, ""),
    ],
)
def test_the_newer_word_counts(announced: Announced, level: str, day: date | None, remark: str) -> None:
    """A day that the provider gives counts before the catalogue's, both are told; no day from the provider's home
    changes nothing, from a server of one's own it means that the model lives there."""
    finding = found([{"model": DYING}], announced=announced)[DYING]
    assert (finding.level, finding.day) == (level, day)
    assert " ".join(finding.remarks).startswith(remark)
    assert bool(finding.remarks) == bool(remark)


def test_a_model_that_lives_longer_than_the_catalogue_thinks() -> None:
    """It is no failure, and what to do so that run believes it is told."""
    finding = found([{"model": DYING}], END, listed(date(2027, 1, 12)))[DYING]
    assert (finding.level, finding.days_left) == ("later", 42)
    assert "correct status and shutdown_on in a catalogue file of your own" in finding.remarks[-1]


def test_a_live_model_that_is_not_listed_is_noted() -> None:
    """It may have gone before the catalogue heard of it, or the key may not be allowed to ask for it."""
    finding = found([{"model": "gpt-image-2"}], announced=listed(END))["gpt-image-2"]
    assert (finding.level, finding.remarks) == ("notice", ("api.openai.com does not list it for this key",))


def test_only_the_offer_of_that_provider_is_dated_anew() -> None:
    """What OpenAI says is not about the same model elsewhere."""
    book = catalogue.load()
    name = "gemini-3.1-flash-image"
    dated = overlaid(book, Announced("google", "x", False, {name: date(2030, 1, 1)})).models[name]
    google, other = dated.offer("google"), next(offer for offer in dated.offers if offer.provider != "google")
    assert google is not None
    assert not dated.gone(TODAY, google)
    assert dated.gone(date(2030, 1, 1), google)
    assert other.shutdown_on is None


def test_a_successor_lives_on() -> None:
    """Who replaces a model that ends itself is passed over; in a circle, or without one, there is none."""
    book = catalogue.load()
    ending = replace(book.models["gpt-image-2.5-flare"], shutdown_on=TODAY, replaced_by="gpt-image-2.6-flare")
    chained = replace(book, models={**book.models, ending.name: ending})
    assert successor(chained, book.models["dall-e-3"], TODAY) == "gpt-image-2.6-flare"
    circle = replace(chained, models={**chained.models, ending.name: replace(ending, replaced_by="dall-e-3")})
    assert successor(circle, circle.models["dall-e-3"], TODAY) is None
    assert successor(book, book.models["flux-2-pro"], TODAY) is None


@pytest.mark.parametrize(("days", "old"), [(90, None), (91, 91)])
def test_prices_are_old_after_90_days(days: int, old: int | None) -> None:
    """The day a price was read stands in the catalogue."""
    today = date(2026, 11, 22) + timedelta(days=days)
    assert found([{"model": "gpt-image-2.5-flare"}], today)["gpt-image-2.5-flare"].price_days == old


def test_models_count_by_their_worst_offer() -> None:
    """A model that two providers serve is one model."""
    uses = Uses()
    for provider in ("google", "fal"):
        uses.of("gemini-3.1-flash-image", provider).lists.append("art")
    every = findings(uses, catalogue.load(), TODAY, None, chooser)
    assert {each.offer.provider: each.level for each in every} == {"google": "notice", "fal": "later"}
    assert every[0].remarks == ("fal and vertex still serve it",)
    assert count(every) == {"retired": 0, "warning": 0, "notice": 1, "later": 0, "fine": 0}


def test_routes_mappings_name_models() -> None:
    """Names, lists, lists of mappings, use cases of one's own; prices and presets name none to be asked."""
    spec = {
        "preset": "guide",
        "thumbnail": ["a", {"model": "b", "quality": "low"}],
        "text": "c",
        "hero_image": {"models": ["d"], "size": "1x1"},
        "use_cases": {"mine": {"model": "e"}},
        "subjects": {"art": ["f"]},
        "prices": {"g": "0.04"},
        "premium": "h",
    }
    assert list(spec_names(spec)) == [
        ("a", "thumbnail"),
        ("b", "thumbnail"),
        ("c", "text"),
        ("d", "hero_image"),
        ("e", "use_cases.mine"),
        ("f", "subjects.art"),
    ]
    assert list(spec_names("guide")) == list(spec_names(None)) == []
