"""Helpers for the tests of rotations: a step, the status, a breach, and changes that somebody makes by hand in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography import x509

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued
from dpsops.model.member import WaitingDevice
from dpsops.model.rotation import Observed, Phase, Standing, classify
from dpsops.pki import chains, profiles
from dpsops.pki.bundles import read_bundle
from dpsops.pki.names import DeviceId, device_id, secret_name
from dpsops.steps.use_root import finished_root, issuer
from tests.planes import device_registry
from tests.workflows.by_hand import azure
from tests.workflows.commands import issue_to, replace_compromised, rotate, rotation_status, view
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.history import group_of
from tests.worlds import World, waited

BLOCKED = device_id("press-09")
NONE, MONTH = timedelta(0), timedelta(days=30)

PHASES = [
    Phase.STAGED, Phase.PROVEN, Phase.OVERLAPPING, Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING, Phase.RETIRED, Phase.STABLE,
]  # fmt: skip


def step(connection: Connection, until: Phase | None = None, grace: timedelta = MONTH) -> list[Action]:
    """Runs `rotate`: the actions that it did. No device fails."""
    done = rotate(connection, until, grace)
    assert not [one for one in done if isinstance(one, Failed)]
    return [one for one in done if isinstance(one, Action)]


def observed(connection: Connection) -> Observed:
    """The state of the rotation."""
    return view(connection).observed


def standing(connection: Connection) -> Standing:
    """The status of the rotation."""
    return classify(observed(connection))


def phase(connection: Connection) -> Phase:
    """The phase of the rotation."""
    return standing(connection).phase


def waits(connection: Connection, grace: timedelta = MONTH) -> tuple[WaitingDevice, ...]:
    """The devices that the rotation waits for."""
    return rotation_status(connection, grace).waiting.devices


def generations(connection: Connection) -> list[int]:
    """The generations in the vault."""
    return list(connection.roots.all())


def issued(world: World, *devices: DeviceId) -> None:
    """Issues certificates to these devices."""
    assert all(isinstance(one, Issued) for one in issue_to(world.connect(), *devices))


def registered(world: World, *devices: DeviceId) -> None:
    """Issues certificates to these devices, which then register."""
    issued(world, *devices)
    for name in devices:
        Device.fetched(world.connect(), name).register(world.connect())


def breach(world: World, replace: int | None = None) -> list[Action]:
    """Runs `rotate --compromised`, confirmed: the actions that it did."""
    return [one for one in replace_compromised(world.connect(), replace=replace) if isinstance(one, Action)]


def forged(connection: Connection, name: str) -> Device:
    """A device with a forged certificate, as anybody with the root's key can issue it. The vault has no certificate of it."""
    authority = issuer(connection.run, connection.roots, connection.dps)
    key = connection.run.entropy.key()
    leaf = profiles.issue_leaf(
        device_id(name), key.public_key(), authority.root.certificate, connection.roots.signer(authority.root),
        lifetime=timedelta(days=30), serial=connection.run.entropy.serial(), now=connection.run.now(),
    )  # fmt: skip
    bundle = chains.bundle(key, leaf, authority.chain)
    return Device(device_id(name), read_bundle(bundle.encode(), name))


def certificate_of(connection: Connection, root: str) -> x509.Certificate:
    """The certificate of a finished root."""
    return finished_root(connection.run, connection.roots, root).certificate


def identity(connection: Connection, name: str = PRESS, hub: str = HUB) -> dict[str, Any]:
    """The device identity, as the hub answers it."""
    found = device_registry(connection.clients, hub).get(f"/devices/{name}")
    assert found is not None
    return found


def hub_thumbprint(connection: Connection, name: str = PRESS) -> str:
    """The SHA-256 thumbprint in a device identity."""
    return str(identity(connection, name)["authentication"]["x509Thumbprint"]["primaryThumbprint"])


def pinned(connection: Connection, device: DeviceId) -> tuple[str, ...]:
    """The SHA-256 thumbprints of the certificates in a device's individual enrollment."""
    found = waited(connection.dps.individual(device))
    assert found is not None
    return found.pinned


def fail_for_press_08(world: World) -> None:
    """From now on the vault fails to store a bundle of press-08."""

    def stores_press_08(request: Request) -> bool:
        return request.method == "PUT" and request.path == f"/secrets/{secret_name(OTHER)}"

    refusal = Refuse(Response(500, {"error": {"code": "X", "message": "No."}}))
    azure(world).faults.add(Fault(refusal, stores_press_08, times=None))


def lock(world: World) -> str:
    """Somebody locks the resource group: nothing in it can be deleted. Returns the ID of the lock."""
    identifier = f"{group_of(world)}/providers/Microsoft.Authorization/locks/keep"
    body = {"properties": {"level": "CanNotDelete"}}
    world.connect().clients.groups.resources.begin_create_or_update_by_id(identifier, body, api_version="2020-05-01").result()
    return identifier


def group_path(connection: Connection) -> str:
    """The path of the enrollment group in the DPS."""
    return f"/enrollmentGroups/{connection.run.environment.group.id}"


def trusting(primary: str, secondary: str) -> dict[str, Any]:
    """The attestation of a group that trusts two CA certificates."""
    return {"type": "x509", "x509": {"caReferences": {"primary": primary, "secondary": secondary}}}


def create_group(connection: Connection, primary: str, secondary: str) -> None:
    """Somebody creates the group again, with two CA certificates and the settings of the tests."""
    document = {
        "enrollmentGroupId": connection.run.environment.group.id,
        "attestation": trusting(primary, secondary),
        "provisioningStatus": "enabled",
        "reprovisionPolicy": {"updateHubAssignment": True, "migrateDeviceData": True},
        "allocationPolicy": "hashed",
        "iotHubs": [HUB],
        "initialTwin": {"tags": {}, "properties": {"desired": {}}},
    }
    connection.clients.enrollments.put(group_path(connection), document, None)


def edit_group(connection: Connection, **changes: Any) -> None:
    """Somebody changes members of the enrollment group's document."""
    enrollments, path = connection.clients.enrollments, group_path(connection)
    document = enrollments.get(path)
    assert document is not None
    enrollments.put(path, document | changes, document["etag"])


def disable_group(world: World) -> None:
    """Somebody disables the group by hand."""
    edit_group(world.connect(), provisioningStatus="disabled")


def enable_group(world: World) -> None:
    """Somebody enables the group again."""
    edit_group(world.connect(), provisioningStatus="enabled")


def delete_group(connection: Connection) -> None:
    """Somebody deletes the group."""
    connection.clients.enrollments.delete(group_path(connection), view(connection).group.etag)


def enable_root(connection: Connection, name: str, *, enabled: bool) -> None:
    """Somebody enables or disables a root in the vault."""
    version = connection.roots.properties(name).version
    connection.clients.certificates.update_certificate_properties(name, version, enabled=enabled)


def delete_root(connection: Connection, name: str) -> None:
    """Somebody deletes a root from the vault."""
    connection.clients.certificates.begin_delete_certificate(name).result()


def recover_root(connection: Connection, name: str) -> None:
    """Somebody recovers a deleted root."""
    connection.clients.certificates.begin_recover_deleted_certificate(name).result()
