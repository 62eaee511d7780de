"""Size rules as they stand in a catalogue file: "1024x1024", or "1344x768 16:9 1K" with the words for the wire.

Knows how a rule is written and whether a size satisfies it; choosing a size for a row is `imagegen.sizing`'s work.
"""

from __future__ import annotations

import re

from imagegen.catalog.fields import Field, Reader, read_all
from imagegen.domain.model import Size, SizeRule

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})(?: (\d+:\d+))?(?: (\S+))?")


def read_size(field: Field) -> Size:
    """WIDTHxHEIGHT, then the ratio and the resolution word where the wire wants them."""
    match = field.match(_SIZE, "no size", "write 1024x1024, or 1344x768 16:9 1K")
    return Size(int(match[1]), int(match[2]), match[3], match[4])


def _list(field: Field) -> tuple[Size, ...]:
    return tuple(read_size(item) for item in field.items())


_READERS: dict[str, Reader] = {
    "default": read_size,
    "list": _list,
    "step": Field.count,
    "min_edge": Field.count,
    "max_edge": Field.count,
    "min_pixels": Field.count,
    "max_pixels": Field.count,
    "max_ratio": Field.number,
    "exact": Field.flag,
}


def read_rule(field: Field) -> SizeRule:
    """A size rule: `list`, or `step` and bounds, or both. The default is the first of the list unless given."""
    values = read_all(field, _READERS)
    sizes = values.pop("list", ())
    if not sizes and not values.get("step"):
        raise field.wrong("neither list nor step", "say which sizes can be made")
    if "default" not in values and not sizes:
        raise field.wrong("no default", "write default: 1024x1024")
    rule = SizeRule(**{"default": sizes[0] if sizes else None, "sizes": sizes} | values)
    if not allows(rule, rule.default):
        raise field.wrong(f"the default {rule.default} does not satisfy the rule itself")
    return rule


def allows(rule: SizeRule, size: Size) -> bool:
    """Whether `size` can be made: it stands in the list, or satisfies step and bounds."""
    if any((size.width, size.height) == (listed.width, listed.height) for listed in rule.sizes):
        return True
    if not rule.step:
        return False
    short, long = sorted((size.width, size.height))
    return (
        short % rule.step == 0
        and long % rule.step == 0
        and rule.min_edge <= short
        and long <= rule.max_edge
        and rule.min_pixels <= size.pixels <= rule.max_pixels
        and long <= short * rule.max_ratio
    )
