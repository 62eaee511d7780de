"""Every model of the catalogue at every provider: it can be named, and there is an answer. The page of them is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from imagegen import catalog as catalogs
from imagegen import settings as settings_of
from imagegen.clock import SystemClock
from imagegen.context import Context
from imagegen.crew import providers
from imagegen.domain.given import Given
from imagegen.domain.model import Model, Offer
from imagegen.domain.request import Request
from imagegen.domain.row import Place, Placed, Row
from imagegen.planned import Planned
from imagegen.planner import plan
from imagegen.routing import load_routes
from imagegen.wiring import SPOKEN, context_of
from tests import modelpage

BOOK = catalogs.load(())
TODAY = date(2026, 11, 23)
CALLED = frozenset({*SPOKEN, "handoff"})
OFFERS = [(model, offer) for model in BOOK.models.values() for offer in model.offers]


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Context:
    """With a key for every provider."""
    for names in settings_of.KEY_VARIABLES.values():
        monkeypatch.setenv(names[0], "1")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    listed = sorted({offer.provider for _, offer in OFFERS})
    found = context_of(settings_of.load({"providers": listed}, {}), BOOK, load_routes(None, ()), today=TODAY)
    return replace(found, enabled=CALLED)


def planned(row: Row, context: Context) -> Planned:
    everybody = providers(settings_of.load({}, {}), BOOK, SystemClock())

    def refuses(request: Request, given: Mapping[str, Given]) -> str | None:
        return everybody[request.provider].refuses(request, given) if request.provider in everybody else None

    [found] = plan([Placed(row, Place("m.yaml", 1))], context, refuses=refuses)
    return found


def asking(model: Model, offer: Offer) -> Row:
    """The plainest row that names this model at this provider."""
    fields = {"image": "mug.png", "mask": "mask.png"} if model.name == "flux-fill" else {}
    return Row(id="a", prompt="A mug", model=f"{offer.provider}/{model.name}", **fields)


@pytest.mark.parametrize(("model", "offer"), OFFERS, ids=[f"{o.provider}/{m.name}" for m, o in OFFERS])
def test_each_is_planned_or_answered_precisely(model: Model, offer: Offer, context: Context) -> None:
    """A plan with a price, the hand-off, or one sentence: since when it is gone and what comes in its place, that no
    price is known, that this version cannot call it."""
    found = planned(asking(model, offer), context)
    if model.gone(TODAY, offer):
        assert found.state == "refused"
        assert model.name in found.reason
        assert "retired" in found.reason or "shut down" in found.reason
        assert model.replaced_by is None or model.replaced_by in found.reason
    elif offer.price is None:
        assert found.state == "refused"
        assert "price" in found.reason
    elif offer.provider not in CALLED:
        assert found.state == "refused"
        assert "this version cannot" in found.reason
    else:
        assert (found.state, found.reason) == ("buy", "")
        assert (found.draft.blueprint.model, found.draft.blueprint.provider) == (model.name, offer.provider)
        assert found.cost
        assert found.most is not None
        assert found.most >= found.cost


@pytest.mark.parametrize("model", BOOK.models.values(), ids=BOOK.models)
def test_each_can_be_named_without_its_provider(model: Model, context: Context) -> None:
    row = asking(model, model.offers[0]).model_copy(update={"model": model.name})
    found = planned(row, context)
    assert found.state in ("buy", "refused")
    assert found.state == "buy" or model.name in found.reason
    able = [o for o in model.offers if not model.gone(TODAY, o) and o.price and o.provider in CALLED]
    assert (found.state == "buy") == bool(able), found.reason


@pytest.mark.parametrize(("model", "offer"), OFFERS, ids=[f"{o.provider}/{m.name}" for m, o in OFFERS])
def test_each_can_be_asked_for_all_the_same(model: Model, offer: Offer, context: Context) -> None:
    """`--allow-retired` plans what is retired, wherever a price was known and a provider can be called."""
    found = planned(asking(model, offer), replace(context, allow_retired=True))
    if offer.provider == "google" and model.name.startswith("imagen-"):  # the key's address never takes it again
        assert "is asked for at Vertex only" in found.reason
    else:
        assert (found.state == "buy") == bool(offer.price and offer.provider in CALLED), found.reason


def test_the_page_of_models_is_that_of_the_catalogue() -> None:
    """`python -m tests.modelpage` writes it."""
    there = modelpage.PAGE.read_text(encoding="utf-8")
    assert there == modelpage.page(BOOK, there), "run: python -m tests.modelpage"
    assert all(f"`{name}`" in there for name in BOOK.models)


def test_the_page_changes_with_the_catalogue(tmp_path: Path) -> None:
    """A price, a status or a model more."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("models: {sdxl: {status: deprecated}}\n")
    assert modelpage.tables(catalogs.load((mine,))) != modelpage.tables(BOOK)
