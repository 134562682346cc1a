"""The services that the embedded Azure is made of: those over HTTPS, and the device-facing ones over MQTT."""

from __future__ import annotations

from dpsops.emulator.arm.service import SERVICE as RESOURCE_MANAGER
from dpsops.emulator.dps.mqtt import DPS_ENDPOINT
from dpsops.emulator.dps.service import DEVICE_SERVICE as DPS_DEVICE
from dpsops.emulator.dps.service import SERVICE as DPS
from dpsops.emulator.http import Service
from dpsops.emulator.identity.service import SERVICE as IDENTITY
from dpsops.emulator.iothub.devices import disconnect_devices, messages_of
from dpsops.emulator.iothub.mqtt import HUB_ENDPOINT
from dpsops.emulator.iothub.service import SERVICE as IOT_HUB
from dpsops.emulator.iothub.state import hub_at
from dpsops.emulator.iothub.telemetry import Message, read_message
from dpsops.emulator.keyvault.service import SERVICE as KEY_VAULT
from dpsops.emulator.mqtt_endpoint import Endpoint
from dpsops.emulator.world import World

__all__ = ["ENDPOINTS", "SERVICES", "Message", "disconnect_devices", "messages"]

SERVICES: tuple[Service, ...] = (IDENTITY, RESOURCE_MANAGER, KEY_VAULT, IOT_HUB, DPS, DPS_DEVICE)

ENDPOINTS: tuple[Endpoint, ...] = (HUB_ENDPOINT, DPS_ENDPOINT)


def messages(world: World, host: str, device_id: str) -> list[Message]:
    """The newest messages that a device has sent to the hub at a host, in their order; none where there is no such hub."""
    hub = hub_at(world, host)
    return [] if hub is None else [read_message(each) for each in messages_of(world, hub, device_id)]
