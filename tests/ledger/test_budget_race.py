"""One budget, many processes: what is spent and reserved together never exceeds it, at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from imagegen.ledger import Ledger
from imagegen.ledger.schema import read_only
from ledger.bookkeeping import CENT, DOLLAR, recount, totals

HERE = Path(__file__).parent
PROCESSES, THREADS = 8, 32


def test_eight_processes_never_spend_more_than_their_one_dollar(home: Path) -> None:
    """8 processes x 32 threads on a day's $1.00, a cent reserved at a time and settled for a random part of it:
    spent + reserved is at most $1.00 at every sampled moment and in the end, and the totals are the attempts'."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parent)}
    arguments = [str(home), str(DOLLAR), str(CENT), str(THREADS)]
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "spender.py", *arguments, str(seed)], env=env, stdout=subprocess.PIPE, text=True
        )
        for seed in range(PROCESSES)
    ]
    samples = _watch(home, processes)
    told = [process.communicate()[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * PROCESSES
    granted, waited = (sum(int(each.split()[n]) for each in told) for n in (0, 1))
    assert max(samples) <= DOLLAR
    assert len(samples) > 10
    assert waited > 0, "the budget was never contended"
    with closing(Ledger(home)) as ledger, ledger.reading() as connection:
        assert totals(connection) == recount(connection)
        assert connection.execute("SELECT COUNT(*) FROM attempts").fetchone() == (granted,)
        ((reserved, spent),) = _days(totals(connection)).values()
    assert reserved == 0
    assert DOLLAR - CENT < spent <= DOLLAR


def _watch(home: Path, processes: list[subprocess.Popen[str]]) -> list[int]:
    """spent + reserved of the day, again and again until the last process ends; each time the running totals
    are held against the attempts."""
    samples = []
    while any(process.poll() is None for process in processes):
        if not (home / "ledger.db").exists():
            continue
        with closing(read_only(home / "ledger.db")) as connection:
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                continue
            connection.execute("BEGIN")
            found = totals(connection)
            assert found == recount(connection)
            samples += [reserved + spent for reserved, spent in _days(found).values()]
    return samples


def _days(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {scope: amounts for scope, amounts in found.items() if scope.startswith("day:")}
