"""Deleting provisioning services, with all that is in them."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.enrollments.entries import delete_entries
from dpsops.emulator.dps.registrations import delete_registrations
from dpsops.emulator.dps.state import forget_service, services_below
from dpsops.emulator.microsoft_devices.certificates import delete_certificates
from dpsops.emulator.world import World


def empty_service(world: World, service: JSON) -> None:
    """Forgets what is inside a service."""
    delete_certificates(world, service)
    delete_entries(world, service)
    delete_registrations(world, service)


def delete_group(world: World, subscription: str, group: str) -> None:
    """Forgets all provisioning services of a resource group, with what is inside."""
    for service in services_below(world, f"/subscriptions/{subscription}/resourceGroups/{group}"):
        empty_service(world, service)
        forget_service(world, service)
