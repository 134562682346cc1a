"""Twins: how changes count and leave their traces, under which etags, and the rules for what is inside."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.iothub.twins import InvalidTwin, new_twin, report, show_properties, show_to_device, twin_etag, update
from tests.emulator.iothub.lab import Lab

THEN, NOW = "2024-05-07T19:07:40.0000000Z", "2024-05-07T19:07:45.0000000Z"
NEVER = "0001-01-01T00:00:00Z"


def test_the_twin_of_a_new_device(lab: Lab) -> None:
    identity = lab.create()
    answer = lab.call("GET", "/twins/d1")
    assert (answer.status, answer.headers) == (200, {})
    assert answer.body == {
        "deviceId": "d1",
        "etag": "AAAAAAAAAAE=",
        "deviceEtag": identity["etag"],
        "status": "enabled",
        "statusUpdateTime": NEVER,
        "connectionState": "Disconnected",
        "lastActivityTime": NEVER,
        "cloudToDeviceMessageCount": 0,
        "authenticationType": "sas",
        "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
        "version": 2,
        "properties": {
            "desired": {"$metadata": {"$lastUpdated": THEN}, "$version": 1},
            "reported": {"$metadata": {"$lastUpdated": THEN}, "$version": 1},
        },
        "capabilities": {"iotEdge": False},
    }


def test_a_change_of_desired_properties_is_counted_and_dated(lab: Lab) -> None:
    lab.create()
    lab.arm.clock.advance(5)
    shown = lab.ok("GET", "/twins/d1")
    shown["properties"]["desired"]["username"] = "userA"
    changed = lab.ok("PATCH", "/twins/d1", shown, headers={"if-match": "*"})
    stamp = {"$lastUpdated": NOW, "$lastUpdatedVersion": 2}
    assert (changed["etag"], changed["version"]) == ("AAAAAAAAAAI=", 3)
    assert changed["properties"]["desired"] == {
        "username": "userA",
        "$metadata": {**stamp, "username": stamp},
        "$version": 2,
    }
    assert changed["properties"]["reported"] == {"$metadata": {"$lastUpdated": THEN}, "$version": 1}
    assert lab.ok("GET", "/twins/d1") == changed


def test_a_post_that_says_patch_is_one_and_any_other_is_nothing(lab: Lab) -> None:
    lab.create()
    given = {"properties": {"desired": {"interval": 60}}}
    changed = lab.ok("POST", "/twins/d1", given, headers={"x-http-method-override": "PATCH"})
    assert changed["properties"]["desired"]["interval"] == 60
    for headers in ({}, {"x-http-method-override": "DELETE"}):
        assert lab.call("POST", "/twins/d1", {"tags": {"a": 1}}, headers=headers).status == 404
    assert lab.ok("GET", "/twins/d1") == changed


def test_merging_and_replacing(lab: Lab) -> None:
    lab.create()
    lab.ok("PATCH", "/twins/d1", {"tags": {"a": {"b": 1, "c": 2}, "d": [1]}})
    merged = lab.ok("PATCH", "/twins/d1", {"tags": {"a": {"b": None, "e": {"f": 3}}, "d": {"g": 4}}})
    assert merged["tags"] == {"a": {"c": 2, "e": {"f": 3}}, "d": {"g": 4}}
    assert (merged["etag"], merged["version"]) == ("AAAAAAAAAAM=", 4)
    replaced = lab.ok("PUT", "/twins/d1", {"tags": {"h": 5}})
    assert replaced["tags"] == {"h": 5}
    emptied = lab.ok("PATCH", "/twins/d1", {"tags": {"h": None}})
    assert "tags" not in emptied


def test_a_replaced_property_loses_the_traces_of_what_it_was() -> None:
    twin = update(new_twin(0), {"properties": {"desired": {"a": {"b": 1}}}}, 1)
    twin = update(twin, {"properties": {"desired": {"a": 2}}}, 2)
    assert set(twin["desired"]["metadata"]["a"]) == {"$lastUpdated", "$lastUpdatedVersion"}
    twin = update(twin, {"properties": {"desired": {"c": 3}}}, 3, replace=True)
    assert twin["desired"]["value"] == {"c": 3}
    assert set(twin["desired"]["metadata"]) == {"$lastUpdated", "$lastUpdatedVersion", "c"}


def test_a_report_counts_the_version_and_not_the_etag() -> None:
    twin = report(new_twin(0), {"battery": 55, "$version": 9}, 1_715_108_865)
    assert (twin_etag(twin), twin["version"]) == ("AAAAAAAAAAE=", 3)
    assert show_properties(twin)["reported"] == {
        "battery": 55,
        "$metadata": {"$lastUpdated": NOW, "battery": {"$lastUpdated": NOW}},
        "$version": 2,
    }
    assert show_to_device(twin) == {"desired": {"$version": 1}, "reported": {"battery": 55, "$version": 2}}


@pytest.mark.parametrize("etag", ['"AAAAAAAAAAk="', "AAAAAAAAAAE=", "", "abc"])
def test_an_etag_that_does_not_match(lab: Lab, etag: str) -> None:
    lab.create()
    answer = lab.refused("PATCH", "/twins/d1", {"tags": {"a": 1}}, headers={"if-match": etag})
    assert answer == (412, "ErrorCode:PreconditionFailed;ETag mismatch for device ID 'd1'")
    assert "tags" not in lab.ok("GET", "/twins/d1")


def test_etags_that_do(lab: Lab) -> None:
    lab.create()
    for etag in ('"AAAAAAAAAAE="', "*", '"*"'):
        lab.ok("PATCH", "/twins/d1", {"tags": {"a": 1}}, headers={"if-match": etag})
    assert lab.ok("GET", "/twins/d1")["etag"] == "AAAAAAAAAAQ="


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
def test_no_twin_without_a_device(lab: Lab, method: str) -> None:
    assert lab.refused(method, "/twins/d1", {"tags": {}}) == (404, "ErrorCode:DeviceNotFound;d1")


def deep(levels: int) -> Any:
    """Objects inside each other."""
    return {"a": deep(levels - 1)} if levels > 1 else {"a": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"tags": []},
        {"tags": {"a.b": 1}},
        {"tags": {"a b": 1}},
        {"tags": {"": 1}},
        {"tags": {"a": {"$b": 1}}},
        {"tags": {"a": "x" * 4097}},
        {"tags": {f"k{number}": "x" * 1000 for number in range(9)}},
        {"tags": deep(11)},
        {"tags": {"a": [{"b": 2**52}]}},
        {"tags": {"a": -(2**52) - 1}},
        {"properties": {"desired": {f"k{number}": "x" * 4000 for number in range(9)}}},
        {"properties": {"desired": {"a": [1] * 4096}}},
        {"properties": {"desired": "x"}},
        {"properties": []},
    ],
)
def test_an_invalid_twin_is_refused(lab: Lab, change: Any) -> None:
    lab.create()
    status, message = lab.refused("PATCH", "/twins/d1", change)
    assert (status, message.partition(";")[0]) == (400, "ErrorCode:ArgumentInvalid")
    assert lab.ok("GET", "/twins/d1")["version"] == 2


@pytest.mark.parametrize("change", [deep(10), {"a": 2**52 - 1}, {"a": "x" * 4096}, {"a": [True, None, 1.5]}])
def test_a_twin_at_its_limits_is_taken(change: Any) -> None:
    assert update(new_twin(0), {"tags": change}, 1)["tags"] == change


def test_numbers_have_eight_bytes_and_booleans_four() -> None:
    full = {"a": [1] * 4094 + [True, True, False], "bcd": None}
    assert update(new_twin(0), {"properties": {"desired": full}}, 1)["desired"]["value"]["a"] == full["a"]
    with pytest.raises(InvalidTwin, match="must not exceed 32768 bytes"):
        update(new_twin(0), {"properties": {"desired": full | {"e": [1]}}}, 1)


@pytest.mark.parametrize("change", [[], "x", None, {"a": {"$b": 1}}])
def test_an_invalid_report_is_refused(change: Any) -> None:
    with pytest.raises(InvalidTwin):
        report(new_twin(0), change, 1)


def test_there_are_no_twins_in_the_basic_tier() -> None:
    lab = Lab(sku="B1")
    lab.create()
    for method in ("GET", "PATCH", "PUT"):
        status, message = lab.refused(method, "/twins/d1", {"tags": {}})
        assert (status, message.partition(";")[0]) == (403, "ErrorCode:OperationNotAvailableInCurrentTier")
    assert lab.ok("GET", "/devices/d1")["deviceId"] == "d1"
