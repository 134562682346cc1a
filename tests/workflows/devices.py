"""Devices that a test plays: each keeps what it was given, as a real one does, and registers with that."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dpsops.azure.provisioning import Assigned, register_over_https, register_over_mqtt
from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from dpsops.workflows import register
from tests.workflows.doing import fetched


@dataclass(slots=True)
class Device:
    """A device with the key and chain that it last fetched, which it registers with over `https` or `mqtt`."""

    id: DeviceId
    credential: DeviceCredential
    transport: str = "https"

    @classmethod
    def fetched(cls, connection: Connection, device: DeviceId, transport: str = "https") -> Device:
        """A device that has just fetched what the vault holds for it."""
        return cls(device, fetched(connection, device), transport)

    def fetch(self, connection: Connection) -> None:
        """Fetches what the vault holds now."""
        self.credential = fetched(connection, self.id)

    def register(self, connection: Connection) -> Assigned:
        """Registers, after a moment: DPS lets a device ask five times in ten seconds. Raises `RegistrationRefused`."""
        connection.run.sleep(10)
        scope = register.id_scope(connection.dps)
        if self.transport == "mqtt":
            return register_over_mqtt(scope, self.id, self.credential, connection.wire)
        return register_over_https(scope, self.id, self.credential, connection.wire, connection.run.sleep)

    def is_refused(self, connection: Connection) -> None:
        """Tries to register, and fails the test where it is let in."""
        with pytest.raises(RegistrationRefused):
            self.register(connection)
