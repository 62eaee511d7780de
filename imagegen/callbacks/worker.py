"""Worker: hands that deliver webhooks beside a run, without ever keeping it waiting.

They begin with the first message there is, and stop when they are told to; what they leave stays in the outbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Condition, Thread

from imagegen.callbacks.delivery import Delivery
from imagegen.callbacks.post import Poster
from imagegen.callbacks.schedule import Verdict
from imagegen.domain.words import counted
from imagegen.errors import StorageError
from imagegen.ledger import Ledger, outbox
from imagegen.ledger.outbox import Message

HANDS = 4
#: Seconds between two looks into the outbox, and between two looks whether all is done.
LOOK, TURN = 0.5, 0.02
#: Seconds that the end of a run waits for its webhooks; and then for hands that were cut off.
PATIENCE, LET_GO = 10.0, 2.0

#: Told of each try, from the thread that made it.
Told = Callable[[Message, Verdict], None]


class Worker:
    """Delivers what is due in the outbox of `ledger`. `sender` as for `Delivery`; `hosts` may be called though they
    are internal; `told` hears of every try. `error` is the bug that stopped it, if one did."""

    def __init__(
        self,
        ledger: Ledger,
        sender: str,
        hosts: frozenset[str] = frozenset(),
        told: Told = lambda message, verdict: None,
        poster: Poster | None = None,
    ) -> None:
        self._ledger, self._told = ledger, told
        self._poster = poster or Poster(hosts)
        self._delivery = Delivery(ledger, sender, self._poster)
        self._change, self._stop = Condition(), False
        self._lead: Thread | None = None
        self._looking = False
        self._last, self._given_up = "", 0
        self.error: Exception | None = None

    def begin(self) -> None:
        """Start if earlier runs left something."""
        with self._ledger.reading() as reader:
            left = outbox.count(reader).due
        if left:
            self.wake()

    def wake(self) -> None:
        """Something is due, or is about to be written: start if that is still to be done."""
        with self._change:
            if self._lead is None and not self._stop:
                self._looking = True
                self._lead = Thread(target=self._work, name="webhooks", daemon=True)
                self._lead.start()
            self._change.notify_all()

    def finish(self, patience: float | None = PATIENCE, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Wait while something is being sent or can be within `patience` seconds (None: what can be sent now is
        waited for), then stop. Cut short when `interrupted`."""
        end = time.monotonic() + (patience or 0.0)
        while self._lead is not None and self._lead.is_alive() and not interrupted():
            left = end - time.monotonic() if patience is not None else 0.0
            if left < 0 or not (self._looking or self._delivery.at_work(left)):
                break
            self.wake()
            time.sleep(TURN if left <= PATIENCE else LOOK)
        self.close()

    def close(self) -> None:
        """Stop at once: what is on its way is cut off and tried again later."""
        with self._change:
            self._stop = True
            self._change.notify_all()
        self._poster.abort()
        if self._lead is not None:
            self._lead.join(LET_GO)

    @property
    def trouble(self) -> str:
        """Why some messages cannot be sent at all, "" where nothing speaks against it."""
        return self._delivery.trouble

    def said(self) -> Iterator[str]:
        """What people should know when all is over: nothing, where nothing is left."""
        if self._ledger.failed:
            return
        with self._ledger.reading() as reader:
            waiting = outbox.count(reader).due
        why = f"a bug: {self.error!r}" if self.error else self._delivery.trouble or self._last
        if waiting:
            yield (
                f"{counted(waiting, 'webhook')} {'waits' if waiting == 1 else 'wait'}{f' ({why})' if why else ''};"
                f" a later run or `imagegen webhook deliver` sends {'it' if waiting == 1 else 'them'}"
            )
        if self._given_up:
            verb = "was" if self._given_up == 1 else "were"
            yield f"{counted(self._given_up, 'webhook')} {verb} given up: see `imagegen webhook list`"

    def _work(self) -> None:
        self._guarded(self._look_and_lead)

    def _look_and_lead(self) -> bool:
        """Look around, call the other hands, and be one of them."""
        with self._poster, self._delivery:
            self._delivery.take_over()
            others = [Thread(target=self._hand, name=f"webhooks-{n}", daemon=True) for n in range(1, HANDS)]
            for each in others:
                each.start()
            self._looking = False
            self._hand()
            for each in others:
                each.join()
        return True

    def _hand(self) -> None:
        while not self._stop:
            if not self._guarded(self._one):
                with self._change:
                    if not self._stop:
                        self._change.wait(LOOK)

    def _one(self) -> bool:
        """Send one message; False where there is none."""
        claimed = self._delivery.take()
        if claimed is None:
            return False
        verdict = self._delivery.send(claimed)
        with self._change:
            self._last = verdict.reason or self._last
            self._given_up += verdict.state == "given_up"
            self._told(claimed.message, verdict)
        return True

    def _guarded(self, do: Callable[[], bool]) -> bool:
        """What `do` says. A bug in it stops webhooks, never the run; that the ledger is broken or closed the run knows
        itself."""
        try:
            return do()
        except StorageError:
            pass
        except OSError as problem:  # certificates that cannot be read
            self._last = f"nothing can be sent: {problem}"
        except Exception as error:  # noqa: BLE001
            self.error = error
        with self._change:
            self._stop = True
            self._change.notify_all()
        return False
