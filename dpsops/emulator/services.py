"""The services that the embedded Azure is made of: those over HTTPS, and the device-facing ones over MQTT."""

from __future__ import annotations

from dpsops.emulator.arm.service import SERVICE as RESOURCE_MANAGER
from dpsops.emulator.dps.mqtt import DPS_ENDPOINT
from dpsops.emulator.dps.service import DEVICE_SERVICE as DPS_DEVICE
from dpsops.emulator.dps.service import SERVICE as DPS
from dpsops.emulator.http import Service
from dpsops.emulator.identity.service import SERVICE as IDENTITY
from dpsops.emulator.iothub.mqtt import HUB_ENDPOINT
from dpsops.emulator.iothub.service import SERVICE as IOT_HUB
from dpsops.emulator.keyvault.service import SERVICE as KEY_VAULT
from dpsops.emulator.mqtt_endpoint import Endpoint

SERVICES: tuple[Service, ...] = (IDENTITY, RESOURCE_MANAGER, KEY_VAULT, IOT_HUB, DPS, DPS_DEVICE)

ENDPOINTS: tuple[Endpoint, ...] = (HUB_ENDPOINT, DPS_ENDPOINT)
