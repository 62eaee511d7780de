"""Queues: providers that sell pictures for less to whoever can wait a day, and what they are called in the books.

A queue is a provider of its own, so that the work list and the ledger tell it from live calls; the Request and its
Key know nothing of it. So is asking a provider's vision models to choose among drafts.
"""

from __future__ import annotations

#: Providers whose queue this version uses.
QUEUES = frozenset({"openai", "google"})
#: Seconds that a batch may take.
DAY = 24 * 3600
#: Why a picture is waiting.
QUEUED = "in the provider's queue"
#: The provider that is this machine.
LOCAL = "local"
_SUFFIX = ".batch"
_JUDGES = ".judge"


def queue_of(provider: str) -> str:
    """What the queue of `provider` is called: "openai.batch"."""
    return provider + _SUFFIX


def is_queue(name: str | None) -> bool:
    """Whether `name` is that of a queue."""
    return name is not None and name.endswith(_SUFFIX)


def is_own(name: str | None) -> bool:
    """Whether `name` works on this machine: nobody else holds, or bills, what it began and did not end."""
    return name in (LOCAL, "placeholder")


def judges_of(provider: str) -> str:
    """What asking the vision models of `provider` is called: "openai.judge"."""
    return provider + _JUDGES


def provider_of(name: str) -> str:
    """The provider whose queue or judges `name` is; any other name is a provider's own."""
    return name.removesuffix(_SUFFIX).removesuffix(_JUDGES)
