"""The report on a rotation, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from dpsops.model.member import WaitingDevice
from dpsops.model.rotation import Observed, Standing


@dataclass(frozen=True, slots=True)
class Waiting:
    """The waiting devices: those that have not registered with their new certificate. `ends`: the end of the grace period."""

    devices: tuple[WaitingDevice, ...]
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class RotationReport:
    """The status of a rotation, its generations, and those of their CA certificates that are in the vault.

    left_behind: the devices that the last rotation has left behind. trouble: why no step can be taken; otherwise it is empty.
    csr_waits: the next root waits for a certificate that another CA must sign.
    """

    standing: Standing
    observed: Observed
    certificates: Mapping[int, x509.Certificate]
    waiting: Waiting
    left_behind: tuple[WaitingDevice, ...]
    trouble: str
    csr_waits: bool
