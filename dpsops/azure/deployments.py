"""The resources: one resource group and one template deployment, converged by Resource Manager itself."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.errors import Refused
from dpsops.model.deployment import Caller, deployment_name, parameters
from dpsops.model.what_if import PropertyChange, ResourceChange

if TYPE_CHECKING:
    from azure.mgmt.resource.deployments.models import WhatIfChange, WhatIfPropertyChange

_WHO = "Resource Manager"


def template() -> dict[str, Any]:
    """The compiled template: from the wheel, or from `bicep/` in a checkout."""
    packaged = resources.files("dpsops") / "template" / "main.json"
    path = packaged if packaged.is_file() else Path(__file__).parents[2] / "bicep" / "main.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


class Deployments:
    """The resource group of an environment, and what is deployed into it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment

    @property
    def subscription(self) -> str:
        """The ID of the subscription."""
        return self._clients.subscription

    @property
    def caller(self) -> Caller:
        """Who deploys, and gets the roles that dpsops needs. Raises `NotAllowed` where the token does not say."""
        return self._clients.caller

    @understood(_WHO)
    def group_exists(self) -> bool:
        """Whether the resource group is there."""
        try:
            self._clients.groups.resource_groups.get(self._environment.resource_group)
        except ResourceNotFoundError:
            return False
        return True

    @understood(_WHO)
    def what_if(self) -> list[ResourceChange]:
        """What a deployment would change, in Resource Manager's own view, noise and all."""
        from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

        question = DeploymentWhatIf(properties=DeploymentWhatIfProperties(**self._properties()))
        environment = self._environment
        answer = self._clients.deployments.deployments.begin_what_if(
            environment.resource_group, deployment_name(environment), question
        ).result()
        return [read_change(change) for change in answer.changes or []]

    @understood(_WHO)
    def create_group(self) -> None:
        """Makes the resource group."""
        from azure.mgmt.resource.resources.models import ResourceGroup

        environment = self._environment
        group = ResourceGroup(location=environment.location, tags=environment.tags)
        self._clients.groups.resource_groups.create_or_update(environment.resource_group, group)

    @understood(_WHO)
    def deploy(self) -> None:
        """Deploys the template and waits for its end."""
        from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties

        environment = self._environment
        deployment = Deployment(properties=DeploymentProperties(**self._properties()))
        self._clients.deployments.deployments.begin_create_or_update(
            environment.resource_group, deployment_name(environment), deployment
        ).result()

    @understood(_WHO)
    def has_vault(self) -> bool:
        """Whether the vault is there."""
        try:
            self._clients.vaults.vaults.get(self._environment.resource_group, self._environment.vault.name)
        except ResourceNotFoundError:
            return False
        return True

    @understood(_WHO)
    def deleted_vault(self) -> Refused | None:
        """The refusal to touch an environment whose vault is soft-deleted, or None where it is not, or nobody may know."""
        vault, location = self._environment.vault.name, self._environment.location
        try:
            deleted = self._clients.vaults.vaults.get_deleted(vault, location)
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            if error.status_code == 403:  # Only an owner of the subscription may look; then the deployment itself tells.
                return None
            raise
        since: datetime | None = answers.moment(deleted.properties.deletion_date) if deleted.properties else None
        return Refused(
            f"a vault named {vault} was deleted{f' on {since:%Y-%m-%d}' if since else ''} and still holds the name",
            f"'az keyvault recover --name {vault}' brings it and its root back; 'az keyvault purge --name {vault}' "
            "destroys them for ever; or choose another vault name",
        )

    def _properties(self) -> dict[str, Any]:
        return {
            "mode": "Incremental",
            "template": template(),
            "parameters": parameters(self._environment, self.caller),
        }


def read_change(change: WhatIfChange) -> ResourceChange:
    """What the SDK read of a what-if, for one resource."""
    delta = tuple(_property_change(each) for each in change.delta or [])
    return ResourceChange(str(change.resource_id or ""), _text(change.change_type), delta)


def _property_change(delta: WhatIfPropertyChange) -> PropertyChange:
    return PropertyChange(
        str(delta.path or ""),
        _text(delta.property_change_type),
        delta.before,
        delta.after,
        tuple(_property_change(child) for child in delta.children or []),
    )


def _text(value: Any) -> str:
    """An enumeration of strings, or a string that the SDK does not know."""
    return str(getattr(value, "value", value))
