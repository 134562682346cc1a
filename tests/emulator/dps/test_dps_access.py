"""Who may call the service API: tokens with roles, shared access signatures with rights, and no other caller; and how often."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.access import AUDIENCE
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from tests.emulator.dps.lab import DPS, GLOBAL, HOST, OWNER, Lab, MakeLab
from tests.emulator.microsoft_devices.control_plane import GROUP, ControlPlane
from tests.emulator.microsoft_devices.signatures import sign

CALLER = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", "tenant")
CONTRIBUTOR = "dfce44e4-17b7-4bd1-a6d1-04996ec95633"
UNAUTHORIZED = (401_000, "Unauthorized")
KEYS = {"type": "symmetricKey"}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "query": ("POST", "/enrollments/query", {"query": "SELECT *"}),
    "write": ("PUT", "/enrollments/d1", {"registrationId": "d1", "attestation": KEYS}),
    "read": ("GET", "/enrollments/d1", None),
    "keys": ("POST", "/enrollments/d1/attestationmechanism", None),
    "write group": ("PUT", "/enrollmentGroups/g1", {"enrollmentGroupId": "g1", "attestation": KEYS}),
    "registrations": ("POST", "/registrations/g1/query", None),
    "delete": ("DELETE", "/enrollments/d1", None),
    "bulk": ("POST", "/enrollments", {"mode": "create", "enrollments": [{"registrationId": "d2", "attestation": KEYS}]}),
}


def bearer(lab: Lab, audience: str = AUDIENCE) -> str:
    """An `Authorization` header with a token of Entra ID's."""
    with lab.world() as world:
        return f"Bearer {issue_token(world, CALLER, audience)}"


def assign(lab: Lab, role: str, scope: str) -> None:
    """Gives the caller a role."""
    assignment = {"principal": CALLER.object_id, "role": role, "scope": scope.lower(), "created": lab.arm.clock.now()}
    with lab.world() as world:
        world.state.put(rbac.ASSIGNMENT, f"{scope}/{role}", assignment)


def policies(lab: Lab, **rights: str) -> None:
    """Gives the service these shared access policies."""
    keys = {name: {"primaryKey": _key(name), "secondaryKey": _key(name * 2)} for name in rights}
    lab.link(lab.hubs, authorizationPolicies=[{"keyName": name, "rights": rights[name], **keys[name]} for name in rights])
    lab.read_keys()


def _key(name: str) -> str:
    return base64.b64encode(name.encode() * 8).decode()


def granted(lab: Lab, authorization: str) -> set[str]:
    """What the service does for a caller; all else it refuses."""
    found = set()
    for name in ("write", "write group"):
        lab.ok(*REQUESTS[name])
    for name, (method, path, body) in REQUESTS.items():
        headers = {"if-match": "*"} if method == "PUT" else {}
        answer = lab.call(method, path, body, headers=headers, authorization=authorization)
        assert answer.status < 300 or answer.status in (401, 403), answer
        if answer.status < 300:
            found.add(name)
    return found


def test_a_role_opens_everything(lab: Lab) -> None:
    assign(lab, CONTRIBUTOR, f"{GROUP}/provisioningServices/{DPS}")
    assert granted(lab, bearer(lab)) == set(REQUESTS)


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "/subscriptions/sub"),  # Owner: all of the management, nothing of the data
        (CONTRIBUTOR, f"{GROUP}/provisioningServices/other"),
        ("4ea46cd5-c1b2-4a8e-910b-273211f9ce47", "/subscriptions/sub"),  # that of IoT hubs
    ],
)
def test_a_role_that_is_none_here_opens_nothing(lab: Lab, role: str, scope: str) -> None:
    assign(lab, role, scope)
    code, message = lab.refused("GET", "/enrollments/d1", authorization=bearer(lab))
    assert code // 1000 == 403
    assert CALLER.object_id in message
    assert granted(lab, bearer(lab)) == set()


