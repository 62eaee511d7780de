"""What `imagegen webhook deliver` does: everything that is due leaves the outbox, without a run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from imagegen.callbacks.worker import Told, Worker
from imagegen.ledger import Ledger, outbox, runs
from imagegen.ledger.outbox import Count

#: Seconds that nobody waits for: all that is due is waited for to its end.
FOREVER = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it: what is left, and why some of it cannot be sent at all ("" where nothing speaks against it)."""

    left: Count
    trouble: str


def deliver(home: Path, hosts: frozenset[str], told: Told, *, wait: bool = False, given_up: bool = False) -> Delivered:
    """Deliver what is due; with `wait` go on until nothing is left that can be sent; with `given_up` begin anew with
    what was given up. `told` hears of each try. Raises StorageError."""
    if not (home / "ledger.db").exists():
        return Delivered(Count(0, 0, None), "")
    with closing(Ledger(home)) as ledger:
        alive = runs.new_run(ledger.locks)  # what is in hand when this dies is known to be free
        worker = Worker(ledger, alive.run, hosts, told)
        try:
            if given_up:
                ledger.write(lambda connection: outbox.revived(connection, ledger.clock()))
            worker.begin()
            worker.finish(FOREVER if wait else None)
        finally:
            worker.close()
            alive.drop()
        if worker.error:
            raise worker.error
        with ledger.reading() as reader:
            return Delivered(outbox.count(reader), worker.trouble)
