"""The matrix: every combination of its variables, and the ids of the rows they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Matrix:
    """Variables and their values. Without variables there is one combination: none."""

    variables: Mapping[str, Sequence[Any]]

    def combinations(self) -> Iterator[dict[str, Any]]:
        """One value for each variable, the last variable turning fastest."""
        for values in product(*self.variables.values()):
            yield dict(zip(self.variables, values, strict=True))

    def suffix(self, values: Values, named: frozenset[str]) -> str:
        """What an id gains that names only the variables `named`: "-red-front"."""
        return "".join(f"-{_text(values[name])}" for name in self.variables if name not in named)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
