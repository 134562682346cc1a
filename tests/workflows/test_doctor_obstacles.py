"""`doctor` names what stands in the way though all rights are there; without it, the command works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request
from dpsops.emulator.world import Timings
from dpsops.errors import Error
from dpsops.model.checkup import Finding, Outcome
from dpsops.model.rotation import Phase
from dpsops.settings import Environment
from tests.workflows import commands
from tests.workflows.by_hand import azure, create, self_signed, upload
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.history import DPS, GROUP, HUB, VAULT, group_of, make_group, put, remove, resource
from tests.workflows.identities import as_identity, custom_role, define, principal
from tests.workflows.rotations import lock
from tests.workflows.test_doctor import failed
from tests.worlds import World, environment

LOCATIONS = "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c"


def settings(**changes: Any) -> Environment:
    """The environment, whose vault has no purge protection."""
    return environment(**{"root": {"key": "EC-P256"}} | changes)


def one(world: World, check: str, *names: str, to: Environment | None = None) -> Finding:
    """The only finding of a check that has failed."""
    found = [each for each in failed(commands.doctor(world.connect(to), *names)) if each.check == check]
    assert len(found) == 1, found
    return found[0]


def assign_policy(world: World, scope: str) -> None:
    """Somebody allows resources in the north only."""
    parameters = {"listOfAllowedLocations": {"value": ["northeurope"]}}
    body = {"properties": {"policyDefinitionId": LOCATIONS, "displayName": "Only the north", "parameters": parameters}}
    identifier = f"{scope}/providers/Microsoft.Authorization/policyAssignments/north"
    world.connect().clients.groups.resources.begin_create_or_update_by_id(identifier, body, api_version="2023-04-01").result()


def test_a_lock_and_a_policy_are_named(embedded: World) -> None:
    azure(embedded).timings = Timings()
    make_group(embedded, GROUP)
    lock(embedded)
    assign_policy(embedded, group_of(embedded))
    locked = one(embedded, "lock")
    assert locked.subject == "keep"
    assert locked.detail.endswith(" stops down, rotate, rotate undo")
    assert "up" not in locked.detail.partition(" stops ")[2].split(", ")
    denied = one(embedded, "deployment", "up")
    assert "Only the north" in denied.detail + denied.hint
    with pytest.raises(Error) as refused:
        commands.up(embedded.connect())
    assert refused.value.message == denied.detail


def test_a_lock_stops_what_it_is_said_to_stop(quick: World) -> None:
    commands.rotate(quick.connect(), Phase.PROVEN, timedelta(0))
    lock(quick)
    stopped = one(quick, "lock").detail.partition(" stops ")[2].split(", ")
    assert stopped == ["down", "rotate", "rotate undo"]
    assert [each.outcome for each in commands.doctor(quick.connect(), "up").findings if each.check == "lock"] == [Outcome.OK]
    for stopping in (
        lambda: commands.undo(quick.connect()),
        lambda: commands.rotate(quick.connect(), Phase.STABLE, timedelta(0)),
    ):
        with pytest.raises(Error, match="are locked"):
            stopping()


def test_a_lock_on_writing_stops_every_change_of_the_resource_and_nothing_of_its_data(quick: World) -> None:
    identifier = f"{group_of(quick)}/providers/{DPS}/providers/Microsoft.Authorization/locks/frozen"
    body = {"properties": {"level": "ReadOnly"}}
    quick.connect().clients.groups.resources.begin_create_or_update_by_id(identifier, body, api_version="2020-05-01").result()
    stopped = one(quick, "lock").detail.partition(" stops ")[2].split(", ")
    assert stopped == ["up", "down", "root prove", "rotate", "rotate undo", "rotate --compromised"]
    with pytest.raises(Error, match="are locked"):
        commands.rotate(quick.connect(), Phase.STABLE, timedelta(0))
    commands.issue_to(quick.connect(), PRESS)
    commands.block(quick.connect(), PRESS)


def close(world: World, name: str, **properties: Any) -> None:
    """Somebody closes the network of a resource."""
    document = resource(world, name)
    put(world, name, document | {"properties": document["properties"] | properties})


@pytest.mark.parametrize(
    ("name", "closed", "command"),
    [
        (
            VAULT,
            {"networkAcls": {"defaultAction": "Deny", "bypass": "None", "ipRules": [{"value": "192.0.2.7"}]}},
            "device issue",
        ),
        (VAULT, {"publicNetworkAccess": "Disabled"}, "device issue"),
        (DPS, {"publicNetworkAccess": "Disabled"}, "device issue"),
        (
            DPS,
            {"ipFilterRules": [{"filterName": "no", "action": "Reject", "ipMask": "0.0.0.0/0", "target": "all"}]},
            "device list",
        ),
        (HUB, {"publicNetworkAccess": "Disabled"}, "device list"),
    ],
)
def test_a_closed_network_is_named_with_what_it_stops(quick: World, name: str, closed: dict[str, Any], command: str) -> None:
    commands.issue_to(quick.connect(), PRESS)
    if name == HUB:
        Device.fetched(quick.connect(), PRESS).register(quick.connect())
    close(quick, name, **closed)
    found = one(quick, "network", command)
    assert found.subject.endswith(name.rpartition("/")[2])
    assert found.detail.endswith(f"; it stops {command}")
    works: Callable[[], object] = lambda: commands.issue_to(quick.connect(), PRESS)  # noqa: E731
    with pytest.raises(Error):
        works() if command == "device issue" else commands.members(quick.connect())


@pytest.mark.parametrize("cut", [False, True], ids=["closed", "silent"])
def test_what_is_not_looked_at_in_a_vault_is_told(quick: World, cut: bool) -> None:
    if cut:
        host = "kv-dpsops-test.vault.azure.net"
        azure(quick).faults.add(Fault(Drop(work_done=False), lambda request: request.host == host, times=None))
    else:
        close(quick, VAULT, publicNetworkAccess="Disabled")
    (found,) = [each for each in commands.doctor(quick.connect(), "rotate").findings if each.check == "root"]
    assert (found.subject, found.outcome) == ("the vault kv-dpsops-test", Outcome.UNKNOWN)
    assert "neither its roots nor the name of the next one" in found.detail


def test_how_a_vault_is_protected_is_unknown_to_who_may_not_read_it(quick: World) -> None:
    issuer = as_identity(quick, principal("issuer"), define(quick, custom_role("issuer")))
    (found,) = [each for each in commands.doctor(issuer.connect(), "device issue").findings if each.check == "vault"]
    assert found.outcome is Outcome.UNKNOWN
    assert found.detail.startswith("to look at it needs Microsoft.KeyVault/vaults/read on /subscriptions/")
    assert found.hint.startswith("assign the role 'Reader' on /subscriptions/")


def test_an_open_firewall_is_told(quick: World) -> None:
    address = azure(quick).client_address
    close(quick, VAULT, networkAcls={"defaultAction": "Deny", "bypass": "None", "ipRules": [{"value": address}]})
    found = [each for each in commands.doctor(quick.connect(), "device issue").findings if each.check == "network"]
    assert {each.outcome for each in found} == {Outcome.OK}
    assert "its firewall" in found[0].detail


def test_a_deleted_vault_keeps_its_name(quick: World) -> None:
    remove(quick, VAULT)
    found = one(quick, "name", "up")
    assert found.subject == "the vault kv-dpsops-test"
    assert "az keyvault recover --name kv-dpsops-test" in found.hint


def test_a_name_that_somebody_has_is_named(quick: World) -> None:
    other = settings(resource_group="rg-other")
    found = [each for each in failed(commands.doctor(quick.connect(other), "up")) if each.check == "name"]
    names = {"the vault kv-dpsops-test", "the DPS dps-dpsops-test", "the IoT Hub iot-dpsops-test"}
    assert {each.subject for each in found} == names


def test_a_deleted_certificate_blocks_the_next_root(quick: World) -> None:
    to = quick.connect()
    create(to, "root-g2", {}, exportable=False)
    to.clients.certificates.begin_delete_certificate("root-g2").result()
    found = one(quick, "name", "rotate")
    assert found.subject == "root-g2 in the vault kv-dpsops-test"
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g2" in found.hint
    with pytest.raises(Error, match="root-g2"):
        commands.rotate(quick.connect())


def test_25_ca_certificates_leave_no_room(quick: World) -> None:
    to = quick.connect()
    for number in range(24):
        upload(to, f"other-{number}", self_signed(f"other {number}", to.run.now()))
    found = one(quick, "quota", "rotate")
    assert found.subject == "DPS dps-dpsops-test"
    assert "25 of 25 CA certificates" in found.detail
    with pytest.raises(Error):
        commands.rotate(quick.connect())


@pytest.mark.parametrize(("more", "expected"), [(21, "ok"), (22, "ok"), (23, "warning")])
def test_little_room_is_told(quick: World, more: int, expected: str) -> None:
    to = quick.connect()
    for number in range(more):
        upload(to, f"other-{number}", self_signed(f"other {number}", to.run.now()))
    (found,) = [each for each in commands.doctor(quick.connect(), "rotate").findings if each.check == "quota"]
    assert found.outcome.value == expected


def test_logs_that_are_off_and_missing_purge_protection_are_told(quick: World) -> None:
    found = {each.check: each for each in commands.doctor(quick.connect(), "status").findings}
    assert found["logs"].outcome is Outcome.WARNING
    assert found["logs"].hint == "set logs under [vault] in the settings, then dpsops up"
    assert found["purge-protection"].outcome is Outcome.WARNING


def test_a_root_whose_key_can_be_exported_is_named(quick: World) -> None:
    create(quick.connect(), "root-g2", {}, exportable=True)
    found = one(quick, "root", "rotate")
    assert found.subject == "root-g2"
    assert "export" in found.detail


def test_a_provider_that_is_not_registered_is_named(embedded: World) -> None:
    azure(embedded).timings = Timings()
    azure(embedded).habits = Habits(unregistered=frozenset({"Microsoft.Devices"}))
    found = one(embedded, "provider", "up")
    assert (found.subject, found.hint) == (
        "Microsoft.Devices", "az provider register --namespace Microsoft.Devices --wait"
    )  # fmt: skip


def test_a_region_without_a_service_is_named(embedded: World) -> None:
    azure(embedded).timings = Timings()
    found = one(embedded, "region", "up", to=settings(hub=[{"name": "iot-dpsops-test", "location": "westindia"}]))
    assert found.subject == "Microsoft.Devices/IotHubs"
    assert "westindia" in found.detail


def test_a_vault_that_goes_by_access_policies_is_named(quick: World) -> None:
    close(quick, VAULT, enableRbacAuthorization=False, accessPolicies=[])
    found = one(quick, "vault", "status")
    assert found.hint == "az keyvault update --enable-rbac-authorization true --name kv-dpsops-test"


def test_a_host_that_does_not_answer_is_named(quick: World) -> None:
    def asks_dps(request: Request) -> bool:
        return request.host == "dps-dpsops-test.azure-devices-provisioning.net"

    azure(quick).faults.add(Fault(Drop(work_done=False), asks_dps, times=None))
    found = one(quick, "endpoint", "status")
    assert found.subject == "dps-dpsops-test.azure-devices-provisioning.net"
    assert not [each for each in failed(commands.doctor(quick.connect(), "status")) if each.check == "permissions"]


def test_nobody_answers(quick: World) -> None:
    azure(quick).faults.add(Fault(Drop(work_done=False), lambda request: request.host == "management.azure.com", times=None))
    found = failed(commands.doctor(quick.connect()))
    assert [(each.check, each.subject) for each in found] == [("endpoint", "management.azure.com")]
    (rest,) = [each for each in commands.doctor(quick.connect()).findings if each.outcome is Outcome.UNKNOWN]
    assert rest.check == "everything-else"
