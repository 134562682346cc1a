"""The services that the embedded Azure is made of."""

from __future__ import annotations

from dpsops.emulator.arm.service import SERVICE as RESOURCE_MANAGER
from dpsops.emulator.http import Service
from dpsops.emulator.identity.routes import SERVICE as IDENTITY
from dpsops.emulator.keyvault.service import SERVICE as KEY_VAULT

SERVICES: tuple[Service, ...] = (IDENTITY, RESOURCE_MANAGER, KEY_VAULT)
