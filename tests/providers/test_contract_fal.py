"""fal against the contract: by pixels, by ratio, and with an input picture."""

from __future__ import annotations

from dataclasses import replace

from tests.providers.contract import Contract, WireContract
from tests.providers.fals import ask, connect


class TestFal(WireContract):
    """An app that is asked by pixels and charges by the megapixel."""

    connect = staticmethod(connect)
    asked = ask()
    wrong = replace(ask(), width=1000)


class TestFalByRatio(Contract):
    """An app that is asked by ratio and resolution, charges by picture, and edits at an address of its own."""

    connect = staticmethod(connect)
    asked = ask(model="gemini-3.1-flash-image", aspect_ratio="1:1", resolution="512", width=512, height=512)
    wrong = replace(ask(model="gemini-3-pro-image"), steps=4)
