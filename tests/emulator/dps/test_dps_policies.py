"""Shared access policies of a provisioning service, and its identity in the first answer to a PUT."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.microsoft_devices.control_plane import S1, ControlPlane

PATH = "/provisioningServices/dps1"
OWNER = "ServiceConfig, EnrollmentWrite, DeviceConnect"
ALL = "ServiceConfig, EnrollmentRead, EnrollmentWrite, DeviceConnect, RegistrationStatusRead, RegistrationStatusWrite"


def put(arm: ControlPlane, version: str = "2025-02-01-preview", identity: Any = None, **rights: str) -> Any:
    """The properties in the answer to a PUT with policies of these rights."""
    policies = [{"keyName": name, "rights": each} for name, each in rights.items()]
    more = {} if identity is None else {"identity": identity}
    body = {"location": "westeurope", "sku": S1, "properties": {"authorizationPolicies": policies}, **more}
    answer = arm.call("PUT", PATH, body, version=version)
    assert answer.status == 201
    return answer.body


def listed(arm: ControlPlane, version: str) -> dict[str, str]:
    """The rights of each policy, as both listings show them."""
    policies = arm.call("POST", f"{PATH}/listkeys", version=version).body["value"]
    for each in policies:
        assert arm.call("POST", f"{PATH}/keys/{each['keyName']}/listkeys", version=version).body == each
    return {each["keyName"]: each["rights"] for each in policies}


@pytest.mark.parametrize("version", ["2023-03-01-preview", "2025-02-01-preview", "2026-11-01"])
def test_the_rights_that_a_right_implies_are_listed_since_2023(version: str) -> None:
    arm = ControlPlane()
    arm.service()
    assert listed(arm, "2022-12-12") == {"provisioningserviceowner": OWNER}
    assert listed(arm, version) == {"provisioningserviceowner": ALL}
    put(arm, reader="EnrollmentRead", writer="EnrollmentWrite", states="RegistrationStatusWrite", config="ServiceConfig")
    assert listed(arm, version) == {
        "reader": "EnrollmentRead, RegistrationStatusRead",
        "writer": "EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite",
        "states": "RegistrationStatusRead, RegistrationStatusWrite",
        "config": "ServiceConfig",
    }


def test_what_is_listed_can_be_put_back_and_is_condensed() -> None:
    arm = ControlPlane()
    given = {"owner": ALL, "reader": "EnrollmentRead, RegistrationStatusRead", "states": "RegistrationStatusRead"}
    shown = put(arm, **given)["properties"]["authorizationPolicies"]
    condensed = {"owner": OWNER, "reader": "EnrollmentRead", "states": "RegistrationStatusRead"}
    assert {each["keyName"]: each["rights"] for each in shown} == condensed
    assert listed(arm, "2021-10-15") == condensed
    assert listed(arm, "2025-02-01-preview") == given


def test_rights_that_imply_no_other_stay_in_their_order() -> None:
    arm = ControlPlane()
    put(arm, "2017-11-15", owner="ServiceConfig, DeviceConnect, EnrollmentWrite")
    assert listed(arm, "2017-11-15") == {"owner": "ServiceConfig, DeviceConnect, EnrollmentWrite"}


def test_an_identity_that_is_sent_is_echoed_in_the_first_answer() -> None:
    arm = ControlPlane()
    assert put(arm, identity={"type": "None"})["identity"] == {"type": "None"}
    assert put(arm, identity={"type": "SystemAssigned"})["identity"].keys() == {"type", "principalId", "tenantId"}
    assert "identity" not in put(arm)
