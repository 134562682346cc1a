"""The properties of a hub: what can be set, what the service adds, and what each API version shows of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import requirements
from dpsops.emulator.iothub.routing import masked, read_routing, spell_sources
from dpsops.emulator.iothub.rules import Sku
from dpsops.emulator.iothub.state import DOMAIN
from dpsops.emulator.microsoft_devices.regions import display_name
from dpsops.emulator.resource_provider.bodies import member, members
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

_QUEUE = {"lockDurationAsIso8601": "PT1M", "ttlAsIso8601": "PT1H", "maxDeliveryCount": 10}
_CLOUD_TO_DEVICE = {"maxDeliveryCount": 10, "defaultTtlAsIso8601": "PT1H", "feedback": _QUEUE}
_STORAGE = {"sasTtlAsIso8601": "PT1H", "connectionString": "", "containerName": ""}
_KEPT: dict[str, type[Any]] = {
    "disableLocalAuth": bool,
    "disableDeviceSAS": bool,
    "disableModuleSAS": bool,
    "restrictOutboundNetworkAccess": bool,
    "publicNetworkAccess": str,
    "networkRuleSets": dict,
    "minTlsVersion": str,
    "comments": str,
    "enableDataResidency": bool,
}
_SINCE = {
    "locations": "2019",
    "minTlsVersion": "2021-03-31",
    "publicNetworkAccess": "2021-03-31",
    "networkRuleSets": "2021-03-31",
    "disableLocalAuth": "2021-07-02",
    "disableDeviceSAS": "2021-07-02",
    "disableModuleSAS": "2021-07-02",
    "restrictOutboundNetworkAccess": "2021-07-02",
    "allowedFqdnList": "2021-07-02",
    "enableDataResidency": "2021-07-02",
}
"""The API version that first shows a property: as recorded at 2017-07-01, 2019-03-22, 2019-07-01-preview and 2021-07-02."""
_COSMOS_SINCE = "2022-04-30-preview"


def read_properties(world: World, given: JSON, sku: Sku, existing: JSON | None) -> JSON:
    """All that can be set, complete: what the PUT gives over the service's defaults."""
    _check(world, given)
    events = member(member(given, "eventHubEndpoints", dict) or {}, "events", dict) or {}
    storage = member(member(given, "storageEndpoints", dict) or {}, "$default", dict) or {}
    notifications = member(member(given, "messagingEndpoints", dict) or {}, "fileNotifications", dict) or {}
    partitions = min(4, sku.partitions[1]) if existing is None else existing["eventHubEndpoints"]["events"]["partitionCount"]
    properties: JSON = {
        "eventHubEndpoints": {
            "events": {
                "retentionTimeInDays": _number(events, "retentionTimeInDays", 1),
                "partitionCount": _number(events, "partitionCount", partitions),
            }
        },
        "routing": read_routing(world, member(given, "routing", dict), None if existing is None else existing["routing"]),
        "storageEndpoints": {"$default": _STORAGE | masked(storage)},
        "messagingEndpoints": {"fileNotifications": _QUEUE | notifications},
        "enableFileUploadNotifications": member(given, "enableFileUploadNotifications", bool) or False,
        "cloudToDevice": _cloud_to_device(member(given, "cloudToDevice", dict) or {}),
        "allowedFqdnList": member(given, "allowedFqdnList", list) or [],
        "ipFilterRules": member(given, "ipFilterRules", list) or [],
    }
    return properties | {name: value for name, kind in _KEPT.items() if (value := member(given, name, kind)) is not None}


def _check(world: World, given: JSON) -> None:
    for endpoint in _objects(given, "storageEndpoints").values():
        requirements.check_storage(world, endpoint)
    messages = member(given, "cloudToDevice", dict) or {}
    queues = _objects(given, "messagingEndpoints").values()
    for queue in (messages, member(messages, "feedback", dict) or {}, *queues):
        requirements.check_queue(world, queue)
    requirements.check_filter(world, members(given, "ipFilterRules", dict) or [], ("Accept", "Reject"))
    members(given, "allowedFqdnList", str)
    network = member(given, "networkRuleSets", dict)
    if network is not None:
        requirements.check_network(world, network)


