"""The command line: parse, call one function, print. The one place where errors become exit codes.

Command modules are imported when their command is asked for, so that `--help` starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

#: Command -> (module, what it does). The one list of commands.
COMMANDS = {
    "init": ("init", "Write a starter manifest, or a whole example with its data."),
    "doctor": ("doctor", "Is everything in place? What is missing, and what mends it."),
    "cost-estimate": ("estimate", "What a manifest would cost, before anything is bought."),
    "run": ("run", "Make the pictures; run again after any accident."),
    "generate": ("generate", "Make one picture from a prompt."),
    "edit": ("edit", "Change one picture by a prompt."),
    "resume": ("resume", "Repeat a run with its manifest and flags."),
    "collect": ("collect", "Bring home what waits in providers' queues; buys nothing."),
    "plan": ("plan", "What would be done for each row, and for how much."),
    "explain": ("explain", "Why a row goes to its model, and why the others lost."),
    "validate": ("validate", "Check a manifest without planning it."),
    "break-even": ("break_even", "From how many pictures a month an own GPU costs less."),
    "runs": ("runs", "Earlier runs: list, show, and how to go on."),
    "spend": ("spend", "What was spent, by day, model, tag or run."),
    "unknown": ("unknown", "Pictures that may have been charged and never arrived."),
    "settle": ("settle", "Close an unknown attempt: charged or not charged."),
    "webhook": ("webhook", "Webhooks: make a secret, list, deliver."),
    "handoff": ("handoff", "Models without an API: prompts out to a person, pictures back in."),
    "review": ("review", "A local page to choose among drafts that wait for a person."),
    "choose": ("choose", "Choose among drafts on the command line."),
    "models": ("models", "The catalogue of models: list, show, check; weights on this machine."),
    "bench": ("bench", "Measure how fast this machine makes pictures itself."),
    "lora": ("lora", "Train a LoRA for a brand's style from a folder of pictures."),
    "check": ("check", "Check pictures: sharpness, text, safe content."),
    "cache": ("cache", "The cache on disk: stats, prune, verify, rebuild."),
    "schema": ("schema", "A JSON Schema for editors."),
}


class Lazy(TyperGroup):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, its module imported; for a list of commands a stub is enough."""
        if cmd_name not in COMMANDS:
            return None
        module, about = COMMANDS[cmd_name]
        if ctx.params.get("_listing") or _only_listing():
            return _stub(cmd_name, about)
        found: Any = import_module(f"imagegen.cli.{module}")
        return typer.main.get_command(found.app)


def _only_listing() -> bool:
    """Whether `imagegen --help` or nothing at all was asked for."""
    return not any(word in COMMANDS for word in sys.argv[1:])


def _stub(name: str, about: str) -> Any:
    stub = typer.Typer()
    stub.command(name, help=about)(lambda: None)
    return typer.main.get_command(stub)


app = typer.Typer(
    cls=Lazy,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A file of prompts in, pictures out: each from the cheapest model that is good enough, none paid for twice.",
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from imagegen import __version__

        typer.echo(f"imagegen {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version."),
) -> None:
    """Everything starts here."""


def main() -> None:
    """The program. Errors to explain become one line and their exit code; anything else is a bug."""
    from imagegen.errors import Exit, ImagegenError

    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except ImagegenError as problem:
        code = _explained(str(problem), problem.exit_code)
    except (KeyboardInterrupt, EOFError):
        code = _explained("interrupted", Exit.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.OK
    except Exception as problem:  # noqa: BLE001  the boundary: a bug gets a log, not a traceback
        code = _usage(problem)
        if code is None:
            from imagegen.cli.bug import report_bug

            code = report_bug(problem)
    _settled()
    sys.exit(int(code or 0))


def _settled() -> None:
    """What happened has been said: a signal that comes while the interpreter winds down no longer changes the exit
    code (it would kill the process, since Python takes its handlers away first)."""
    with suppress(ValueError):  # not the main thread: signals are somebody else's
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _explained(text: str, code: int) -> int:
    from imagegen.cli.say import error

    error(text)
    return code


def _usage(problem: Exception) -> int | None:
    """Exit code 2 for what the command line parser refuses, its message printed; None for a bug."""
    from typer._click.exceptions import ClickException, NoArgsIsHelpError  # typer carries its own copy of click

    if isinstance(problem, NoArgsIsHelpError):
        typer.echo(problem.ctx.get_help() if problem.ctx else "see imagegen --help")
        return 0

    if isinstance(problem, typer.Exit):
        return int(problem.exit_code)
    if isinstance(problem, typer.Abort):
        return _explained("interrupted", 130)
    if isinstance(problem, ClickException):
        return _explained(f"{problem.format_message().rstrip('.')}; see imagegen --help", 2)
    return None
