"""The lab as a fixture."""

from __future__ import annotations

import pytest

from tests.emulator.iothub.lab import Lab


@pytest.fixture
def lab() -> Lab:
    """A hub without devices."""
    return Lab()
