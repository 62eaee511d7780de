"""A process that spends: `spender.py HOME LIMIT MOST THREADS SEED` buys as fast as it can until the day is spent.

Each thread reserves MOST nanodollars, sends, and settles for a random amount up to MOST: charged, free or
unknown. It says how many reservations it was granted and how often it had to wait.
"""

import random
import sqlite3
import sys
import threading
import time
from pathlib import Path

from imagegen.ledger import Ledger, attempts
from imagegen.ledger.attempts import Granted
from imagegen.ledger.budgets import Budget, Denied
from imagegen.ledger.slip import new_attempt
from ledger.bookkeeping import NOON, reserve


class Spender(threading.Thread):
    """One hand with dice of its own."""

    def __init__(self, ledger: Ledger, limit: int, most: int, run: str, number: int) -> None:
        super().__init__()
        self.ledger, self.budget, self.most, self.run_id = ledger, Budget(day=limit), most, run
        self.dice = random.Random(f"{run} {number}")
        self.granted = self.waited = 0

    def run(self) -> None:
        while True:
            attempt = new_attempt()
            answer = self.ledger.write(lambda connection, attempt=attempt: self._reserve(connection, attempt))
            if isinstance(answer, Denied) and answer.final:
                return
            if isinstance(answer, Denied):
                self.waited += 1
                time.sleep(0.02)
                continue
            assert isinstance(answer, Granted)
            self.granted += 1
            self.ledger.write(lambda connection, attempt=attempt: attempts.sent(connection, attempt, NOON))
            self._settle(attempt)

    def _reserve(self, connection: sqlite3.Connection, attempt: str) -> object:
        more = {"most": self.most, "budget": self.budget, "run": self.run_id}
        return reserve(connection, attempt, attempt=attempt, **more)

    def _settle(self, attempt: str) -> None:
        amount = self.dice.choice([0, self.most // 20, self.dice.randrange(self.most // 4), self.most])
        charge = None if self.dice.random() < 0.05 else amount
        basis = "unknown" if charge is None else "usage" if charge else "nothing"
        self.ledger.write(lambda connection: attempts.close(connection, attempt, charge, basis, NOON))


def main(home: Path, limit: int, most: int, threads: int, seed: int) -> None:
    ledger = Ledger(home)
    hands = [Spender(ledger, limit, most, str(seed), number) for number in range(threads)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    ledger.close()
    print(sum(hand.granted for hand in hands), sum(hand.waited for hand in hands))


main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
