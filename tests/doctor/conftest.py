"""The real program in a process of its own, as in tests/cli."""

from __future__ import annotations

from tests.cli.conftest import imagegen

__all__ = ["imagegen"]
