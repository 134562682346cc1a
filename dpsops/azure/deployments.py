"""The resources: one resource group, what is in it, and one template deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.clients import MANAGEMENT_HOST, POLLING_SECONDS, Clients
from dpsops.azure.diagnostic_settings import visible_settings
from dpsops.azure.error_documents import one_line
from dpsops.azure.errors import failed_operation, understood
from dpsops.azure.resource_group import ResourceGroup
from dpsops.errors import Denied, Error, NotAllowed, Refused
from dpsops.model.deployment import Deployment, deployment_name
from dpsops.model.failure import Reason
from dpsops.model.hints import recover_vault
from dpsops.model.logs import DiagnosticSetting
from dpsops.model.offers import Offered
from dpsops.model.resources import Resources, region
from dpsops.model.roles import HUB, SERVICE, VAULT, Principal, may_be_among, named
from dpsops.model.what_if import Diagnostic, Foreseen, ResourceChange

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
    def principals(self) -> tuple[Principal, ...]:
        """Who gets the roles that dpsops needs: those that the settings name, else the identity that deploys. Raises `NotAllowed`
        if the token does not name it."""
        return named(self._environment) or (self._clients.caller,)

    @property
    def stranger(self) -> Principal | None:
        """The identity that deploys, if it gets none of these roles; None if it does, or if nobody can tell."""
        try:
            caller = self._clients.caller
        except NotAllowed:  # its token does not name it
            return None
        return None if may_be_among(caller, self.principals) else caller

    @understood(_WHO)
    def observe(self) -> Resources:
        """The resource group, the resources of the settings in it, and who holds which role there. Raises `Refused` for a
        resource group that is being deleted."""
        return ResourceGroup(self._clients).observe()

    @understood(_WHO)
    def what_if(self, parameters: Mapping[str, object], *, rights: bool) -> Foreseen:
        """What a deployment would change, as Resource Manager foresees it. Raises what the deployment would fail with.

        rights: also check whether this identity may do all of it; else it needs no more than the right to ask. Source:
        "What-if operation", validation level.
        """
        from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

        level = "Provider" if rights else "ProviderNoRbac"
        question = DeploymentWhatIf(properties=DeploymentWhatIfProperties(**_properties(parameters), validation_level=level))
        environment = self._environment
        name, bound = deployment_name(environment), environment.waits.operation_seconds
        with self._clients.waiting.operation(f"the what-if of the deployment {name}", bound):
            asked = self._clients.deployments.deployments.begin_what_if(environment.resource_group, name, question)
            answer = answers.ended(asked)
        if answer.error is not None:  # a what-if that failed is answered 200
            raise _failure(answer.error)
        return Foreseen(
            tuple(read_change(change) for change in answer.changes or []),
            tuple(read_change(change) for change in answer.potential_changes or []),
            tuple(Diagnostic(str(each.message or each.code or ""), str(each.target or "")) for each in answer.diagnostics or []),
        )

    @understood(_WHO)
    def create_group(self) -> None:
        """Creates the resource group."""
        ResourceGroup(self._clients).create()

    @understood(_WHO)
    def deploy(self, wanted: Deployment, seen: Callable[[frozenset[str]], None] = lambda _: None) -> None:
        """Deploys the template and waits until the deployment has ended. Then the roles that it has assigned are waited for.

        seen: called when the deployment has begun, and each time when it has been asked for its state, with the names of the
        template's modules that are done by then.
        """
        from azure.mgmt.resource.deployments import models

        from dpsops.azure.polling import WatchedPolling

        environment = self._environment
        properties = models.DeploymentProperties(**_properties(wanted.parameters))
        name, bound = deployment_name(environment), environment.waits.operation_seconds
        polling = WatchedPolling(POLLING_SECONDS, f"https://{MANAGEMENT_HOST}", lambda: seen(self._modules_done(name)))
        with self._clients.waiting.operation(f"the deployment {name}", bound):
            deployments, deployment = self._clients.deployments.deployments, models.Deployment(properties=properties)
            begun = deployments.begin_create_or_update(environment.resource_group, name, deployment, polling=polling)
            seen(frozenset())
            answers.ended(begun)
        self.wait_for_roles(wait=True)

    def _modules_done(self, name: str) -> frozenset[str]:
        """The names of the modules of a deployment that are done. One request; none is known if it cannot be read, because the
        deployment does not depend on it. Source: "Deployment Operations - List"."""
        operations = self._clients.deployments.deployment_operations
        try:
            listed = list(answers.every(operations.list(self._environment.resource_group, name)))
            return frozenset(
                str(each.properties.target_resource.resource_name).lower()
                for each in listed
                if each.properties and each.properties.target_resource and each.properties.provisioning_state == "Succeeded"
            )
        except (AzureError, Error, AttributeError, TypeError, ValueError):
            return frozenset()

    def wait_for_roles(self, *, wait: bool) -> None:
        """Whether vault, DPS and hubs are asked again, for minutes, if they deny access for want of a role that this identity has
        just been given: they are, unless the roles are still to be assigned."""
        self._clients.new_roles.expect(wait=wait)

    @understood(_WHO)
    def vaults(self) -> dict[str, dict[str, str]]:
        """The tags of each vault in the group, by its name in lower case. One request for each page."""
        return ResourceGroup(self._clients).vaults()

    @understood(_WHO)
    def vault_logs(self) -> tuple[DiagnosticSetting, ...] | None:
        """The diagnostic settings of the vault, or None if this identity may not read them. One request."""
        return visible_settings(self._clients.monitor, f"{self._clients.group}/providers/{VAULT}/{self._environment.vault.name}")

    def deleted_vault(self, name: str) -> Refused | None:
        """The refusal to use an environment whose vault of this name is soft-deleted; None if it is not, or if this identity
        cannot see it: that needs a role on the subscription, and without it the deployment itself reports the conflict."""
        try:
            return self.find_deleted_vault(name)
        except Denied as denied:
            if not denied.role_missing:
                raise
            return None

    @understood(_WHO)
    def find_deleted_vault(self, name: str) -> Refused | None:
        """The same. Raises `Denied` if this identity cannot see it."""
        try:
            deleted = self._clients.vaults.vaults.get_deleted(name, self._environment.location)
        except ResourceNotFoundError:
            return None
        facts = deleted.properties
        since: datetime | None = answers.moment(facts.deletion_date) if facts else None
        return Refused(
            f"a vault named {name} was deleted{f' on {since:%Y-%m-%d}' if since else ''}, but its name is still in use",
            recover_vault(
                self._environment,
                name,
                group_exists=ResourceGroup(self._clients).exists(),
                until=answers.moment(facts.scheduled_purge_date) if facts and facts.purge_protection_enabled else None,
            ),
        )

    @understood(_WHO)
    def offered(self) -> Offered:
        """Where the types of resources are offered, as their providers list it. Two requests. What an identity may not read is
        left out."""
        found: dict[str, frozenset[str]] = {}
        for namespace in sorted({type_.partition("/")[0] for type_ in (VAULT, SERVICE, HUB)}):
            try:
                provider = self._clients.groups.providers.get(namespace)
            except HttpResponseError as error:
                if error.status_code != 403:
                    raise
                continue
            for each in provider.resource_types or []:
                found[f"{namespace}/{each.resource_type}".lower()] = frozenset(map(region, each.locations or []))
        return found

    @understood(_WHO)
    def free_hubs(self) -> list[str]:
        """The names of the free hubs of the subscription, as far as this identity may read them. One request for each page."""
        try:
            listed = list(answers.every(self._clients.hubs.iot_hub_resource.list_by_subscription()))
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return []
        return [str(hub.name) for hub in listed if hub.sku and _text(hub.sku.name) == "F1"]

    def taken_names(self, found: Resources) -> tuple[Reason, ...]:
        """Why the names of the vaults, the DPS and the hubs that are to be made cannot be used: they are unique in all of Azure.
        One request for each. An identity that may not ask learns it from the deployment."""
        environment = self._environment
        asked = [(VAULT, vault.name) for vault, present in found.vaults(environment) if present is None]
        asked += [(SERVICE, environment.dps.name)] if found.dps is None else []
        asked += [(HUB, hub.name) for hub in environment.hub if found.hub(hub) is None]
        reasons = []
        for type_, name in asked:
            try:
                reasons.append(self.taken_name(type_, name))
            except Denied as denied:
                if not denied.role_missing:
                    raise
        return tuple(each for each in reasons if each is not None)

    @understood(_WHO)
    def taken_name(self, type_: str, name: str) -> Reason | None:
        """Why a name cannot be used for a resource of this type; None if it can. One request. Raises `Denied` if this identity
        may not ask."""
        ask = {VAULT: self._ask_for_vault, SERVICE: self._ask_for_service, HUB: self._ask_for_hub}[type_]
        answer = ask(name)
        if answer.name_available is not False:
            return None
        return Reason(_fault(answer), one_line(answer.message or f"the name {name} is already in use"), name)

    def _ask_for_vault(self, name: str) -> Availability:
        from azure.mgmt.keyvault.models import VaultCheckNameAvailabilityParameters

        return self._clients.vaults.vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=name))

    def _ask_for_service(self, name: str) -> Availability:
        from azure.mgmt.iothubprovisioningservices.models import OperationInputs

        return self._clients.dps.iot_dps_resource.check_provisioning_service_name_availability(OperationInputs(name=name))

    def _ask_for_hub(self, name: str) -> Availability:
        from azure.mgmt.iothub.models import OperationInputs

        answer: Availability = self._clients.hubs.iot_hub_resource.check_name_availability(OperationInputs(name=name))
        return answer


class Availability(Protocol):
    """Whether a name is free, as each service answers it."""

    @property
    def name_available(self) -> bool | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def reason(self) -> object: ...


def _fault(answer: Availability) -> str:
    """The code for a name that cannot be used. Source: `IotHubNameUnavailabilityReason` (Invalid, AlreadyExists), Key Vault's
    `Reason` (AccountNameInvalid, AlreadyExists)."""
    return "InvalidResourceName" if "invalid" in _text(answer.reason).lower() else "AlreadyExists"


def _properties(parameters: Mapping[str, object]) -> dict[str, Any]:
    given = {name: {"value": value} for name, value in parameters.items()}
    return {"mode": "Incremental", "template": template(), "parameters": given}


def _failure(error: ErrorResponse) -> Error:
    """Why a what-if failed. Source: `WhatIfOperationResult.error`."""
    return failed_operation(error.as_dict(), "the deployment would fail", "correct the settings, then run the command again")


def read_change(change: WhatIfChange) -> ResourceChange:
    """The change of one resource, from the SDK's model of a what-if."""
    gone = tuple(_gone(change.delta or []))
    return ResourceChange(str(change.resource_id or ""), _text(change.change_type), gone, str(change.unsupported_reason or ""))


def _gone(delta: list[WhatIfPropertyChange]) -> list[str]:
    """The paths of the properties that would be deleted: an element of an array is replaced rather than deleted."""
    return [str(each.path or "") for each in delta if _text(each.property_change_type) == "Delete"]


def _text(value: Any) -> str:
    """The text of an enumeration value, or of a string that is unknown to the SDK."""
    return str(getattr(value, "value", value))
