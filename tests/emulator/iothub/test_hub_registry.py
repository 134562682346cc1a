"""The device registry: what an identity looks like, under which etags it changes, and what is refused."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from dpsops.emulator.http import NOTHING, Request
from dpsops.emulator.iothub.devices import TooManyDevices, count_devices, find_device, messages_of, move, provision
from dpsops.emulator.world import Timings
from tests.emulator.iothub.lab import HOST, HUB, VERSION, Issuer, Lab, thumbprint
from tests.emulator.microsoft_devices.control_plane import ControlPlane
from tests.emulator.microsoft_devices.signatures import sign

THUMBPRINT = "AB" * 32
NO_KEYS = {"primaryKey": None, "secondaryKey": None}
NO_THUMBPRINTS = {"primaryThumbprint": None, "secondaryThumbprint": None}
SELF_SIGNED = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": THUMBPRINT}}


def decoded(etag: str) -> int:
    """The number in an identity's etag."""
    return int(base64.b64decode(etag))


def test_a_created_identity_has_every_field(lab: Lab) -> None:
    answer = lab.call("PUT", "/devices/d1", {"deviceId": "d1"}, headers={"if-match": '""'})
    keys = answer.body["authentication"]["symmetricKey"]
    assert (answer.status, answer.headers["ETag"]) == (200, f'"{answer.body["etag"]}"')
    assert answer.body == {
        "deviceId": "d1",
        "generationId": "638507056600000000",
        "etag": answer.body["etag"],
        "connectionState": "Disconnected",
        "status": "enabled",
        "statusReason": None,
        "connectionStateUpdatedTime": "0001-01-01T00:00:00",
        "statusUpdatedTime": "0001-01-01T00:00:00",
        "lastActivityTime": "0001-01-01T00:00:00",
        "cloudToDeviceMessageCount": 0,
        "authentication": {"symmetricKey": keys, "x509Thumbprint": NO_THUMBPRINTS, "type": "sas"},
        "capabilities": {"iotEdge": False},
    }
    assert [len(base64.b64decode(key)) for key in keys.values()] == [32, 32]
    never = dict.fromkeys(("connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"), "0001-01-01T00:00:00Z")
    expected = answer.body | never
    shown = lab.call("GET", "/devices/d1")
    assert (shown.status, shown.body, shown.headers) == (200, expected, {"ETag": answer.headers["ETag"]})


def test_an_update_counts_the_etag_up_and_notes_a_change_of_status(lab: Lab) -> None:
    created = lab.create()
    lab.arm.clock.advance(5)
    body = created | {"status": "disabled", "statusReason": "stolen"}
    first = lab.ok("PUT", "/devices/d1", body, headers={"if-match": f'"{created["etag"]}"'})
    assert decoded(first["etag"]) == decoded(created["etag"]) + 1
    assert (first["status"], first["statusReason"]) == ("disabled", "stolen")
    assert (first["statusUpdatedTime"], first["generationId"]) == ("2024-05-07T19:07:45.0000000Z", created["generationId"])
    assert first["authentication"] == created["authentication"]
    lab.arm.clock.advance(5)
    second = lab.ok("PUT", "/devices/d1", first | {"statusReason": "sold"}, headers={"if-match": "*"})
    assert second["statusUpdatedTime"] == first["statusUpdatedTime"], "the status is what it was"


