"""Replicate against the contract: by ratio and per picture, by megapixel with input pictures, and by the second."""

from __future__ import annotations

from dataclasses import replace

from tests.providers.contract import WireContract
from tests.providers.replicates import ask, connect, pixels


class TestReplicate(WireContract):
    """An official model that is asked for a ratio and charges for each picture; its output is a list."""

    connect = staticmethod(connect)
    asked = ask()
    wrong = replace(ask(), width=1000)


class TestReplicateByMegapixel(TestReplicate):
    """An official model that takes input pictures and charges for every megapixel; its output is one address."""

    asked = pixels("flux-2-pro")
    wrong = replace(pixels("flux-2-pro"), steps=4)


class TestReplicateBySecond(TestReplicate):
    """A pinned version that charges for the seconds that it runs."""

    asked = pixels("sdxl", negative_prompt="blurry", scheduler="K_EULER")
    wrong = replace(pixels("sdxl"), scheduler="euler")
