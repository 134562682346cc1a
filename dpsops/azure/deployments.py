"""The resources: one resource group and one template deployment. Resource Manager itself makes them converge."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.clients import Clients
from dpsops.azure.errors import innermost, one_line, understood
from dpsops.errors import Denied, Error, Refused
from dpsops.model.deployment import Caller, deployment_name, parameters
from dpsops.model.permissions import missing_role
from dpsops.model.what_if import PropertyChange, ResourceChange

if TYPE_CHECKING:
    from azure.mgmt.resource.deployments.models import ErrorResponse, WhatIfChange, WhatIfPropertyChange

_WHO = "Resource Manager"


def template() -> dict[str, Any]:
    """The compiled template, from the wheel, or from `bicep/` in a checkout."""
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
        """The identity that deploys, and gets the roles that dpsops needs. Raises `NotAllowed` if the token does not name it."""
        return self._clients.caller

    @understood(_WHO)
    def group_exists(self) -> bool:
        """Whether the resource group exists."""
        try:
            self._clients.groups.resource_groups.get(self._environment.resource_group)
        except ResourceNotFoundError:
            return False
        return True

    @understood(_WHO)
    def what_if(self) -> list[ResourceChange]:
        """What a deployment would change, as Resource Manager reports it, including noise."""
        from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

        question = DeploymentWhatIf(properties=DeploymentWhatIfProperties(**self._properties()))
        environment = self._environment
        answer = self._clients.deployments.deployments.begin_what_if(
            environment.resource_group, deployment_name(environment), question
        ).result()
        if answer.error is not None:  # a what-if that failed is answered 200
            raise _failure(answer.error)
        return [read_change(change) for change in answer.changes or []]

    @understood(_WHO)
    def create_group(self) -> None:
        """Creates the resource group."""
        from azure.mgmt.resource.resources.models import ResourceGroup

        environment = self._environment
        group = ResourceGroup(location=environment.location, tags=environment.tags)
        self._clients.groups.resource_groups.create_or_update(environment.resource_group, group)

    @understood(_WHO)
    def deploy(self) -> None:
        """Deploys the template and waits until the deployment has ended."""
        from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties

        environment = self._environment
        deployment = Deployment(properties=DeploymentProperties(**self._properties()))
        self._clients.deployments.deployments.begin_create_or_update(
            environment.resource_group, deployment_name(environment), deployment
        ).result()

    @understood(_WHO)
    def has_vault(self) -> bool:
        """Whether the vault exists."""
        try:
            self._clients.vaults.vaults.get(self._environment.resource_group, self._environment.vault.name)
        except ResourceNotFoundError:
            return False
        return True

    @understood(_WHO)
    def deleted_vault(self) -> Refused | None:
        """The refusal to use an environment whose vault is soft-deleted; None if it is not, or if this identity cannot see it."""
        vault, location = self._environment.vault.name, self._environment.location
        try:
            deleted = self._clients.vaults.vaults.get_deleted(vault, location)
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            if (
                error.status_code == 403
            ):  # needs a role on the subscription; without it, the deployment itself reports the conflict
                return None
            raise
        since: datetime | None = answers.moment(deleted.properties.deletion_date) if deleted.properties else None
        return Refused(
            f"a vault named {vault} was deleted{f' on {since:%Y-%m-%d}' if since else ''}, but its name is still in use",
            f"recover the vault and its root: az keyvault recover --name {vault}; or choose another vault name; "
            f"'az keyvault purge --name {vault}' would destroy both for ever",
        )

    def _properties(self) -> dict[str, Any]:
        return {
            "mode": "Incremental",
            "template": template(),
            "parameters": parameters(self._environment, self.caller),
        }


def _failure(error: ErrorResponse) -> Error:
    """Why a what-if failed, in the words of the detail that says the most. Source: `WhatIfOperationResult.error`."""
    code, message = innermost(dict(error.as_dict()))
    if code.startswith("Authorization"):
        return Denied(one_line(message, code), missing_role(code, message), role_missing=True)
    return Error(f"the deployment would fail: {one_line(message, code)}", "correct the settings, then run the command again")


def read_change(change: WhatIfChange) -> ResourceChange:
    """The change of one resource, from the SDK's model of a what-if."""
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
    """The text of an enumeration value, or of a string that is unknown to the SDK."""
    return str(getattr(value, "value", value))
