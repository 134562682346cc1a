"""Who may call a hub's own API: tokens with roles, shared access signatures with rights, and no other caller."""

from __future__ import annotations

import base64
import hmac
from typing import Any
from urllib.parse import quote

import pytest

from dpsops.emulator.world import Timings
from tests.emulator.iothub.lab import (
    DATA_CONTRIBUTOR,
    DATA_READER,
    HOST,
    HUB,
    KEEPER,
    NO_RULES,
    REGISTRY_CONTRIBUTOR,
    TWIN_CONTRIBUTOR,
    Lab,
)
from tests.emulator.microsoft_devices.control_plane import ControlPlane
from tests.emulator.microsoft_devices.signatures import sign

UNAUTHORIZED = (401, "ErrorCode:IotHubUnauthorizedAccess;Unauthorized")
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "list": ("GET", "/devices", None),
    "read": ("GET", "/devices/d1", None),
    "write": ("PUT", "/devices/d2", {"deviceId": "d2"}),
    "bulk": ("POST", "/devices", [{"id": "d3", "importMode": "create"}]),
    "delete": ("DELETE", "/devices/d1", None),
    "read twin": ("GET", "/twins/d1", None),
    "write twin": ("PATCH", "/twins/d1", {"tags": {"a": 1}}),
    "query": ("POST", "/devices/query", {"query": "SELECT * FROM devices"}),
    "count": ("GET", "/statistics/devices", None),
    "count connections": ("GET", "/statistics/service", None),
}
OFFICE = {"filterName": "office", "action": "Accept", "ipMask": "198.51.100.0/24"}
"""A rule that has the address which clients are taken to call from."""
REGISTRY = {"list", "read", "write", "bulk", "delete"}
TWINS = {"read twin", "write twin", "query"}


def allowed(lab: Lab, authorization: str) -> set[str]:
    """What the hub does for a caller; everything else it refuses with 401."""
    lab.create("d1")
    granted = set()
    for name, (method, path, body) in sorted(REQUESTS.items(), key=lambda each: each[0] == "delete"):
        answer = lab.call(method, path, body, headers={"if-match": "*"} if "delete" in name else {}, authorization=authorization)
        assert answer.status < 300 or answer.status == 401, answer
        if answer.status < 300:
            granted.add(name)
    return granted


@pytest.mark.parametrize(
    ("role", "operations"),
    [
        (REGISTRY_CONTRIBUTOR, REGISTRY),
        (TWIN_CONTRIBUTOR, TWINS),
        (DATA_READER, {"list", "read", "read twin", "query", "count", "count connections"}),
        (DATA_CONTRIBUTOR, set(REQUESTS)),
        ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", set()),  # Owner: all of the management, nothing of the data
    ],
)
def test_roles(lab: Lab, role: str, operations: set[str]) -> None:
    lab.assign(role)
    assert allowed(lab, lab.bearer()) == operations


@pytest.mark.parametrize(
    ("policy", "operations"),
    [
        ("iothubowner", set(REQUESTS)),
        ("service", TWINS | {"count connections"}),
        ("registryRead", {"list", "read", "count"}),
        ("registryReadWrite", REGISTRY | {"count"}),
        ("device", set()),
    ],
)
def test_shared_access_policies(lab: Lab, policy: str, operations: set[str]) -> None:
    assert allowed(lab, lab.signed(policy)) == operations


def test_a_principal_without_a_role_is_told_so(lab: Lab) -> None:
    status, message = lab.refused("GET", "/devices/d1", authorization=lab.bearer())
    assert (status, message) == (
        401,
        f"ErrorCode:IotHubUnauthorized;Principal {KEEPER.object_id} is not authorized for GET on /devices/d1 "
        "due to no assigned permissions",
    )