def test_a_role_takes_its_time(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(role=95)))
    assign(lab, CONTRIBUTOR, GROUP.partition("/providers")[0])
    assert lab.refused("GET", "/enrollments/d1", authorization=bearer(lab))[0] // 1000 == 403
    lab.arm.clock.advance(95)
    assert lab.refused("GET", "/enrollments/d1", authorization=bearer(lab))[0] == 404_201


def test_a_token_must_be_for_this_api_and_in_time(lab: Lab) -> None:
    assign(lab, CONTRIBUTOR, "/subscriptions/sub")
    token = bearer(lab)
    for wrong in (bearer(lab, "https://iothubs.azure.net"), f"{token}x", "Bearer", "Basic x", ""):
        assert lab.refused("GET", "/enrollments/d1", authorization=wrong) == UNAUTHORIZED
    lab.arm.clock.advance(3600)
    assert lab.refused("GET", "/enrollments/d1", authorization=token) == UNAUTHORIZED


@pytest.mark.parametrize(
    ("rights", "operations"),
    [
        ("EnrollmentRead", {"query", "read", "registrations"}),
        ("EnrollmentWrite", set(REQUESTS)),
        ("RegistrationStatusRead", {"registrations"}),
        ("RegistrationStatusWrite, EnrollmentRead", {"registrations", "query", "read"}),
        ("ServiceConfig", set()),
        ("DeviceConnect", set()),
    ],
)
def test_a_policy_opens_what_its_rights_say(lab: Lab, rights: str, operations: set[str]) -> None:
    policies(lab, provisioningserviceowner="EnrollmentWrite", mine=rights)
    assert granted(lab, lab.signed("mine")) == operations


def test_either_key_of_a_policy_will_do(lab: Lab) -> None:
    policies(lab, mine="EnrollmentRead")
    for key in (_key("mine"), _key("minemine")):
        authorization = sign(HOST, key, lab.arm.clock.now() + 60, "mine")
        assert lab.refused("GET", "/enrollments/d1", authorization=authorization)[0] == 404_201


def test_a_signature_must_be_for_this_service_in_time_and_made_with_its_key(lab: Lab) -> None:
    key, end = lab.keys[OWNER], lab.arm.clock.now() + 60
    good = sign(HOST, key, end, OWNER)
    assert lab.refused("GET", "/enrollments/d1", authorization=good)[0] == 404_201
    for wrong in (
        sign("dps2.azure-devices-provisioning.net", key, end, OWNER),
        sign(f"{HOST}/enrollmentGroups", key, end, OWNER),
        sign(HOST, _key("stranger"), end, OWNER),
        sign(HOST, key, end, "stranger"),
        sign(HOST, key, end),
        good.replace("&se=", "&se=9"),
        "SharedAccessSignature sr=x",
        "SharedAccessSignature ",
    ):
        assert lab.refused("GET", "/enrollments/d1", authorization=wrong) == UNAUTHORIZED
    lab.arm.clock.advance(60)
    assert lab.refused("GET", "/enrollments/d1", authorization=good) == UNAUTHORIZED


def test_a_service_without_local_authentication_takes_no_signature(lab: Lab) -> None:
    lab.link(lab.hubs, disableLocalAuth=True)
    assert lab.refused("GET", "/enrollments/d1") == UNAUTHORIZED


def test_a_service_without_a_public_network_takes_nothing(lab: Lab) -> None:
    lab.link(lab.hubs, publicNetworkAccess="Disabled")
    assert lab.refused("GET", "/enrollments/d1") == UNAUTHORIZED
    assert lab.refused("PUT", f"/{lab.scope}/registrations/d1/register", {}, host=GLOBAL)[0] == 401_000


