"""Context: everything but its rows that a plan depends on. Pure data, put together by `wiring`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import NamedTuple, Protocol

from imagegen.catalog import Catalog
from imagegen.domain.given import Given
from imagegen.domain.inputs import Resolve, named
from imagegen.domain.judge import Judging
from imagegen.domain.model import Estimate, Model, Offer, Rendition
from imagegen.domain.request import Request
from imagegen.domain.row import Lora, Row
from imagegen.routing import Routes


class Drafts(NamedTuple):
    """How many drafts there are to choose among, and their size in pixels."""

    pictures: int
    width: int
    height: int


class Scoring(NamedTuple):
    """A scorer as the plan sees it: its `name` and `version`, why it cannot serve a row ("" when it can), the judge
    that it asks, if it asks one, and what else is to be said."""

    name: str
    version: str
    refusal: str = ""
    judging: Judging | None = None
    note: str = ""


class OwnWeights(NamedTuple):
    """A model's weights on this machine: their digest and family, the steps, guidance and scheduler that they were
    made for, the schedulers that they take, and the steps and guidance for large numbers (None: no others)."""

    digest: str
    family: str
    steps: int
    guidance: float
    scheduler: str
    takes: tuple[str, ...]
    bulk: tuple[int, float] | None = None


class OwnLora(NamedTuple):
    """A LoRA file: its digest, weight and path. `few`: the steps, guidance and scheduler that it was made for."""

    digest: str
    weight: float
    path: str
    few: tuple[int, float, str] | None = None


class Own(Protocol):
    """What this machine can make, see `imagegen.ownmodels`."""

    def weights(self, model: str) -> OwnWeights:
        """The weights of `model`. Raises SettingsError."""

    def loras(self, model: str, asked: Sequence[Lora]) -> list[OwnLora]:
        """The LoRAs `asked` for. Raises SettingsError."""

    def nets(self, model: str, kind: str) -> dict[str, str]:
        """The digests of what holds pictures of `model` to the shapes of a control image of `kind`, by their use.
        Raises SettingsError."""

    def refiner(self, model: str) -> str:
        """The digest of the refiner that goes on from `model`. Raises SettingsError."""

    def adapters(self, family: str, steps: int, loras: bool, step_cache: object) -> dict[str, str]:
        """What of the opt-in adapters changes a picture; `step_cache` is the row's own word, None for none. Raises
        SettingsError for what does not go together."""

    @property
    def speeds(self) -> Mapping[str, float]:
        """TFLOP/s as learned here, by model and weights."""

    @property
    def timed(self) -> int | None:
        """What an hour here costs (nanodollars), where pictures are priced by the time that they take."""

    def estimate(self, request: Request) -> Estimate | None:
        """What a picture costs here, where that is known."""


class Winner(NamedTuple):
    """The draft that was chosen: the SHA-256 of its bytes, the file that holds them, what its header says, its
    `number` among the drafts from 0, and why it won."""

    digest: str
    file: str
    given: Given | None = None
    number: int = 0
    reason: str = ""


def unscored(name: str, row: Row, drafts: Drafts) -> Scoring:
    """Where nobody looks at scorers: every name will do."""
    return Scoring(name, "")


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a plan depends on besides its rows. `enabled` None: every provider, as an estimate without
    keys assumes; `fallback`: where nothing enabled can make a row, plan it as if everything were
    (estimates never fail for keys). `addresses`: providers reached elsewhere, part of the Key. `inputs` finds
    the input pictures of a row; by name only where it is not given. `calls` says why a row's callback_url cannot be
    called, `accepts` why its rules of acceptance cannot be followed, `backgrounds` what would
    tell its subject from its background and why that cannot be, `scorers` what a scorer is here. `chosen`: the
    draft that won, by the slot of the picture to be made from it. `barred`: see `Terms`. `lane`: how rows are bought
    that do not say it themselves. `now`: when the plan is made (None: as late on that day as can be). `own`: what this
    machine can make (None: nobody looked)."""

    catalog: Catalog
    routes: Routes
    today: date
    enabled: frozenset[str] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    served_elsewhere: frozenset[str] = frozenset()
    allow_retired: bool = False
    estimating: bool = False
    optimize: str = "route"
    renditions: tuple[Rendition, ...] = ()
    inputs: Resolve = named
    calls: Callable[[Row], str] = lambda row: ""
    scorers: Callable[[str, Row, Drafts], Scoring] = unscored
    barred: Mapping[tuple[str, str], str] = field(default_factory=dict)
    chosen: Callable[[str], Winner | None] = lambda slot: None
    accepts: Callable[[Row], str] = lambda row: ""
    backgrounds: Callable[[], tuple[str, str]] = lambda: ("", "")
    lane: str | None = None
    now: datetime | None = None
    own: Own | None = None

    @property
    def moment(self) -> datetime:
        """The time that deadlines count from."""
        return self.now or datetime.combine(self.today, time.max, UTC)

    @cached_property
    def cut(self) -> tuple[tuple[int, int], ...]:
        """Sizes that are cut from every picture and never enlarged."""
        return tuple((each.width, each.height) for each in self.renditions if each.fit == "auto")

    @cached_property
    def premium(self) -> tuple[Model, Offer, str | None]:
        """The comparison model, the offer of it that is counted, and its quality."""
        name, quality = self.routes.premium, None
        if name is None:
            name, quality = self.catalog.premium, self.catalog.premium_quality
        model, provider = self.catalog.find(name)
        offer = (model.offer(provider) if provider else None) or model.offers[0]
        return model, offer, quality or offer.default_quality
