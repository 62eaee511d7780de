"""The server's own books: what was asked, what was charged."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request that arrived. `number` counts from 1; `fault` is what was done to it."""

    number: int
    path: str
    body: dict[str, Any]
    status: int
    fault: str | None

    @property
    def prompt(self) -> str:
        """The prompt, "" where there was none."""
        return str(self.body.get("prompt", ""))


@dataclass(frozen=True, slots=True)
class Charged:
    """One charge. `amount` in nanodollars for all `n` pictures; `number` is the request's."""

    number: int
    prompt: str
    model: str
    size: str
    quality: str
    n: int
    amount: int


@dataclass
class Book:
    """Requests and charges in the order they came; charges also as JSON Lines in `file`, if given."""

    file: Path | None = None
    requests: list[Asked] = field(default_factory=list)
    charges: list[Charged] = field(default_factory=list)
    total: int = 0
    number: int = 0

    def next(self) -> int:
        """The number of the request that just arrived."""
        self.number += 1
        return self.number

    def charge(self, charged: Charged) -> None:
        """Put it on the bill."""
        self.charges.append(charged)
        self.total += charged.amount
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(charged)) + "\n")

    def bill(self) -> dict[str, Any]:
        """The whole bill as JSON values."""
        return {
            "total_nanodollars": self.total,
            "requests": len(self.requests),
            "charges": [asdict(charged) for charged in self.charges],
        }
