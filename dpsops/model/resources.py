"""The resources of an environment as Resource Manager shows them.

What a PUT of them leaves out may fall back to its default: of a hub it does (Azure IoT Hub resource API, `IotHubResource
CreateOrUpdate`), of a vault and a DPS nobody has said. So all of it is sent again, but for what only the service can set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dpsops.model.logs import DiagnosticSetting
from dpsops.model.roles import HUB, SERVICE, VAULT, Held
from dpsops.model.tags import made, merged
from dpsops.settings import DEVICES_TAG, Environment, Hub, Vault

_POLICIES = "authorizationPolicies"
_OWN_OF_VAULT = {"hsmPoolResourceId", "privateEndpointConnections", "provisioningState", "vaultUri"}
_OWN_OF_HUB = {"hostName", "locations", "provisioningState", "state"}
_OWN_OF_ENDPOINT = {"endpoint", "partitionIds", "path"}
_OWN_OF_SERVICE = {
    "deviceProvisioningHostName", "deviceRegistryNamespaces", "idScope", "provisioningState", "serviceOperationsHostName",
    "state",
}  # fmt: skip
"""What the APIs' descriptions mark as read-only, and what the services themselves set."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, as a GET shows it: empty for what it does not have."""

    location: str
    tags: Mapping[str, str]
    sku: Mapping[str, object]
    identity: Mapping[str, object]
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Link:
    """A hub that a DPS is linked to, as the DPS shows it: its key is masked."""

    host: str
    connection_string: str
    location: str
    weight: int | None
    applies: bool | None
    by_identity: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """The resource group, and what it has of the settings' resources: None, or not among `hubs`, for what does not exist.

    group: the ID of the resource group. leaf_vaults: those for devices alone, and hubs: both by name in lower case.
    former_vaults: the names of other vaults that were for devices of this environment (`DEVICES_TAG`). linked_before: the names,
    in lower case, of the hubs that dpsops itself has linked before. logs: the diagnostic settings of the vaults and the DPS, by
    type and name in lower case, if the settings want logs. registrations: how many devices are assigned to a hub
    (`registry_host`); None if it is not known.
    """

    group: str
    group_exists: bool
    vault: Resource | None = None
    leaf_vaults: Mapping[str, Resource] = field(default_factory=dict)
    former_vaults: tuple[str, ...] = ()
    dps: Resource | None = None
    hubs: Mapping[str, Resource] = field(default_factory=dict)
    held: frozenset[Held] = frozenset()
    linked_before: frozenset[str] = frozenset()
    logs: Mapping[tuple[str, str], tuple[DiagnosticSetting, ...]] = field(default_factory=dict)
    registrations: Mapping[str, int] | None = None

    def vaults(self, environment: Environment) -> Iterator[tuple[Vault, Resource | None]]:
        """Each vault of the settings, the root's first, and what there is of it."""
        yield environment.vault, self.vault
        for vault in environment.device_vaults:
            yield vault, self.leaf_vaults.get(vault.name.lower())

    def hub(self, hub: Hub) -> Resource | None:
        """The hub of the settings, or None."""
        return self.hubs.get(hub.name.lower())


