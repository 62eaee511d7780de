"""The page on webhooks: the code that it gives to receivers, and the figures in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagegen.callbacks.post import WHOLE
from imagegen.callbacks.schedule import PAUSES, TRIES
from imagegen.callbacks.signature import headers, key_of
from imagegen.callbacks.worker import PATIENCE
from imagegen.settings import Secret
from tests.callbacks.conftest import Sender, Shop
from tests.callbacks.receiver import SECRET, Receiver

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


@pytest.fixture
def verified() -> Callable[..., dict[str, Any]]:
    """The page's function."""
    found = re.search(r"```python title=receiver.py\n(.*?)```", PAGE, re.S)
    assert found
    names: dict[str, Any] = {}
    exec(compile(found[1], "docs/webhooks.md", "exec"), names)
    return names["verified"]  # type: ignore[no-any-return]


def test_it_takes_ours(verified: Callable[..., dict[str, Any]], shop: Shop, sender: Sender, receiver: Receiver) -> None:
    """What was really sent."""
    shop.now = time.time()
    shop.put(receiver.url(), "mug")
    assert len(sender.all()) == 1
    (call,) = receiver.calls
    assert verified(call.headers, call.body, SECRET)["data"]["row"] == "mug"


@pytest.mark.parametrize(
    "change",
    [{"webhook-id": "msg_2"}, {"webhook-timestamp": "1"}, {"webhook-signature": "v1,AAAA"}, {"webhook-signature": ""}],
)
def test_it_takes_no_others(verified: Callable[..., dict[str, Any]], change: dict[str, str]) -> None:
    """Another id, time, body or secret; and one that is sent again an hour later."""
    key, now = key_of(Secret(SECRET)), time.time()
    sent = headers(key, "msg_1", now, "{}")
    assert verified(sent, b"{}", SECRET) == {}
    assert verified(sent | {"webhook-signature": f"v1,AAAA {sent['webhook-signature']}"}, b"{}", SECRET) == {}
    for others in ((sent | change, b"{}", SECRET), (sent, b"{ }", SECRET), (sent, b"{}", SECRET[:-5] + "AAAA=")):
        with pytest.raises(ValueError, match=r"another secret|too old"):
            verified(*others)
    with pytest.raises(ValueError, match="too old"):
        verified(headers(key, "msg_1", now - 3600, "{}"), b"{}", SECRET)


def test_its_figures_are_the_programs() -> None:
    """The tries, the seconds for an answer and at the end, and an example that is JSON."""
    words = {1: "second", 60: "minute", 3600: "hour"}
    told = []
    for pause in PAUSES:
        unit = max(each for each in words if pause >= each)
        told.append(f"{pause / unit:.0f} {words[unit]}s")
    lines = re.findall(r"^\| (\d) \| ([^|;]+?)(?:;[^|]*)? \|$", PAGE, re.M)
    assert lines == [("1", "at once"), *((str(n + 2), each) for n, each in enumerate(told))]
    assert len(lines) == TRIES
    assert f"within {WHOLE:.0f} seconds" in PAGE
    assert f"{PATIENCE:.0f} seconds at most" in PAGE
    example = re.search(r"```json\n(.*?)```", PAGE, re.S)
    assert example
    assert json.loads(example[1])["type"] == "image.made"
