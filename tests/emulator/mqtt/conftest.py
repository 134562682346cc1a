"""An embedded Azure with a parrot, for the tests that go through the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.mqtt.parrot import parrot_azure


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure with a parrot, over a real socket."""
    with parrot_azure(tmp_path) as azure:
        yield azure
