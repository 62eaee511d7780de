"""`imagegen webhook secret|list|deliver`: what tells a row's callback_url of its pictures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import say
from imagegen.domain.words import counted

if TYPE_CHECKING:
    from imagegen.callbacks.schedule import Verdict
    from imagegen.ledger.outbox import Count, Message

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Webhooks: what tells a row's callback_url of its pictures.",
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]


@app.command(help="Make a secret to sign webhooks with. It is shown once and kept nowhere.")
def secret() -> int:
    """Make, print, say where it goes."""
    from imagegen.callbacks.signature import new_secret
    from imagegen.settings import WEBHOOK_SECRET

    say.put(new_secret(), sys.stdout)
    say.info(f"Set it as {WEBHOOK_SECRET}, or put {WEBHOOK_SECRET}=… into the .env file beside the manifest;")
    say.info("give it to whoever receives the webhooks, and to nobody else.")
    return 0


@app.command("list", help="List webhooks that wait or were given up.")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also those delivered within the last 30 days.")] = False,
    as_json: AsJson = False,
) -> int:
    """Look, list."""
    from imagegen.ledger import outbox, schema
    from imagegen.settings import home_folder

    with schema.looking(home_folder() / "ledger.db") as connection:
        found: list[Message] = []
        if connection is not None:
            states: list[outbox.State] = ["due", "given_up", *(["delivered"] if everything else [])]  # type: ignore[list-item]
            found = list(outbox.messages(connection, states))
    if as_json:
        for message in found:
            say.event(_event(message))
    else:
        _print(found)
    return 0


@app.command(help="Deliver webhooks that are due. Ends with 9 when some wait, with 3 when one was given up now.")
def deliver(
    wait: Annotated[
        bool, typer.Option("--wait", help="Go on until none waits; it may take a day until the last is given up.")
    ] = False,
    given_up: Annotated[bool, typer.Option("--given-up", help="Begin anew with those that were given up.")] = False,
    as_json: AsJson = False,
) -> int:
    """Deliver, say what came of it."""
    from imagegen.callbacks import command
    from imagegen.errors import Exit
    from imagegen.settings import load

    settings = load()
    states: dict[str, int] = {}

    def told(message: Message, verdict: Verdict) -> None:
        states[verdict.state] = states.get(verdict.state, 0) + 1
        if as_json:
            say.event(_tried(message, verdict))
        elif verdict.state != "delivered":
            kind = "given up" if verdict.state == "given_up" else "not delivered"
            say.info(f"{message.row}: {kind}: {_shown(message)} {verdict.reason}")

    done = command.deliver(settings.home, settings.callback_hosts, told, wait=wait, given_up=given_up)
    if not as_json:
        print(_words(states.get("delivered", 0), done.left, done.trouble))  # noqa: T201
    elif done.trouble:
        say.note(done.trouble)
    if done.left.due:
        return Exit.WAITING
    return Exit.SOME_FAILED if states.get("given_up") else Exit.OK


def _words(delivered: int, left: Count, trouble: str) -> str:
    from imagegen.cli.unknown import when

    said = [f"{counted(delivered, 'webhook')} delivered"] if delivered or not left.due else []
    if left.due:
        why = trouble or f"next try {when(left.next)} UTC"
        said.append(f"{counted(left.due, 'webhook')} {'waits' if left.due == 1 else 'wait'} ({why})")
    if left.given_up:
        said.append(f"{left.given_up:,} given up (`imagegen webhook deliver --given-up` begins anew)")
    return "; ".join(said)


def _print(found: list[Message]) -> None:
    from imagegen.cli.sheet import cell, put, sheet
    from imagegen.cli.unknown import when

    if not found:
        put("No webhooks wait.")
        return
    table = sheet("Row", "State", "Tries", "Next try (UTC)", "To", "Why", right=("Tries",), keep=("Tries",))
    for one in found:
        again = when(one.due) if one.state == "due" and not one.in_hand else ""
        table.add_row(
            cell(_row(one)), cell(_state(one)), str(one.tries), cell(again), cell(_shown(one)), cell(_why(one) or "")
        )
    put(table)


def _row(one: Message) -> str:
    return one.row if one.sample == 0 else f"{one.row} ({one.sample + 1})"


def _state(one: Message) -> str:
    return "being sent" if one.in_hand else {"due": "waits", "given_up": "given up"}.get(one.state, one.state)


def _why(one: Message) -> str | None:
    return None if one.in_hand else one.reason


def _shown(one: Message) -> str:
    """Where it goes, without what may be secret."""
    from imagegen.inputs.guarded import shown

    return shown(one.url)


def _event(one: Message) -> dict[str, Any]:
    from imagegen.cli.unknown import iso

    return {
        "id": one.id,
        "row": one.row,
        "sample": one.sample,
        "run": one.run,
        "url": _shown(one),
        "state": one.state,
        "tries": one.tries,
        "created": iso(one.created),
        "next": iso(one.due) if one.state == "due" else None,
        "reason": _why(one),
    }


def _tried(one: Message, verdict: Verdict) -> dict[str, Any]:
    from dataclasses import replace

    now = replace(one, tries=one.tries + 1, state=verdict.state, due=verdict.due, reason=verdict.reason)
    return _event(now)