def test_a_role_takes_a_while_to_arrive() -> None:
    lab = Lab(ControlPlane(Timings(role=60)))
    lab.assign(REGISTRY_CONTRIBUTOR)
    assert lab.call("GET", "/devices", authorization=lab.bearer()).status == 401
    lab.arm.clock.advance(60)
    assert lab.call("GET", "/devices", authorization=lab.bearer()).status == 200


def test_tokens_that_open_nothing(lab: Lab) -> None:
    lab.assign(DATA_CONTRIBUTOR)
    for authorization in ("", "Bearer", "Bearer x.y.z", lab.bearer(audience="https://vault.azure.net"), "Basic eDp5"):
        assert lab.refused("GET", "/devices", authorization=authorization) == UNAUTHORIZED
    old = lab.bearer()
    lab.arm.clock.advance(3600)
    assert lab.refused("GET", "/devices", authorization=old) == UNAUTHORIZED


@pytest.mark.parametrize(
    "resource", [HOST, HOST.upper(), f"{HOST}/", f"{HOST}/devices", f"{HOST}/devices/d1"]
)  # fmt: skip
def test_a_signature_opens_its_resource_and_what_is_below(lab: Lab, resource: str) -> None:
    lab.create("d1")
    assert lab.call("GET", "/devices/d1", authorization=lab.signed(resource=resource)).status == 200


@pytest.mark.parametrize(
    "resource", ["hub2.azure-devices.net", f"{HOST}/devices/d", f"{HOST}/devices/D1", f"{HOST}/twins", "", f"{HOST}/devices/d1/x"]
)
def test_and_nothing_else(lab: Lab, resource: str) -> None:
    lab.create("d1")
    assert lab.refused("GET", "/devices/d1", authorization=lab.signed(resource=resource)) == UNAUTHORIZED


def test_a_signature_expires(lab: Lab) -> None:
    signed = lab.signed(lifetime=60)
    lab.arm.clock.advance(59)
    assert lab.call("GET", "/devices", authorization=signed).status == 200
    lab.arm.clock.advance(1)
    assert lab.refused("GET", "/devices", authorization=signed) == UNAUTHORIZED


@pytest.mark.parametrize("form", ["+{}", " {}", "{}_0", "{}.0"])
def test_an_expiry_is_written_in_digits_alone(lab: Lab, form: str) -> None:
    expiry = form.format(int(lab.arm.clock.now()) + 60)
    value = base64.b64encode(
        hmac.digest(base64.b64decode(lab.key("iothubowner")), f"{HOST}\n{expiry}".encode(), "sha256")
    ).decode()
    signed = f"SharedAccessSignature sr={HOST}&sig={quote(value, safe='')}&se={expiry}&skn=iothubowner"
    assert lab.refused("GET", "/devices", authorization=signed) == UNAUTHORIZED


def test_either_key_of_a_policy_signs_and_no_other(lab: Lab) -> None:
    owner = next(each for each in lab.hub()["policies"] if each["keyName"] == "iothubowner")
    expiry = lab.arm.clock.now() + 60
    for key in (owner["primaryKey"], owner["secondaryKey"]):
        assert lab.call("GET", "/devices", authorization=sign(HOST, key, expiry, "iothubowner")).status == 200
    stolen = base64.b64encode(b"x" * 32).decode()
    for key, policy in ((stolen, "iothubowner"), (owner["primaryKey"], "nobody"), (owner["primaryKey"], "")):
        assert lab.refused("GET", "/devices", authorization=sign(HOST, key, expiry, policy)) == UNAUTHORIZED


@pytest.mark.parametrize("change", ["se=9999999999", "sr=other", "sig=AAAA", "sig=%", "se=soon", ""])
def test_a_signature_that_was_changed_opens_nothing(lab: Lab, change: str) -> None:
    fields = dict(part.partition("=")[::2] for part in lab.signed().removeprefix("SharedAccessSignature ").split("&"))
    name, _, value = change.partition("=")
    fields |= {name: value} if change else {}
    if not change:
        del fields["sig"]
    changed = "SharedAccessSignature " + "&".join(f"{each}={text}" for each, text in fields.items())
    assert lab.refused("GET", "/devices", authorization=changed) == UNAUTHORIZED