@pytest.mark.parametrize("condition", ["", '""', None])
def test_an_existing_device_is_not_created_again(lab: Lab, condition: str | None) -> None:
    created = lab.create()
    headers = {} if condition is None else {"if-match": condition}
    answer = lab.refused("PUT", "/devices/d1", {"deviceId": "d1"}, headers=headers)
    assert answer == (409, "ErrorCode:DeviceAlreadyExists;A device with ID 'd1' is already registered.")
    assert lab.ok("GET", "/devices/d1")["etag"] == created["etag"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_stale_or_unquoted_etag_changes_nothing(lab: Lab, method: str) -> None:
    created = lab.create()
    fresh = lab.ok("PUT", "/devices/d1", created, headers={"if-match": f'"{created["etag"]}"'})
    stale, unquoted = f'"{created["etag"]}"', fresh["etag"]
    former, now = decoded(created["etag"]), decoded(fresh["etag"])
    words = "ErrorCode:PreconditionFailed;Precondition failed: "
    words += f"Device version did not match, existingVersion:{now} newVersion:{former}"
    assert lab.refused(method, "/devices/d1", created, headers={"if-match": stale}) == (412, words)
    words = "ErrorCode:PreconditionFailed;Precondition failed: Invalid ETag"
    for none in (unquoted, '"no etag"', '"bm9uZQ=="', '"gA=="'):
        assert lab.refused(method, "/devices/d1", created, headers={"if-match": none}) == (412, words)
    assert lab.ok("GET", "/devices/d1")["etag"] == fresh["etag"]


@pytest.mark.parametrize("condition", ["*", '"*"', "etag"])
def test_a_device_is_deleted_under_its_etag_or_a_star(lab: Lab, condition: str) -> None:
    etag = f'"{lab.create()["etag"]}"'
    assert lab.refused("DELETE", "/devices/d1")[0] == 412
    answer = lab.call("DELETE", "/devices/d1", headers={"if-match": etag if condition == "etag" else condition})
    assert (answer.status, answer.body) == (204, NOTHING)
    assert lab.refused("GET", "/devices/d1") == (404, "ErrorCode:DeviceNotFound;d1")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("condition", ["*", '"MQ=="'])
def test_a_device_that_does_not_exist_is_neither_updated_nor_deleted(lab: Lab, method: str, condition: str) -> None:
    answer = lab.refused(method, "/devices/d1", {"deviceId": "d1"}, headers={"if-match": condition})
    assert answer == (404, "ErrorCode:DeviceNotFound;d1")


def test_device_ids_differ_by_case(lab: Lab) -> None:
    lab.create("Pump")
    assert lab.call("GET", "/devices/pump").status == 404
    lab.create("pump")
    assert [each["deviceId"] for each in lab.ok("GET", "/devices")] == ["Pump", "pump"]


@pytest.mark.parametrize("device", ["a" * 128, "A-z.09%_#*?!(),:=@$'"])
def test_valid_device_ids(lab: Lab, device: str) -> None:
    assert lab.create(device)["deviceId"] == device
    assert lab.ok("GET", f"/devices/{quote(device, safe='')}")["deviceId"] == device


@pytest.mark.parametrize("device", ["a" * 129, "a b", "a+b", "ä", "a;b", "a&b", "a~b", "a\n"])
def test_invalid_device_ids(lab: Lab, device: str) -> None:
    status, message = lab.refused("PUT", f"/devices/{quote(device, safe='')}", {"deviceId": device})
    assert (status, message.partition(";")[0]) == (400, "ErrorCode:ArgumentInvalid")
    assert lab.ok("GET", "/devices") == []


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "tpm"},
        {"type": 7},
        {"type": "selfSigned"},
        {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "AB" * 31}},
        {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "XY" * 32}},
        {"type": "selfSigned", "x509Thumbprint": {"secondaryThumbprint": f"{THUMBPRINT}\n"}},
        SELF_SIGNED | {"symmetricKey": {"primaryKey": "c2VjcmV0IHNlY3JldCBzZWNyZXQ=", "secondaryKey": "eA=="}},
        SELF_SIGNED | {"type": "sas"},
        SELF_SIGNED | {"type": "certificateAuthority"},
        {"type": "sas", "symmetricKey": {"primaryKey": "c2VjcmV0IHNlY3JldCBzZWNyZXQ="}},
        {"type": "sas", "symmetricKey": {"primaryKey": "eA==", "secondaryKey": "eA=="}},
        {"type": "sas", "symmetricKey": {"primaryKey": "not base64", "secondaryKey": "not base64"}},
        {"symmetricKey": []},
    ],
)
def test_impossible_authentication_is_refused(lab: Lab, authentication: Any) -> None:
    status, _ = lab.refused("PUT", "/devices/d1", {"deviceId": "d1", "authentication": authentication})
    assert status == 400
    assert lab.ok("GET", "/devices") == []


@pytest.mark.parametrize(("given", "kept"), [("Enabled", "enabled"), ("Disabled", "disabled"), ("disabled", "disabled")])
def test_a_status_is_taken_in_any_case(lab: Lab, given: str, kept: str) -> None:
    assert lab.ok("PUT", "/devices/d1", {"deviceId": "d1", "status": given})["status"] == kept
    assert lab.ok("GET", "/devices/d1")["status"] == kept


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deviceId": "d2"},
        {"deviceId": 1},
        {"deviceId": "d1", "status": "asleep"},
        {"deviceId": "d1", "statusReason": "x" * 129},
        {"deviceId": "d1", "capabilities": {"iotEdge": "no"}},
        {"deviceId": "d1", "tags": {"a.b": 1}},
        [],
        "d1",
    ],
)
def test_a_body_that_is_no_identity_is_refused(lab: Lab, body: Any) -> None:
    assert lab.refused("PUT", "/devices/d1", body)[0] == 400


