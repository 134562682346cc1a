"""The environment that each test finds: a DPS, a hub, and a press that has its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest


class Press(NamedTuple):
    """A press: its name, the file with its key and certificates, and the ID scope of its DPS."""

    name: str
    bundle: str
    id_scope: str


@pytest.fixture(scope="session")
def embedded_azure_ready(dpsops, tmp_path_factory) -> Press:
    """Made once; before each test everything is again as it is left here."""
    folder: Path = tmp_path_factory.mktemp("press")
    dpsops("up")
    dpsops("device", "issue", "press-07")
    dpsops("device", "export", "press-07", "--to", str(folder))
    return Press("press-07", str(folder / "press-07.pem"), dpsops("status")["dps"]["id_scope"])


@pytest.fixture
def press(embedded_azure, embedded_azure_ready) -> Press:
    """The press, and the embedded Azure that it finds by its environment variables."""
    return embedded_azure_ready
