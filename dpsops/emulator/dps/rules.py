"""What Azure accepts as a provisioning service."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import member, members
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.world import World

API_VERSIONS = frozenset(
    {
        "2017-11-15",
        "2018-01-22",
        "2020-01-01",
        "2020-03-01",
        "2021-10-15",
        "2022-02-05",
        "2022-12-12",
        "2023-03-01-preview",
        "2025-02-01-preview",
        "2026-08-31",
        "2026-11-01",
    }
)
_RIGHTS = (
    "ServiceConfig",
    "EnrollmentRead",
    "EnrollmentWrite",
    "DeviceConnect",
    "RegistrationStatusRead",
    "RegistrationStatusWrite",
)
RIGHTS = frozenset(_RIGHTS)
_IMPLIED = {
    "EnrollmentWrite": {"EnrollmentRead", "RegistrationStatusRead", "RegistrationStatusWrite"},
    "EnrollmentRead": {"RegistrationStatusRead"},
    "RegistrationStatusWrite": {"RegistrationStatusRead"},
}
"""The rights that a right includes, as `listkeys` shows them (recordings of Microsoft's CLI, 2023 and 2025)."""
OWNER_POLICY = ("provisioningserviceowner", "ServiceConfig, EnrollmentWrite, DeviceConnect")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_NAME_RULE = (
    "Provisioning Service name can contain only alphanumeric and hyphen and must start/end with alphanumeric. "
    "Should be 3 to 50 chars long. Name 'global' not allowed."
)
_ALLOCATION_POLICIES = ("Hashed", "GeoLatency", "Static")
_RESIDENCY = ("eastus2euap", "brazilsouth", "southeastasia")
_KEPT: dict[str, type[Any]] = {
    "publicNetworkAccess": str,
    "ipFilterRules": list,
    "enableDataResidency": bool,
    "portalOperationsHostName": str,
    "disableLocalAuth": bool,
}


def name_fault(name: str) -> str | None:
    """Why this cannot be the name of a provisioning service, in Azure's words."""
    fits = 3 <= len(name) <= 50 and _NAME.fullmatch(name) and name.lower() != "global"
    return None if fits else _NAME_RULE


def name_taken(name: str) -> str:
    """Azure's words for a name that someone else has (the hub's, which are recorded, said of this type)."""
    return f"Provisioning Service name '{name}' is not available"


def split(rights: str) -> set[str]:
    """The rights of a policy, those that others of them include among them."""
    given = {right.strip() for right in rights.split(",")}
    return given.union(*(_IMPLIED.get(right, ()) for right in given))


def expand(rights: str) -> str:
    """The rights of a policy and all that they include, in Azure's order."""
    held = split(rights)
    return ", ".join(right for right in _RIGHTS if right in held)


def condense(rights: str) -> str:
    """The rights of a policy without those that others of them include, in the order given."""
    given = [right.strip() for right in rights.split(",")]
    included: set[str] = set().union(*(_IMPLIED.get(right, ()) for right in given))
    return ", ".join(right for right in given if right not in included)


def check_name(world: World, name: str) -> None:
    """Refuses a name that no provisioning service can have."""
    fault = name_fault(name)
    if fault is not None:
        raise refusal(world, 400_305, fault)


def read_capacity(world: World, body: JSON) -> int:
    """The units of the only SKU. Refuses any other SKU (stricter guess)."""
    sku = member(body, "sku", dict) or {}
    capacity = member(sku, "capacity", int)
    if member(sku, "name", str) != "S1" or (capacity is not None and capacity < 1):
        raise refusal(world, BAD_REQUEST, "The sku of a provisioning service must be S1, with a capacity of 1 or more.")
    return capacity or 1


def read_properties(world: World, given: JSON, location: str, present: JSON | None = None) -> JSON:
    """The properties that are kept as they are given, and the allocation policy; those not given are the present ones."""
    allocation = member(given, "allocationPolicy", str)
    properties: JSON = {"allocationPolicy": "Hashed"} | (present or {})
    properties |= {} if allocation is None else {"allocationPolicy": allocation}
    if properties["allocationPolicy"] not in _ALLOCATION_POLICIES:
        raise refusal(world, BAD_REQUEST, f"Invalid allocation policy '{properties['allocationPolicy']}'.")
    properties |= {name: value for name, kind in _KEPT.items() if (value := member(given, name, kind)) is not None}
    if properties.get("publicNetworkAccess", "Enabled").lower() not in ("enabled", "disabled"):
        raise refusal(world, BAD_REQUEST, f"Invalid publicNetworkAccess '{properties['publicNetworkAccess']}'.")
    for rule in members(given, "ipFilterRules", dict) or []:
        _check_rule(world, rule)
    if properties.get("enableDataResidency") and normal(location) not in _RESIDENCY:
        raise _no_residency(world, location)
    return properties


def _check_rule(world: World, rule: JSON) -> None:
    """An IP filter rule names itself, a network, what to do with it and, optionally, for which API (`IpFilterRule`)."""
    name, mask, action = (member(rule, part, str) for part in ("filterName", "ipMask", "action"))
    target = member(rule, "target", str)
    try:
        ip_network(mask or "", strict=False)
    except ValueError as unreadable:
        raise refusal(world, BAD_REQUEST, f"Invalid ipMask '{mask}' of IP filter rule '{name}'.") from unreadable
    if not name or action not in ("Accept", "Reject") or target not in (None, "all", "serviceApi", "deviceApi"):
        raise refusal(world, BAD_REQUEST, f"Invalid IP filter rule '{name}'.")


def _no_residency(world: World, location: str) -> Refusal:
    message = (
        f"DataResidency is not supported in {location} for DPS. "
        'Supported regions are "East US 2 EUAP", "Brazil South", and "Southeast Asia".'
    )
    return refusal(world, 400_309, message)
