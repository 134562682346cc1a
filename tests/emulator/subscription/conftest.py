"""The subscription as a fixture."""

from __future__ import annotations

import pytest

from tests.emulator.subscription.lab import Subscription


@pytest.fixture
def azure() -> Subscription:
    """A subscription with one empty group, as fast as can be."""
    return Subscription()
