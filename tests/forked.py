"""The program in a process of its own, forked from one that has imported it already: half a second less for each.

What a fork cannot show (how long it takes to start, what is imported when, another interpreter's settings) tests start
for themselves.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("imagegen")
#: What the program uses of others' and what takes long to import.
LIBRARIES = (
    "typer", "rich.console", "rich.table", "rich.progress", "yaml", "pydantic", "jinja2", "jinja2.sandbox", "httpx",
    "httpx2", "openai", "openai.resources.images", "PIL.Image", "PIL.PngImagePlugin", "PIL.JpegImagePlugin",
    "PIL.WebPImagePlugin", "PIL.ImageOps", "PIL.ImageDraw", "PIL.ImageFont", "sqlite3",
)  # fmt: skip
#: Variables that decide how an interpreter starts.
_STARTS = ("PYTHON", "LANG", "LC_")


class Forker:
    """Runs the program as `subprocess.run` does: output captured as text, no terminal."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        args: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        input: str = "",
        timeout: float = 280,
        merged: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """One run from its start to its end; `merged`: what it says on stderr stands in stdout, as in a shell.
        Raises TimeoutExpired."""
        command = [str(PROGRAM), *map(str, args)]
        if any(name.startswith(_STARTS) for name in env):
            return subprocess.run(
                command, env=env, cwd=cwd, input=input, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE, encoding="utf-8", timeout=timeout, check=False,
            )  # fmt: skip
        names = {name: os.path.join(self._folder.name, name) for name in ("stdin", "stdout", "stderr")}
        if merged:
            names["stderr"] = names["stdout"]
        Path(names["stdin"]).write_text(input, encoding="utf-8")
        code = self._asked({"args": command[1:], "env": dict(env), "cwd": str(cwd), **names}, timeout, command)
        out, err = (Path(names[name]).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(command, code, out, "" if merged else err)

    def close(self) -> None:
        """End the process that forks."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._folder.cleanup()

    def _asked(self, order: Mapping[str, Any], timeout: float, command: list[str]) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from tests.forked import main; main()"],  # the program asks how it was started
                cwd=ROOT,
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        asked.write(json.dumps(order) + "\n")
        asked.flush()
        with selectors.DefaultSelector() as waiting:
            waiting.register(told, selectors.EVENT_READ)
            if not waiting.select(timeout):
                self._process.kill()
                self._process.communicate()
                self._process = None
                raise subprocess.TimeoutExpired(command, timeout)
        return int(told.readline())


def main() -> None:
    """Be a Forker's process: an order a line, an exit code a line."""
    import importlib
    import pkgutil

    import imagegen

    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(imagegen.__path__, "imagegen."):
        if not module.name.startswith("imagegen.providers.local") and module.name != "imagegen.__main__":
            importlib.import_module(module.name)
    ready()
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            become(order)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(order: Mapping[str, Any]) -> NoReturn:
    """Be the program, called with `args` in `cwd` with `env`; `stdin`, `stdout` and `stderr` are files."""
    from imagegen.cli import main as program

    os.chdir(order["cwd"])
    os.dup2(os.open(order["stdin"], os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        again = number == 2 and order["stderr"] == order["stdout"]
        os.dup2(1 if again else os.open(order[name], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = [str(PROGRAM), *order["args"]]
    _ended(program)


def ready() -> None:
    """Before forking: what children never look at is never copied for them."""
    gc.collect()
    gc.freeze()


def _ended(program: Callable[[], object]) -> NoReturn:
    """Run `program` and end this process as an interpreter would, but for taking every module apart."""
    code = 0
    try:
        program()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001  as the interpreter would end
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