@pytest.mark.parametrize(
    ("authentication", "shown"),
    [
        (
            {"type": "certificateAuthority"},
            {"symmetricKey": NO_KEYS, "x509Thumbprint": NO_THUMBPRINTS, "type": "certificateAuthority"},
        ),
        (
            {"x509Thumbprint": {"secondaryThumbprint": "ab" * 20}},
            {
                "symmetricKey": NO_KEYS,
                "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": "ab" * 20},
                "type": "selfSigned",
            },
        ),
    ],
)
def test_authentication_types(lab: Lab, authentication: Any, shown: Any) -> None:
    assert lab.create(authentication=authentication)["authentication"] == shown


def test_an_identity_can_be_put_back_as_it_was_shown(lab: Lab) -> None:
    lab.create(authentication=SELF_SIGNED, capabilities={"iotEdge": True}, parentScopes=["ms-azure-iot-edge://above-1"])
    shown = lab.ok("GET", "/devices/d1")
    again = lab.ok("PUT", "/devices/d1", shown, headers={"if-match": f'"{shown["etag"]}"'})
    assert again | {"etag": shown["etag"]} == shown
    assert again["deviceScope"] == f"ms-azure-iot-edge://d1-{again['generationId']}"
    assert again["parentScopes"] == ["ms-azure-iot-edge://above-1"]


def test_lists_are_limited(lab: Lab) -> None:
    for name in ("c", "a", "b"):
        lab.create(name)
    assert [each["deviceId"] for each in lab.ok("GET", "/devices?top=2")] == ["a", "b"]
    for top in ("0", "1001", "-1", "x", "1" * 5000):
        assert lab.refused("GET", f"/devices?top={top}")[0] == 400


def test_dps_makes_selfsigned_identities(lab: Lab) -> None:
    initial = {"tags": {"site": "7"}, "properties": {"desired": {"interval": 60}}}
    hub = lab.hub()
    with lab.world() as world:
        made = provision(world, hub, "d1", THUMBPRINT, initial_twin=initial)
    shown = lab.ok("GET", "/devices/d1")
    both = {"primaryThumbprint": THUMBPRINT, "secondaryThumbprint": THUMBPRINT}
    assert shown["authentication"] == {"symmetricKey": NO_KEYS, "x509Thumbprint": both, "type": "selfSigned"}
    twin = lab.ok("GET", "/twins/d1")
    assert (twin["tags"], twin["properties"]["desired"]["interval"], twin["version"]) == ({"site": "7"}, 60, 2)
    assert made["deviceId"] == "d1"


@pytest.mark.parametrize("keep_data", [True, False])
def test_dps_makes_them_again(lab: Lab, keep_data: bool) -> None:
    hub, initial = lab.hub(), {"tags": {"site": "7"}}
    with lab.world() as world:
        provision(world, hub, "d1", THUMBPRINT, initial_twin=initial)
    before = lab.ok("PATCH", "/twins/d1", {"tags": {"site": "8"}})
    disabled = lab.ok("GET", "/devices/d1") | {"status": "disabled"}
    disabled = lab.ok("PUT", "/devices/d1", disabled, headers={"if-match": "*"})
    with lab.world() as world:
        provision(world, hub, "d1", "CD" * 32, initial_twin=initial, keep_data=keep_data)
    after, twin = lab.ok("GET", "/devices/d1"), lab.ok("GET", "/twins/d1")
    assert set(after["authentication"]["x509Thumbprint"].values()) == {"CD" * 32}
    assert (after["generationId"], after["status"]) == (disabled["generationId"], "disabled"), "who was blocked stays blocked"
    assert decoded(after["etag"]) == decoded(disabled["etag"]) + 1
    assert (twin["tags"], twin["etag"]) == (({"site": "8"}, before["etag"]) if keep_data else ({"site": "7"}, "AAAAAAAAAAE="))


def test_a_device_moves_with_its_twin_and_its_block(lab: Lab) -> None:
    lab.arm.hub("hub2")
    lab.create(status="disabled")
    lab.ok("PATCH", "/twins/d1", {"tags": {"site": "8"}})
    source, target = lab.hub(), lab.hub("hub2")
    with lab.world() as world:
        move(world, source, target, "d1")
        move(world, source, target, "nobody")
        moved = provision(world, target, "d1", THUMBPRINT, keep_data=True)
        assert (count_devices(world, source), count_devices(world, target)) == (0, 1)
    assert (moved["status"], moved["twin"]["tags"]) == ("disabled", {"site": "8"})


def test_a_device_moves_over_another(lab: Lab) -> None:
    lab.arm.hub("hub2")
    source, target = lab.hub(), lab.hub("hub2")
    with lab.world() as world:
        provision(world, source, "d1", THUMBPRINT, initial_twin={"tags": {"site": "7"}})
        provision(world, target, "d1", "CD" * 32)
        move(world, source, target, "d1")
        assert (count_devices(world, source), count_devices(world, target)) == (0, 1)
        moved = find_device(world, target, "d1")
    assert moved is not None
    assert (moved["twin"]["tags"], moved["authentication"]["x509Thumbprint"]["primaryThumbprint"]) == ({"site": "7"}, THUMBPRINT)


