"""Events: what commands print with `--json`, one line each. The shapes that their writers are checked against and that
`imagegen schema events` is made of.

Money is text in USD, so that no reader rounds it; None is "nobody knows" or "there is none".
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from imagegen.domain.counts import PlanCounts
from imagegen.domain.gpuevents import EstimateGpu
from imagegen.domain.result import State

PlanState = Literal["buy", "cached", "kept", "shared", "refused", "unknown", "flawed", "lacking"]
Basis = Literal["exact", "estimated", "unknown"]


class RunRow(TypedDict):
    """`run`: what became of one picture."""

    event: Literal["row"]
    id: str
    sample: int
    state: State
    file: str | None
    renditions: NotRequired[dict[str, str]]
    role: NotRequired[str]
    model: str | None
    provider: str | None
    cost_usd: str | None
    cached: bool
    key: str | None
    reason: str | None


class RunSummary(TypedDict):
    """`run`: the last line."""

    event: Literal["summary"]
    exit_code: int
    rows: int
    made: int
    cached: int
    kept: int
    refused: int
    failed: int
    unknown: int
    waiting: int
    skipped: int
    drafts: NotRequired[int]
    estimated_usd: str
    spent_usd: str
    unknown_at_most_usd: str
    run: str
    output: str
    stopped_by: str | None
    seconds: float


class Finished(TypedDict):
    """What becomes of the bytes of a picture."""

    width: int | None
    height: int | None
    fit: str
    format: str


class PlanRow(TypedDict):
    """`plan`: what would be done for one picture."""

    event: Literal["row"]
    id: str
    sample: int
    role: NotRequired[str]
    state: PlanState
    model: str | None
    provider: str | None
    lane: Literal["live", "batch"] | None
    quality: str | None
    use_case: str | None
    key: str | None
    hit: bool
    cost_usd: str | None
    at_most_usd: str | None
    basis: Basis | None
    parameters: dict[str, Any] | None
    finish: Finished
    why: str | None
    reason: str | None
    notes: list[str]
    place: str


class PlanSummary(PlanCounts):
    """`plan`: the last line."""

    event: Literal["plan"]
    manifest: str
    routes: str
    catalogue: str
    at_most_usd: NotRequired[str]
    notes: list[str]


class Both(TypedDict):
    """What was and what is."""

    old: Any
    new: Any


class BothUsd(TypedDict):
    """An amount of money as it was and as it is."""

    old: str | None
    new: str | None


class BothCounts(TypedDict):
    """A number as it was and as it is."""

    old: int
    new: int


Kind = Literal["added", "changed", "rerouted", "repriced", "state", "gone"]


class PlanChange(TypedDict):
    """`plan --against`: what has changed for one row."""

    event: Literal["change"]
    kind: Kind
    id: str
    was: str | None
    place: str
    pictures: BothCounts
    fields: dict[str, Both]
    route: dict[str, Both]
    price_usd: BothUsd | None
    cost_usd: BothUsd
    state: Both | None
    why: str | None


class PlanComparison(TypedDict):
    """`plan --against`: the last line."""

    event: Literal["comparison"]
    against: str
    added: int
    changed: int
    rerouted: int
    repriced: int
    state: int
    gone: int
    settings: dict[str, Both]
    cost_usd: BothUsd
    buy: BothCounts
    there: BothCounts
    refused: BothCounts
    made_usd: str
    moved_usd: str


class Figures(TypedDict):
    """Pictures and money of a group, or of all. `drafts` of the pictures are made only to choose from."""

    pictures: int
    drafts: NotRequired[int]
    paid: int
    there: int
    shared: int
    unpriced: int
    cost_usd: str
    estimated_usd: str


class EstimateGroup(Figures):
    """`cost-estimate`: one model at one provider, one provider, or one use case."""

    event: Literal["group"]
    by: Literal["model", "provider", "use_case"]
    model: NotRequired[str | None]
    provider: NotRequired[str | None]
    use_case: NotRequired[str | None]


class SoldFigures(TypedDict):
    """Pictures that a provider's queue makes at a lower price."""

    pictures: int
    live_usd: str
    queued: int
    queue_usd: str | None
    would_save_usd: str
    late: int


class EstimateLanes(SoldFigures):
    """`cost-estimate --lane`: a model, live and by the queue."""

    event: Literal["lanes"]
    model: str
    provider: str


class EstimateLane(SoldFigures):
    """All models, live and by the queue."""

    lane: str


class EstimateRoutes(TypedDict):
    """`cost-estimate --routes all`: the same rows under one preset."""

    event: Literal["routes"]
    routes: str
    own: bool
    pictures: int | None
    paid: NotRequired[int]
    there: NotRequired[int]
    shared: NotRequired[int]
    unpriced: NotRequired[int]
    cost_usd: str | None
    estimated_usd: NotRequired[str]
    refused: int
    reason: str | None


class EstimateRenditions(TypedDict):
    """Pictures that another row's picture would do for."""

    pictures: int
    would_save_usd: str
    compared: int | None


class Estimate(Figures):
    """`cost-estimate`: the last line."""

    event: Literal["estimate"]
    manifest: str
    routes: str
    catalogue: str
    rows: int
    refused: int
    unknown: int
    flawed: int
    premium_model: str
    premium_usd: str | None
    saved_usd: str | None
    saved_percent: str | None
    stands_for_usd: str
    seconds: int | None
    duration: str
    budget_usd: str | None
    within_budget: bool | None
    after_hits_usd: dict[str, str]
    renditions: EstimateRenditions
    lane: EstimateLane | None
    gpu: EstimateGpu | None
    notes: list[str]


#: Command -> its events.
EVENTS: dict[str, tuple[type, ...]] = {
    "run": (RunRow, RunSummary),
    "plan": (PlanRow, PlanSummary, PlanChange, PlanComparison),
    "cost-estimate": (EstimateGroup, EstimateLanes, EstimateRoutes, Estimate),
}
