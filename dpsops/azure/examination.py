"""Looking at what stands between an identity and what it wants to do. Nothing here changes anything: every request is a GET."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest
from pydantic import Field

from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import explain, reasons, understood
from dpsops.azure.new_roles import moment
from dpsops.azure.role_assignments import role_assignments
from dpsops.errors import Error
from dpsops.model.denials import Denial
from dpsops.model.endpoints import Endpoint, Entry
from dpsops.model.entitlement import Subject
from dpsops.model.granting import NamedRole
from dpsops.model.locks import Lock
from dpsops.model.needs import Place
from dpsops.model.permissions import is_firewall, says_so
from dpsops.model.providers import Provider
from dpsops.model.resources import region
from dpsops.model.rights import Permission
from dpsops.model.roles import HUB, SERVICE, VAULT

_WHO = "Resource Manager"
_NOBODY = "dpsops-doctor"
"""A name that is asked for only to see whether one may ask."""

_UNTOLD = (AzureError, Error, RecursionError, TypeError, ValueError)
"""No answer, or none of the service's own, such as the page of a proxy: it tells nothing."""

_RESOURCES, _LOCKS = "2021-04-01", "2020-05-01"
_VERSIONS = {Place.VAULT: "2026-02-01", Place.LEAF_VAULTS: "2026-02-01", Place.DPS: "2022-12-12", Place.HUBS: "2023-06-30"}
_AUTHORIZATION = "/providers/Microsoft.Authorization"
_MANAGED = "Microsoft.ManagedIdentity/userAssignedIdentities"
_TRIES: dict[Place, dict[str, tuple[str, str]]] = {
    Place.SUBSCRIPTION: {
        "microsoft.resources/subscriptions/providers/read": ("/providers/Microsoft.ManagedIdentity", _RESOURCES),
    },
    Place.GROUP: {
        "microsoft.resources/subscriptions/resourcegroups/read": ("", _RESOURCES),
        "microsoft.authorization/roleassignments/read": (f"{_AUTHORIZATION}/roleAssignments", "2022-04-01"),
        "microsoft.authorization/roledefinitions/read": (f"{_AUTHORIZATION}/roleDefinitions", "2022-04-01"),
        f"{_MANAGED}/read".lower(): (f"/providers/{_MANAGED}", "2024-11-30"),
        f"{_MANAGED}/federatedIdentityCredentials/read".lower(): (
            f"/providers/{_MANAGED}/{_NOBODY}/federatedIdentityCredentials",
            "2024-11-30",
        ),
        "microsoft.resources/deployments/read": (f"/providers/Microsoft.Resources/deployments/{_NOBODY}", _RESOURCES),
        f"{VAULT}/read".lower(): (f"/providers/{VAULT}", "2026-02-01"),
        f"{HUB}/read".lower(): (f"/providers/{HUB}", "2023-06-30"),
    },
    Place.VAULT: {f"{VAULT}/read".lower(): ("", "2026-02-01")},
    Place.LEAF_VAULTS: {f"{VAULT}/read".lower(): ("", "2026-02-01")},
    Place.DPS: {
        f"{SERVICE}/read".lower(): ("", "2022-12-12"),
        f"{SERVICE}/certificates/read".lower(): ("/certificates", "2022-12-12"),
    },
    Place.HUBS: {
        f"{HUB}/read".lower(): ("", "2023-06-30"),
        f"{HUB}/certificates/read".lower(): ("/certificates", "2023-06-30"),
    },
}
"""What a GET of Resource Manager tells: by the action that it needs, where it goes, below the subject, and its API version."""

_DATA_TRIES: dict[Place, dict[str, str]] = {
    Place.VAULT: {f"{VAULT}/{each}/read".lower(): f"/{each}?maxresults=1" for each in ("certificates", "keys")}
    | {f"{VAULT}/secrets/readmetadata/action".lower(): "/secrets?maxresults=1"},
    Place.LEAF_VAULTS: {f"{VAULT}/secrets/readmetadata/action".lower(): "/secrets?maxresults=1"},
    Place.DPS: {
        f"{SERVICE}/{each}/read".lower(): f"/{path}/{_NOBODY}"
        for each, path in (
            ("enrollmentGroups", "enrollmentGroups"), ("enrollments", "enrollments"), ("registrationStates", "registrations"),
        )
    },
    Place.HUBS: {f"{HUB}/{each}/read".lower(): f"/{each}/{_NOBODY}" for each in ("devices", "twins")},
}  # fmt: skip
"""The same of the services' own hosts. No secret's value is read."""


