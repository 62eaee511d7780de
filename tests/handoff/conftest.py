"""Rows for Midjourney, pictures as it names them, and the program as a shell would start it, in this process."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from imagegen.cli import main
from imagegen.handoff.slots import Slot, slots
from tests.cloud.pictures import picture
from tests.e2e.conftest import Imagegen, Ran, books, write  # noqa: F401  fixtures
from tests.planning import planned, preset

#: A job's id, as Midjourney ends its file names with it.
JOB = "3f0c7a52-6f9d-4c5e-9a51-0d5a6ad2f9b1"


@pytest.fixture
def imagegen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Imagegen:
    """The whole program from its arguments to its exit code, without the second that a new process takes."""

    def run(*args: str | Path, stdin: str = "", **env: str) -> Ran:
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["imagegen", *map(str, args)])
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in env.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        out, err = capsys.readouterr()
        assert "a bug in imagegen" not in err, err
        return Ran(int(str(ended.value.code)), out, err)

    return run


def slots_of(*rows: dict[str, Any], **said: Any) -> list[Slot]:
    """The slots of rows for Midjourney."""
    context = preset("current", **said)
    found = slots(planned([{"model": "midjourney"} | row for row in rows], context))
    assert not found.refused, found.refused
    return found.all


def described(name: str, text: str, size: tuple[int, int] = (1024, 1024), keyword: str = "Description") -> bytes:
    """A PNG that carries `text`, as Midjourney's do."""
    from PIL import Image, PngImagePlugin

    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text(keyword, text)
    Image.open(io.BytesIO(picture(name, *size))).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def download(folder: Path, name: str, size: tuple[int, int] = (1024, 1024), text: str = "") -> Path:
    """A picture in `folder`; with `text` it carries that prompt."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(described(name, text, size) if text else picture(name, *size))
    return path
