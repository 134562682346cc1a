"""The built-in roles that dpsops needs: no more than that, on its own resources alone. Source: Azure built-in roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dpsops.settings import Environment

VAULT, SERVICE, HUB = "Microsoft.KeyVault/vaults", "Microsoft.Devices/provisioningServices", "Microsoft.Devices/IotHubs"
"""The types of the resources of an environment."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity in Entra ID."""

    object_id: str
    kind: Literal["User", "Group", "ServicePrincipal"]


@dataclass(frozen=True, slots=True)
class Role:
    """A built-in role: its ID in every tenant, and its name."""

    id: str
    name: str


ROLES = {
    VAULT: (
        Role("a4417e6f-fecd-4de8-b567-7b0420556985", "Key Vault Certificates Officer"),  # the root
        Role("12338af0-0e69-4776-bea7-57ae8d297424", "Key Vault Crypto User"),  # sign with the root's key
        Role("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer"),  # the devices' leaves
    ),
    SERVICE: (Role("dfce44e4-17b7-4bd1-a6d1-04996ec95633", "Device Provisioning Service Data Contributor"),),
    HUB: (
        Role("4ea46cd5-c1b2-4a8e-910b-273211f9ce47", "IoT Hub Registry Contributor"),
        Role("b447c946-2db7-41ec-983d-d8bf3b1c77e3", "IoT Hub Data Reader"),  # the query over the twins
    ),
}
"""What is needed on a resource of each type; on a vault, if it holds the root and the devices' secrets."""

_SECRETS_OFFICER = ROLES[VAULT][-1]
_SECRETS_USER = Role("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User")
"""What is needed in the place of the former on the root's vault if devices have others: the secret of the root itself is read, to
see that it holds no key."""

_INCLUDED_IN = {_SECRETS_USER: _SECRETS_OFFICER}


@dataclass(frozen=True, slots=True)
class Held:
    """A role that a principal holds on a scope, under whatever name it was assigned. All parts are in lower case."""

    scope: str
    role: str
    principal: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role to assign to a principal on a resource."""

    type: str
    resource: str
    role: Role
    principal: Principal

    def held(self, group: str) -> Held:
        """The same as it is once assigned. `group`: the ID of the resource group."""
        scope = f"{group}/providers/{self.type}/{self.resource}"
        return Held(scope.lower(), self.role.id.lower(), self.principal.object_id.lower())

    def is_needed(self, group: str, held: Collection[Held]) -> bool:
        """Whether the principal holds neither this role nor one that includes it."""
        enough = [self, *([replace(self, role=_INCLUDED_IN[self.role])] if self.role in _INCLUDED_IN else [])]
        return not any(each.held(group) in held for each in enough)


def named(environment: Environment) -> tuple[Principal, ...]:
    """Who gets the roles, if the settings say so; empty if whoever runs `up` gets them."""
    return tuple(Principal(each.id, each.type) for each in environment.access.principals)


def may_be_among(caller: Principal, principals: Iterable[Principal]) -> bool:
    """Whether an identity may be one of these, or a member of a group among them: nobody here knows a group's members."""
    return any(each.kind == "Group" or each.object_id.lower() == caller.object_id.lower() for each in principals)


def needed(environment: Environment, principals: Iterable[Principal]) -> Iterator[Assignment]:
    """All assignments that these principals need to run dpsops in an environment."""
    of_root = (*ROLES[VAULT][:-1], _SECRETS_USER) if environment.device.vaults else ROLES[VAULT]
    resources = [
        (VAULT, environment.vault.name, of_root),
        *((VAULT, name, (_SECRETS_OFFICER,)) for name in environment.device.vaults),
        (SERVICE, environment.dps.name, ROLES[SERVICE]),
        *((HUB, hub.name, ROLES[HUB]) for hub in environment.hub),
    ]
    for principal in principals:
        for type_, name, roles in resources:
            for role in roles:
                yield Assignment(type_, name, role, principal)
