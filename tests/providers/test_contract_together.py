"""Together against the contract."""

from __future__ import annotations

from dataclasses import replace

from tests.providers.contract import WireContract
from tests.providers.togethers import ask, connect


class TestTogether(WireContract):
    """One JSON call, the picture in base64."""

    connect = staticmethod(connect)
    asked = ask()
    wrong = replace(ask(), width=1001)
