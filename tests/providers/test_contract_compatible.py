"""Servers of the user's own against the contract: base64 and links."""

from __future__ import annotations

from dataclasses import replace

from tests.providers.compatibles import ask, azure, connect
from tests.providers.contract import Contract, WireContract


class TestCompatible(WireContract):
    """A server that answers in base64."""

    connect = staticmethod(connect)
    asked = ask(seed=7, steps=4)
    wrong = replace(ask(), width=1000)


class TestLinks(Contract):
    """One that answers with a link to its own address."""

    connect = staticmethod(lambda cloud: connect(cloud, response_format=None))
    asked = ask()


class TestAzure(TestLinks):
    """Azure's path, header and query."""

    connect = staticmethod(azure)
