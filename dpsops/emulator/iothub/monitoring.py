"""Operations monitoring, retired years ago: the first answer to a PUT still shows what is left of it."""

from __future__ import annotations

import uuid
from email.utils import formatdate

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.properties import endpoint, partition_ids
from dpsops.emulator.microsoft_devices.policies import policy

_EVENTS = ("None", "Connections", "DeviceTelemetry", "C2DCommands", "DeviceIdentityOperations", "FileUploadOperations", "Routes")
_DEFAULTS = {"retentionTimeInDays": 1, "partitionCount": 4}


def internal_policies() -> list[JSON]:
    """The keys that the service keeps for itself, made with the hub."""
    return [
        policy(f"scaleunitsend-{uuid.uuid4()}-iothub", "Send"),
        policy(f"owner-{uuid.uuid4()}-iothub", "Listen, Manage, Send"),
    ]


def with_defaults(properties: JSON) -> JSON:
    """The first answer to the PUT that creates a hub, as it was until 2022."""
    if properties.get("eventHubEndpoints") is None:
        return properties
    return properties | {"eventHubEndpoints": properties["eventHubEndpoints"] | {"operationsMonitoringEvents": _DEFAULTS}}


def with_remains(properties: JSON, hub: JSON, *, keys: bool = True) -> JSON:
    """The first answer to a PUT that changes a hub, as it has been since 2023; without `keys`, a GET as it was in 2017. A PUT
    that says nothing of the built-in endpoint is answered with what that is."""
    listeners = [each | {"rights": "Listen"} for each in hub["policies"] if "ServiceConnect" in each["rights"]]
    shown = {
        "internalAuthorizationPolicies": [_claim(hub, each) for each in hub["internalPolicies"]],
        "authorizationPolicies": [_claim(hub, each) for each in listeners],
    }
    claims = shown if keys else {}
    given = properties.get("eventHubEndpoints")
    if given is None:
        events = hub["properties"]["eventHubEndpoints"]["events"]
        given = {"events": events | partition_ids(events) | endpoint(hub) | claims}
    retired = _DEFAULTS | partition_ids(_DEFAULTS) | endpoint(hub, "-operationmonitoring") | claims
    return {
        "operationsMonitoringProperties": {"events": dict.fromkeys(_EVENTS, "None")},
        **properties,
        "eventHubEndpoints": given | {"operationsMonitoringEvents": retired},
    }


def _claim(hub: JSON, each: JSON) -> JSON:
    created = formatdate(hub["created"], usegmt=True)
    return {
        "ClaimType": "SharedAccessKey",
        "ClaimValue": "None",
        "KeyName": each["keyName"],
        "PrimaryKey": each["primaryKey"],
        "SecondaryKey": each["secondaryKey"],
        "Rights": each["rights"].split(", "),
        "CreatedTime": created,
        "ModifiedTime": created,
    }
