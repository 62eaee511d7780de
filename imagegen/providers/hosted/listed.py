"""What a picture costs by the price list, where the answer names no amount. Pure."""

from __future__ import annotations

from imagegen import prices
from imagegen.domain.model import Offer, Size
from imagegen.domain.outcome import UNKNOWN_CHARGE, Charge
from imagegen.domain.request import Request


def listed(request: Request, offer: Offer) -> Charge:
    """The charge for one picture of `request`; unknown where the offer's list has no price for it. An input picture
    counts as one megapixel, as in estimates."""
    usual = offer.sizes.default
    width, height = request.width or usual.width, request.height or usual.height
    size = Size(width, height, request.aspect_ratio, request.resolution)
    inputs = [1.0] * len(request.images)
    amount = prices.unit(offer.price, size, request.quality or offer.default_quality, inputs).expected
    return UNKNOWN_CHARGE if amount is None else Charge(amount, "price")
