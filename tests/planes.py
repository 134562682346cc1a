"""The registry of a hub as it is on the wire, for tests that change it by hand."""

from __future__ import annotations

from dpsops.azure.clients import Clients
from dpsops.azure.data_plane import DataPlane


def device_registry(clients: Clients, host: str) -> DataPlane:
    """The device registry of a hub (service API 2021-04-12)."""
    scope = "https://iothubs.azure.net/.default"
    return DataPlane(host, scope, "2021-04-12", clients._credential, clients._transport)
