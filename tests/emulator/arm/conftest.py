"""The made-up Azure as a fixture."""

from __future__ import annotations

import pytest

from tests.emulator.arm.contoso import Contoso


@pytest.fixture
def contoso() -> Contoso:
    """An Azure with one empty resource group, as fast as can be."""
    return Contoso()
