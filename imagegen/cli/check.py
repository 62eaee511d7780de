"""`imagegen check FILE...`: is each picture good: whole, not blank, its text readable, its content safe?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagegen.cli import say
from imagegen.domain.words import pictures

if TYPE_CHECKING:
    from imagegen.choose import Looks, Verdict

app = typer.Typer(add_completion=False, rich_markup_mode=None)

#: Names are filled up to the longest, but not beyond this.
_NAME = 40

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="PNG, JPEG, WebP or AVIF.", show_default=False)]
Wording = Annotated[str | None, typer.Option(metavar="WORDING", help="It must be readable in each of them.")]
Safe = Annotated[bool, typer.Option("--safe", help="The content must be safe for work.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]


@app.command(help="Check pictures: sharpness, text, safe content. Ends with 3 when some are not good.")
def check(files: Files, text: Wording = None, safe: Safe = False, as_json: AsJson = False) -> int:
    """Look at each picture, say what was measured and whether it is good."""
    from imagegen.errors import Exit

    width = min(_NAME, max(len(say.visible(str(file))) for file in files))
    good = 0
    for file, verdict in _verdicts(files, text, safe):
        good += verdict.ok
        if as_json:
            say.event(_event(file, verdict))
        else:
            _print(file, verdict, width)
    code = int(Exit.OK if good == len(files) else Exit.SOME_FAILED)
    if as_json:
        say.event({"event": "summary", "exit_code": code, "pictures": len(files), "good": good})
    elif len(files) > 1:
        print(f"{pictures(len(files))}: {good} good, {len(files) - good} not")  # noqa: T201
    return code


def _verdicts(files: list[Path], text: str | None, safe: bool) -> Iterator[tuple[Path, Verdict]]:
    """Each file's verdict as soon as it is there. Raises UsageError for a file that cannot be read, before any is
    looked at, and for what is not installed."""
    from imagegen import choose
    from imagegen.domain.row import Accept
    from imagegen.errors import UsageError
    from imagegen.inputs import local

    accept = Accept(text=text is not None, safe=safe)
    why = choose.refuses(accept, text)
    if why:
        raise UsageError(why.replace("accept.", "--", 1))
    try:
        for file in files:
            local.seen(file)
        for file in files:
            yield file, choose.check(local.read(file)[0], accept, text)
    except local.BadInput as bad:
        raise UsageError(f"{file} {bad.what}", bad.todo.partition(";")[0]) from None


def _print(file: Path, verdict: Verdict, width: int) -> None:
    parts = [say.visible(str(file)).ljust(width), *_figures(verdict.looks), "good" if verdict.ok else "not good"]
    say.put("  ".join(parts), sys.stdout)
    wording = verdict.looks.wording
    read = [f"reads: {' | '.join(wording.found) or 'nothing'}"] if wording else []
    for line in (*verdict.reasons, *read):
        say.put(f"  {say.visible(line)}", sys.stdout)


def _figures(looks: Looks) -> Iterator[str]:
    if looks.width:
        yield f"{looks.width}x{looks.height}".ljust(9)
    if not looks.flaw:
        yield f"sharpness {looks.sharpness:.2f}"
        yield f"contrast {looks.contrast:.2f}"
    if looks.nsfw is not None:
        yield f"unsafe {looks.nsfw:.2f}"


def _event(file: Path, verdict: Verdict) -> dict[str, Any]:
    looks = verdict.looks
    measured = looks.flaw is None
    return {
        "event": "picture",
        "file": str(file),
        "good": verdict.ok,
        "width": looks.width or None,
        "height": looks.height or None,
        "format": looks.format or None,
        "blank": looks.blank,
        "sharpness": round(looks.sharpness, 4) if measured else None,
        "contrast": round(looks.contrast, 4) if measured else None,
        "text": _text(looks),
        "unsafe": None if looks.nsfw is None else round(looks.nsfw, 4),
        "reasons": list(verdict.reasons),
    }


def _text(looks: Looks) -> dict[str, Any] | None:
    wording = looks.wording
    if wording is None:
        return None
    missing = [each.word for each in wording.missing]
    told = {"wanted": wording.wanted, "found": list(wording.found), "missing": missing}
    return {**told, "similarity": wording.similarity}
