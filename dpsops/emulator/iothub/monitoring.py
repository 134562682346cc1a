"""Operations monitoring, retired years ago: the first answer to a PUT still shows what is left of it."""

from __future__ import annotations

import uuid
from email.utils import formatdate

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.properties import endpoint
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
    """The first answer to the PUT that creates a hub, as API versions before 2023 give it."""
    if properties.get("eventHubEndpoints") is None:
        return properties
    return properties | {"eventHubEndpoints": properties["eventHubEndpoints"] | {"operationsMonitoringEvents": _DEFAULTS}}


def with_remains(properties: JSON, hub: JSON) -> JSON:
    """The first answer to a PUT that changes a hub, as the previews of 2023 give it."""
    listeners = [each | {"rights": "Listen"} for each in hub["policies"] if "ServiceConnect" in each["rights"]]
    events = {
        **_DEFAULTS,
        "partitionIds": ["0", "1", "2", "3"],
        **endpoint(hub, "-operationmonitoring"),
        "internalAuthorizationPolicies": [_claim(hub, each) for each in hub["internalPolicies"]],
        "authorizationPolicies": [_claim(hub, each) for each in listeners],
    }
    return {
        "operationsMonitoringProperties": {"events": dict.fromkeys(_EVENTS, "None")},
        **properties,
        "eventHubEndpoints": (properties.get("eventHubEndpoints") or {}) | {"operationsMonitoringEvents": events},
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
