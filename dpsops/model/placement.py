"""Which of several vaults is to hold the secret of a device that has none yet. A device that has one stays where it is.

Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): each vault has a weight for
each device, and the vault with the highest weight is chosen. So a device's place depends on no other device and not on the order
of the vaults; another vault takes an equal part of each of the others, and a vault that is gone leaves an equal part to each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def placed(device: str, vaults: Sequence[str]) -> str:
    """The vault for a device, among at least one. The weight is the SHA-256 hash of the vault's name in lower case (Key Vault
    ignores case), a zero byte, and the device ID."""
    return max(vaults, key=lambda vault: hashlib.sha256(f"{vault.lower()}\0{device}".encode()).digest())
