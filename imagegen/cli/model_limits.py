"""`imagegen models limits`: what providers were found to bear, printed, and forgotten when told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from imagegen.cli import say
from imagegen.cli.sheet import cell, put, sheet
from imagegen.domain.words import counted
from imagegen.settings import home_folder

if TYPE_CHECKING:
    from imagegen.ledger.learned import Found


def known(provider: str | None) -> list[Found]:
    """What the ledger of the home holds, of one provider or of all."""
    from imagegen.ledger import learned, schema

    with schema.looking(home_folder() / "ledger.db") as connection:
        return [] if connection is None else learned.everything(connection, provider)


def forget(provider: str | None) -> None:
    """Forget it, and say how much that was."""
    from imagegen.ledger import Ledger, learned

    count = 0
    if known(provider):
        ledger = Ledger(home_folder())
        try:
            count = ledger.write(lambda connection: learned.forget(connection, provider))
        finally:
            ledger.close()
    whose = f" of {provider}" if provider else ""
    say.info(f"forgot what was learned{whose}: {counted(count, 'line')}" if count else f"nothing is known{whose}")


def as_json(found: Found) -> dict[str, Any]:
    """One line, times in ISO 8601."""
    facts = found.facts
    return {
        "event": "limit",
        "provider": found.provider,
        "model": found.model or None,
        "account": found.account,
        "images_per_minute": facts.get("images_per_minute"),
        "at_once": facts.get("at_once"),
        "silent_until": _iso(facts.get("silent_until")),
        "day": facts.get("day"),
        "used": facts.get("used"),
        "updated": _iso(found.updated),
    }


def show(lines: Sequence[Found], provider: str | None) -> None:
    """A table. Accounts stand in it only where one provider has several."""
    if not lines:
        say.info(
            f"nothing is known{f' of {provider}' if provider else ''}: no limit was met, and none is set for a day"
        )
        return
    accounts = Counter(name for name, _ in {(each.provider, each.account) for each in lines})
    several = max(accounts.values()) > 1
    titles = ("Provider", *(["Account"] if several else []), "Model", "Found", "Learned")
    table = sheet(*titles, keep=("Provider", "Account", "Model", "Learned"))
    for each in lines:
        account = [each.account[:6]] if several else []
        texts = (each.provider, *account, each.model or "all models", _words(each.facts), _time(each.updated))
        table.add_row(*map(cell, texts))
    put(table)


def _words(facts: Mapping[str, Any]) -> str:
    """What is known, in words."""
    rate, at_once, used = facts.get("images_per_minute"), facts.get("at_once"), facts.get("used")
    said = [f"{rate:,.1f} images a minute"] if isinstance(rate, int | float) else []
    speed = facts.get("tflops")
    said += [f"{speed:,.2g} TFLOP/s"] if isinstance(speed, int | float) else []
    said += [f"{counted(at_once, 'call')} at once"] if isinstance(at_once, int) else []
    said += [f"silent until {_time(facts['silent_until'])}"] if _time(facts.get("silent_until")) else []
    said += [f"{counted(used.get('images', 0), 'image')} on {facts.get('day')}"] if isinstance(used, dict) else []
    return ", ".join(said)


def _moment(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _time(seconds: Any) -> str:
    moment = _moment(seconds)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _iso(seconds: Any) -> str | None:
    moment = _moment(seconds)
    return moment.isoformat(timespec="seconds") if moment else None
