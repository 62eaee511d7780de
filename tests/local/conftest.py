"""Tiny models, written once for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.engines import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Engines and pipelines on tiny weights; torch on one thread, so that nothing depends on the machine's cores."""
    import torch

    from tests.local.engines import Workshop

    torch.set_num_threads(1)
    return Workshop(tmp_path_factory.mktemp("models"))
