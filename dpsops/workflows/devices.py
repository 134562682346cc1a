"""`device list` and `device show`: the state of the devices. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.fleet import inventory
from dpsops.model.generations import admissions
from dpsops.model.member import Member
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId


def list_devices(run: Run, roots: RootVault, leaves: LeafVaults, dps: Dps, hubs: Hubs) -> Iterator[Member]:
    """Every device that has a certificate, by its ID."""
    return inventory.members(run, inventory.newest(run, leaves), dps, hubs, admitted=admissions(roots.all()))


def show_device(
    run: Run, roots: RootVault, leaves: LeafVaults, dps: Dps, hubs: Hubs, device: DeviceId
) -> tuple[Member, list[x509.Certificate]]:
    """One device, and its newest certificate with its chain. Raises `Error` if it has no certificate."""
    return inventory.member(run, leaves, dps, hubs, device, admissions(roots.all()))
