"""The size that is wanted -> the size to generate, and how the wanted one is reached from it. Pure.

It knows a model's SizeRule and what a size costs; it knows no models, no routes and no pixels' content.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from imagegen.catalog.sizes import allows
from imagegen.domain.model import Size, SizeRule
from imagegen.domain.row import RATIO

#: What a size costs in nanodollars; None when that is not known (counts as dearest).
Cost = Callable[[Size], int | None]
#: Width and height, of which for a ratio only the quotient counts.
Shape = tuple[int, int]

#: Of an edge, at least this many percent stay under `fit: auto`.
KEPT_PERCENT = 90
#: A picture whose ratio is this near to the one asked for is left as it is.
SAME_RATIO = 0.02


@dataclass(frozen=True, slots=True)
class SizePlan:
    """`size` is generated; `width` x `height` is what finishing makes of it (None: left as generated).
    `cropped` is the share of one edge that is cut off, from 0 to 1; `note` says so to a person."""

    size: Size
    width: int | None = None
    height: int | None = None
    cropped: float = 0.0
    note: str = ""


def plan_size(
    rule: SizeRule,
    wanted: Shape | None,
    fit: str,
    cost: Cost,
    ratio: str | None = None,
    *,
    native: Shape | None = None,
    also: Sequence[Shape] = (),
) -> SizePlan | str:
    """The size to generate for `wanted` under `fit`, or one sentence that says why there is none.

    auto     never upscaled, at most 10 % of one edge cut; of those sizes the cheapest, then the least
             cut, then the smallest
    cover    as auto; where that finds nothing, any cut and any enlargement, as little as possible
    contain  the whole picture on the wanted size, padded;  fill  stretched to it
    none     the nearest ratio, left as generated

    Without `wanted`: the rule's default size, or the size of `ratio` ("16:9") nearest to the default's
    area; `native` (an input picture's size) stands in for a ratio that nobody gave.

    `also`: renditions that are cut from the same picture and never enlarged; a larger size is generated where
    they need one.
    """
    plan = _plan(rule, wanted, fit, cost, ratio, native)
    if isinstance(plan, str) or _holds(plan.size, also):
        return plan
    return _large_enough(rule, plan, fit, cost, also)


def _plan(
    rule: SizeRule, wanted: Shape | None, fit: str, cost: Cost, ratio: str | None, native: Shape | None
) -> SizePlan | str:
    if wanted is not None:
        return _for_size(rule, wanted, fit, cost)
    if ratio is not None:
        return _for_ratio(rule, _shape(ratio), fit, cost)
    if native is not None:
        return SizePlan(_nearest(rule, native, rule.default.pixels, cost))
    return SizePlan(rule.default)


def _holds(size: Size, also: Sequence[Shape]) -> bool:
    return all(width <= size.width and height <= size.height for width, height in also)


def _large_enough(rule: SizeRule, plan: SizePlan, fit: str, cost: Cost, also: Sequence[Shape]) -> SizePlan | str:
    """As `plan`, made at the cheapest size from which every rendition can be cut."""
    shape = (plan.width, plan.height) if plan.width and plan.height else (plan.size.width, plan.size.height)
    scale = max(1.0, *(max(width / shape[0], height / shape[1]) for width, height in also))
    sizes = _candidates(rule, (math.ceil(shape[0] * scale), math.ceil(shape[1] * scale)))
    good = [size for size in sizes if _holds(size, also) and (fit != "auto" or _near(size, shape))]
    if not good:
        lacking = next(each for each in also if not _holds(plan.size, [each]))
        name = f"{lacking[0]}x{lacking[1]}"
        return (
            f"makes no size that a rendition of {name} could be cut from without enlarging it; "
            f"write the rendition as {{size: {name}, fit: cover}} to enlarge it"
        )
    best = min(good, key=partial(_cheapest, wanted=shape, cost=cost))
    return _finished(best, shape, fit) if plan.width else SizePlan(best, note=f"made at {best} for its renditions")


def _for_size(rule: SizeRule, wanted: Shape, fit: str, cost: Cost) -> SizePlan | str:
    if fit == "none":
        size = _nearest(rule, wanted, wanted[0] * wanted[1], cost)
        return SizePlan(size, note="" if _same(size, wanted) else f"made at {size} and left so")
    sizes = _candidates(rule, wanted)
    good = [size for size in sizes if _good(size, wanted, fit)]
    if not good:
        good = [size for size in _all_widths(rule, wanted) if _good(size, wanted, fit)]
    if good:
        best = min(_pool(rule, good, wanted), key=partial(_cheapest, wanted=wanted, cost=cost))
        return _finished(best, wanted, fit)
    best = min(sizes, key=partial(_least_loss, wanted=wanted, fit=fit, cost=cost))
    if fit != "auto":
        return _finished(best, wanted, fit)
    name = f"{wanted[0]}x{wanted[1]}"
    return (
        f"makes no size that gives {name} without enlarging it or cropping more than "
        f"{100 - KEPT_PERCENT} %; the closest is {best}, which {_way(best, wanted)}"
    )


def _pool(rule: SizeRule, good: list[Size], wanted: Shape) -> list[Size]:
    """Without the sizes beside the list that a smaller cut makes needless: no part of a picture is given
    up for a few pixels less to pay."""
    tight = [size for size in good if 1 - _kept(size, wanted) <= SAME_RATIO]
    listed = [size for size in good if size in rule.sizes or size == rule.default]
    return tight + listed if tight else good


def _for_ratio(rule: SizeRule, shape: Shape, fit: str, cost: Cost) -> SizePlan | str:
    size = _nearest(rule, shape, rule.default.pixels, cost)
    if fit == "none" or 1 - _kept(size, shape) <= SAME_RATIO:
        return SizePlan(size)
    box = _box(size, shape, around=fit == "contain")
    if fit == "auto" and not _near(size, shape):
        return f"makes no size of {shape[0]}:{shape[1]}; the closest is {size}, which {_way(size, box)}"
    return _finished(size, box, fit)


def _candidates(rule: SizeRule, wanted: Shape) -> list[Size]:
    """Every size worth a thought: the listed ones, and within the bounds those that just cover `wanted`."""
    found = {(size.width, size.height): size for size in (*rule.sizes, rule.default)}
    if rule.step is not None:
        for width, height in _stepped(rule, *wanted):
            found.setdefault((width, height), Size(width, height))
    return list(found.values())


def _stepped(rule: SizeRule, width: int, height: int) -> Iterator[Shape]:
    """Sizes within the bounds around `width` x `height`, scaled until the bounds are met."""
    if allows(rule, Size(width, height)):
        yield width, height
        return
    wide, high = max(width, height / rule.max_ratio), max(height, width / rule.max_ratio)
    least = max(1.0, rule.min_edge / min(wide, high), math.sqrt(rule.min_pixels / (wide * high)))
    most = min(rule.max_edge / max(wide, high), math.sqrt(rule.max_pixels / (wide * high)))
    scale = min(least, most)
    for new_width in _steps(rule, wide * scale):
        for new_height in _steps(rule, high * scale):
            if allows(rule, Size(new_width, new_height)):
                yield new_width, new_height


def _all_widths(rule: SizeRule, wanted: Shape) -> Iterator[Size]:
    """One size per width: the lowest that covers `wanted`. Slower, for wanted sizes at a bound's edge."""
    if rule.step is None:
        return
    for width in range(-(-wanted[0] // rule.step) * rule.step, rule.max_edge + 1, rule.step):
        lowest = max(wanted[1], -(-KEPT_PERCENT * width * wanted[1] // (100 * wanted[0])), rule.min_edge)
        lowest = max(lowest, -(-rule.min_pixels // width), math.ceil(width / rule.max_ratio))
        height = -(-lowest // rule.step) * rule.step
        if allows(rule, Size(width, height)):
            yield Size(width, height)


def _steps(rule: SizeRule, edge: float) -> tuple[int, ...]:
    """The multiples of the step around `edge`."""
    step = rule.step or 1
    # A hair of tolerance, for an edge that a square root left a few bits above a multiple.
    up = math.ceil(edge / step - 1e-9) * step
    return (up - step, up, up + step) if up > step else (up, up + step)


def _nearest(rule: SizeRule, shape: Shape, area: int, cost: Cost) -> Size:
    """The size whose ratio is nearest to `shape`'s; within 1 % ratios are equal, then by area."""
    quotient = shape[0] / shape[1]
    target = max(1, round(math.sqrt(area * quotient))), max(1, round(math.sqrt(area / quotient)))

    def rank(size: Size) -> tuple[float, ...]:
        lost = 1 - _kept(size, shape)
        return (round(lost, 2), abs(size.pixels - area), *_price(size, cost), lost, size.width)

    return min(_candidates(rule, target), key=rank)


def _cheapest(size: Size, *, wanted: Shape, cost: Cost) -> tuple[float, ...]:
    return (*_price(size, cost), 1 - _kept(size, wanted), size.pixels, size.width)


def _least_loss(size: Size, *, wanted: Shape, fit: str, cost: Cost) -> tuple[float, ...]:
    shown = _kept(size, wanted) / max(1.0, _enlarged(size, wanted, fit))
    return (-shown, *_price(size, cost), size.pixels, size.width)


def _price(size: Size, cost: Cost) -> tuple[int, int]:
    """Sorts known prices by amount and unknown ones last."""
    amount = cost(size)
    return (1, 0) if amount is None else (0, amount)


def reaches(size: Size, wanted: Shape, fit: str) -> bool:
    """Whether finishing a picture of `size` gives `wanted` under `fit`, nothing enlarged and no more than 10 % cut."""
    return _good(size, wanted, fit)


def _good(size: Size, wanted: Shape, fit: str) -> bool:
    return _enlarged(size, wanted, fit) <= 1 and _near(size, wanted)


def _near(size: Size, wanted: Shape) -> bool:
    less, more = sorted((wanted[0] * size.height, wanted[1] * size.width))
    return 100 * less >= KEPT_PERCENT * more


def _kept(size: Size, wanted: Shape) -> float:
    """The share of one edge of `size` that stays when it is cut to the ratio of `wanted`."""
    less, more = sorted((wanted[0] * size.height, wanted[1] * size.width))
    return less / more


def _enlarged(size: Size, wanted: Shape, fit: str) -> float:
    """The factor by which `size` is scaled to reach `wanted`; above 1 it is upscaled."""
    factors = wanted[0] / size.width, wanted[1] / size.height
    return min(factors) if fit == "contain" else max(factors)


def _finished(size: Size, wanted: Shape, fit: str) -> SizePlan:
    cropped = 0.0 if fit in ("contain", "fill") else 1 - _kept(size, wanted)
    return SizePlan(size, *wanted, cropped, _note(size, wanted, fit))


def _note(size: Size, wanted: Shape, fit: str) -> str:
    if _same(size, wanted):
        return ""
    off, scale = 1 - _kept(size, wanted), _enlarged(size, wanted, fit)
    done = {"contain": "padded by", "fill": "stretched by"}.get(fit, "cut by")
    parts = [f"{done} {off:.1%}".replace("%", " %")] if off >= 0.0005 else []
    parts += [f"scaled {'up' if scale > 1 else 'down'}"] if scale != 1 else []
    return f"made at {size}, {' and '.join(parts)} to {wanted[0]}x{wanted[1]}"


def _way(size: Size, wanted: Shape) -> str:
    """What `fit: cover` would do to `size`, for a refusal."""
    cut, scale = 1 - _kept(size, wanted), _enlarged(size, wanted, "cover")
    parts = [f"enlarge {scale:.2f} times"] if scale > 1 else []
    parts += [f"crop by {100 * cut:.0f} %"] if cut >= 0.005 else []
    return f"`fit: cover` would {' and '.join(parts) or 'take'}"


def _box(size: Size, shape: Shape, *, around: bool) -> Shape:
    """The largest box of that shape inside `size`, or with `around` the smallest that holds it."""
    by_width = size.width, max(1, round(size.width * shape[1] / shape[0]))
    by_height = max(1, round(size.height * shape[0] / shape[1])), size.height
    return by_width if (by_width[1] <= size.height) is not around else by_height


def _same(size: Size, wanted: Shape) -> bool:
    return (size.width, size.height) == wanted


def _shape(ratio: str) -> Shape:
    match = RATIO.fullmatch(ratio)
    if not match:
        raise ValueError(f"not an aspect ratio: {ratio!r}")
    return int(match[1]), int(match[2])
