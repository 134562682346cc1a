"""Where a rotation stands, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from dpsops.model.member import WaitingDevice
from dpsops.model.rotation import Observed, Standing


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a rotation waits for: devices that were not seen with their new leaf, until `ends` at the latest."""

    devices: tuple[WaitingDevice, ...]
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class RotationReport:
    """The generations with their certificates, as far as the vault has them.

    trouble: why no step can be taken; otherwise it is empty. csr_waits: the next root is one that another CA is to sign, and
    has not signed yet.
    """

    standing: Standing
    observed: Observed
    certificates: Mapping[int, x509.Certificate]
    waiting: Waiting
    trouble: str
    csr_waits: bool
