"""Hubs linked with the identity of the provisioning service, as Microsoft's CLI links them since 2026."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from tests.emulator.dps.fleet import enrolled, failure
from tests.emulator.dps.lab import DPS, Lab, MakeLab
from tests.emulator.microsoft_devices.control_plane import GROUP, S1, ControlPlane, code_of

PATH = f"/provisioningServices/{DPS}"
VERSION = "2026-11-01"
LINK = {"hostName": "hub1.azure-devices.net", "location": "westeurope", "authenticationType": "SystemAssigned"}
HUB = f"{GROUP}/IotHubs/hub1"
DATA_CONTRIBUTOR, REGISTRY_CONTRIBUTOR, TWIN_CONTRIBUTOR, DATA_READER = (
    "4fc6c259-987e-4a07-842e-c321cc9d413f",
    "4ea46cd5-c1b2-4a8e-910b-273211f9ce47",
    "494bdba2-168f-4f31-a0a1-191d2f7c028c",
    "b447c946-2db7-41ec-983d-d8bf3b1c77e3",
)


def link(lab: Lab, given: JSON = LINK, identity: str = "SystemAssigned") -> str:
    """Links the hub by identity, and returns the identity's principal."""
    body = {"location": "westeurope", "sku": S1, "identity": {"type": identity}, "properties": {"iotHubs": [given]}}
    assert lab.arm.call("PUT", PATH, body, version=VERSION).status == 201
    return str(lab.arm.call("GET", PATH, version=VERSION).body["identity"]["principalId"])


def grant(lab: Lab, principal: str, *roles: str, scope: str = HUB) -> None:
    with lab.world() as world:
        for role in roles:
            document = {"principal": principal, "role": role, "scope": scope.lower(), "created": world.now}
            world.state.put(rbac.ASSIGNMENT, f"{scope}/{role}", document)


@pytest.mark.parametrize(
    ("roles", "opens"),
    [
        ((), False),
        ((DATA_READER,), False),
        ((REGISTRY_CONTRIBUTOR,), False),
        ((DATA_CONTRIBUTOR,), True),
        ((REGISTRY_CONTRIBUTOR, TWIN_CONTRIBUTOR), True),
    ],
)
def test_the_identity_needs_a_role_in_the_hub(lab: Lab, roles: tuple[str, ...], opens: bool) -> None:
    principal = link(lab)
    issuer = enrolled(lab)
    grant(lab, principal, *roles)
    if opens:
        assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"
    else:
        code, message = failure(lab, "d1", issuer.leaf("d1"))
        assert code == 401_002
        assert "IotHubUnauthorizedAccess" in message


@pytest.mark.parametrize(("scope", "opens"), [("/subscriptions/sub/resourceGroups/rg", True), (f"{GROUP}/IotHubs/hub2", False)])
def test_the_role_is_one_at_the_hub_or_above(lab: Lab, scope: str, opens: bool) -> None:
    grant(lab, link(lab), DATA_CONTRIBUTOR, scope=scope)
    assert lab.provision("d1", enrolled(lab).leaf("d1"))["status"] == ("assigned" if opens else "failed")


def test_the_role_takes_a_while_to_arrive(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(Timings(role=60)))
    issuer = enrolled(lab)
    grant(lab, link(lab), DATA_CONTRIBUTOR)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_002
    lab.arm.clock.advance(60)
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"


def test_a_hub_without_local_authentication_is_opened_by_identity_alone(lab: Lab) -> None:
    issuer = enrolled(lab)
    lab.arm.hub("hub1", disableLocalAuth=True)
    assert failure(lab, "d1", issuer.leaf("d1"))[0] == 401_002
    grant(lab, link(lab), DATA_CONTRIBUTOR)
    assert lab.assigned("d1", issuer.leaf("d1")) == "hub1"


def test_a_link_by_identity_shows_no_connection_string(lab: Lab) -> None:
    link(lab)
    shown = lab.arm.call("GET", PATH, version=VERSION).body["properties"]["iotHubs"]
    assert shown == [LINK | {"name": "hub1.azure-devices.net"}]
    body = {"location": "westeurope", "sku": S1, "identity": {"type": "SystemAssigned"}, "properties": {"iotHubs": shown}}
    assert lab.arm.call("PUT", PATH, body, version=VERSION).status == 201


@pytest.mark.parametrize(
    ("given", "identity"),
    [
        (LINK, "None"),
        (LINK | {"authenticationType": "UserAssigned", "selectedUserAssignedIdentityResourceId": "/x"}, "SystemAssigned"),
        (LINK | {"hostName": "hub1.service.azure-devices.net"}, "SystemAssigned"),
        (LINK | {"hostName": "nobodys.azure-devices.net"}, "SystemAssigned"),
        ({name: value for name, value in LINK.items() if name != "hostName"}, "SystemAssigned"),
    ],
)
def test_a_link_that_cannot_be(lab: Lab, given: JSON, identity: str) -> None:
    body = {"location": "westeurope", "sku": S1, "identity": {"type": identity}, "properties": {"iotHubs": [given]}}
    assert code_of(lab.arm.call("PUT", PATH, body, version=VERSION)) == 400_000


@pytest.mark.parametrize(
    ("habit", "shown"),
    [
        ("whole", [LINK | {"name": LINK["hostName"]}]),
        ("named", [{"name": LINK["hostName"], "location": "westeurope"}]),
        ("absent", []),
    ],
)
def test_a_link_by_identity_as_an_older_version_shows_it(make_lab: MakeLab, habit: Any, shown: list[JSON]) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(identity_links_before=habit)))
    link(lab)
    found = {version: lab.arm.call("GET", PATH, version=version).body for version in (VERSION, "2022-12-12")}
    assert found["2022-12-12"]["properties"]["iotHubs"] == shown
    assert found[VERSION]["properties"]["iotHubs"] == [LINK | {"name": LINK["hostName"]}]


def test_links_by_identity_may_be_refused(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(identity_links=False)))
    body = {"location": "westeurope", "sku": S1, "identity": {"type": "SystemAssigned"}, "properties": {"iotHubs": [LINK]}}
    assert code_of(lab.arm.call("PUT", PATH, body, version=VERSION)) == 400_000
