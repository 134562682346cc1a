"""Provisioning services as resources: what Resource Manager answers, and when."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from dpsops.emulator.dps.routes import RESOURCE_TYPES
from dpsops.emulator.dps.state import load_service
from dpsops.emulator.http import NOTHING, Refusal, Response
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import Timings
from tests.emulator.microsoft_devices.control_plane import CALLER, GROUP, S1, ControlPlane, code_of

PATH = "/provisioningServices/dps1"
BODY = {"location": "westeurope", "sku": S1, "properties": {}}


@pytest.fixture
def arm() -> ControlPlane:
    return ControlPlane()


def test_a_new_service_is_accepted_without_etag_and_scope(arm: ControlPlane) -> None:
    answer = arm.call("PUT", PATH, BODY, version="2021-10-15")
    assert answer.status == 201
    assert answer.body == {
        "name": "dps1",
        "location": "westeurope",
        "properties": {"state": "Activating", "provisioningState": "Accepted", "allocationPolicy": "Hashed", "idScope": None},
        "resourcegroup": "rg",
        "type": "Microsoft.Devices/provisioningServices",
        "id": f"{GROUP}{PATH}",
        "subscriptionid": "sub",
        "tags": {},
        "sku": {"name": "S1", "tier": "Standard", "capacity": 1},
    }
    assert set(answer.headers) == {"Azure-AsyncOperation"}


def test_an_active_service_has_hosts_and_a_scope(arm: ControlPlane) -> None:
    shown = arm.service()
    assert shown["properties"].pop("idScope").startswith("0ne00")
    assert shown["properties"] == {
        "state": "Active",
        "provisioningState": "Succeeded",
        "iotHubs": [],
        "allocationPolicy": "Hashed",
        "serviceOperationsHostName": "dps1.azure-devices-provisioning.net",
        "portalOperationsHostName": "dps1.services.azure-devices-provisioning.net",
        "deviceProvisioningHostName": "global.azure-devices-provisioning.net",
    }
    assert shown["etag"].startswith("AAAAA")


@pytest.mark.parametrize(
    ("version", "portal", "identity"),
    [
        ("2021-10-15", False, False),
        ("2022-12-12", True, False),
        ("2023-03-01-preview", True, True),
        ("2026-08-31", True, True),
        ("2026-11-01", True, True),
    ],
)
def test_each_version_shows_its_own_members(arm: ControlPlane, version: str, portal: bool, identity: bool) -> None:
    arm.service()
    shown = arm.call("GET", PATH, version=version).body
    assert ("portalOperationsHostName" in shown["properties"], "identity" in shown) == (portal, identity)


def test_an_operation_runs_until_its_time_is_over() -> None:
    arm = ControlPlane(Timings(operation=30))
    url = arm.call("PUT", PATH, BODY, version="2022-12-12").headers["Azure-AsyncOperation"]
    assert len(url) > 3000
    assert "&asyncinfo&" in url
    assert urlsplit(url).path.endswith("=")
    assert arm.call("GET", url) == Response(200, {"status": "Running"})
    assert arm.call("GET", PATH, version="2022-12-12").body["properties"]["idScope"] is None
    arm.clock.advance(30)
    assert arm.call("GET", url) == Response(200, {"status": "Succeeded"})
    assert arm.call("GET", PATH, version="2022-12-12").body["properties"]["state"] == "Active"


def test_a_service_that_is_changing_cannot_be_changed() -> None:
    arm = ControlPlane(Timings(operation=30))
    arm.call("PUT", PATH, BODY, version="2022-12-12")
    for method, path in (("PUT", PATH), ("PATCH", PATH), ("PUT", f"{PATH}/certificates/root")):
        assert code_of(arm.call(method, path, BODY, version="2022-12-12")) == 409_000


def test_a_deleted_service_is_gone_when_its_operation_is() -> None:
    arm = ControlPlane(Timings(operation=30))
    arm.service()
    answer = arm.call("DELETE", PATH, version="2022-12-12")
    assert (answer.status, answer.body) == (202, None)
    location = answer.headers["Location"]
    assert "asyncinfo" not in location
    waiting = arm.call("GET", location)
    assert (waiting.status, waiting.headers["Location"]) == (202, location)
    assert arm.call("GET", PATH, version="2022-12-12").body["properties"]["state"] == "Deleting"
    arm.clock.advance(30)
    done = arm.call("GET", location)
    assert (done.status, done.body) == (200, NOTHING)
    assert arm.call("GET", answer.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}
    assert code_of(arm.call("GET", PATH, version="2022-12-12")) == "ResourceNotFound"
    assert arm.call("GET", "/provisioningServices", version="2022-12-12").body == {"value": []}


def test_a_second_deletion_takes_no_longer() -> None:
    arm = ControlPlane(Timings(operation=30))
    arm.call("PUT", PATH, BODY, version="2022-12-12")
    arm.call("DELETE", PATH, version="2022-12-12")
    arm.clock.advance(20)
    assert arm.call("DELETE", PATH, version="2022-12-12").status == 202
    arm.clock.advance(10)
    assert arm.call("DELETE", PATH, version="2022-12-12").status == 404


def test_an_update_echoes_the_etag_it_is_given_and_makes_a_new_one(arm: ControlPlane) -> None:
    before = arm.service()
    body = BODY | {"etag": "anything", "tags": {"a": "b"}, "properties": {"allocationPolicy": "GeoLatency", "iotHubs": []}}
    answer = arm.call("PUT", PATH, body, version="2021-10-15")
    assert answer.body["etag"] == "anything"
    assert answer.body["properties"] == {
        "state": "Transitioning",
        "provisioningState": "Accepted",
        "iotHubs": [],
        "allocationPolicy": "GeoLatency",
        "idScope": None,
    }
    after = arm.call("GET", PATH, version="2022-12-12").body
    assert after["etag"] != before["etag"]
    assert after["properties"]["idScope"] == before["properties"]["idScope"]
    assert after["tags"] == {"a": "b"}


@pytest.mark.parametrize("spelling", ["{}", '"{}"', "*"])
def test_if_match_takes_the_current_etag_quoted_or_not(arm: ControlPlane, spelling: str) -> None:
    etag = arm.service()["etag"]
    headers = {"if-match": spelling.format(etag)}
    assert arm.call("PUT", PATH, BODY, version="2022-12-12", headers=headers).status == 201


def test_if_match_refuses_an_older_etag_and_a_service_that_is_not_there(arm: ControlPlane) -> None:
    etag = arm.service()["etag"]
    arm.service(allocationPolicy="Static")
    for path in (PATH, "/provisioningServices/dps2"):
        answer = arm.call("PUT", path, BODY, version="2022-12-12", headers={"if-match": etag})
        assert answer.status == 412
        assert answer.body["code"] == 412_001
        assert answer.body["httpStatusCode"] == "PreconditionFailed"
        assert answer.body["message"].startswith("Invalid ETag supplied. If you contact a support representative")
        assert answer.body["message"].endswith("timestamp: 2024-05-07 19:07:40Z, errorcode: IH412001.")


@pytest.mark.parametrize("name", ["ab", "a" * 51, "-abc", "abc-", "a_bc", "global", "1ñ1!!!"])
def test_a_bad_name_is_refused_in_azures_words(arm: ControlPlane, name: str) -> None:
    answer = arm.call("PUT", f"/provisioningServices/{name}", BODY, version="2022-12-12")
    assert (answer.status, answer.body["code"], answer.body["httpStatusCode"]) == (400, 400_305, "BadRequest")
    assert answer.body["message"].startswith(
        "Provisioning Service name can contain only alphanumeric and hyphen and must start/end with alphanumeric. "
        "Should be 3 to 50 chars long. Name 'global' not allowed. If you contact"
    )
    available = arm.call(
        "POST",
        "/subscriptions/sub/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability",
        {"name": name},
        version="2022-12-12",
    )
    assert (available.body["nameAvailable"], available.body["reason"]) == (False, "Invalid")


def test_a_name_is_taken_in_every_subscription_and_case(arm: ControlPlane) -> None:
    path = "/subscriptions/sub/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability"
    assert arm.call("POST", path, {}, version="2021-10-15").status == 400
    free = arm.call("POST", path, {"name": "dps1"}, version="2021-10-15")
    assert free == Response(200, {"nameAvailable": True, "reason": "Invalid", "message": None})
    arm.service()
    taken = arm.call("POST", path, {"name": "DPS1"}, version="2021-10-15")
    assert (taken.body["nameAvailable"], taken.body["reason"]) == (False, "AlreadyExists")
    elsewhere = "/subscriptions/other/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/Dps1"
    assert arm.call("PUT", elsewhere, BODY, version="2022-12-12").status == 409
    assert arm.call("GET", elsewhere, version="2022-12-12").status == 404
    assert arm.call("GET", "/provisioningServices/DPS1", version="2022-12-12").body["name"] == "dps1"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"location": None}, 400, "LocationRequired"),
        ({"location": "westmars"}, 400, "LocationNotAvailableForResourceType"),
        ({"sku": {}}, 400, 400_000),
        ({"sku": {"name": "F1"}}, 400, 400_000),
        ({"sku": {"name": "S1", "capacity": 0}}, 400, 400_000),
        ({"sku": {"name": "S1", "capacity": True}}, 400, "InvalidRequestContent"),
        ({"properties": []}, 400, "InvalidRequestContent"),
        ({"tags": {"a": 1}}, 400, "InvalidRequestContent"),
        ({"properties": {"iotHubs": [1]}}, 400, "InvalidRequestContent"),
        ({"properties": None}, 400, 400_000),
        ({"properties": {"allocationPolicy": "Custom"}}, 400, 400_000),
        ({"properties": {"allocationPolicy": ""}}, 400, 400_000),
        ({"properties": {"publicNetworkAccess": "Perhaps"}}, 400, 400_000),
        ({"properties": {"ipFilterRules": [{"filterName": "a", "action": "Accept"}]}}, 400, 400_000),
        ({"properties": {"ipFilterRules": [{"filterName": "a", "action": "Reject", "ipMask": "all"}]}}, 400, 400_000),
        ({"properties": {"ipFilterRules": [{"action": "Reject", "ipMask": "10.0.0.0/8"}]}}, 400, 400_000),
        ({"properties": {"ipFilterRules": [{"filterName": "a", "action": "Drop", "ipMask": "10.0.0.0/8"}]}}, 400, 400_000),
        ({"properties": {"enableDataResidency": True}}, 400, 400_309),
        ({"identity": {"type": "UserAssigned"}}, 400, "FailedIdentityOperation"),
        ({"properties": {"authorizationPolicies": [{"keyName": "a", "rights": "Everything"}]}}, 400, 400_000),
        ({"properties": {"authorizationPolicies": [{"keyName": "a" * 65, "rights": "ServiceConfig"}]}}, 400, 400_000),
        (
            {"properties": {"authorizationPolicies": [{"keyName": "a", "rights": "ServiceConfig", "primaryKey": "!"}]}},
            400,
            400_000,
        ),
        ({"tags": {"a?": "b"}}, 400, "InvalidTagNameCharacters"),
    ],
)
def test_a_bad_body_is_refused_and_leaves_nothing(
    arm: ControlPlane, change: dict[str, Any], status: int, code: int | str
) -> None:
    answer = arm.call("PUT", PATH, BODY | change, version="2023-03-01-preview")
    assert (answer.status, code_of(answer)) == (status, code)
    assert arm.call("GET", PATH, version="2022-12-12").status == 404


def test_a_body_that_is_no_object_is_refused(arm: ControlPlane) -> None:
    assert code_of(arm.call("PUT", PATH, [], version="2022-12-12")) == "InvalidRequestContent"


def test_a_service_cannot_move(arm: ControlPlane) -> None:
    arm.service()
    answer = arm.call("PUT", PATH, BODY | {"location": "northeurope"}, version="2022-12-12")
    assert (answer.status, code_of(answer)) == (409, "InvalidResourceLocation")


def test_data_residency_where_it_is_supported(arm: ControlPlane) -> None:
    body = {"location": "southeastasia", "sku": S1, "properties": {"enableDataResidency": True}}
    answer = arm.call("PUT", PATH, body, version="2021-10-15")
    assert answer.body["properties"]["enableDataResidency"] is True
    assert arm.call("GET", PATH, version="2021-10-15").body["properties"]["enableDataResidency"] is True


def test_tags_are_patched_and_the_answer_has_an_empty_etag(arm: ControlPlane) -> None:
    etag = arm.service()["etag"]
    answer = arm.call("PATCH", PATH, {"tags": {"a": "b"}}, version="2018-01-22")
    assert (answer.status, answer.body["etag"], answer.body["tags"]) == (200, "", {"a": "b"})
    assert arm.call("PATCH", PATH, {}, version="2018-01-22").body["tags"] == {"a": "b"}
    assert arm.call("GET", PATH, version="2018-01-22").body["etag"] not in ("", etag)


def test_keys_are_listed_renewed_and_kept(arm: ControlPlane) -> None:
    arm.service()
    [owner] = arm.call("POST", f"{PATH}/listkeys", version="2021-10-15").body["value"]
    assert (owner["keyName"], owner["rights"]) == ("provisioningserviceowner", "ServiceConfig, EnrollmentWrite, DeviceConnect")
    half = {"keyName": "mine", "rights": "EnrollmentRead", "primaryKey": "a2V5"}
    answer = arm.call("PUT", PATH, BODY | {"properties": {"authorizationPolicies": [owner, half]}}, version="2021-10-15")
    assert answer.body["properties"]["authorizationPolicies"][0] == owner
    mine = arm.call("POST", f"{PATH}/keys/mine/listkeys", version="2021-10-15").body
    assert mine == answer.body["properties"]["authorizationPolicies"][1]
    assert mine["primaryKey"] == "a2V5"
    assert mine["secondaryKey"]
    assert "authorizationPolicies" not in arm.service()["properties"]
    assert arm.call("POST", f"{PATH}/listkeys", version="2021-10-15").body == {"value": [owner, mine]}
    missing = arm.call("POST", f"{PATH}/keys/other/listkeys", version="2021-10-15")
    assert (missing.status, missing.body["code"]) == (404, 404_001)
    assert missing.body["message"].startswith("Key name not found: other. If you contact")


def test_a_system_assigned_identity_is_made_once(arm: ControlPlane) -> None:
    body = BODY | {"identity": {"type": "SystemAssigned"}}
    first = arm.call("PUT", PATH, body, version="2026-11-01").body["identity"]
    assert first["tenantId"] == CALLER.tenant_id
    assert arm.call("PUT", PATH, body, version="2026-11-01").body["identity"] == first
    assert arm.call("GET", PATH, version="2026-11-01").body["identity"] == first
    arm.call("PUT", PATH, BODY, version="2026-11-01")
    assert arm.call("GET", PATH, version="2026-11-01").body["identity"] == {"type": "None"}


def test_lists_hold_what_is_below_them(arm: ControlPlane) -> None:
    arm.service("dps1")
    arm.service("dps2")
    elsewhere = "/subscriptions/sub/resourceGroups/rg2/providers/Microsoft.Devices/provisioningServices"
    arm.call("PUT", f"{elsewhere}/dps3", BODY, version="2022-12-12")

    def names(path: str) -> list[str]:
        return [each["name"] for each in arm.call("GET", path, version="2022-12-12").body["value"]]

    assert names("/provisioningServices") == ["dps1", "dps2"]
    assert names(elsewhere) == ["dps3"]
    assert names("/subscriptions/sub/providers/Microsoft.Devices/provisioningServices") == ["dps1", "dps2", "dps3"]
    assert names("/subscriptions/su/providers/Microsoft.Devices/provisioningServices") == []


def test_the_only_sku(arm: ControlPlane) -> None:
    arm.service()
    assert arm.call("GET", f"{PATH}/skus", version="2022-12-12").body == {"value": [{"name": "S1"}]}


def test_an_unknown_version_is_refused_before_anything_else(arm: ControlPlane) -> None:
    answer = arm.call("GET", PATH, version="2023-06-30")
    assert (answer.status, code_of(answer)) == (400, "NoRegisteredProviderFound")
    assert "2026-11-01" in answer.body["error"]["message"]


def test_an_unknown_operation_is_not_found(arm: ControlPlane) -> None:
    path = "/subscriptions/sub/providers/Microsoft.Devices/locations/westeurope/provisioningserviceoperationresults/none"
    assert arm.call("GET", f"{path}?api-version=2022-12-12&asyncinfo").status == 404


def test_deployments_put_and_read_as_http_does() -> None:
    arm = ControlPlane(Timings(operation=30))
    kind = RESOURCE_TYPES[0]
    identifier = ResourceId("sub", "rg", kind.name, ("dps1",))
    with arm.world() as world:
        assert kind.get(world, identifier, "2022-12-12") is None
        made = kind.put(world, identifier, BODY, "2022-12-12", CALLER)
        assert made["properties"]["state"] == "Activating"
        later = replace(world, now=world.now + 30)
        found = kind.get(later, identifier, "2022-12-12")
        assert found is not None
        assert found["properties"]["idScope"].startswith("0ne")
        keys = kind.listings["listKeys"](world, identifier)
        with pytest.raises(Refusal, match="IH409000"):
            kind.put(world, identifier, BODY, "2022-12-12", CALLER)
        with pytest.raises(Refusal, match="InvalidResourceLocation"):
            kind.put(later, identifier, BODY | {"location": "eastus"}, "2022-12-12", CALLER)
    assert keys == arm.call("POST", f"{PATH}/listkeys", version="2022-12-12").body


def test_a_group_is_deleted_with_all_that_is_in_it(arm: ControlPlane) -> None:
    arm.service("dps1")
    elsewhere = "/subscriptions/sub/resourceGroups/rg2/providers/Microsoft.Devices/provisioningServices/dps2"
    arm.call("PUT", elsewhere, BODY, version="2022-12-12")
    arm.delete_group("SUB", "RG")
    with arm.world() as world:
        assert load_service(world, "dps1") is None
        assert load_service(world, "dps2") is not None


def test_no_answer_but_listkeys_and_the_put_itself_shows_a_key(arm: ControlPlane) -> None:
    arm.hub()
    shown = arm.service(iotHubs=[{"connectionString": arm.connection_string(), "location": "westeurope"}])
    secrets = [arm.call("POST", path).body["value"] for path in ("/IotHubs/hub1/listkeys",)]
    secrets.append(arm.call("POST", f"{PATH}/listkeys", version="2022-12-12").body["value"])
    listed = arm.call("GET", "/provisioningServices", version="2022-12-12").body
    text = json.dumps([shown, listed, arm.call("GET", "/IotHubs/hub1").body])
    for policy in (policy for policies in secrets for policy in policies):
        assert policy["primaryKey"] not in text
        assert policy["secondaryKey"] not in text
