"""Counts: the figures of a plan, as events and plan files tell them."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class PlanCounts(TypedDict):
    """How many pictures of a plan are what, and what they cost. `drafts` of them are made only to choose from."""

    rows: int
    pictures: int
    buy: int
    there: int
    shared: int
    refused: int
    unknown: int
    flawed: int
    unpriced: int
    cost_usd: str
    drafts: NotRequired[int]
