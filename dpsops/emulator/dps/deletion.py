"""Deleting what is in a provisioning service, with the service."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.enrollments.entries import delete_entries
from dpsops.emulator.dps.registrations import delete_registrations
from dpsops.emulator.microsoft_devices.certificates import delete_certificates
from dpsops.emulator.world import World


def empty_service(world: World, service: JSON) -> None:
    """Forgets what is inside a service."""
    delete_certificates(world, service)
    delete_entries(world, service)
    delete_registrations(world, service)
