"""A hub that is linked to the DPS by its name for devices: it is no stranger's, and its devices are blocked and cut off too."""

from __future__ import annotations

from typing import Any

from dpsops.cli.connection import Connection
from dpsops.fleet.places import known_hubs
from dpsops.model.action import Action
from dpsops.model.enrollment import IndividualSettings
from dpsops.settings import Environment
from tests.planes import device_registry
from tests.workflows.commands import block, enroll, issue_to, member, members, plan, replace_compromised, unblock, up
from tests.workflows.doing import HUB, PRESS, over
from tests.workflows.history import DPS, GROUP, put, resource
from tests.worlds import World, environment, waited

DEVICE = HUB.replace(".", ".device.", 1)
ONE = {"name": "iot-dpsops-test"}
OTHERS = "iot-factory.device.azure-devices.net"


def link(world: World, host: str) -> dict[str, Any]:
    """A link to a host, as somebody makes it."""
    (key, *_) = world.connect().clients.hubs.iot_hub_resource.list_keys(GROUP, host.partition(".")[0])
    text = f"HostName={host};SharedAccessKeyName={key.key_name};SharedAccessKey={key.primary_key}"
    return {"connectionString": text, "location": "westeurope", "allocationWeight": 1}


def relinked(world: World, *hosts: str, settings: Environment | None = None) -> Connection:
    """The DPS is linked to these hosts alone, and press-07 registered since."""
    service = resource(world, DPS)
    service["properties"]["iotHubs"] = [link(world, host) for host in hosts]
    put(world, DPS, service)
    connection = world.connect(settings)
    up(connection)
    issue_to(connection, PRESS)
    over("https", connection)
    return connection


def status_of(connection: Connection, host: str = HUB) -> str:
    """The status of press-07's identity in a hub."""
    identity = device_registry(connection.clients, host).get(f"/devices/{PRESS}")
    assert identity is not None
    return str(identity["status"])


def test_the_group_names_the_hub_as_it_is_linked_and_nothing_else_is_changed(quick: World) -> None:
    connection = relinked(quick, DEVICE)
    found = connection.dps.group()
    assert found is not None
    assert found.provisioning.hubs == (DEVICE,)
    assert plan(quick.connect()).actions == ()
    assert up(quick.connect()) == []


def test_the_hub_is_one_hub_and_ours(quick: World) -> None:
    connection = relinked(quick, DEVICE)
    assert known_hubs(connection.run.environment, connection.dps.facts(), connection.hubs) == {HUB: True}


def test_a_device_is_listed_with_its_identity_and_the_hub_that_the_dps_names(quick: World) -> None:
    connection = relinked(quick, DEVICE)
    (listed,) = members(connection)
    shown, _ = member(connection, PRESS)
    for each in (listed, shown):
        assert (each.hub, each.identity_enabled, each.uses_newest_leaf) == (DEVICE, True, True)


def test_a_device_is_blocked_and_unblocked(quick: World) -> None:
    relinked(quick, DEVICE)
    connection = quick.connect()
    assert [each.outcome for each in block(connection, PRESS) if each.target == f"identity {PRESS} in {HUB}"] == ["disabled"]
    assert status_of(connection) == "disabled"
    assert waited(connection.dps.registration(PRESS)) is None
    assert DEVICE not in {each.host for each in quick.exchanges}, "there is no registry"
    unblock(connection, PRESS)
    assert status_of(connection) == "enabled"


def test_a_device_is_cut_off_with_its_root_and_let_in_with_the_next(quick: World) -> None:
    relinked(quick, DEVICE)
    connection = quick.connect()
    done = [(each.action, each.target) for each in replace_compromised(connection) if isinstance(each, Action)]
    assert [action for action, target in done if target == f"identity {PRESS} in {HUB}"] == ["disable", "enable"]
    assert DEVICE not in {each.host for each in quick.exchanges}, "there is no registry"


def test_a_hub_of_the_group_that_others_have_linked_by_its_name_for_devices_is_ours_too(quick: World) -> None:
    put(quick, "Microsoft.Devices/IotHubs/iot-factory", resource(quick, "Microsoft.Devices/IotHubs/iot-dpsops-test"))
    service = resource(quick, DPS)
    service["properties"]["iotHubs"].append(link(quick, OTHERS))
    put(quick, DPS, service)
    connection = quick.connect()
    known = known_hubs(connection.run.environment, connection.dps.facts(), connection.hubs)
    assert known == {HUB: True, "iot-factory.azure-devices.net": True}


def test_an_individual_enrollment_names_the_hub_as_it_is_linked(quick: World) -> None:
    connection = relinked(quick, DEVICE)
    enroll(connection, PRESS, IndividualSettings(hub="iot-dpsops-test"))
    entry = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert entry is not None
    assert entry["iotHubs"] == [DEVICE]


def test_the_devices_of_a_hub_that_is_unlinked_are_counted(quick: World) -> None:
    both = environment(root={"key": "EC-P256"}, hub=[ONE | {"weight": 0}, {"name": "iot-dpsops-two"}])
    two = "iot-dpsops-two.device.azure-devices.net"
    up(quick.connect(both))
    relinked(quick, HUB, two, settings=both)
    changes = [
        each for action in plan(quick.connect(environment(root={"key": "EC-P256"}, hub=[ONE]))).actions for each in action.changes
    ]
    (unlinked,) = [each for each in changes if each.after is None]
    assert unlinked.path == f"properties.iotHubs.{two}"
    assert unlinked.warning.endswith("; 1 device(s) are registered there")
