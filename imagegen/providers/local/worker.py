"""Worker: a device's own process. `python -m imagegen.providers.local.worker`, started by `fleet`.

Reads (stock, settings, device) and then ("make", what is to come, request, pieces) from its standard input, and
answers each with any number of ("told", text) and one ("made", pictures) or (an error's kind, (what, todo)). It ends
when its input does.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from typing import IO, Any

from imagegen.errors import SettingsError, StorageError
from imagegen.providers.local.frames import read, write
from imagegen.providers.local.studio import Studio


def main() -> None:
    """Be one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent lets batches finish
    # What libraries print must not get between the frames.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        try:
            _serve(sys.stdin.buffer, out)
        except (EOFError, BrokenPipeError):
            return


def _serve(source: IO[bytes], out: IO[bytes]) -> None:
    stock, settings, device = read(source)
    studio = Studio(stock, replace(settings, device=device))
    studio.tell = lambda text: write(out, ("told", text))
    while True:
        _, expected, request, pieces = read(source)
        studio.expect(*expected)
        write(out, _made(studio, request, pieces))


def _made(studio: Studio, request: Any, pieces: Any) -> tuple[str, Any]:
    try:
        return "made", studio.make(request, pieces)
    except SettingsError as problem:
        return "settings", (problem.what, problem.todo)
    except StorageError as problem:
        return "storage", (problem.what, problem.todo)
    except RuntimeError as problem:
        return "device", (str(problem), "")


if __name__ == "__main__":
    main()
