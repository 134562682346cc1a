"""The one template deployment of an environment: its name, its parameters, and what it makes."""

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
    """Who runs dpsops, as Entra ID knows them."""

    object_id: str
    kind: Literal["User", "ServicePrincipal"]


@dataclass(frozen=True, slots=True)
class ObservedDeployment:
    """Whether the resource group exists, and what a deployment would change in it (noise filtered out)."""

    group_exists: bool
    changes: tuple[Action, ...]

    @property
    def assigns_roles(self) -> bool:
        """Whether roles are missing that the deployment would assign."""
        return any(change.action == "create" and "/roleassignments/" in change.target.lower() for change in self.changes)

    @property
    def makes_a_vault(self) -> bool:
        """Whether the vault is to be made by the deployment."""
        return any(change.action == "create" and "/vaults/" in change.target for change in self.changes)

    def has(self, kind: str, name: str) -> bool:
        """Whether a resource (`vaults`, `kv-dpsops-dev`) is there already, rather than to be made by the deployment."""
        resource = f"/{kind}/{name}".lower()
        made = any(change.action == "create" and change.target.lower().endswith(resource) for change in self.changes)
        return self.group_exists and not made

    def done(self) -> Iterator[Action]:
        """What the deployment has done, the resource group apart."""
        for change in self.changes if self.group_exists else self.changes[1:]:
            yield Action(change.action, change.target, _OUTCOMES[change.action])


def deployment_name(environment: Environment) -> str:
    """One name for each environment, so that two runs at once meet in ARM and one of them is told."""
    return f"dpsops-{environment.name}"


def parameters(environment: Environment, caller: Caller) -> dict[str, dict[str, object]]:
    """The template's parameters for an environment; the caller gets the roles that dpsops needs."""
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
    """What is to be made where not even the resource group is there, which what-if cannot be asked about."""
    return ObservedDeployment(False, tuple(_all_resources(environment)))


def _all_resources(environment: Environment) -> Iterable[Action]:
    yield Action("create", f"resource group {environment.resource_group}")
    yield Action("create", f"Microsoft.KeyVault/vaults/{environment.vault.name}")
    for hub in environment.hub:
        yield Action("create", f"Microsoft.Devices/IotHubs/{hub.name}")
    yield Action("create", f"Microsoft.Devices/provisioningServices/{environment.dps.name}")
    yield Action("create", "role assignments for dpsops on vault, DPS and hubs")