@pytest.mark.parametrize(("target", "service", "device"), [(None, 401, 401), ("serviceApi", 401, 400), ("deviceApi", 404, 401)])
def test_a_rule_that_rejects_all_refuses_everyone(lab: Lab, target: str | None, service: int, device: int) -> None:
    rules = [{"filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0", "target": target}]
    lab.link(lab.hubs, ipFilterRules=rules)
    assert lab.refused("GET", "/enrollments/d1")[0] // 1000 == service
    unreadable = b"["
    assert lab.refused("PUT", f"/{lab.scope}/registrations/d1/register", unreadable, host=GLOBAL)[0] // 1000 == device


@pytest.mark.parametrize(
    ("accepted", "target", "first", "opened"),
    [
        ("198.51.100.7", "all", True, {"service", "device"}),
        ("198.51.100.7", "all", False, set()),
        ("198.51.100.0/24", "serviceApi", True, {"service"}),
        ("198.51.100.0/24", "deviceApi", True, {"device"}),
        ("203.0.113.0/24", "all", True, set()),
    ],
)
def test_the_first_rule_that_has_the_address_decides(lab: Lab, accepted: str, target: str, first: bool, opened: set[str]) -> None:
    accept = {"filterName": "office", "action": "Accept", "ipMask": accepted, "target": target}
    rules = [accept, {"filterName": "rest", "action": "Reject", "ipMask": "0.0.0.0/0", "target": "all"}]
    lab.link(lab.hubs, ipFilterRules=rules if first else rules[::-1])
    service = lab.refused("GET", "/enrollments/d1")[0]
    assert (service == 404_201) == ("service" in opened)
    device = lab.refused("PUT", f"/{lab.scope}/registrations/d1/register", b"[", host=GLOBAL)[0]
    assert (device // 1000 == 400) == ("device" in opened)


@pytest.mark.parametrize("version", ["2019-03-31", "2021-06-01", "2021-10-01"])
def test_known_versions(lab: Lab, version: str) -> None:
    assert lab.refused("GET", "/enrollments/d1", version=version)[0] == 404_201


@pytest.mark.parametrize("version", ["", "2015-01-01", "2021-10-01-preview"])
def test_unknown_versions(lab: Lab, version: str) -> None:
    assert lab.refused("GET", "/enrollments/d1", version=version)[0] // 1000 == 400


@pytest.mark.parametrize("kind", ["", "text/plain"])
def test_only_json_is_read(lab: Lab, kind: str) -> None:
    assert lab.refused("PUT", "/enrollments/d1", {}, headers={"content-type": kind})[0] == 415_000
    assert lab.refused("GET", "/enrollments/d1", headers={"content-type": kind})[0] == 404_201


@pytest.mark.parametrize("host", [HOST, GLOBAL])
@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/enrollments/d1"), ("GET", "/enrollments"), ("PUT", "/registrations/d1")]
)
def test_an_unknown_operation(host: str, method: str, path: str) -> None:
    assert Lab().refused(method, path, host=host) == (405_000, "Method Not Allowed")


def test_a_service_takes_1000_operations_a_minute(lab: Lab) -> None:
    for _ in range(1000):
        assert lab.refused("GET", "/enrollments/d1")[0] == 404_201
    answer = lab.call("GET", "/enrollments/d1")
    assert (answer.status, answer.body["errorCode"], answer.headers["Retry-After"]) == (429, 429_001, "60")
    lab.arm.clock.advance(60)
    assert lab.refused("GET", "/enrollments/d1")[0] == 404_201


def test_a_name_is_known_while_the_service_is_there(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=40)))
    assert lab.azure.resolves(HOST)
    assert lab.azure.resolves(GLOBAL)
    assert not lab.azure.resolves("dps2.azure-devices-provisioning.net")
    body: JSON = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
    lab.arm.call("PUT", "/provisioningServices/dps2", body, version="2022-12-12")
    assert not lab.azure.resolves("dps2.azure-devices-provisioning.net")
    lab.arm.clock.advance(40)
    assert lab.azure.resolves("dps2.azure-devices-provisioning.net")
