"""Which logs the types of resources can export, by category and by group of categories.

Source: "Azure Key Vault logging"; the monitoring data references of DPS and of IoT Hub. The groups of a DPS and a hub but
`allLogs` are not known, and refused.
"""

from __future__ import annotations

VAULT, SERVICE, HUB = "Microsoft.KeyVault/vaults", "Microsoft.Devices/provisioningServices", "Microsoft.Devices/IotHubs"

_LOGS = {
    VAULT: ("AuditEvent", "AzurePolicyEvaluationDetails"),
    SERVICE: ("DeviceOperations", "ServiceOperations"),
    HUB: (
        "Connections", "DeviceTelemetry", "C2DCommands", "DeviceIdentityOperations", "FileUploadOperations", "Routes",
        "D2CTwinOperations", "C2DTwinOperations", "TwinQueries", "JobsOperations", "DirectMethods", "DistributedTracing",
        "Configurations", "DeviceStreams",
    ),
}  # fmt: skip

METRICS = ("AllMetrics",)
"""The metrics of every type."""


def logs(type_: str) -> tuple[str, ...]:
    """The categories of logs of a type."""
    return _LOGS[type_]


def groups(type_: str) -> dict[str, tuple[str, ...]]:
    """The groups of a type, and the categories in each."""
    audit = {"audit": ("AuditEvent",)} if type_ == VAULT else {}
    return audit | {"allLogs": _LOGS[type_]}
