"""Resource Manager, at `management.azure.com`, with all resource providers behind it."""

from __future__ import annotations

from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.dps.routes import ARM_ROUTES as DPS_ROUTES
from dpsops.emulator.dps.routes import RESOURCE_TYPES as DPS_TYPES
from dpsops.emulator.iothub.routes import ARM_ROUTES as HUB_ROUTES
from dpsops.emulator.iothub.routes import RESOURCE_TYPES as HUB_TYPES
from dpsops.emulator.keyvault.routes import ARM_ROUTES as VAULT_ROUTES
from dpsops.emulator.keyvault.routes import RESOURCE_TYPES as VAULT_TYPES

SERVICE = resource_manager([*VAULT_TYPES, *DPS_TYPES, *HUB_TYPES], [*VAULT_ROUTES, *DPS_ROUTES, *HUB_ROUTES])
