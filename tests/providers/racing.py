"""A program of its own: one provider imports httpx, and stops halfway, while another makes a picture.

    python -m tests.providers.racing once|twice

`twice`: the other has made a picture before. It prints what came of the pictures, the other's first.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

import openai.resources.images  # noqa: F401 - loading it takes longer than the import of httpx is held up

from tests.cloud import Cloud
from tests.providers import openais, replicates
from tests.providers.contract import outcomes

#: httpx has neither its URL nor its Client when this part of it is looked for.
HALFWAY = "httpx._models"
#: Seconds after which the import goes on though the other has made nothing: it may be waiting for the import.
PATIENCE = 0.5


class Halfway:
    """Stops the import of httpx in the middle, until `go`. It may not wait while a module is looked for, since
    nobody else can import anything then: it waits when the module is about to be executed."""

    def __init__(self) -> None:
        self.there, self.go = threading.Event(), threading.Event()

    def find_spec(self, name: str, path: Any, *_: Any) -> ModuleSpec | None:
        """Finds `HALFWAY` as Python does; Python looks for all else itself."""
        spec = PathFinder.find_spec(name, path) if name == HALFWAY else None
        if spec is not None:
            loader: Any = spec.loader
            execute = loader.exec_module
            loader.exec_module = lambda module: (self.there.set(), self.go.wait(PATIENCE), execute(module))
        return spec


def main(before: int) -> list[str]:
    """What came of the pictures."""
    stop, said = Halfway(), {"importing": "raised", "other": "raised"}
    sys.meta_path.insert(0, stop)  # type: ignore[arg-type]
    with Cloud() as cloud, replicates.connecting(cloud) as replicate:
        bought_from = openais.connect(cloud)
        for _ in range(before):
            outcomes(bought_from, [openais.ask()])

        def importing() -> None:
            try:
                said["importing"] = type(outcomes(replicate(), [replicates.ask()])[0]).__name__
            finally:
                stop.there.set()

        def other() -> None:
            try:
                said["other"] = type(outcomes(bought_from, [openais.ask()])[0]).__name__
            finally:
                stop.go.set()

        threads = [threading.Thread(target=importing), threading.Thread(target=other)]
        threads[0].start()
        stop.there.wait()
        threads[1].start()
        for thread in threads:
            thread.join()
        bought_from.close()
    return [said["other"], said["importing"]]


if __name__ == "__main__":
    print(*main({"once": 0, "twice": 1}[sys.argv[1]]), sep="\n")
