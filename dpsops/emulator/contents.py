"""What is in the embedded Azure, for a person who looks: names, states and messages, and never a key or the value of a secret."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.enrollments.entries import GROUPS, INDIVIDUALS, Kind, entries_of
from dpsops.emulator.dps.registrations import all_registrations, is_pending
from dpsops.emulator.dps.state import DOMAIN as DPS_DOMAIN
from dpsops.emulator.dps.state import every_service
from dpsops.emulator.iothub.devices import devices_of, newest_messages
from dpsops.emulator.iothub.messages import queued
from dpsops.emulator.iothub.state import DOMAIN as HUB_DOMAIN
from dpsops.emulator.iothub.state import every_hub
from dpsops.emulator.iothub.telemetry import read_message
from dpsops.emulator.keyvault import objects, vaults
from dpsops.emulator.keyvault.objects import CERTIFICATES, KEYS, SECRETS
from dpsops.emulator.world import World

NEWEST = 20
"""How many messages are shown."""
_ALWAYS = ("login.microsoftonline.com", "management.azure.com", f"global{DPS_DOMAIN}")


@dataclass(frozen=True, slots=True)
class Vault:
    """A living vault, with the names of what lives in it."""

    name: str
    keys: tuple[str, ...]
    secrets: tuple[str, ...]
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProvisioningService:
    """A DPS."""

    name: str
    id_scope: str


@dataclass(frozen=True, slots=True)
class Enrollment:
    """An enrollment group, or the individual enrollment of one device."""

    service: str
    id: str
    is_group: bool
    attestation: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """A device's registration. `hub`: its host, empty if there is none; `updated`: epoch s; `failure`: code and text."""

    service: str
    id: str
    group: str
    status: str
    hub: str
    updated: float
    failure: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A device in a hub. `sent`: how many messages it has ever sent; `waiting`: how many are there for it."""

    hub: str
    device: str
    enabled: bool
    connected: bool
    authentication: str
    last_activity: float | None
    sent: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a device has sent, or one that waits for it. `at`: when the hub got it, epoch s."""

    hub: str
    device: str
    is_from_device: bool
    at: float
    body: bytes
    properties: dict[str, str]
    system: dict[str, str]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything, each in the order of its names; of the messages the `NEWEST`, in the order of their times."""

    vaults: tuple[Vault, ...] = ()
    services: tuple[ProvisioningService, ...] = ()
    enrollments: tuple[Enrollment, ...] = ()
    registrations: tuple[Registration, ...] = ()
    hubs: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    messages: tuple[Message, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts that a client may need."""
        named = [f"{each.name}.vault.azure.net" for each in self.vaults]
        named += [f"{each.name}{DPS_DOMAIN}" for each in self.services]
        return (*_ALWAYS, *(each.lower() for each in (*named, *(f"{hub}{HUB_DOMAIN}" for hub in self.hubs))))


def contents(world: World) -> Contents:
    """What there is now."""
    services, hubs = every_service(world), every_hub(world)
    messages = [each for hub in hubs for each in _messages(world, hub)]
    return Contents(
        vaults=tuple(_vault(world, each) for each in vaults.every(world)),
        services=tuple(ProvisioningService(each["name"], each["idScope"]) for each in services),
        enrollments=tuple(
            _enrollment(each, kind, entry)
            for each in services
            for kind in (GROUPS, INDIVIDUALS)
            for entry in entries_of(world, each, kind)
        ),
        registrations=tuple(
            _registration(world, each, found) for each in services for found in all_registrations(world, each)
        ),
        hubs=tuple(each["name"] for each in hubs),
        identities=tuple(_identity(world, hub, device) for hub in hubs for device in devices_of(world, hub)),
        messages=tuple(sorted(messages, key=lambda each: each.at)[-NEWEST:]),
    )  # fmt: skip


def _vault(world: World, vault: vaults.Vault) -> Vault:
    keys, secrets, certificates = (objects.names(world, vault, each) for each in (KEYS, SECRETS, CERTIFICATES))
    return Vault(vault.name, keys, secrets, certificates)


def _enrollment(service: JSON, kind: Kind, entry: JSON) -> Enrollment:
    enabled = entry["settings"].get("provisioningStatus") != "disabled"
    return Enrollment(service["name"], entry["id"], kind is GROUPS, entry["attestation"]["type"], enabled)


def _registration(world: World, service: JSON, found: JSON) -> Registration:
    status = "assigning" if is_pending(world, found) else found["status"]
    failure = f"{found['error']['code']} {found['error']['message']}" if status == "failed" else ""
    hub = found["hub"] if status == "assigned" else ""
    return Registration(
        service["name"], found["registrationId"], found["group"] or "", status, hub, min(found["updated"], world.now), failure
    )


def _identity(world: World, hub: JSON, device: JSON) -> Identity:
    return Identity(
        hub=hub["name"],
        device=device["deviceId"],
        enabled=device["status"] == "enabled",
        connected=device["connection"] is not None,
        authentication=device["authentication"]["type"],
        last_activity=device["lastActivity"],
        sent=device["sent"],
        waiting=len(queued(world, hub, device)),
    )


def _messages(world: World, hub: JSON) -> Iterator[Message]:
    for device in devices_of(world, hub):
        for each in map(read_message, newest_messages(world, hub, device, NEWEST)):
            yield Message(hub["name"], device["deviceId"], True, each.enqueued, each.body, each.properties, each.system)
        for kept in queued(world, hub, device)[-NEWEST:]:
            body = base64.b64decode(kept["body"])
            yield Message(hub["name"], device["deviceId"], False, kept["enqueued"], body, kept["properties"], kept["system"])
