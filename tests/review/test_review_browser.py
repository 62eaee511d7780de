"""The page in a real browser, by its keys: what is pressed is what is written down."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.review.test_review_server import Asker, asker, done

__all__ = ["asker", "done"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --remote-debugging-port=0 --window-size=1200,800"
)
Talk = Callable[..., Any]


class RefusedError(Exception):
    """The browser's own error in the place of a result."""


@pytest.fixture
def browser(asker: Asker, tmp_path: Path) -> Iterator[Talk]:
    """A browser with the page open and loaded; `talk(method, **parameters)` in its own protocol, raises
    RefusedError."""
    websocket = pytest.importorskip("websockets.sync.client", reason="needs websockets, which google-genai brings")
    folder = tmp_path / "browser"
    command = [str(CHROMIUM), *FLAGS.split(), f"--user-data-dir={folder}", asker.server.url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with websocket.connect(_address(folder), max_size=None) as socket:
                numbers = iter(range(1, 10_000))

                def talk(method: str, **parameters: Any) -> Any:
                    number = next(numbers)
                    socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
                    while (told := json.loads(socket.recv(timeout=30))).get("id") != number:
                        pass
                    if "result" not in told:
                        raise RefusedError(told["error"])
                    return told["result"]

                until(lambda: _loaded(talk, asker.server.url))
                yield talk
        finally:
            process.kill()


def _loaded(talk: Talk, page: str) -> bool:
    """Whether `page` is there: the browser begins with an empty one, and what is asked on the way from one to the
    other may get an error."""
    try:
        found = talk("Runtime.evaluate", expression="document.readyState + ' ' + location", returnByValue=True)
    except RefusedError:
        return False
    return bool(found["result"].get("value") == f"complete {page}")


def _address(folder: Path) -> str:
    """Where the page that is open listens."""
    for _ in range(600):
        try:
            port = (folder / "DevToolsActivePort").read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
        except (OSError, IndexError, ValueError):
            time.sleep(0.05)
    raise AssertionError("the browser did not start")


def until(found: Callable[[], bool]) -> None:
    """Wait for what the page does."""
    for _ in range(400):
        if found():
            return
        time.sleep(0.025)
    raise AssertionError("it did not come to that")


@pytest.mark.skipif(CHROMIUM is None, reason="needs the package chromium")
def test_keys_choose_and_the_page_goes_on(asker: Asker, browser: Talk) -> None:
    """2 chooses and shows the next row; a note, 0 for none; the end says what to run. Every draft was shown, and
    nothing was against the page's policy."""

    def value(expression: str) -> Any:
        return browser("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(key: str) -> None:
        browser("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        browser("Input.dispatchKeyEvent", type="keyUp", key=key)

    shown = "document.querySelector('section:not([hidden])')?.dataset.name"
    until(lambda: value(shown) == "mug")
    until(
        lambda: value("[...document.querySelectorAll('img[src^=draft]')].every((image) => image.naturalWidth === 64)")
    )
    press("2")
    until(lambda: value(shown) == "cup #2")
    assert asker.decisions["mug"].index == 1
    press("9")  # there is no ninth: nothing happens
    press("n")
    browser("Input.insertText", text="all <crooked>")
    press("Enter")
    press("0")
    until(lambda: value("!document.getElementById('end').hidden"))
    assert (asker.decisions["cup #2"].index, asker.decisions["cup #2"].note) == (None, "all <crooked>")
    assert value("document.querySelector('#end code').textContent") == "imagegen run shop.yaml"
    assert value("document.getElementById('progress').textContent") == "2 of 2 decided"
    press("ArrowLeft")
    assert value(shown) == "cup #2"
    press("z")
    assert value("document.getElementById('zoom').open") is True
    assert value("document.title").startswith("shop ")