def former_vaults(environment: Environment, tagged: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The vaults of the group that were for devices of this environment, and have left the settings. `tagged`: the tags of all of
    its vaults, by name in lower case."""
    wanted = {name.lower() for name in (environment.vault.name, *environment.device.vaults)}
    return tuple(
        name
        for name, tags in sorted(tagged.items())
        if name not in wanted and (DEVICES_TAG, environment.name) in ((key.lower(), value) for key, value in tags.items())
    )


def left_vault(name: str) -> str:
    """What a person should know of such a vault."""
    return (
        f"the vault {name} was for devices and is not in the settings any more, so dpsops does not see the devices whose secrets "
        f"are in it: put it back under [device]; if none are, remove its tag {DEVICES_TAG!r}, or the vault"
    )


def is_services_own(type_: str, path: str) -> bool:
    """Whether a path (`properties.state`) in a resource of this type leads to what only the service sets."""
    own = {VAULT: _OWN_OF_VAULT, HUB: _OWN_OF_HUB, SERVICE: _OWN_OF_SERVICE}
    names = next((each for known, each in own.items() if known.lower() == type_.lower()), set[str]())
    first, _, rest = path.partition(".")
    return first not in ("properties", "tags") or (first == "properties" and rest.partition(".")[0] in names)


def region(name: str) -> str:
    """A region's short name, however it is written."""
    return name.replace(" ", "").lower()


def kept_of_vault(vault: Resource | None) -> dict[str, object]:
    """The properties of a vault that stay."""
    return _without(vault.properties, _OWN_OF_VAULT) if vault else {}


def kept_of_hub(hub: Resource | None) -> dict[str, object]:
    """The properties of a hub that stay, without its access policies."""
    if hub is None:
        return {}
    kept = _without(hub.properties, _OWN_OF_HUB | {_POLICIES})
    endpoints = kept.get("eventHubEndpoints")
    if isinstance(endpoints, Mapping):
        kept["eventHubEndpoints"] = {
            name: _without(each, _OWN_OF_ENDPOINT) for name, each in endpoints.items() if isinstance(each, Mapping)
        }
    return kept


def kept_of_service(service: Resource | None) -> dict[str, object]:
    """The properties of a DPS that stay, without its links and access policies."""
    return _without(service.properties, _OWN_OF_SERVICE | {"iotHubs", _POLICIES}) if service else {}


def keeps_policies(resource: Resource | None) -> bool:
    """Whether a hub or a DPS has access policies that stay. A GET does not show their keys, so the template reads them; if
    nobody may sign in with a key, they do nothing, and a company may not let them be read."""
    return resource is not None and resource.properties.get("disableLocalAuth") is not True


def kept_identity(resource: Resource | None) -> dict[str, object]:
    """The identity of a resource, without what the service adds to it; of type None if it has none."""
    if resource is None or not resource.identity:
        return {"type": "None"}
    assigned = resource.identity.get("userAssignedIdentities")
    kept: dict[str, object] = {"type": resource.identity.get("type", "None")}
    if isinstance(assigned, Mapping) and assigned:
        kept["userAssignedIdentities"] = {identifier: {} for identifier in assigned}
    return kept


def tags_to_write(environment: Environment, found: Resource | None, wanted: Mapping[str, str]) -> dict[str, str]:
    """All tags that a resource will have. Only a new one is marked as made: one that was there before
    is not dpsops's to remove."""
    return made(wanted, environment.name) if found is None else merged(found.tags, wanted)


def links(service: Resource | None) -> tuple[Link, ...]:
    """The links of a DPS, in the order in which it shows them."""
    listed = service.properties.get("iotHubs") if service else None
    return tuple(_link(each) for each in listed if isinstance(each, Mapping)) if isinstance(listed, list) else ()


def registry_host(host: str) -> str:
    """The one of a hub's three host names that all know it by, in lower case: without `.device`, at which its registry is not
    reached, and without `.service`. Two hosts are one hub's if these are the same. Source: Azure IoT Hub, "IoT Hub endpoints"."""
    return re.sub(r"^([^.]+)\.(?:device|service)(?=\.azure-devices\.)", r"\1", host.lower())


def is_link_of(host: str, hub: Hub) -> bool:
    """Whether a host is one of the three names of a hub."""
    name, _, domain = registry_host(host).partition(".")
    return name == hub.name.lower() and domain.startswith("azure-devices.")


def strange_links(environment: Environment, service: Resource | None) -> tuple[Link, ...]:
    """The links to hubs that the settings do not name."""
    return tuple(each for each in links(service) if not any(is_link_of(each.host, hub) for hub in environment.hub))


def _link(shown: Mapping[str, object]) -> Link:
    connection = str(shown.get("connectionString") or "")
    host = re.search(r"HostName=([^;]+)", connection)
    weight, applies = shown.get("allocationWeight"), shown.get("applyAllocationPolicy")
    return Link(
        host=str(shown.get("name") or shown.get("hostName") or (host[1] if host else "")),
        connection_string=connection,
        location=str(shown.get("location") or ""),
        weight=weight if isinstance(weight, int) else None,
        applies=applies if isinstance(applies, bool) else None,
        by_identity=shown.get("authenticationType") in ("SystemAssigned", "UserAssigned"),
    )


def _without(properties: Mapping[str, object], names: set[str]) -> dict[str, object]:
    return {name: each for name, each in properties.items() if name not in names}
