"""The resources: one resource group and one template deployment, converged by ARM itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.errors import Refused
from dpsops.settings import Environment
from dpsops.workflows.run import Action, Run

if TYPE_CHECKING:
    from azure.mgmt.resource.deployments.models import WhatIfChange, WhatIfPropertyChange

    from dpsops.cloud import Identity

_ALLOCATION = {"hashed": "Hashed", "geoLatency": "GeoLatency", "static": "Static"}
_OUTCOMES = {"create": "created", "modify": "modified", "delete": "deleted", "deploy": "deployed"}


@dataclass(frozen=True, slots=True)
class ObservedDeployment:
    """Whether the resource group exists, and what a deployment would change in it (noise filtered out)."""

    group_exists: bool
    changes: tuple[Action, ...]

    @property
    def assigns_roles(self) -> bool:
        """Whether roles are missing that the deployment would assign."""
        return any(change.action == "create" and "/roleassignments/" in change.target.lower() for change in self.changes)


def template() -> dict[str, Any]:
    """The compiled template: from the wheel, or from `bicep/` in a checkout."""
    packaged = resources.files("dpsops") / "template" / "main.json"
    path = packaged if packaged.is_file() else Path(__file__).parents[2] / "bicep" / "main.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def parameters(environment: Environment, identity: Identity) -> dict[str, Any]:
    """The template's parameters for an environment; `identity` gets the roles that dpsops needs."""
    return {
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
        "principalId": identity.object_id,
        "principalType": identity.kind,
    }


def deployment_name(environment: Environment) -> str:
    """One name for each environment, so that two runs at once meet in ARM and one of them is told."""
    return f"dpsops-{environment.name}"


def observe(run: Run) -> ObservedDeployment:
    """Asks for the resource group and, where it exists, for ARM's what-if. Raises `Refused` for a soft-deleted vault."""
    from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

    cloud, environment = run.cloud, run.environment
    run.progress(f"looking at resource group {environment.resource_group}")
    try:
        cloud.groups.resource_groups.get(environment.resource_group)
    except ResourceNotFoundError:
        _require_no_deleted_vault(run)
        return ObservedDeployment(False, tuple(_all_resources(environment)))
    run.progress("asking Azure what a deployment would change")
    question = DeploymentWhatIf(properties=DeploymentWhatIfProperties(**_properties(run)))
    answer = cloud.deployments.deployments.begin_what_if(
        environment.resource_group, deployment_name(environment), question
    ).result()
    changes = tuple(significant(answer.changes or []))
    if any(change.action == "create" and "/vaults/" in change.target for change in changes):
        _require_no_deleted_vault(run)
    return ObservedDeployment(True, changes)


def significant(changes: Iterable[WhatIfChange]) -> Iterable[Action]:
    """What of a what-if is a real change.

    What-if reports `Modify` for properties that the server filled in and the template never named (as
    deletions), for values that it did not evaluate (as expressions in brackets) and for a region spelt in
    another way. Source: Azure Resource Manager, "What-if: noise".
    """
    for change in changes:
        kind = change.change_type  # an enumeration of strings, or a string that the SDK does not know
        if kind in ("Create", "Delete", "Deploy"):
            yield Action(str.lower(kind), _short(change.resource_id or ""))
        elif kind == "Modify" and any(_is_real(delta) for delta in change.delta or []):
            yield Action("modify", _short(change.resource_id or ""))


def _is_real(delta: WhatIfPropertyChange, *, element: bool = False) -> bool:
    """`element`: it is one of an array, which a deployment replaces whole: what the template left out does go."""
    kind = delta.property_change_type
    if kind in ("Delete", "NoEffect"):
        return element and kind == "Delete"
    if delta.children:
        return any(_is_real(child, element=kind == "Array") for child in delta.children)
    if isinstance(delta.after, str) and delta.after.startswith("[") and delta.after.endswith("]"):
        return False
    if delta.path == "location":
        return _region(delta.before) != _region(delta.after)
    return bool(delta.before != delta.after)


def _region(value: object) -> str:
    return str(value).replace(" ", "").lower()


def deploy(run: Run, observed: ObservedDeployment) -> list[Action]:
    """Makes the resource group where it is missing, then deploys the template and waits for its end."""
    from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties
    from azure.mgmt.resource.resources.models import ResourceGroup

    environment, cloud = run.environment, run.cloud
    done = []
    if not observed.group_exists:
        run.progress(f"creating resource group {environment.resource_group}")
        group = ResourceGroup(location=environment.location, tags=environment.tags)
        cloud.groups.resource_groups.create_or_update(environment.resource_group, group)
        done.append(Action("create", f"resource group {environment.resource_group}", "created"))
    run.progress("deploying vault, hubs, DPS and roles: this takes minutes on Azure")
    deployment = Deployment(properties=DeploymentProperties(**_properties(run)))
    cloud.deployments.deployments.begin_create_or_update(
        environment.resource_group, deployment_name(environment), deployment
    ).result()
    changes = observed.changes if observed.group_exists else observed.changes[1:]
    return done + [Action(change.action, change.target, _OUTCOMES[change.action]) for change in changes]


def _properties(run: Run) -> dict[str, Any]:
    values = parameters(run.environment, run.cloud.identity)
    return {
        "mode": "Incremental",
        "template": template(),
        "parameters": {name: {"value": value} for name, value in values.items()},
    }


def _all_resources(environment: Environment) -> Iterable[Action]:
    yield Action("create", f"resource group {environment.resource_group}")
    yield Action("create", f"Microsoft.KeyVault/vaults/{environment.vault.name}")
    for hub in environment.hub:
        yield Action("create", f"Microsoft.Devices/IotHubs/{hub.name}")
    yield Action("create", f"Microsoft.Devices/provisioningServices/{environment.dps.name}")
    yield Action("create", "role assignments for dpsops on vault, DPS and hubs")


def _short(resource_id: str) -> str:
    """A resource ID without its subscription and group."""
    return resource_id.split("/providers/", 1)[-1] if "/providers/" in resource_id else resource_id


def _require_no_deleted_vault(run: Run) -> None:
    if deleted := deleted_vault(run):
        raise deleted


def deleted_vault(run: Run) -> Refused | None:
    """The refusal to touch an environment whose vault is soft-deleted, or None where it is not, or nobody may know."""
    vault, location = run.environment.vault.name, run.environment.location
    try:
        deleted = run.cloud.vaults.vaults.get_deleted(vault, location)
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        if error.status_code == 403:  # Only an owner of the subscription may look; then the deployment itself tells.
            return None
        raise
    since = deleted.properties.deletion_date if deleted.properties else None
    return Refused(
        f"a vault named {vault} was deleted{f' on {since:%Y-%m-%d}' if since else ''} and still holds the name",
        f"'az keyvault recover --name {vault}' brings it and its root back; 'az keyvault purge --name {vault}' "
        "destroys them for ever; or choose another vault name",
    )
