"""Resource Manager, at `management.azure.com`, with all resource providers behind it."""

from __future__ import annotations

from dataclasses import replace

from dpsops.emulator.arm import groups
from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.dps.routes import ARM_ROUTES as DPS_ROUTES
from dpsops.emulator.dps.routes import RESOURCE_TYPES as DPS_TYPES
from dpsops.emulator.eventgrid.routes import ARM_ROUTES as EVENT_GRID_ROUTES
from dpsops.emulator.eventgrid.routes import RESOURCE_TYPES as EVENT_GRID_TYPES
from dpsops.emulator.insights import routes as insights
from dpsops.emulator.iothub.routes import ARM_ROUTES as HUB_ROUTES
from dpsops.emulator.iothub.routes import RESOURCE_TYPES as HUB_TYPES
from dpsops.emulator.keyvault.routes import ARM_ROUTES as VAULT_ROUTES
from dpsops.emulator.keyvault.routes import RESOURCE_TYPES as VAULT_TYPES
from dpsops.emulator.managedidentity.routes import ARM_ROUTES as IDENTITY_ROUTES
from dpsops.emulator.managedidentity.routes import RESOURCE_TYPES as IDENTITY_TYPES
from dpsops.emulator.resource_provider.resources import ResourceType


def _checked(type_: ResourceType) -> ResourceType:
    return replace(type_, check=type_.put) if type_.name.count("/") == 1 else type_


_INSIGHTS = insights.Insights.of((*VAULT_TYPES, *DPS_TYPES, *HUB_TYPES), groups.names)

TYPES = (
    *VAULT_TYPES,
    *(_checked(each) for each in (*DPS_TYPES, *HUB_TYPES)),
    *EVENT_GRID_TYPES,
    *IDENTITY_TYPES,
    insights.resource_type(_INSIGHTS),
)
"""Every resource type. Providers refuse in the preflight what their PUT would; of a part of a resource none is recorded."""

ROUTES = (*VAULT_ROUTES, *DPS_ROUTES, *EVENT_GRID_ROUTES, *HUB_ROUTES, *IDENTITY_ROUTES, *insights.routes(_INSIGHTS))
SERVICE = resource_manager(TYPES, ROUTES)
