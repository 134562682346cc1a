"""Devices that a test plays: each keeps what it was given, as a real one does, and registers with that."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dpsops.azure.provisioning import Assigned, DeviceCredential, register_over_https, register_over_mqtt
from dpsops.errors import RegistrationRefused
from dpsops.pki.names import DeviceId
from dpsops.workflows import bundles, register
from dpsops.workflows.run import Run


@dataclass(slots=True)
class Device:
    """A device with the key and chain that it last fetched, which it registers with over `https` or `mqtt`."""

    id: DeviceId
    credential: DeviceCredential
    transport: str = "https"

    @classmethod
    def fetched(cls, run: Run, device: DeviceId, transport: str = "https") -> Device:
        """A device that has just fetched what the vault holds for it."""
        return cls(device, bundles.bundle_of(run, device), transport)

    def fetch(self, run: Run) -> None:
        """Fetches what the vault holds now."""
        self.credential = bundles.bundle_of(run, self.id)

    def register(self, run: Run) -> Assigned:
        """Registers, after a moment: DPS lets a device ask five times in ten seconds. Raises `RegistrationRefused`."""
        run.cloud.sleep(10)
        scope = register.id_scope(run)
        if self.transport == "mqtt":
            return register_over_mqtt(scope, self.id, self.credential, run.wire)
        return register_over_https(scope, self.id, self.credential, run.wire, run.cloud.sleep)

    def is_refused(self, run: Run) -> None:
        """Tries to register, and fails the test where it is let in."""
        with pytest.raises(RegistrationRefused):
            self.register(run)
