"""A run that is to be killed: `deadrun.py HOME RUN` brings one attempt into each state, says so, and waits.

reserved     the money is set aside, nothing was sent
sent         the call went out, no answer came
cut          some of the answer lies in the spool
answered     the whole answer lies in the spool
accepted     the provider named the job
retried      answered "too busy" (spooled), then the next attempt was sent
closed       over and done with
"""

import contextlib
import sys
import time
from pathlib import Path

from imagegen.ledger import Ledger, attempts
from imagegen.ledger.runs import RunLock, start
from ledger.bookkeeping import NOON, granted


def main(home: Path, run: str) -> None:
    ledger = Ledger(home)
    lock = RunLock(ledger.locks, run)
    assert lock.take()
    ledger.write(lambda connection: start(connection, run, "shop", "shop.yaml", {}, NOON))
    slips = {}
    for name in ("reserved", "sent", "cut", "answered", "accepted", "retried", "closed"):
        attempt = ledger.write(
            lambda connection, name=name: granted(connection, f"{run}-{name}", run=run, attempt=f"{run}-{name}")
        )
        slips[name] = ledger.slip(attempt, room=1000)
        if name != "reserved":
            slips[name].sending()
    with contextlib.suppress(ConnectionError):
        slips["cut"].receive([b"half of "], length=100)
    slips["answered"].receive([b"the whole", b" answer"], length=16)
    slips["accepted"].accepted("job-1", "https://poll.example/1")
    slips["retried"].receive([b"too busy"])
    slips["retried"].again("too busy").sending()
    ledger.write(lambda connection: attempts.close(connection, slips["closed"].id, 5, "usage", NOON))
    print("ready", flush=True)
    time.sleep(600)


main(Path(sys.argv[1]), sys.argv[2])
