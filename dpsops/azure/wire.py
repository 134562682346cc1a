"""How a device reaches Azure."""

from __future__ import annotations

from dataclasses import dataclass, field

from dpsops.azure.waits import Waiting
from dpsops.settings import Waits


@dataclass(frozen=True, slots=True)
class Wire:
    """How a device reaches Azure: a proxy and a file of trusted CA certificates; empty: those of the machine. `waits`: how long
    it waits, `waiting`: for what."""

    proxy: str = ""
    authority_file: str = ""
    waits: Waits = field(default_factory=Waits)
    waiting: Waiting = field(default_factory=Waiting)