def test_a_hub_can_do_without_signatures(lab: Lab) -> None:
    lab.assign(DATA_CONTRIBUTOR)
    lab.arm.hub(HUB, disableLocalAuth=True)
    assert lab.refused("GET", "/devices", authorization=lab.signed()) == UNAUTHORIZED
    assert lab.call("GET", "/devices", authorization=lab.bearer()).status == 200


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"publicNetworkAccess": "Disabled"}, 401),
        ({"networkRuleSets": NO_RULES | {"defaultAction": "Deny"}}, 401),
        ({"networkRuleSets": NO_RULES}, 401),
        ({"networkRuleSets": NO_RULES | {"defaultAction": "Allow"}}, 200),
        ({"ipFilterRules": [{"filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0"}]}, 401),
        ({"ipFilterRules": [{"filterName": "all", "action": "Accept", "ipMask": "0.0.0.0/0"}]}, 200),
        ({"ipFilterRules": [OFFICE, {"filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0"}]}, 200),
        ({"ipFilterRules": [{"filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0"}, OFFICE]}, 401),
        ({"ipFilterRules": [{"filterName": "other", "action": "Reject", "ipMask": "203.0.113.0/24"}]}, 200),
        ({"networkRuleSets": NO_RULES | {"ipRules": [{"filterName": "o", "action": "Allow", "ipMask": "198.51.100.7"}]}}, 200),
        ({"networkRuleSets": NO_RULES | {"ipRules": [{"filterName": "o", "action": "Allow", "ipMask": "203.0.113.7"}]}}, 401),
        ({"publicNetworkAccess": "Disabled", "ipFilterRules": [OFFICE]}, 401),
        ({"publicNetworkAccess": "Enabled"}, 200),
    ],
)
def test_a_closed_network(lab: Lab, properties: Any, status: int) -> None:
    lab.arm.hub(HUB, **properties)
    assert lab.call("GET", "/devices").status == status


@pytest.mark.parametrize("version", ["", "2023-06-30", "latest"])
def test_api_versions_are_the_apis_own(lab: Lab, version: str) -> None:
    status, message = lab.refused("GET", "/devices", version=version)
    assert (status, message.partition(";")[0]) == (400, "ErrorCode:InvalidProtocolVersion")


@pytest.mark.parametrize("kind", ["", "text/plain"])
def test_only_json_is_read(lab: Lab, kind: str) -> None:
    status, message = lab.refused("PUT", "/devices/d1", {"deviceId": "d1"}, headers={"content-type": kind})
    assert (status, message.partition(";")[0]) == (415, "ErrorCode:UnsupportedMediaType")
    assert lab.call("GET", "/devices", headers={"content-type": kind}).status == 200


def test_a_hub_is_in_the_dns_while_it_is_active() -> None:
    lab = Lab(ControlPlane(Timings(operation=40)))
    assert lab.azure.resolves(HOST)
    assert not lab.azure.resolves("hub2.azure-devices.net")
    lab.arm.call("PUT", "/IotHubs/hub2", {"location": "westeurope", "sku": {"name": "S1"}, "properties": {}})
    assert not lab.azure.resolves("hub2.azure-devices.net"), "it is being activated"
    lab.arm.clock.advance(40)
    assert lab.azure.resolves("hub2.azure-devices.net")
    lab.arm.call("PUT", f"/IotHubs/{HUB}", {"location": "westeurope", "sku": {"name": "S1"}, "properties": {}})
    assert lab.azure.resolves(HOST), "a change does not take it away"
    key = lab.signed()
    lab.arm.clock.advance(40)
    lab.arm.call("DELETE", f"/IotHubs/{HUB}")
    assert not lab.azure.resolves(HOST)
    assert lab.refused("GET", "/devices", authorization=key) == (404, f"ErrorCode:IotHubNotFound;{HUB}")
