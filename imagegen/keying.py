"""Keying: the Keys and Requests of pictures that differ in nothing but prompt, sample and seed, by a short way.

The canonical text of a Request is the same for all of them but for what stands in these three places, so it is
made once and split there. The long way is `imagegen.domain.request.key`; both lead to the same Key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from typing import Any

from imagegen.domain.request import Key, Request, canonical, canonical_json

#: No prompt holds these: they mark where a prompt and a seed go.
_PROMPT, _SEED = "\x00", "\x01"
#: Writes a text as `canonical_json` does.
_JSON = json.JSONEncoder(ensure_ascii=False)


class Keying:
    """Requests like `base`. Prompts are given in NFC."""

    def __init__(self, base: Request) -> None:
        self._base = base
        # A Request is made of its fields in half the time that `replace` takes.
        self._values = {item.name: getattr(base, item.name) for item in fields(Request)}
        self._plain: dict[int, tuple[str, ...]] = {}
        self._seeded: dict[int, tuple[str, ...]] = {}

    def request(self, prompt: str, sample: int, seed: int | None) -> Request:
        """The Request for one picture."""
        return Request(**{**self._values, "prompt": prompt, "sample": sample, "seed": seed})

    def key(self, prompt: str, sample: int, seed: int | None) -> Key:
        """The Key of `request` for the same picture."""
        if seed is None:
            head, tail = self._around(sample)
            return _sha256(f"{head}{_JSON.encode(prompt)}{tail}")
        head, middle, tail = self._around_both(sample)
        return _sha256(f"{head}{_JSON.encode(prompt)}{middle}{seed}{tail}")

    def derived_seed(self, prompt: str, sample: int) -> int:
        """The seed of a picture that nobody gave one: see `imagegen.domain.request.derived_seed`."""
        return int(self.key(prompt, sample, None)[:8], 16) & 0x7FFFFFFF

    def _around(self, sample: int) -> tuple[str, ...]:
        """What stands before and after the prompt where there is no seed."""
        if sample not in self._plain:
            self._plain[sample] = tuple(canonical_json(self._marked(sample)).split(json.dumps(_PROMPT)))
        return self._plain[sample]

    def _around_both(self, sample: int) -> tuple[str, ...]:
        """What stands before the prompt, between it and the seed, and after that."""
        if sample not in self._seeded:
            head, rest = canonical_json({**self._marked(sample), "seed": _SEED}).split(json.dumps(_PROMPT))
            self._seeded[sample] = (head, *rest.split(json.dumps(_SEED)))
        return self._seeded[sample]

    def _marked(self, sample: int) -> dict[str, Any]:
        return canonical(replace(self._base, prompt=_PROMPT, sample=sample))


def _sha256(text: str) -> Key:
    return hashlib.sha256(text.encode()).hexdigest()
