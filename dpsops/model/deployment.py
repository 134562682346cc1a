"""The one template deployment of an environment: its name, its parameters, and what it creates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from dpsops.model.action import Action
from dpsops.settings import Environment

_ALLOCATION = {"hashed": "Hashed", "geoLatency": "GeoLatency", "static": "Static"}
_OUTCOMES = {"create": "created", "modify": "modified", "delete": "deleted", "deploy": "deployed"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity that runs dpsops, in Entra ID."""

    object_id: str
    kind: Literal["User", "ServicePrincipal"]


@dataclass(frozen=True, slots=True)
class ObservedDeployment:
    """Whether the resource group exists, and what a deployment would change in it (without the noise of what-if)."""

    group_exists: bool
    changes: tuple[Action, ...]

    @property
    def assigns_roles(self) -> bool:
        """Whether the deployment would assign roles that are missing."""
        return any(change.action == "create" and "/roleassignments/" in change.target.lower() for change in self.changes)

    @property
    def creates_vault(self) -> bool:
        """Whether the deployment would create the vault."""
        return any(change.action == "create" and "/vaults/" in change.target for change in self.changes)

    def has(self, kind: str, name: str) -> bool:
        """Whether a resource (`vaults`, `kv-dpsops-dev`) exists already, so that the deployment would not create it."""
        resource = f"/{kind}/{name}".lower()
        created = any(change.action == "create" and change.target.lower().endswith(resource) for change in self.changes)
        return self.group_exists and not created

    def done(self) -> Iterator[Action]:
        """What the deployment has done, without the resource group."""
        for change in self.changes if self.group_exists else self.changes[1:]:
            yield Action(change.action, change.target, _OUTCOMES[change.action])


def deployment_name(environment: Environment) -> str:
    """One name for each environment, so that ARM refuses one of two runs at the same time."""
    return f"dpsops-{environment.name}"


def parameters(environment: Environment, caller: Caller) -> dict[str, dict[str, object]]:
    """The template's parameters for an environment. The caller gets the roles that dpsops needs."""
    values: dict[str, object] = {
        "location": environment.location,
        "tags": environment.tags,
        "vaultName": environment.vault.name,
        "vaultSku": environment.vault.sku,
        "purgeProtection": environment.vault.purge_protection,
        "softDeleteRetentionDays": environment.vault.soft_delete_days,
        "dpsName": environment.dps.name,
        "allocationPolicy": _ALLOCATION[environment.dps.allocation],
        "hubs": [
            {
                "name": hub.name,
                "location": hub.location or environment.location,
                "sku": hub.sku,
                "capacity": hub.capacity,
                "allocationWeight": hub.weight,
                "applyAllocationPolicy": True,
            }
            for hub in environment.hub
        ],
        "principalId": caller.object_id,
        "principalType": caller.kind,
    }
    return {name: {"value": value} for name, value in values.items()}


def from_nothing(environment: Environment) -> ObservedDeployment:
    """What a deployment creates if there is no resource group: what-if needs one, so it cannot be asked."""
    return ObservedDeployment(False, tuple(_all_resources(environment)))


def _all_resources(environment: Environment) -> Iterable[Action]:
    yield Action("create", f"resource group {environment.resource_group}")
    yield Action("create", f"Microsoft.KeyVault/vaults/{environment.vault.name}")
    for hub in environment.hub:
        yield Action("create", f"Microsoft.Devices/IotHubs/{hub.name}")
    yield Action("create", f"Microsoft.Devices/provisioningServices/{environment.dps.name}")
    yield Action("create", "role assignments for dpsops on vault, DPS and hubs")
