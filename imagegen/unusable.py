"""Unusable: which models and providers turned out, while a run was at work, not to be usable. Thread-safe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from imagegen.domain.outcome import Failed, Outcome, Refused
from imagegen.domain.queue import provider_of
from imagegen.ledger.jobs import Job


@dataclass
class Unusable:
    """`barred` are models (or all, "") of providers, and why; `fallen` are the jobs that found it out, `rejected`
    those that a provider's policy refused."""

    barred: dict[tuple[str, str], str] = field(default_factory=dict)
    fallen: set[int] = field(default_factory=set)
    rejected: set[int] = field(default_factory=set)

    def heed(self, provider: str, came: Iterable[tuple[Job, Outcome]]) -> tuple[str, bool]:
        """Note what `came` of jobs at `provider`: why it, or a model of its, is not to be asked again ("" when it
        is), and whether that holds for all its models."""
        why, whole, provider = "", False, provider_of(provider)
        for job, outcome in came:
            if isinstance(outcome, Refused):
                self.rejected.add(job.id)
            if not isinstance(outcome, Failed) or not (outcome.stops_provider or outcome.stops_model):
                continue
            self.fallen.add(job.id)
            self.barred["" if outcome.stops_provider else job.model, provider] = outcome.reason
            why, whole = why or outcome.reason, whole or outcome.stops_provider
        return why, whole
