"""Hand-off: models without an API are asked by a person. What every level calls that provider and says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen.domain.money import Nano

#: The provider that is a person.
HANDOFF = "handoff"
#: Why it is not simply enabled: rows get it that name it, or that nothing else can make.
BY_HAND = "by hand, with `imagegen handoff`"
#: Why a picture is waiting.
HANDED = "made by hand: `imagegen handoff export` writes its prompt, `imagegen handoff import` takes the picture"


@dataclass(frozen=True, slots=True)
class Brought:
    """A picture that a person brought for one request: the file, the SHA-256 of its bytes as they were looked at,
    what is booked for it (`share`, in nanodollars), and `facts` to remember (JSON values)."""

    path: Path
    digest: str
    share: Nano
    facts: dict[str, Any] = field(default_factory=dict)
