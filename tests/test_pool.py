"""Pools: the same work inline and in threads."""

from __future__ import annotations

import threading

from imagegen.pool import Inline, Pool, Threads


def test_inline_runs_at_once_in_the_callers_thread() -> None:
    """What is started is over when `start` returns, so nothing is ever busy."""
    ran: list[tuple[str, int]] = []
    pool: Pool = Inline()
    pool.start(lambda word: ran.append((word, threading.get_ident())), "one")
    assert ran == [("one", threading.get_ident())]
    assert (pool.size, pool.alive) == (1, 0)


def test_threads_run_side_by_side_and_say_when_all_are_over() -> None:
    """As many run at once as were started; the pool is busy until the last one ends."""
    pool: Pool = Threads(3, "openai")
    together, go = threading.Barrier(4), threading.Event()
    names: list[str] = []

    def work(number: int) -> None:
        names.append(threading.current_thread().name)
        together.wait(10)
        go.wait(10)

    for number in range(pool.size):
        pool.start(work, number)
    together.wait(10)
    assert pool.alive == 3
    go.set()
    for thread in threading.enumerate():
        if thread.name in names:
            assert thread.daemon
            thread.join(10)
    assert not pool.alive
    assert sorted(names) == ["openai-0", "openai-1", "openai-2"]


def test_an_unused_pool_is_idle() -> None:
    """No thread exists before there is work."""
    before = threading.active_count()
    assert Threads(64).alive == 0
    assert threading.active_count() == before
