"""What `cost-estimate --gpu --json` says of a GPU: a part of the line that `imagegen.domain.events` describes."""

from __future__ import annotations

from typing import TypedDict


class EstimateForecast(TypedDict):
    """The same pictures on a GPU by arithmetic: an estimate, not measured."""

    mode: str
    peak_tflops: float
    mfu_least: float
    mfu_most: float
    tflop: float
    guided: int
    images_per_hour_least: int
    images_per_hour_most: int
    hours_least: float
    hours_most: float
    cost_least_usd: str
    cost_most_usd: str
    source: str | None


class EstimateGpu(TypedDict):
    """The same pictures on a GPU."""

    gpu: str
    title: str
    model: str
    pictures: int
    hours: float
    cost_usd: str
    in_place_of_usd: str
    others: int
    others_usd: str
    others_why: str | None
    hourly_usd: str
    images_per_hour: int
    steps: int
    source: str
    read_on: str
    memory_gb: float | None
    forecast: EstimateForecast | None
    can_run: bool