class _Permission(Shape):
    actions: tuple[str, ...] = Field((), strict=False)
    not_actions: tuple[str, ...] = Field((), strict=False)
    data_actions: tuple[str, ...] = Field((), strict=False)
    not_data_actions: tuple[str, ...] = Field((), strict=False)

    def read(self) -> Permission:
        return Permission(self.actions, self.not_actions, self.data_actions, self.not_data_actions)


class _RoleProperties(Shape):
    role_name: str
    type: str
    permissions: tuple[_Permission, ...] = Field((), strict=False)


class _Role(Shape):
    properties: _RoleProperties


class _Principal(Shape):
    id: str
    type: str = ""


class _DenialProperties(Shape):
    deny_assignment_name: str
    scope: str
    do_not_apply_to_child_scopes: bool = False
    permissions: tuple[_Permission, ...] = Field((), strict=False)
    principals: tuple[_Principal, ...] = Field((), strict=False)
    exclude_principals: tuple[_Principal, ...] = Field((), strict=False)


class _Denial(Shape):
    properties: _DenialProperties

    def read(self) -> Denial:
        found = self.properties
        return Denial(
            found.deny_assignment_name,
            found.scope,
            not found.do_not_apply_to_child_scopes,
            tuple(each.read() for each in found.permissions),
            tuple((each.id, each.type) for each in found.principals),
            tuple((each.id, each.type) for each in found.exclude_principals),
        )


class _LockProperties(Shape):
    level: str


class _Lock(Shape):
    id: str
    name: str
    properties: _LockProperties


class _Type(Shape):
    resource_type: str
    locations: tuple[str, ...] = Field((), strict=False)
    api_versions: tuple[str, ...] = Field((), strict=False)


class _Provider(Shape):
    registration_state: str
    resource_types: tuple[_Type, ...] = Field((), strict=False)


