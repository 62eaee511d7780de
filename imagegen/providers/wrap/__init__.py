"""Wrappers around a Provider that are Providers themselves. From the outside in:

    retrying(breaking(limited(provider, clock), clock), clock)

    retry.py     tries again what is known not to be charged
    breaker.py   while the provider is down, one probe at a time, everybody else waits
    limit.py     never faster than the limits, known and learned, and silent as long as a Retry-After says;
                 bucket.py and day.py hold what is known, learn.py what is learned, turns.py all of a model's

The limiter stands innermost, so that a call goes out as soon as it may and everybody who waited for an
outage to end still goes at the limit's pace. A slip with an answer or a job id passes straight through:
nothing is sent for it that a limit counts.
"""

from imagegen.providers.wrap.breaker import Breaking
from imagegen.providers.wrap.limit import Limited
from imagegen.providers.wrap.retry import Retrying

retrying, breaking, limited = Retrying, Breaking, Limited

__all__ = ["Breaking", "Limited", "Retrying", "breaking", "limited", "retrying"]
