"""The four identities of `docs/identities.md`, in the embedded Azure: each with the roles that the page gives it."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azure.identity import ClientSecretCredential

from dpsops.azure.clients import Clients
from dpsops.emulator.identity.state import SUBSCRIPTION, TENANT, register_application
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import ASSIGNMENT, CUSTOM_ROLE, ROLES
from dpsops.emulator.world import World as Inside
from dpsops.settings import Environment
from tests.workflows.by_hand import azure
from tests.worlds import World, pool_over

PAGE = (Path(__file__).parents[2] / "docs" / "identities.md").read_text(encoding="utf-8")
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-dpsops-test"
IDENTITIES = ("planner", "deployer", "issuer", "operator")
_SECRET = "a secret"


def principal(name: str) -> Principal:
    """The application of an identity."""
    return Principal(str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), str(uuid.uuid5(uuid.NAMESPACE_URL, name)), TENANT)


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role, as the page has it for `az role definition create`."""

    name: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...]


def custom_role(identity: str) -> CustomRole:
    """The custom role of an identity, from the page."""
    blocks: list[dict[str, Any]] = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    found = next(each for each in blocks if each["Name"] == f"dpsops {identity}")
    return CustomRole(found["Name"], tuple(found["Actions"]), tuple(found["DataActions"]))


def built_in_roles(identity: str) -> tuple[str, ...]:
    """The built-in roles that an identity may have instead, from the page's table."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {identity} | "))
    return tuple(re.findall(r"`([^`]+)`", row))


def as_identity(world: World, who: Principal, *roles: str, age: float = 3600.0, scope: str = GROUP) -> World:
    """The same Azure, for somebody with these roles (GUIDs) on the resource group, or on another scope, and with those that they
    have already: all assigned `age` seconds ago."""
    since = {"created": world.clock.now() - age}
    with azure(world).database.transaction() as state:
        register_application(Inside(state, world.clock.now()), who, _SECRET)
        for key, held in state.list(ASSIGNMENT):
            if held["principal"] == who.object_id:
                state.put(ASSIGNMENT, key, held | since)
        for role in roles:
            name = uuid.uuid5(uuid.UUID(who.object_id), f"{role}{scope.removeprefix(GROUP)}")
            key = f"{scope}/providers/microsoft.authorization/roleassignments/{name}".lower()
            state.put(ASSIGNMENT, key, {"principal": who.object_id, "role": role, "scope": scope.lower()} | since)

    def clients(settings: Environment) -> Clients:
        credential = ClientSecretCredential(TENANT, who.app_id, _SECRET, transport=world.transport)
        return Clients(settings, SUBSCRIPTION, credential, world.transport, pool_over(world.transport))

    return replace(world, clients=clients)


def role_named(name: str) -> str:
    """The GUID of a built-in role."""
    return next(identifier for identifier, role in ROLES.items() if role.name == name)


def define(world: World, role: CustomRole) -> str:
    """Makes a custom role in the embedded Azure, an hour ago; returns its GUID."""
    identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, role.name))
    permission = {
        "actions": list(role.actions), "notActions": [], "dataActions": list(role.data_actions), "notDataActions": [],
    }  # fmt: skip
    since = world.clock.now() - 3600
    document = {
        "roleName": role.name, "description": "", "permission": permission, "scopes": [GROUP],
        "created": since, "createdBy": "", "updated": since, "updatedBy": "",
    }  # fmt: skip
    with azure(world).database.transaction() as state:
        state.put(CUSTOM_ROLE, identifier, document)
    return identifier
