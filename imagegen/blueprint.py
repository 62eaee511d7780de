"""Blueprint: everything about a row's picture but its prompt, decided once per kind of row.

In a catalogue of a million rows few rows differ in more than their prompt; the choice of the
model, the size, the finish and the price are made once and shared. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from imagegen import prices, treatment
from imagegen.context import Context
from imagegen.domain.inputs import PLACEHOLDER as PLACEHOLDER  # noqa: PLC0414  it is had from here
from imagegen.domain.inputs import Inputs
from imagegen.domain.model import Estimate, Finish
from imagegen.domain.money import Nano
from imagegen.domain.queue import queue_of
from imagegen.domain.request import Key, Request, canonical_json, key, nfc
from imagegen.domain.row import Place, Row
from imagegen.errors import ManifestError, SettingsError, UsageError
from imagegen.keying import Keying
from imagegen.pick import base_of, own, pick, stand_in
from imagegen.premium import premium_of
from imagegen.queueing import Lane, lane_of
from imagegen.routing import Choice, NoChoice


@dataclass(frozen=True)
class Blueprint:
    """A decided kind of row. `refusal` is set instead of everything else when no model can make it."""

    refusal: str = ""
    choice: Choice | None = None
    losers: tuple[Any, ...] = ()
    base: Request | None = None
    seeded: bool = False
    finish: Finish = field(default_factory=Finish)
    unit: Estimate = field(default_factory=lambda: Estimate(None, None, "unknown"))
    premium: Nano | None = None
    notes: tuple[str, ...] = ()
    lane: Lane = "live"
    loras: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model that is asked, by its catalogue name ("" when refused)."""
        return self.base.model if self.base else ""

    @property
    def provider(self) -> str:
        """Who would be asked ("" when refused)."""
        return self.base.provider if self.base else ""

    @property
    def buyer(self) -> str:
        """Whose work it is: the provider's, or that of its queue."""
        return queue_of(self.provider) if self.lane == "batch" else self.provider

    @property
    def is_placeholder(self) -> bool:
        """Whether nothing real would be asked."""
        return self.provider == PLACEHOLDER

    @property
    def max_prompt(self) -> int | None:
        """The longest prompt the offer takes, in characters."""
        return None if self.choice is None or self.is_placeholder else self.choice.offer.max_prompt

    def price(self, row: Row, inputs: Inputs | None = None) -> Estimate:
        """The price of one picture of `row`, made from `inputs`, its prompt included, in the lane it takes."""
        live = self.live_price(row, inputs)
        if self.lane == "live" or self.choice is None or live.expected is None or live.most is None:
            return live
        off = self.choice.offer.batch_discount
        return replace(live, expected=prices.discounted(live.expected, off), most=prices.discounted(live.most, off))

    def live_price(self, row: Row, inputs: Inputs | None = None) -> Estimate:
        """The same, bought live."""
        unit = self._unit(inputs)
        if self.choice is None or self.is_placeholder or unit.expected is None or unit.most is None:
            return unit
        more, most = prices.prompt_cost(self.choice.offer.price, len(said(row).encode()))
        return Estimate(unit.expected + more, unit.most + most, unit.basis) if most else unit

    def _unit(self, inputs: Inputs | None) -> Estimate:
        """The price without the prompt. By the megapixel, input pictures count by their own size where it is known."""
        price = self.choice.offer.price if self.choice else None
        if not inputs or self.choice is None or self.is_placeholder or price is None or not price.input:
            return self.unit
        known = [inputs.given[each] for each in inputs.images if each in inputs.given]
        if not known or len(known) < len(inputs.images):
            return self.unit
        megapixels = [each.width * each.height / prices.MEGAPIXEL for each in known]
        return prices.unit(price, self.choice.size_plan.size, self.choice.quality, megapixels)

    def real(self, row: Row) -> Nano | None:
        """What one picture of `row` would cost on the model chosen for it, placeholder or not."""
        if self.choice is None or self.choice.unit.expected is None:
            return None
        return self.choice.unit.expected + prices.prompt_cost(self.choice.offer.price, len(said(row).encode()))[0]

    def request(self, row: Row, sample: int, inputs: Inputs | None = None) -> Request | None:
        """The Request for one picture of `row`, made from `inputs`; None when refused."""
        if self.base is None:
            return None
        prompt = said(row)
        if self.is_placeholder:
            options = canonical_json({"id": row.id})
            made = replace(self.base, prompt=prompt, sample=sample, options=options, seed=row.seed)
            return inputs.into(made) if inputs else made
        keying = self._keying(inputs)
        return keying.request(prompt, sample, self._seed(keying, row, prompt, sample))

    def key(self, row: Row, sample: int, inputs: Inputs | None = None) -> Key | None:
        """The Key of `request(row, sample, inputs)`, by a shorter way where there is one."""
        if self.is_placeholder:
            request = self.request(row, sample, inputs)
            return key(request) if request else None
        if self.base is None:
            return None
        prompt, keying = said(row), self._keying(inputs)
        return keying.key(prompt, sample, self._seed(keying, row, prompt, sample))

    def _seed(self, keying: Keying, row: Row, prompt: str, sample: int) -> int | None:
        """The seed that goes out: the row's, or one derived from the rest; None where none is taken."""
        if not self.seeded:
            return None
        return keying.derived_seed(prompt, sample) if row.seed is None else (row.seed + sample) % 2**32

    def _keying(self, inputs: Inputs | None) -> Keying:
        """Input pictures are the row's own: what they decide is not shared with other rows."""
        assert self.base is not None
        return Keying(inputs.into(self.base)) if inputs else self._shared

    @cached_property
    def _shared(self) -> Keying:
        assert self.base is not None
        return Keying(self.base)


def said(row: Row) -> str:
    """The prompt that goes out, in NFC: the row's, and the wording that must be readable unless it holds it."""
    if not row.text or row.text in row.prompt:
        return nfc(row.prompt)
    return nfc(f'{row.prompt}\nReadable in the picture, spelled exactly like this: "{row.text}"')


def blueprint_of(row: Row, place: Place, context: Context, native: tuple[int, int] | None = None) -> Blueprint:
    """Decide the kind of `row`, whose first input picture is of `native` pixels where that is known. Raises
    ManifestError at `place` for a model or use case that is not there."""
    try:
        chosen = pick(row, context, native)
    except UsageError as problem:
        raise ManifestError(*place, problem.what, problem.todo) from problem
    if isinstance(chosen, NoChoice):
        return Blueprint(refusal=chosen.reason, losers=chosen.losers)
    lane, no = lane_of(row, chosen, context)
    no = no or treatment.refusal(row, context)
    if no:
        return Blueprint(refusal=no, losers=chosen.losers)
    finish = treatment.finish_of(row, chosen, context)
    loras: Mapping[str, str] = {}
    if row.provider == PLACEHOLDER:
        base, unit = stand_in(chosen), Estimate(0, 0, "exact")
    else:
        base, unit = base_of(row, chosen, context), chosen.unit
        try:
            base, loras, unit = own(base, row, unit, context)
        except SettingsError as problem:
            return Blueprint(refusal=str(problem), losers=chosen.losers)
    return Blueprint(
        choice=chosen,
        losers=chosen.losers,
        base=base,
        seeded="seed" in chosen.offer.can and row.provider != PLACEHOLDER,
        finish=finish,
        unit=unit,
        premium=premium_of(chosen, context),
        notes=chosen.notes,
        lane=lane,
        loras=loras,
    )