def _objects(given: JSON, name: str) -> dict[str, JSON]:
    found = member(given, name, dict) or {}
    return {key: value for key in found if (value := member(found, key, dict)) is not None}


def show_properties(hub: JSON, version: str, *, complete: bool) -> JSON:
    """The properties as a GET shows them. `complete`: no state is passing.

    A hub that is being made has no host, partitions or endpoint yet; one that is changed or deleted has them still
    (recordings `iot_hub`, `dps_linked_hub_lifecycle`; of one that is being made `test_hub_wait` of Microsoft's CLI).
    """
    made = complete or hub["state"] != "Activating"
    kept: JSON = deepcopy(hub["properties"])
    events = kept["eventHubEndpoints"]["events"]
    if made:
        events |= partition_ids(events) | endpoint(hub)
    if version < _COSMOS_SINCE:
        del kept["routing"]["endpoints"]["cosmosDBSqlContainers"]
    names = [display_name(region) for region in hub["regions"]]
    found = {
        "locations": [{"location": name, "role": role} for name, role in zip(names, ("primary", "secondary"), strict=False)],
        "state": "Active" if complete else hub["state"],
        "provisioningState": "Succeeded" if complete else hub["state"],
        **({"hostName": hub["name"] + DOMAIN} if made else {}),
        **{name: value for name, value in kept.items() if version >= _SINCE.get(name, "")},
        "features": "RootCertificateV2",
    }
    if version < _SINCE["locations"]:
        del found["locations"]
    if previews(version):
        found["rootCertificate"] = {"enableRootCertificateV2": True, "lastUpdatedTimeUtc": timestamp(hub["created"])}
    return found


def show_given(given: JSON, version: str, *, complete: bool) -> JSON:
    """The properties in the first answer to a PUT: as they were given, with a few defaults; when `complete`, with one more."""
    defaults: JSON = {"enableFileUploadNotifications": False, "features": "None"}
    if complete:
        defaults["cloudToDevice"] = _CLOUD_TO_DEVICE
        notifications = member(member(given, "messagingEndpoints", dict) or {}, "fileNotifications", dict)
        if notifications is not None:  # recorded 2020
            given = given | {"messagingEndpoints": {"fileNotifications": _QUEUE | notifications}}
    shown = defaults | {name: value for name, value in given.items() if name not in ("state", "hostName", "locations")}
    if version >= _SINCE["allowedFqdnList"]:
        shown = {"allowedFqdnList": []} | shown
    if member(given, "routing", dict) is not None:
        shown["routing"] = spell_sources(given["routing"])
    return shown | {"provisioningState": "Accepted"}


def previews(version: str) -> bool:
    """Whether the version shows what is recorded of 2023's previews alone."""
    return version.endswith("-preview") and version >= _COSMOS_SINCE


def partition_ids(events: JSON) -> JSON:
    """The partitions of an endpoint of the hub's own."""
    return {"partitionIds": [str(index) for index in range(events["partitionCount"])]}


def endpoint(hub: JSON, suffix: str = "") -> JSON:
    """The Event Hubs name and address of the built-in endpoint; `suffix` is appended to the name."""
    return {"path": hub["name"].lower()[:25] + suffix, "endpoint": f"sb://iothub-ns-{hub['namespace']}.servicebus.windows.net/"}


def _number(given: JSON, name: str, default: int) -> int:
    found = member(given, name, int)
    return default if found is None else found


def _cloud_to_device(given: JSON) -> JSON:
    return _CLOUD_TO_DEVICE | given | {"feedback": _QUEUE | (member(given, "feedback", dict) or {})}
