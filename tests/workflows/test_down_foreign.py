"""What `down` leaves, because dpsops did not make it: each foreign thing in each place, and what stays beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azure.mgmt.resource.resources.models import ResourceGroupPatchable

from dpsops.errors import Changed, Denied, Refused
from dpsops.model.removal import GROUP, Removal
from dpsops.model.roles import HUB, ROLES, SERVICE, VAULT
from dpsops.settings import MADE_TAG
from dpsops.workflows.down import soft_deleted
from tests.workflows.by_hand import create, self_signed, upload
from tests.workflows.commands import block, down, issue_to, removal, up
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.history import group_of, put, resource
from tests.workflows.identities import GROUP as GROUP_ID
from tests.workflows.identities import as_identity, principal, role_named
from tests.worlds import World, environment, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

DPS, IOT, KV = f"{SERVICE}/dps-dpsops-test", f"{HUB}/iot-dpsops-test", f"{VAULT}/kv-dpsops-test"
ALL, NONE = {DPS, IOT, KV}, set[str]()


def enrollment_group(world: World) -> None:
    """An enrollment group of somebody else."""
    document = {"enrollmentGroupId": "theirs", "attestation": {"type": "symmetricKey", "symmetricKey": {}}}
    world.connect().clients.enrollments.put("/enrollmentGroups/theirs", document, None)


def enrollment(world: World) -> None:
    """An individual enrollment of somebody else's device."""
    document = {"registrationId": "theirs", "attestation": {"type": "symmetricKey", "symmetricKey": {}}}
    world.connect().clients.enrollments.put("/enrollments/theirs", document, None)


def ca_certificate(world: World) -> None:
    """A CA certificate of somebody else in the DPS."""
    connection = world.connect()
    upload(connection, "theirs", self_signed("theirs", connection.run.now()))


def link(world: World) -> None:
    """The DPS is linked to somebody else's hub in another group."""
    other = environment(
        resource_group="rg-other", hub=[{"name": "iot-theirs"}], vault={"name": "kv-other"}, dps={"name": "dps-other"}
    )
    up(world.connect(other))
    found = resource(world, DPS)
    world.connect()
    connected = "HostName=iot-theirs.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" + hub_key(
        world, other.resource_group
    )
    found["properties"] = {"iotHubs": [{"connectionString": connected, "location": "westeurope"}]}
    put(world, DPS, found)


def hub_key(world: World, group: str) -> str:
    """The key with which a DPS is linked to a hub."""
    keys = world.connect().clients.hubs.iot_hub_resource.list_keys(group, "iot-theirs")
    return next(str(each.primary_key) for each in keys if each.key_name == "iothubowner")


def device(world: World) -> None:
    """A device identity that somebody made in the hub."""
    document = {"deviceId": "theirs", "status": "enabled", "authentication": {"type": "sas"}}
    waited(world.connect().clients.registry("iot-dpsops-test.azure-devices.net").put("/devices/theirs", document, None))


def other_service(world: World) -> None:
    """Another DPS is linked to the hub."""
    found = resource(world, DPS)
    keys = world.connect().clients.hubs.iot_hub_resource.list_keys("rg-dpsops-test", "iot-dpsops-test")
    key = next(str(each.primary_key) for each in keys if each.key_name == "iothubowner")
    connected = f"HostName=iot-dpsops-test.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}"
    links = [{"connectionString": connected, "location": "westeurope"}]
    made = {"location": "westeurope", "sku": found["sku"], "properties": {"iotHubs": links}}
    put(world, f"{SERVICE}/dps-theirs", made)


def secret(world: World) -> None:
    """A secret of somebody else."""
    world.connect().clients.secrets.set_secret("theirs", "a password")


def key(world: World) -> None:
    """A key of somebody else."""
    officer = as_identity(world, principal("officer"), role_named("Key Vault Administrator"), scope=f"{GROUP_ID}/providers/{KV}")
    officer.connect().clients.keys.create_ec_key("theirs")


def certificate(world: World) -> None:
    """A certificate that looks like a root, and is none of dpsops's."""
    create(world.connect(), "root-g7", {}, exportable=True)


FOREIGN: dict[str, tuple[Callable[[World], None], set[str], str]] = {
    "enrollment group": (enrollment_group, ALL, "the enrollment group theirs"),
    "enrollment": (enrollment, ALL, "the enrollment theirs"),
    "CA certificate": (ca_certificate, ALL, "the CA certificate theirs"),
    "link": (link, {DPS, KV}, "the linked hub iot-theirs"),
    "device": (device, {IOT}, "the device theirs"),
    "another DPS": (other_service, {IOT}, "another DPS is linked to it: dps-theirs"),
    "secret": (secret, {KV}, "the secret theirs"),
    "key": (key, {KV}, "the key theirs"),
    "certificate": (certificate, {KV}, "the certificate root-g7"),
}


def kept(planned: Removal) -> dict[str, str]:
    """What stays, and why."""
    return {f"{each.type}/{each.name}": each.reason for each in planned.kept if each.type != GROUP}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_resource_with_anything_of_somebody_else_s_stays(quick: World, name: str) -> None:
    add, stays, reason = FOREIGN[name]
    add(quick)
    planned = removal(quick.connect())
    assert set(kept(planned)) == stays
    assert any(reason in each for each in kept(planned).values())
    assert (planned.removes_group, planned.is_complete) == (False, False)
    assert {each.target for each in down(quick.connect())} == ALL - stays
    again = removal(quick.connect())
    assert (set(kept(again)), again.actions) == (stays, ())
    assert {each.target for each in planned.parts} == ALL - stays
    for target in stays:
        assert resource(quick, target)["name"] == target.rpartition("/")[2]


