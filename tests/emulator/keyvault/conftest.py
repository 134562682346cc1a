"""The vault under test."""

from __future__ import annotations

import pytest

from tests.emulator.keyvault.lab import Lab


@pytest.fixture
def lab() -> Lab:
    """A vault whose Azure takes no time."""
    return Lab()
