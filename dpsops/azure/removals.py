"""What there is in a resource group and may be removed, and its removal, as Resource Manager does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.diagnostic_settings import visible_settings
from dpsops.azure.errors import understood
from dpsops.azure.resource_group import VERSIONS, ResourceGroup
from dpsops.azure.role_assignments import role_assignments
from dpsops.model.deployment import deployment_name
from dpsops.model.logs import TYPE as DIAGNOSTIC_SETTINGS
from dpsops.model.removal import DeletedVault, Lock, made_again
from dpsops.model.resources import Resource
from dpsops.model.roles import HUB, SERVICE, VAULT

_WHO = "Resource Manager"
_LOCKS, LOCKS_VERSION = "Microsoft.Authorization/locks", "2020-05-01"
_ENDED = ("Succeeded", "Failed", "Canceled")
_PASSING = ("Activating", "Transitioning", "Deleting")
"""The states in which a DPS or a hub is still changing. Source: Azure DPS, Resource Manager API, `State`."""

_POLLING_SECONDS = 5.0
_STALE_SECONDS = 300.0
"""So long a removed resource may still be shown as if nothing had happened. After that it is another one of its name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource of the group. `type` is spelt as dpsops spells it, if it is one of its own."""

    type: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """The resource group: its tags, and whether it is being deleted."""

    tags: Mapping[str, str]
    is_ending: bool


class _Lock(Shape):
    id: str


class Removals:
    """The resource group of an environment, for whoever removes what is in it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._environment = clients.environment
        self._resources = ResourceGroup(clients)

    @property
    def group_id(self) -> str:
        """The ID of the resource group."""
        return self._clients.group

    @understood(_WHO)
    def group(self) -> Group | None:
        """The resource group, or None."""
        try:
            found = self._clients.groups.resource_groups.get(self._environment.resource_group)
        except ResourceNotFoundError:
            return None
        state = found.properties.provisioning_state if found.properties else None
        return Group(answers.tags(found.tags), state == "Deleting")

    @understood(_WHO)
    def listed(self) -> list[Listed]:
        """All resources of the group. One request for each page. A resource that was made or removed in the last minutes may be
        missing or still be there."""
        known = {each.lower(): each for each in (SERVICE, HUB, VAULT)}
        try:
            found = list(answers.every(self._clients.groups.resources.list_by_resource_group(self._environment.resource_group)))
        except ResourceNotFoundError:
            return []
        return [
            Listed(known.get(str(each.type).lower(), str(each.type)), str(each.name), answers.tags(each.tags)) for each in found
        ]

    @understood(_WHO)
    def find(self, type_: str, name: str) -> Resource | None:
        """A resource, or None."""
        if type_ == SERVICE:
            return self._resources.find_service()
        return self._resources.find(type_, name, VERSIONS[type_])

    @understood(_WHO)
    def linked_before(self) -> frozenset[str]:
        """The names, in lower case, of the hubs that dpsops itself has linked before."""
        return self._resources.linked_before()

    @understood(_WHO)
    def roles_on_group(self) -> int:
        """How many roles are assigned on the group itself."""
        listed = role_assignments(self._clients.authorization, self._clients.group)
        return sum(each.scope.rstrip("/") == self._clients.group.lower() for each in listed)

    @understood(_WHO)
    def is_deploying(self) -> bool:
        """Whether a deployment of this environment is under way."""
        try:
            found = self._clients.deployments.deployments.get(
                self._environment.resource_group, deployment_name(self._environment)
            )
        except ResourceNotFoundError:
            return False
        state = found.properties.provisioning_state if found.properties else None
        return str(getattr(state, "value", state)) not in _ENDED

    @understood(_WHO)
    def locks(self) -> tuple[Lock, ...] | None:
        """The locks on the group, on what is in it, and on the subscription; None to an identity that may not read them. Source:
        `ManagementLocks_ListByScope`."""
        plane = self._clients.management(LOCKS_VERSION)
        subscription = f"/subscriptions/{self._clients.subscription}"
        try:
            listed = [
                *plane.pages(f"{self._clients.group}/providers/{_LOCKS}"),
                *plane.pages(f"{subscription}/providers/{_LOCKS}?$filter=atScope()"),
            ]
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return None
        found = dict.fromkeys(_Lock.model_validate(each).id for each in listed)
        return tuple(Lock(each, each[: each.lower().rindex(f"/providers/{_LOCKS.lower()}")]) for each in found)

    @understood(_WHO)
    def services_linked_to(self) -> dict[str, list[str]] | None:
        """The names of the other DPSs of the subscription, by the names in lower case of the hubs that they are linked to; None
        to an identity that may not list them. One request for each page."""
        found: dict[str, list[str]] = {}
        try:
            for each in answers.every(self._clients.dps.iot_dps_resource.list_by_subscription()):
                if str(each.id).lower() == f"{self._clients.group}/providers/{SERVICE}/{self._environment.dps.name}".lower():
                    continue
                for link in each.properties.iot_hubs or []:
                    found.setdefault(str(link.name).partition(".")[0].lower(), []).append(str(each.name))
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return None
        return found

    @understood(_WHO)
    def deleted_vaults(self) -> tuple[DeletedVault, ...] | None:
        """The deleted vaults of the subscription; None to an identity that may not list them."""
        try:
            return tuple(self._deleted())
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            return None

    @understood(_WHO)
    def require_deleted_vaults(self) -> tuple[DeletedVault, ...]:
        """The same. Raises `Denied` to an identity that may not list them: it could not purge one."""
        return tuple(self._deleted())

    def _deleted(self) -> Iterator[DeletedVault]:
        for each in answers.every(self._clients.vaults.vaults.list_deleted()):
            facts = each.properties
            if facts is None:
                raise TypeError("a deleted vault without properties")
            yield DeletedVault(
                str(each.name),
                str(facts.location),
                str(facts.vault_id),
                answers.tags(facts.tags),
                answers.moment(facts.scheduled_purge_date),
                bool(facts.purge_protection_enabled),
            )

    @understood(_WHO)
    def logs(self, type_: str, name: str) -> tuple[str, ...] | None:
        """The names of the diagnostic settings of a resource, or None to an identity that may not read them."""
        found = visible_settings(self._clients.monitor, f"{self._clients.group}/providers/{type_}/{name}")
        return None if found is None else tuple(each.name for each in found)

    @understood(_WHO)
    def remove_log(self, type_: str, name: str, setting: str) -> None:
        """Removes a diagnostic setting. It would come back with the next resource of the same name. Source: Azure Monitor,
        "Diagnostic settings in Azure Monitor"."""
        path = f"{self._clients.group}/providers/{type_}/{name}/providers/{DIAGNOSTIC_SETTINGS}/{setting}"
        self._clients.monitor.delete(path, None)

    @understood(_WHO)
    def remove(self, type_: str, name: str) -> None:
        """Removes a resource and waits until it is gone; one that is being removed already is waited for. It is no error if there
        is none. Raises `Changed` if somebody makes it again meanwhile."""
        with self._clients.waiting.operation(f"the removal of {name}", self._environment.waits.operation_seconds):
            if type_ == VAULT:
                self._remove_vault(name)
                return
            if self._settled(type_, name) is None:
                return
            try:
                if type_ == SERVICE:
                    self._clients.dps.iot_dps_resource.begin_delete(name, self._environment.resource_group).result()
                else:
                    self._clients.hubs.iot_hub_resource.begin_delete(self._environment.resource_group, name).result()
            except ResourceNotFoundError:
                return
            seen = 0.0
            while (found := self.find(type_, name)) is not None:
                seen = self._pause(seen, name, going=is_passing(found) or is_ending(found))

    def _pause(self, seen: float, name: str, *, going: bool) -> float:
        """Pauses while something that was removed is still shown. `seen`: for how many seconds it was shown as something that
        stays; returns for how many it is then. Raises `Changed` if that is too long."""
        if seen >= _STALE_SECONDS and not going:
            raise made_again(name)
        self._clients.sleep(_POLLING_SECONDS)
        return 0.0 if going else seen + _POLLING_SECONDS

    def _settled(self, type_: str, name: str) -> Resource | None:
        """A DPS or a hub, as soon as it does not change any more; None if there is none, or none any more."""
        while (found := self.find(type_, name)) is not None and is_passing(found):
            self._clients.sleep(_POLLING_SECONDS)
        return found

    def _remove_vault(self, name: str) -> None:
        try:
            self._clients.vaults.vaults.delete(self._environment.resource_group, name)
        except ResourceNotFoundError:
            return

    @understood(_WHO)
    def purge(self, name: str, location: str) -> None:
        """Purges a deleted vault and waits until that is done. It is no error if there is none any more."""
        with self._clients.waiting.operation(f"the purge of {name}", self._environment.waits.operation_seconds):
            try:
                self._clients.vaults.vaults.begin_purge_deleted(name, location).result()
            except ResourceNotFoundError:
                return

    @understood(_WHO)
    def remove_group(self) -> None:
        """Removes the resource group with all that is in it, and waits until it is gone; one that is being removed already is
        waited for."""
        name = self._environment.resource_group
        with self._clients.waiting.operation(
            f"the removal of the resource group {name}", self._environment.waits.operation_seconds
        ):
            found = self.group()
            if found is not None and not found.is_ending:
                try:
                    self._clients.groups.resource_groups.begin_delete(name).result()
                except ResourceNotFoundError:
                    return
            seen = 0.0
            while (found := self.group()) is not None:
                seen = self._pause(seen, f"the resource group {name}", going=found.is_ending)


def is_passing(found: Resource) -> bool:
    """Whether a DPS or a hub is still changing."""
    return str(found.properties.get("state")) in _PASSING


def is_ending(found: Resource) -> bool:
    """Whether a resource is being removed."""
    return "Deleting" in (found.properties.get("state"), found.properties.get("provisioningState"))
