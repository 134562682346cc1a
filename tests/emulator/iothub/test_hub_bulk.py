"""Several changes to the device registry in one request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.iothub.lab import Lab

SELF_SIGNED = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "AB" * 32}}


def test_several_changes_in_one_request(lab: Lab) -> None:
    entries = [{"id": name, "importMode": "create", "authentication": SELF_SIGNED, "tags": {"n": name}} for name in "abcf"]
    assert lab.ok("POST", "/devices", entries) == {"isSuccessful": True, "errors": [], "warnings": []}
    assert lab.ok("GET", "/twins/b")["tags"] == {"n": "b"}
    etag = lab.ok("GET", "/devices/a")["etag"]
    changes = [
        {"id": "a", "importMode": "updateIfMatchETag", "eTag": etag, "status": "disabled", "authentication": SELF_SIGNED},
        {"id": "b", "importMode": "delete"},
        {"id": "c", "importMode": "create"},
        {"id": "d", "importMode": "createOrUpdateIfMatchETag", "eTag": "stale"},
        {"id": "e", "importMode": "update"},
        {"id": "f", "importMode": "deleteIfMatchETag", "eTag": "stale"},
        {"id": "g", "importMode": "transmogrify"},
        {"id": "a", "importMode": "delete"},
    ]
    answer = lab.call("POST", "/devices", changes)
    assert (answer.status, answer.headers["iothub-errorcode"]) == (400, "BulkRegistryOperationFailure")
    assert answer.body["isSuccessful"] is False
    assert [(each["deviceId"], each["errorCode"]) for each in answer.body["errors"]] == [
        ("c", "DeviceAlreadyExists"),
        ("e", "DeviceNotFound"),
        ("f", "PreconditionFailed"),
        ("g", "ArgumentInvalid"),
        ("a", "ArgumentInvalid"),
    ]
    assert [(each["deviceId"], each["status"]) for each in lab.ok("GET", "/devices")] == [
        ("a", "disabled"),
        ("c", "enabled"),
        ("d", "enabled"),
        ("f", "enabled"),
    ]


def test_what_an_update_leaves_out_goes_back_to_its_default(lab: Lab) -> None:
    thumbprints = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "AB" * 32, "secondaryThumbprint": "CD" * 32}}
    whole = {
        "status": "disabled",
        "statusReason": "lost",
        "capabilities": {"iotEdge": True},
        "parentScopes": ["ms-azure-iot-edge://e"],
    }
    before = lab.create("a", authentication=thumbprints, **whole)
    assert (before["status"], before["capabilities"], before["parentScopes"]) == (
        "disabled", {"iotEdge": True}, ["ms-azure-iot-edge://e"]
    )  # fmt: skip
    lab.ok("POST", "/devices", [{"id": "a", "importMode": "update"}])
    after = lab.ok("GET", "/devices/a")
    assert (after["status"], after["statusReason"], after["capabilities"]) == ("enabled", None, {"iotEdge": False})
    assert after["authentication"]["type"] == "sas"
    assert after["authentication"]["x509Thumbprint"] == {"primaryThumbprint": None, "secondaryThumbprint": None}
    assert "parentScopes" not in after


@pytest.mark.parametrize("entries", [[], [{"id": "a"}] * 101, ["a"], {}])
def test_too_many_changes_or_none(lab: Lab, entries: Any) -> None:
    assert lab.refused("POST", "/devices", entries)[0] == 400


@pytest.mark.parametrize(
    "spell", [str.lower, str.upper, lambda mode: mode[0].upper() + mode[1:]], ids=["lower", "upper", "Pascal"]
)
def test_a_mode_may_be_spelled_in_any_case(lab: Lab, spell: Any) -> None:
    entry = {"id": "a", "authentication": SELF_SIGNED}
    for mode in ("create", "createOrUpdate", "update", "updateTwin", "delete"):
        assert lab.call("POST", "/devices", [entry | {"importMode": spell(mode)}]).status == 200, mode
    assert lab.ok("GET", "/devices") == []


def test_twins_are_changed_and_identities_left_as_they_are(lab: Lab) -> None:
    lab.create("a", authentication=SELF_SIGNED, tags={"site": "x"})
    identity = lab.ok("GET", "/devices/a")
    twin = lab.ok("GET", "/twins/a")
    change = {"id": "a", "tags": {"line": 7}, "properties": {"desired": {"interval": 5}}, "status": "disabled"}
    lab.ok("POST", "/devices", [change | {"importMode": "updateTwin"}])
    changed = lab.ok("GET", "/twins/a")
    assert (changed["tags"], changed["properties"]["desired"]["interval"]) == ({"site": "x", "line": 7}, 5)
    assert lab.ok("GET", "/devices/a") == identity
    stale = change | {"importMode": "updateTwinIfMatchETag", "twinETag": twin["etag"], "tags": {"line": 8}}
    answer = lab.call("POST", "/devices", [stale])
    assert [(each["deviceId"], each["errorCode"]) for each in answer.body["errors"]] == [("a", "PreconditionFailed")]
    lab.ok("POST", "/devices", [stale | {"twinETag": changed["etag"]}])
    assert lab.ok("GET", "/twins/a")["tags"]["line"] == 8


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"id": "b"}, "DeviceNotFound"),
        ({"id": "a", "tags": {"a.b": 1}}, "ArgumentInvalid"),
        ({"id": "a", "tags": 5}, "ArgumentInvalid"),
    ],
)
def test_a_twin_that_is_not_there_or_cannot_be_is_refused(lab: Lab, entry: Any, code: str) -> None:
    lab.create("a")
    answer = lab.call("POST", "/devices", [entry | {"importMode": "updateTwin"}])
    assert [each["errorCode"] for each in answer.body["errors"]] == [code]


def test_the_basic_tier_has_no_twins_in_bulk_either() -> None:
    lab = Lab(sku="B1")
    lab.create("a")
    answer = lab.call("POST", "/devices", [{"id": "a", "importMode": "updateTwin", "tags": {}}])
    assert [each["errorCode"] for each in answer.body["errors"]] == ["OperationNotAvailableInCurrentTier"]
