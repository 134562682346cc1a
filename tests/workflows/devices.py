"""Devices for the tests: each stores its key and chain, like a real device, and registers with them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dpsops.azure.provisioning import register_over_https, register_over_mqtt
from dpsops.azure.registration_answers import Assigned
from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from dpsops.workflows import register
from tests.workflows.doing import fetched


@dataclass(slots=True)
class Device:
    """A device with the key and chain that it fetched last. It registers over `https` or `mqtt`."""

    id: DeviceId
    credential: DeviceCredential
    transport: str = "https"

    @classmethod
    def fetched(cls, connection: Connection, device: DeviceId, transport: str = "https") -> Device:
        """A device that has just fetched its key and chain from the vault."""
        return cls(device, fetched(connection, device), transport)

    def fetch(self, connection: Connection) -> None:
        """Fetches the present key and chain from the vault."""
        self.credential = fetched(connection, self.id)

    def register(self, connection: Connection) -> Assigned:
        """Registers after a pause: DPS allows a device five requests in ten seconds. Raises `RegistrationRefused`."""
        connection.run.sleep(10)
        scope = register.id_scope(connection.dps)
        if self.transport == "mqtt":
            return register_over_mqtt(scope, self.id, self.credential, connection.wire)
        return register_over_https(scope, self.id, self.credential, connection.wire, connection.run.sleep)

    def require_refused(self, connection: Connection) -> None:
        """Tries to register; the test fails if DPS registers the device."""
        with pytest.raises(RegistrationRefused):
            self.register(connection)
