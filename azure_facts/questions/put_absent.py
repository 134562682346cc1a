"""What does a PUT of a DPS, a hub or a vault reset when it leaves something out?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from azure.core.exceptions import HttpResponseError

from azure_facts.answers import NotClear, Question
from azure_facts.resources import FORMER, NEWEST, Document, OnTheWire, body, hub, link_by_key, service, vault
from dpsops.cli.connection import Connection

_NAME = "put-absent"
_POLICY = "factsextra"
_TAGS = {"azure-facts-tag": "is it kept"}
_ADDRESS = "203.0.113.7"  # one that is for documentation (RFC 5737)

Fate = Literal["kept", "reset"]


@dataclass(frozen=True, slots=True)
class Members:
    """Of one resource: what becomes of each member that a PUT leaves out."""

    members: Mapping[str, Fate]

    @property
    def line(self) -> str:
        """In a few words."""
        by_fate: dict[str, list[str]] = {}
        for name, fate in self.members.items():
            by_fate.setdefault(fate, []).append(name)
        return ", ".join(f"{fate} {' '.join(names)}" for fate, names in by_fate.items())


@dataclass(frozen=True, slots=True)
class PutAbsent:
    """`version`: the API version of the DPS's PUT; the older one knows no identity."""

    dps: Members
    hub: Members
    vault: Members
    version: str

    @property
    def line(self) -> str:
        """In one line."""
        return f"DPS: {self.dps.line}; hub: {self.hub.line}; vault: {self.vault.line}"


Read = Callable[[Document], object]


def _ask(azure: Connection) -> PutAbsent:
    try:
        dps, version = _of_service(azure, NEWEST), NEWEST
    except HttpResponseError as refused:
        if refused.status_code != 400:
            raise
        dps, version = _of_service(azure, FORMER), FORMER
    return PutAbsent(dps, _of_hub(azure), _of_vault(azure), version)


def _of_service(azure: Connection, version: str) -> Members:
    at = service(azure, version)
    rule = {"filterName": "everywhere", "action": "Accept", "ipMask": "0.0.0.0/0", "target": "all"}
    properties = {
        "iotHubs": [link_by_key(azure)],
        "allocationPolicy": "GeoLatency",
        "ipFilterRules": [rule],
        "authorizationPolicies": [*at.policies(), {"keyName": _POLICY, "rights": "EnrollmentRead"}],
    }
    identity = {"identity": {"type": "SystemAssigned"}} if version == NEWEST else {}
    read: dict[str, Read] = {
        "tags": lambda shown: shown.get("tags") or {},
        "iotHubs": lambda shown: [each["name"] for each in shown["properties"].get("iotHubs") or []],
        "allocationPolicy": lambda shown: shown["properties"].get("allocationPolicy"),
        "ipFilterRules": lambda shown: shown["properties"].get("ipFilterRules") or [],
        "authorizationPolicies": lambda _: _has_policy(at),
    }
    read |= {"identity": _identity} if identity else {}
    return _compare(at, body(azure, properties, tags=_TAGS, **identity), body(azure, {}), read)


def _of_hub(azure: Connection) -> Members:
    at = hub(azure)
    events = {"events": {"retentionTimeInDays": 2, "partitionCount": _partitions(at.get())}}
    properties = {
        "authorizationPolicies": [*at.policies(), {"keyName": _POLICY, "rights": "RegistryRead"}],
        "cloudToDevice": {"maxDeliveryCount": 20, "defaultTtlAsIso8601": "PT2H"},
        "eventHubEndpoints": events,
        "routing": {"fallbackRoute": _FALLBACK},
    }
    read: dict[str, Read] = {
        "tags": lambda shown: shown.get("tags") or {},
        "identity": _identity,
        "cloudToDevice": lambda shown: shown["properties"]["cloudToDevice"]["maxDeliveryCount"],
        "retentionTimeInDays": lambda shown: shown["properties"]["eventHubEndpoints"]["events"]["retentionTimeInDays"],
        "fallbackRoute": lambda shown: ((shown["properties"].get("routing") or {}).get("fallbackRoute") or {}).get("isEnabled"),
        "authorizationPolicies": lambda _: _has_policy(at),
    }
    full = body(azure, properties, tags=_TAGS, identity={"type": "SystemAssigned"})
    return _compare(at, full, body(azure, {}), read)


_FALLBACK = {
    "name": "$fallback",
    "source": "DeviceMessages",
    "condition": "true",
    "endpointNames": ["events"],
    "isEnabled": True,
}


def _of_vault(azure: Connection) -> Members:
    """The vault keeps its model of access: without roles nobody could look into it any more."""
    at = vault(azure)
    shown = at.get()
    required = {
        "tenantId": shown["properties"]["tenantId"],
        "sku": shown["properties"]["sku"],
        "enableRbacAuthorization": True,
    }
    firewall = {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [{"value": _ADDRESS}]}
    full = required | {"enabledForDeployment": True, "networkAcls": firewall}
    read: dict[str, Read] = {
        "tags": lambda shown: shown.get("tags") or {},
        "enabledForDeployment": lambda shown: shown["properties"].get("enabledForDeployment") is True,
        "networkAcls": lambda shown: (shown["properties"].get("networkAcls") or {}).get("ipRules") or [],
        "softDeleteRetentionInDays": lambda shown: shown["properties"].get("softDeleteRetentionInDays"),
    }
    bare = {"location": azure.run.environment.location, "properties": required}
    return _compare(at, bare | {"tags": _TAGS, "properties": full}, bare, read)


def _compare(at: OnTheWire, full: Document, bare: Document, read: Mapping[str, Read]) -> Members:
    """Writes everything, then nothing that may be left out, and compares what can be read of it."""
    at.put(full)
    shown = at.get()
    before = {name: look(shown) for name, look in read.items()}
    if missing := sorted(name for name, value in before.items() if not value):
        raise NotClear(f"{at.path.rpartition('/')[2]} does not show what was set: {', '.join(missing)}")
    at.put(bare)
    shown = at.get()
    return Members({name: "kept" if look(shown) == before[name] else "reset" for name, look in read.items()})


def _identity(shown: Document) -> object:
    return (shown.get("identity") or {}).get("principalId")


def _has_policy(at: OnTheWire) -> bool:
    return any(each["keyName"] == _POLICY for each in at.policies())


def _partitions(shown: Document) -> int:
    found: int = shown["properties"]["eventHubEndpoints"]["events"]["partitionCount"]
    return found


QUESTION = Question(_NAME, "What does a PUT of a DPS, a hub and a vault reset of what it leaves out?", _ask)
