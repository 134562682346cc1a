"""`device list` and `device show`: the state of the devices. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.fleet import inventory
from dpsops.model.member import Member
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId


def list_devices(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs) -> Iterator[Member]:
    """Every device that has a certificate, by its ID."""
    return inventory.members(run, leaves, dps, hubs)


def show_device(run: Run, leaves: LeafVault, dps: Dps, hubs: Hubs, device: DeviceId) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest certificate with its chain. Raises `Error` if it has no certificate."""
    return inventory.member(run, leaves, dps, hubs, device)