@dataclass(frozen=True, slots=True)
class Examination:
    """Asks Azure about an environment, for the identity that runs dpsops."""

    clients: Clients

    @understood(_WHO)
    def permissions(self, scope: str) -> tuple[Permission, ...]:
        """What the identity may do at a scope. Source: `Permissions_ListForResource` (API 2022-04-01)."""
        found = self.clients.authorization.pages(f"{scope}{_AUTHORIZATION}/permissions")
        return tuple(_Permission.model_validate(each).read() for each in found)

    @understood(_WHO)
    def custom_roles(self, scope: str) -> tuple[NamedRole, ...]:
        """The custom roles that can be assigned at a scope. Source: `RoleDefinitions_List` (API 2022-04-01)."""
        found = self.clients.authorization.pages(f"{scope}{_AUTHORIZATION}/roleDefinitions?$filter=type%20eq%20'CustomRole'")
        roles = [_Role.model_validate(each).properties for each in found]
        return tuple(
            NamedRole(each.role_name, each.permissions[0].read())
            for each in roles
            if each.type == "CustomRole" and len(each.permissions) == 1
        )

    @understood(_WHO)
    def conditional_scopes(self, group: str) -> tuple[str, ...]:
        """Where this identity, or a group, holds a role under a condition: on a resource group, above it, or on what is in it."""
        mine = self.clients.caller.object_id.lower()
        found = role_assignments(self.clients.authorization, group)
        ours = (each for each in found if each.conditional and (each.principal == mine or each.kind == "Group"))
        return tuple(dict.fromkeys(each.scope for each in ours))

    @understood(_WHO)
    def locks(self, group: str) -> tuple[Lock, ...]:
        """The locks of a resource group: on it, above it, and on what is in it. Source: `ManagementLocks_ListByScope`."""
        found = [_Lock.model_validate(each) for each in self.clients.management(_LOCKS).pages(f"{group}{_AUTHORIZATION}/locks")]
        return tuple(Lock(each.name, each.properties.level, each.id.partition(f"{_AUTHORIZATION}/locks")[0]) for each in found)

    @understood(_WHO)
    def denials(self, scope: str) -> tuple[Denial, ...]:
        """The deny assignments of a resource group: on it, above it, and on what is in it. Source:
        `DenyAssignments_ListForResourceGroup` (API 2022-04-01)."""
        found = self.clients.authorization.pages(f"{scope}{_AUTHORIZATION}/denyAssignments")
        return tuple(_Denial.model_validate(each).read() for each in found)

    @understood(_WHO)
    def provider(self, namespace: str) -> Provider:
        """A resource provider, as the subscription sees it. Source: `Providers_Get`."""
        path = f"/subscriptions/{self.clients.subscription}/providers/{namespace}"
        found = _Provider.model_validate(self.clients.management(_RESOURCES).get(path))
        types = {each.resource_type.lower(): each for each in found.resource_types}
        return Provider(
            namespace,
            found.registration_state,
            {name: frozenset(map(region, each.locations)) for name, each in types.items()},
            {name: frozenset(each.api_versions) for name, each in types.items()},
        )

    @understood(_WHO)
    def group_exists(self) -> bool:
        """Whether there is the resource group. Who may not read it may be told by the list of their permissions there."""
        try:
            return self.clients.management(_RESOURCES).get(self.clients.group) is not None
        except HttpResponseError as error:
            if error.status_code != 403 or self._may_exist():
                raise
            return False

    def _may_exist(self) -> bool:
        try:
            self.clients.authorization.pages(f"{self.clients.group}{_AUTHORIZATION}/permissions")
        except ResourceNotFoundError:
            return False
        except _UNTOLD:
            return True
        return True

    @understood(_WHO)
    def resource(self, place: Place, identifier: str) -> dict[str, object] | None:
        """The properties of a resource, as a GET shows it; None if there is none."""
        found = self.clients.management(_VERSIONS[place]).get(identifier)
        return None if found is None else dict(found["properties"])

    def tries(self, subject: Subject, host: str) -> dict[str, bool]:
        """Whether the identity is let in, by the action (in lower case) that a harmless request needs; only what is told.
        host: the service's own, or empty if it must not be asked."""
        found = {}
        for action, (path, version) in _TRIES.get(subject.place, {}).items():
            found[action] = _answer(lambda: self.clients.management(version).get(f"{subject.id}{path}"))  # noqa: B023
        for action, path in _DATA_TRIES.get(subject.place, {}).items() if host else ():
            found[action] = _answer(lambda: self.clients.data(host).get(path))  # noqa: B023
        return {action: answer for action, answer in found.items() if answer is not None}

    def entry(self, place: Place, host: str) -> Entry:
        """How a service's own host receives this identity from this address. A DPS and a hub with a closed network answer as to a
        wrong credential ("Use IP filters"): they say so of a missing role."""
        try:
            self.clients.data(host).get(next(iter(_DATA_TRIES[place].values())))
        except HttpResponseError as error:
            found = reasons(error)
            if any(is_firewall(each.code) for each in found):
                return Entry.CLOSED
            if error.status_code == 401 and not any(says_so(each.message) for each in found):
                return Entry.CLOSED if place in (Place.DPS, Place.HUBS) else Entry.DENIED
            return Entry.DENIED if error.status_code in (401, 403) else Entry.UNKNOWN
        except _UNTOLD:
            return Entry.UNKNOWN
        return Entry.OPEN

    def endpoint(self, service: str, host: str, now: datetime) -> Endpoint:
        """Whether a host answers, whatever, and how far its clock is from ours: `now`, when it is asked."""
        try:
            with self.clients.waiting.request(host, self.clients.environment.waits.connect_seconds):
                answer = self.clients.send_plainly(HttpRequest("GET", f"https://{host}/"))
        except (AzureError, Error) as error:
            return _silent(service, host, error)
        told = moment(answer)
        return Endpoint(service, host, skew=None if told is None else (told - now).total_seconds())


def _silent(service: str, host: str, error: AzureError | Error) -> Endpoint:
    known = error if isinstance(error, Error) else explain(error, service)
    return Endpoint(service, host, trouble=known.message, hint=known.hint)


def _answer(ask: Any) -> bool | None:
    try:
        ask()
    except HttpResponseError as error:
        return False if error.status_code in (401, 403) else None
    except _UNTOLD:
        return None
    return True