def test_what_blocked_and_enrolled_devices_have_is_dpsops_own(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    block(quick.connect(), OTHER)
    planned = removal(quick.connect())
    assert (planned.kept, planned.is_complete) == ((), True)
    assert "1 enrollment" in planned.parts[0].contents.counts


def test_without_a_mark_it_is_said_and_the_group_stays(quick: World) -> None:
    """As an earlier version made it, or somebody else."""
    unmark(quick)
    planned = removal(quick.connect())
    assert [each.target for each in planned.actions] == [DPS, IOT, KV]
    assert [(each.name, each.reason, each.is_ours) for each in planned.kept] == [
        ("rg-dpsops-test", "nothing says that dpsops made it", False)
    ]
    assert planned.is_complete
    (note,) = planned.notes
    assert note.startswith(
        "nothing says that dpsops made dps-dpsops-test, iot-dpsops-test, kv-dpsops-test: an earlier version did"
    )
    down(quick.connect())
    assert removal(quick.connect()).actions == ()


def unmark(world: World) -> None:
    """Removes the mark from everything."""
    for target in (DPS, IOT, KV):
        found = resource(world, target)
        put(world, target, found | {"tags": {name: each for name, each in found["tags"].items() if name != MADE_TAG}})
    world.connect().clients.groups.resource_groups.update("rg-dpsops-test", ResourceGroupPatchable(tags={}))


def test_a_group_with_more_in_it_stays(quick: World) -> None:
    put(quick, f"{HUB}/iot-theirs", {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {}})
    planned = removal(quick.connect())
    assert [each.target for each in planned.actions] == [DPS, IOT, KV]
    assert [each.reason for each in planned.kept] == [f"there is more in it: {HUB}/iot-theirs"]
    assert not planned.is_complete
    down(quick.connect())
    assert resource(quick, f"{HUB}/iot-theirs")["name"] == "iot-theirs"


def test_a_group_with_roles_on_it_stays(quick: World) -> None:
    as_identity(quick, principal("somebody"), role_named("Reader"))
    (kept_group,) = removal(quick.connect()).kept
    assert kept_group.reason == "1 role(s) are assigned on it, which would be lost"


@pytest.mark.parametrize("scope", ["", f"/providers/{IOT}", f"/providers/{DPS}"])
def test_a_lock_is_named_before_anything_is_removed(quick: World, scope: str) -> None:
    name = f"{scope.removeprefix('/providers/')}/providers/" if scope else ""
    put(quick, f"{name}Microsoft.Authorization/locks/keep", {"properties": {"level": "CanNotDelete"}})
    connection = quick.connect()
    with pytest.raises(Refused, match=r"1 lock\(s\) forbid the removal, so nothing was removed: .*/locks/keep") as refused:
        down(connection)
    assert f"az lock delete --ids {group_of(quick)}{scope}/providers/Microsoft.Authorization/locks/keep" in refused.value.hint
    assert [each for each in quick.exchanges if each.writes] == []


def test_who_may_not_look_into_it_does_not_remove_it(quick: World) -> None:
    contributor = as_identity(quick, principal("contributor"), role_named("Contributor"))
    with pytest.raises(Denied) as denied:
        down(contributor.connect())
    assert "Key Vault" in denied.value.hint
    assert [each for each in quick.exchanges if each.writes] == []


def operator_and_contributor(world: World) -> World:
    """A person who may look into everything, and remove it, in the resource group alone."""
    roles = [*(each.id for of_type in ROLES.values() for each in of_type), role_named("Contributor")]
    return as_identity(world, principal("person"), *roles)


def test_an_operator_who_is_contributor_may_remove_it_and_learns_what_could_not_be_seen(quick: World) -> None:
    person = operator_and_contributor(quick)
    planned = removal(person.connect())
    assert [each.partition(":")[0] for each in planned.notes] == [
        "this identity may not read locks",
        "this identity may not list the deleted vaults of the subscription",
        "this identity may not list the DPSs of the subscription",
    ]
    assert [each.target for each in down(person.connect())] == [DPS, IOT, KV]
    connection = person.connect()
    (deleted,) = soft_deleted(connection.run, connection.looking, planned)
    assert deleted.until is not None


def test_who_could_not_purge_learns_it_before_anything_is_removed(quick: World) -> None:
    person = operator_and_contributor(quick)
    with pytest.raises(Denied, match=r"Microsoft\.KeyVault/deletedVaults/read"):
        down(person.connect(), purge=True)
    assert [each for each in quick.exchanges if each.writes] == []


@pytest.mark.parametrize(("add", "target"), [(device, "iot-dpsops-test"), (secret, "kv-dpsops-test")], ids=["device", "secret"])
def test_what_comes_after_the_question_stops_the_removal(quick: World, add: Callable[[World], None], target: str) -> None:
    with pytest.raises(Changed, match=f"{target} has changed since it was confirmed to remove it, and stays: the .* theirs"):
        down(quick.connect(), lambda _: add(quick))
    assert target in [each.name for each in removal(quick.connect()).kept]
