"""Step caching: what some steps keep so that others need less. It changes pictures and stands in their Keys. Pure.

| text | families | what a step that is cut short does |
|---|---|---|
| deepcache:N | SDXL | every Nth step is whole; between them only the UNet's first level runs (Ma, Fang, Wang 2023) |
| tgate:N | SDXL | after N steps text is looked at no more and guidance ends: half the rows (Liu and others 2024) |
| taylorseer:N | SD 3.5, FLUX | every Nth step is whole; between them its outputs are carried on (Liu and others 2025) |

Which steps are whole depends on their number alone, never on what is in the batch: a method that looks at the pictures
to decide, as First Block Cache does, decides for a batch as one, so that a picture would depend on its mates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from imagegen.errors import SettingsError

_SHAPE = re.compile(r"([a-z][a-z0-9_-]*)\s*(?::\s*(\S+))?")
#: No more steps than anybody asks for.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Method:
    """One way: its title, the families that it fits, and its number where none is given."""

    title: str
    families: tuple[str, ...]
    usual: int
    number: str


METHODS = {
    "deepcache": Method("DeepCache", ("sdxl",), 3, "every how many steps one is whole"),
    "tgate": Method("T-GATE", ("sdxl",), 10, "how many steps look at the text"),
    "taylorseer": Method("TaylorSeer", ("sd3", "flux", "flux2"), 3, "every how many steps one is whole"),
}

#: Names of the field that are none of METHODS, and why not.
_ONE_FOR_ALL = "decides for a whole batch at once, so a picture would depend on its mates; DiTs take taylorseer:3"
_OTHERS = {
    **dict.fromkeys(("first_block_cache", "fbcache", "teacache", "cache-dit"), _ONE_FOR_ALL),
    "magcache": "needs figures measured for each model; DiTs take taylorseer:3",
}


@dataclass(frozen=True, slots=True)
class StepCache:
    """A method out of METHODS and its number."""

    name: str
    number: int

    @property
    def text(self) -> str:
        """The canonical text, as it stands in settings, sidecars and Keys."""
        return f"{self.name}:{self.number}"

    @property
    def method(self) -> Method:
        """What is known of it."""
        return METHODS[self.name]


def parse(text: str) -> StepCache | None:
    """What `text` asks for: "deepcache:3", "tgate" (with its usual number); None for "" and "none". Raises
    SettingsError with a suggestion."""
    said = text.strip().lower()
    if said in ("", "none"):
        return None
    found = _SHAPE.fullmatch(said)
    name, number = found.groups() if found else (said, None)
    if name in _OTHERS:
        raise SettingsError(f"step_cache {name!r} is not offered", f"it {_OTHERS[name]}")
    if name not in METHODS:
        near = get_close_matches(name, METHODS, n=1)
        usual = ", ".join(f"{each}:{method.usual}" for each, method in METHODS.items())
        hint = f"did you mean {near[0]}:{METHODS[near[0]].usual}? " if near else ""
        raise SettingsError(f"step_cache {text!r} is unknown", f"{hint}there are {usual}")
    method = METHODS[name]
    if number is None:
        return StepCache(name, method.usual)
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= _MOST):
        what = f"step_cache {text!r}: {number!r} is no number from 1 to {_MOST}"
        raise SettingsError(what, f"write {method.number}, as {name}:{method.usual}")
    return StepCache(name, int(number))


def refuses(cache: StepCache, family: str, steps: int | None = None) -> str | None:
    """Why `cache` cannot serve weights of `family` in `steps`; None where it can."""
    method = cache.method
    if family not in method.families:
        fits = [each for each, other in METHODS.items() if family in other.families]
        other = f"; there {' and '.join(fits)} do" if len(fits) > 1 else f"; there {fits[0]} does" if fits else ""
        return f"step_cache {cache.text}: {method.title} does not fit {family}{other}"
    if steps is not None and cache.number > 1 and steps <= cache.number:
        return f"step_cache {cache.text} does not fit {steps} steps: ask for more steps, or leave out step_cache"
    return None
