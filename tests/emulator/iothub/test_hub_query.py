"""The query language, and the pages in which answers come."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.iothub.query import InvalidQuery, Query
from dpsops.emulator.world import Timings
from tests.emulator.iothub.lab import Lab
from tests.emulator.microsoft_devices.control_plane import ControlPlane

TWINS: list[dict[str, Any]] = [
    {"deviceId": "a", "status": "enabled", "tags": {"site": {"no": 7}, "hot": True}, "properties": {"reported": {"n": 1}}},
    {"deviceId": "b", "status": "disabled", "tags": {"site": {"no": 8}}, "properties": {"reported": {"n": 2.5}}},
    {"deviceId": "it's", "status": "enabled", "tags": {}, "properties": {"reported": {"n": "2"}}},
]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("deviceId = 'a'", ["a"]),
        ('deviceId = "a"', ["a"]),
        ("'a' = deviceId", ["a"]),
        ("devices.deviceId = 'a'", ["a"]),
        (r"deviceId = 'it\'s'", ["it's"]),
        ("deviceId = 'A'", []),
        ("status != 'enabled'", ["b"]),
        ("status <> 'enabled'", ["b"]),
        ("tags.site.no > 7", ["b"]),
        ("tags.site.no >= 7 AND status = 'enabled'", ["a"]),
        ("tags.hot = true", ["a"]),
        ("tags.hot != true", []),
        ("tags.hot = null", []),
        ("is_defined(tags.hot)", ["a"]),
        ("NOT is_defined(tags.hot)", ["b", "it's"]),
        ("properties.reported.n < 2", ["a"]),
        ("properties.reported.n <= 2.5", ["a", "b"]),
        ("properties.reported.n > '1'", ["it's"]),
        ("deviceId IN ['a', 'b', 'z']", ["a", "b"]),
        ("deviceId nin ['a', 'b', 'z']", ["it's"]),
        ("tags.site.no IN [8]", ["b"]),
        ("tags.site.no NIN [8]", ["a"]),
        ("deviceId = 'a' OR deviceId = 'b' AND status = 'enabled'", ["a"]),
        ("(deviceId = 'a' OR deviceId = 'b') AND status = 'disabled'", ["b"]),
        ("NOT (deviceId = 'a') AND NOT deviceId = 'b'", ["it's"]),
        ("tags.site.no = -7", []),
    ],
)
def test_conditions(condition: str, found: list[str]) -> None:
    query = Query.parse(f"select * from devices where {condition}")  # noqa: S608
    assert [twin["deviceId"] for twin in TWINS if query.condition(twin)] == found


def test_columns_and_counts() -> None:
    assert Query.parse("SELECT deviceId, tags.site.no AS site FROM devices").rows(TWINS[1:]) == [
        {"deviceId": "b", "site": 8},
        {"deviceId": "it's"},
    ]
    assert Query.parse("SELECT tags.site.no FROM devices").rows(TWINS[:1]) == [{"no": 7}]
    assert Query.parse("SELECT COUNT() AS total FROM devices").rows(TWINS) == [{"total": 3}]
    assert Query.parse("SELECT COUNT() AS total FROM devices").rows([]) == [{"total": 0}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DELETE FROM devices",
        "SELECT * FROM",
        "SELECT * FROM modules",
        "SELECT * FROM devices.modules",
        "SELECT * FROM devices WHERE",
        "SELECT * FROM devices WHERE deviceId",
        "SELECT * FROM devices WHERE deviceId = ",
        "SELECT * FROM devices WHERE deviceId = 'a",
        "SELECT * FROM devices WHERE deviceId LIKE 'a'",
        "SELECT * FROM devices WHERE deviceId ( 'a'",
        "SELECT * FROM devices WHERE deviceId ~ 'a'",
        "SELECT * FROM devices WHERE (deviceId = 'a'",
        "SELECT * FROM devices WHERE deviceId = 'a' AND",
        "SELECT * FROM devices WHERE deviceId IN []",
        "SELECT * FROM devices WHERE deviceId IN [b]",
        "SELECT * FROM devices WHERE a = 1; DROP TABLE devices",
        "SELECT * FROM devices GROUP BY status",
        "SELECT * FROM devices ORDER BY deviceId",
        "SELECT AVG(tags.n) AS n FROM devices",
        "SELECT COUNT() FROM devices",
        "SELECT * deviceId FROM devices",
        "SELECT FROM devices",
        "SELECT TOP FROM devices",
        "SELECT TOP 0 * FROM devices",
        "SELECT TOP -1 * FROM devices",
        "SELECT TOP 1.5 * FROM devices",
        "SELECT TOP 1 COUNT() AS n FROM devices",
        "SELECT 1 FROM devices",
    ],
)
def test_an_invalid_query_is_refused(lab: Lab, text: str) -> None:
    with pytest.raises(InvalidQuery):
        Query.parse(text)
    status, message = lab.refused("POST", "/devices/query", {"query": text})
    assert (status, message.partition(": ")[0]) == (400, "ErrorCode:ArgumentInvalid;Invalid query")


def test_an_answer_holds_twins(lab: Lab) -> None:
    lab.create("a")
    lab.create("b", authentication={"x509Thumbprint": {"primaryThumbprint": "AB" * 32}})
    answer = lab.call("POST", "/devices/query", {"query": "SELECT * FROM devices WHERE deviceId = 'b'"})
    assert (answer.status, answer.headers) == (200, {"x-ms-item-type": "Twin"})
    assert answer.body == [lab.ok("GET", "/twins/b")]
    assert answer.body[0]["authenticationType"] == "selfSigned"
    assert answer.body[0]["x509Thumbprint"] == {"primaryThumbprint": "AB" * 32, "secondaryThumbprint": None}
    columns = lab.call("POST", "/devices/query", {"query": "SELECT deviceId, authenticationType FROM devices"})
    assert columns.headers == {"x-ms-item-type": "Raw"}
    assert columns.body == [
        {"deviceId": "a", "authenticationType": "sas"},
        {"deviceId": "b", "authenticationType": "selfSigned"},
    ]


def pages(lab: Lab, query: str, size: str) -> list[list[str]]:
    """The device IDs of every page of an answer."""
    found, headers = [], {"x-ms-max-item-count": size}
    while True:
        answer = lab.call("POST", "/devices/query", {"query": query}, headers=headers)
        assert answer.status == 200
        found.append([row["deviceId"] for row in answer.body])
        if "x-ms-continuation" not in answer.headers:
            return found
        headers["x-ms-continuation"] = answer.headers["x-ms-continuation"]


def test_answers_come_in_pages(lab: Lab) -> None:
    for name in "abcde":
        lab.create(name, status="disabled" if name == "b" else "enabled")
    everything = "SELECT * FROM devices"
    assert pages(lab, everything, "2") == [["a", "b"], ["c", "d"], ["e"]]
    assert pages(lab, everything, "5") == [["a", "b", "c", "d", "e"]]
    assert pages(lab, "SELECT deviceId FROM devices WHERE status = 'enabled'", "2") == [["a", "c"], ["d", "e"]]
    count = {"query": "SELECT COUNT() AS n FROM devices WHERE status = 'enabled'"}
    counted = lab.call("POST", "/devices/query", count, headers={"x-ms-max-item-count": "1"})
    assert (counted.body, counted.headers) == ([{"n": 4}], {"x-ms-item-type": "Raw"})


def test_top_ends_an_answer_whatever_its_pages(lab: Lab) -> None:
    for name in "abcde":
        lab.create(name, status="disabled" if name == "b" else "enabled")
    first = "SELECT TOP 3 * FROM devices"
    assert pages(lab, first, "2") == [["a", "b"], ["c"]]
    assert pages(lab, first, "3") == pages(lab, first, "100") == [["a", "b", "c"]]
    assert pages(lab, "select top 3 deviceId from devices where status = 'enabled'", "1") == [["a"], ["c"], ["d"]]
    assert pages(lab, "SELECT TOP 6 * FROM devices", "4") == [["a", "b", "c", "d"], ["e"]]


def test_no_page_has_more_than_100(lab: Lab) -> None:
    entries = [{"id": f"d{number:03}", "importMode": "create"} for number in range(100)]
    lab.ok("POST", "/devices", entries)
    lab.arm.clock.advance(60)
    lab.create("e")
    assert [len(page) for page in pages(lab, "SELECT * FROM devices", "1000")] == [100, 1]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-ms-max-item-count", "0"),
        ("x-ms-max-item-count", "all"),
        ("x-ms-max-item-count", "1" * 5000),
        ("x-ms-continuation", "?"),
        ("x-ms-continuation", "\N{SUPERSCRIPT TWO}"),
        ("x-ms-continuation", "/w=="),
        ("x-ms-continuation", "LTE6YQ=="),
    ],
)
def test_impossible_pages(lab: Lab, header: str, value: str) -> None:
    assert lab.refused("POST", "/devices/query", {"query": "SELECT * FROM devices"}, headers={header: value})[0] == 400


def test_a_query_that_is_too_long(lab: Lab) -> None:
    def asked(size: int) -> object:
        text = "SELECT * FROM devices WHERE deviceId = ''"
        return {"query": text[:-1] + "a" * (size - len(text)) + "'"}

    assert lab.ok("POST", "/devices/query", asked(8192)) == []
    status, message = lab.refused("POST", "/devices/query", asked(8193))
    assert (status, message.partition(";")[0]) == (412, "ErrorCode:PreconditionFailed")


def test_queries_do_not_know_yet_what_has_changed() -> None:
    lab = Lab(ControlPlane(Timings(query=6)))
    first = lab.create("a")
    lab.arm.clock.advance(6)
    query = {"query": "SELECT deviceId, deviceEtag, status FROM devices WHERE status = 'enabled'"}
    known = [{"deviceId": "a", "deviceEtag": first["etag"], "status": "enabled"}]
    for _ in range(2):
        lab.ok("POST", "/devices", [{"id": "a", "importMode": "update", "status": "disabled"}])
        lab.arm.clock.advance(5)
        assert lab.ok("POST", "/devices/query", query) == known, "what it was before the first change"
    stale = {"id": "a", "importMode": "updateIfMatchETag", "eTag": known[0]["deviceEtag"]}
    assert [each["errorCode"] for each in lab.call("POST", "/devices", [stale]).body["errors"]] == ["PreconditionFailed"]
    lab.arm.clock.advance(1)
    assert lab.ok("POST", "/devices/query", query) == []
    lab.ok("POST", "/devices", [{"id": "a", "importMode": "delete"}])
    lab.create("a")
    lab.arm.clock.advance(6)
    assert len(lab.ok("POST", "/devices/query", query)) == 1


def test_queries_lag_behind() -> None:
    lab = Lab(ControlPlane(Timings(query=6)))
    lab.create("a")
    query = {"query": "SELECT * FROM devices WHERE deviceId = 'a'"}
    assert lab.ok("POST", "/devices/query", query) == []
    lab.arm.clock.advance(6)
    assert len(lab.ok("POST", "/devices/query", query)) == 1