def test_a_free_hub_has_500_devices() -> None:
    lab = Lab(sku="F1")
    hub = lab.hub()
    with lab.world() as world:
        for number in range(500):
            provision(world, hub, f"d{number}", THUMBPRINT)
        with pytest.raises(TooManyDevices):
            provision(world, hub, "d500", THUMBPRINT)
        provision(world, hub, "d499", THUMBPRINT)
    assert lab.refused("PUT", "/devices/d500", {"deviceId": "d500"})[0] == 413
    quotas = lab.arm.call("GET", f"/IotHubs/{HUB}/quotaMetrics").body["value"]
    assert quotas[1] == {"name": "TotalDeviceCount", "currentValue": 500, "maxValue": 500}


def test_statistics_count_devices(lab: Lab) -> None:
    lab.create("a")
    lab.create("b", status="disabled")
    counted = {"totalDeviceCount": 2, "enabledDeviceCount": 1, "disabledDeviceCount": 1}
    assert lab.ok("GET", "/statistics/devices") == counted
    assert lab.arm.call("GET", f"/IotHubs/{HUB}/IotHubStats").body == counted
    assert lab.ok("GET", "/statistics/service") == {"connectedDeviceCount": 0}


@pytest.mark.parametrize("how", ["hub", "group"])
def test_devices_and_messages_go_with_their_hub(lab: Lab, how: str) -> None:
    leaf, hub = Issuer.make().leaf("d1"), lab.hub()
    with lab.world() as world:
        provision(world, hub, "d1", thumbprint(leaf))
    lab.publish(lab.connect("d1", leaf), "devices/d1/messages/events/", b"x")
    assert lab.arm.call("GET", f"/IotHubs/{HUB}/quotaMetrics").body["value"][0]["currentValue"] == 1
    if how == "hub":
        lab.arm.call("DELETE", f"/IotHubs/{HUB}")
        assert not lab.azure.resolves(HOST)
    else:
        lab.arm.delete_group()
    lab.arm.hub(HUB)
    assert lab.ok("GET", "/devices") == []
    with lab.world() as world:
        assert messages_of(world, hub, "d1") == []
    assert lab.arm.call("GET", f"/IotHubs/{HUB}/quotaMetrics").body["value"][0]["currentValue"] == 0


def test_a_deleted_device_comes_back_as_another(lab: Lab) -> None:
    created, hub = lab.create(), lab.hub()
    session = lab.connect(password=sign(f"{HOST}/devices/d1", key_of(created), 2e9))
    lab.publish(session, "devices/d1/messages/events/", b"x")
    lab.call("DELETE", "/devices/d1", headers={"if-match": "*"})
    lab.arm.clock.advance(1)
    again = lab.create()
    assert again["generationId"] != created["generationId"]
    with lab.world() as world:
        assert messages_of(world, hub, "d1") == []


def test_a_new_identity_may_take_a_moment_until_it_can_be_read() -> None:
    lab = Lab(ControlPlane(Timings(identity=4)))
    lab.create("d1")
    for path in ("/devices/d1", "/twins/d1"):
        assert lab.refused("GET", path) == (404, "ErrorCode:DeviceNotFound;d1")
    assert lab.ok("GET", "/devices") == []
    assert lab.refused("PUT", "/devices/d1", {"deviceId": "d1"})[0] == 409
    lab.arm.clock.advance(4)
    assert [lab.ok("GET", path)["deviceId"] for path in ("/devices/d1", "/twins/d1")] == ["d1", "d1"]
    assert len(lab.ok("GET", "/devices")) == 1


def key_of(identity: Any) -> str:
    """The primary key of an identity."""
    return str(identity["authentication"]["symmetricKey"]["primaryKey"])


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_a_body_that_is_no_json(lab: Lab, body: bytes) -> None:
    headers = {"authorization": lab.signed(), "content-type": "application/json; charset=utf-8"}
    request = Request("PUT", HOST, "/devices/d1", {"api-version": VERSION}, headers, body)
    answer = lab.azure.handle(request)
    assert (answer.status, answer.headers["iothub-errorcode"]) == (400, "DeserializationError")


def test_unknown_operations(lab: Lab) -> None:
    answer = lab.call("GET", "/jobs/v2")
    assert answer.headers["iothub-errorcode"]
    assert (answer.status, answer.body["Message"][:30]) == (404, "No HTTP resource was found tha")
