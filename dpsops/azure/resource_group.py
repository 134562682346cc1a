"""What is in the resource group of an environment, as Resource Manager shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.diagnostic_settings import diagnostic_settings
from dpsops.azure.role_assignments import role_assignments
from dpsops.errors import Refused
from dpsops.model.deployment import deployment_name
from dpsops.model.logs import DiagnosticSetting
from dpsops.model.resources import Resource, Resources, former_vaults, strange_links
from dpsops.model.roles import HUB, SERVICE, VAULT, Held
from dpsops.model.tags import made

VERSIONS = {VAULT: "2026-02-01", HUB: "2023-06-30"}
_SERVICE_VERSIONS = ("2026-11-01", "2022-12-12")
"""The API versions in which the resources are read. Only the first one of a DPS shows an identity and links by it."""


class _Sku(Shape):
    name: str | None = None
    capacity: int | None = None


class _Resource(Shape):
    location: str
    tags: dict[str, str] | None = None
    sku: _Sku | None = None
    identity: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None


class ResourceGroup:
    """The resource group of an environment."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment
        self._group = clients.group

    def observe(self) -> Resources:
        """The resource group, the resources of the settings in it, and who holds which role there. At most one request for
        each of them, one for each page of the group's vaults, one more if the DPS is linked to a hub that the settings do not
        name, and one for the DPS and for each vault if they want logs.

        Raises `Refused` for a resource group that is being deleted.
        """
        environment = self._environment
        if not self.exists():
            return Resources(self._group, group_exists=False)
        vault, dps = self.find(VAULT, environment.vault.name, VERSIONS[VAULT]), self.find_service()
        leaf_vaults = {name.lower(): self.find(VAULT, name, VERSIONS[VAULT]) for name in environment.device.vaults}
        hubs = {hub.name.lower(): self.find(HUB, hub.name, VERSIONS[HUB]) for hub in environment.hub}
        return Resources(
            self._group,
            group_exists=True,
            vault=vault,
            leaf_vaults={name: vault for name, vault in leaf_vaults.items() if vault is not None},
            former_vaults=former_vaults(environment, self.vaults()),
            dps=dps,
            hubs={name: hub for name, hub in hubs.items() if hub is not None},
            held=self._held(),
            linked_before=self.linked_before() if strange_links(environment, dps) else frozenset(),
            logs=self._logs(
                {(VAULT, environment.vault.name): vault, (SERVICE, environment.dps.name): dps}
                | {(VAULT, name): found for name, found in leaf_vaults.items()}
            ),
        )

    def vaults(self) -> dict[str, dict[str, str]]:
        """The tags of each vault in the group, by its name in lower case; none if there is no such group."""
        try:
            found = list(answers.every(self._clients.vaults.vaults.list_by_resource_group(self._environment.resource_group)))
        except ResourceNotFoundError:
            return {}
        return {str(each.name).lower(): answers.tags(each.tags) for each in found}

    def exists(self) -> bool:
        """Whether there is such a group. Raises `Refused` if it is being deleted."""
        name = self._environment.resource_group
        try:
            found = self._clients.groups.resource_groups.get(name)
        except ResourceNotFoundError:
            return False
        if found.properties and found.properties.provisioning_state == "Deleting":
            raise Refused(
                f"the resource group {name} is being deleted",
                f"wait until it is deleted (az group wait --deleted --name {name}), then run the command again",
            )
        return True

    def create(self) -> None:
        """Creates the group."""
        from azure.mgmt.resource.resources.models import ResourceGroup as Group

        group = Group(location=self._environment.location, tags=made(self._environment.tags, self._environment.name))
        self._clients.groups.resource_groups.create_or_update(self._environment.resource_group, group)

    def find(self, type_: str, name: str, version: str) -> Resource | None:
        """The resource, as a GET shows it, or None."""
        identifier = f"{self._group}/providers/{type_}/{name}"
        try:
            shown = self._clients.groups.resources.get_by_id(identifier, api_version=version)
        except ResourceNotFoundError:
            return None
        found = _Resource.model_validate(shown.as_dict())
        sku = found.sku.model_dump(exclude_none=True) if found.sku else {}
        return Resource(found.location, found.tags or {}, sku, found.identity or {}, found.properties or {})

    def find_service(self) -> Resource | None:
        """The DPS. A version that is not there yet is no reason to know nothing of it."""
        newest, known = _SERVICE_VERSIONS
        try:
            return self.find(SERVICE, self._environment.dps.name, newest)
        except HttpResponseError as error:
            if error.status_code != 400:
                raise
        return self.find(SERVICE, self._environment.dps.name, known)

    def _held(self) -> frozenset[Held]:
        """The roles that hold on the group, above it, and on what is in it."""
        listed = role_assignments(self._clients.authorization, self._group)
        return frozenset(Held(each.scope, each.role, each.principal) for each in listed)

    def _logs(self, found: Mapping[tuple[str, str], Resource | None]) -> dict[tuple[str, str], tuple[DiagnosticSetting, ...]]:
        """The diagnostic settings of the resources that exist, by type and name in lower case, if the settings want logs."""
        there = [key for key, resource in found.items() if resource and self._environment.vault.logs]
        return {
            (type_, name.lower()): diagnostic_settings(self._clients.monitor, f"{self._group}/providers/{type_}/{name}")
            for type_, name in there
        }

    def linked_before(self) -> frozenset[str]:
        """The names, in lower case, of the hubs of the settings at the last deployment, as its parameters say."""
        try:
            found = self._clients.deployments.deployments.get(
                self._environment.resource_group, deployment_name(self._environment)
            )
        except ResourceNotFoundError:
            return frozenset()
        given = (found.properties and found.properties.parameters) or {}
        names = _value(given, "linkedHubs")
        if names is None:  # a deployment of dpsops 0.1
            names = [each.get("name") for each in _value(given, "hubs") or [] if isinstance(each, dict)]
        return frozenset(str(name).lower() for name in names)


def _value(given: Any, name: str) -> Any:
    found = given.get(name) if isinstance(given, dict) else None
    return found.get("value") if isinstance(found, dict) else None
