"""The services that the embedded Azure is made of: those over HTTPS, and the device-facing ones over MQTT."""

from __future__ import annotations

from dpsops.emulator.arm.service import SERVICE as RESOURCE_MANAGER
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.mqtt import DPS_ENDPOINT
from dpsops.emulator.dps.service import DEVICE_SERVICE as DPS_DEVICE
from dpsops.emulator.dps.service import SERVICE as DPS
from dpsops.emulator.http import Service
from dpsops.emulator.identity.service import SERVICE as IDENTITY
from dpsops.emulator.iothub import devicebound
from dpsops.emulator.iothub.devicebound import CannotSend
from dpsops.emulator.iothub.devices import disconnect_devices, find_device, messages_of
from dpsops.emulator.iothub.mqtt import HUB_ENDPOINT
from dpsops.emulator.iothub.service import SERVICE as IOT_HUB
from dpsops.emulator.iothub.state import every_hub, hub_at
from dpsops.emulator.iothub.telemetry import Message, read_message
from dpsops.emulator.keyvault.service import SERVICE as KEY_VAULT
from dpsops.emulator.mqtt_endpoint import Endpoint
from dpsops.emulator.world import World

__all__ = ["ENDPOINTS", "SERVICES", "CannotSend", "Message", "disconnect_devices", "messages", "send"]

SERVICES: tuple[Service, ...] = (IDENTITY, RESOURCE_MANAGER, KEY_VAULT, IOT_HUB, DPS, DPS_DEVICE)

ENDPOINTS: tuple[Endpoint, ...] = (HUB_ENDPOINT, DPS_ENDPOINT)


def messages(world: World, host: str, device_id: str) -> list[Message]:
    """The newest messages that a device has sent to the hub at a host, in their order; none where there is no such hub."""
    hub = hub_at(world, host)
    return [] if hub is None else [read_message(each) for each in messages_of(world, hub, device_id)]


def send(world: World, hub_name: str, device_id: str, message: JSON) -> str:
    """Sends a device a message, as a service does it, and returns the name of its hub. `messages.enqueue` says what one is.

    `hub_name`: empty for the one hub that has the device. Raises `CannotSend`.
    """
    hubs = every_hub(world)
    named = [hub for hub in hubs if hub["name"].lower() == hub_name.lower()]
    found = named if hub_name else [hub for hub in hubs if find_device(world, hub, device_id) is not None]
    match found:
        case []:
            raise CannotSend(f"there is no hub {hub_name}" if hub_name else f"no hub has a device {device_id}")
        case [hub]:
            devicebound.send(world, hub, device_id, message)
            return str(hub["name"])
    raise CannotSend(f"several hubs have a device {device_id}: {', '.join(str(hub['name']) for hub in found)}")
