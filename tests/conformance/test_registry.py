"""A hub's device registry does what sessions of Microsoft's .NET service client show: the sentences of `registry_facts`.

Source, in short: `Azure/azure-sdk-for-net`, session records of `Azure.IoT.Hub.Service`, API version 2020-03-13.
"""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import NOTHING, Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.conformance.messages import MANAGEMENT
from tests.conformance.registry_facts import HELD, NOT_HELD
from tests.emulator.microsoft_devices.signatures import sign

pytestmark = pytest.mark.usefixtures("unmeasured")

_NEVER = "0001-01-01T00:00:00"
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}Z"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UNKNOWN = 5.0
"""Seconds until a query knows a device."""
_NOW = 1_625_690_726.75
_TICKS = 621_355_968_000_000_000 + int(_NOW * 10_000_000)
_THUMBPRINTS = {"primaryThumbprint": None, "secondaryThumbprint": None}
_SUMMER_OF_2020 = Habits(names_stale_versions=False, new_identity_scopes=True)


@dataclass(slots=True)
class Registry:
    """The registry of one hub, called as the owner of a shared access policy calls it."""

    azure: Azure
    host: str
    key: str

    def ask(self, method: str, path: str, body: Any = None, if_match: str | None = None) -> Response:
        """The answer, of whatever status."""
        signed = sign(self.host, self.key, self.azure.clock.now() + 3600, "iothubowner")
        headers = {"authorization": signed, "content-type": "application/json"}
        headers |= {} if if_match is None else {"if-match": if_match}
        content = b"" if body is None else json.dumps(body).encode()
        return self.azure.handle(Request(method, self.host, path, {"api-version": "2020-03-13"}, headers, content))

    def create(self, name: str = "pump") -> Any:
        """A new identity, as the answer shows it."""
        return self.ask("PUT", f"/devices/{name}", {"deviceId": name}, '""').body

    def get(self, path: str) -> Any:
        """What is there."""
        answer = self.ask("GET", path)
        assert answer.status == 200
        return answer.body

    def later(self, seconds: float = 1.25) -> None:
        """Lets time pass."""
        self.azure.clock.advance(seconds)


def make(habits: Habits) -> Registry:
    """A hub without devices."""
    azure = Azure(Database(None), Clock(frozen_at=_NOW), Timings(query=_UNKNOWN), habits)
    with azure.database.transaction() as state:
        world = World(state, azure.clock.now())
        bootstrap(world)
        token = issue_token(world, OPERATOR, f"https://{MANAGEMENT}/")

    def manage(method: str, path: str, version: str, body: Any) -> Any:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = json.dumps(body).encode()
        answer = azure.handle(Request(method, MANAGEMENT, path, {"api-version": version}, headers, content))
        assert answer.status < 300, answer.body
        return answer.body

    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
    hub = f"{group}/providers/Microsoft.Devices/IotHubs/works"
    manage("PUT", group, "2021-04-01", {"location": "westus"})
    manage("PUT", hub, "2023-06-30", {"location": "westus", "sku": {"name": "S1", "capacity": 1}, "properties": {}})
    keys = {each["keyName"]: each["primaryKey"] for each in manage("POST", f"{hub}/listkeys", "2023-06-30", {})["value"]}
    return Registry(azure, "works.azure-devices.net", keys["iothubowner"])


@pytest.fixture(params=[Habits(), _SUMMER_OF_2020], ids=["2021", "summer of 2020"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """In both ways in which it was recorded."""
    found = make(request.param)
    yield found
    found.azure.database.close()


def number(etag: str) -> int:
    """The number in an identity's etag."""
    text = base64.b64decode(etag, validate=True).decode()
    assert re.fullmatch(r"[1-9]\d*", text)
    return int(text)


def in_order(value: Any) -> Any:
    """The value with the order of its members, which `==` does not look at."""
    if isinstance(value, dict):
        return [(name, in_order(each)) for name, each in value.items()]
    return [in_order(each) for each in value] if isinstance(value, list) else value


def same(got: Any, expected: Any) -> bool:
    """Whether two values are the same, in types and in the order of members, too."""
    return json.dumps(in_order(got)) == json.dumps(in_order(expected))


def headers(answer: Response) -> dict[str, str]:
    """What an answer tells beside its media type and its request."""
    return {name: value for name, value in answer.fields(0.0).items() if name not in ("Content-Type", "Date", "x-ms-request-id")}


def written_back(identity: Any, **changes: Any) -> Any:
    """An identity as the client sends it after having read it: without what is null."""
    sent = {name: each for name, each in identity.items() if each is not None}
    times = ("connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime")
    sent |= dict.fromkeys(times, f"{_NEVER}Z")
    return sent | {"authentication": sent["authentication"] | {"x509Thumbprint": {}}} | changes


@pytest.mark.parametrize("if_match", ['""', None])
def test_a_new_identity(registry: Registry, if_match: str | None) -> None:
    answer = registry.ask("PUT", "/devices/pump", {"deviceId": "pump"}, if_match)
    body = answer.body
    keys = body["authentication"]["symmetricKey"]
    assert [len(base64.b64decode(each, validate=True)) for each in keys.values()] == [32, 32]
    assert number(body["etag"])
    assert answer.status == 200
    assert headers(answer) == {"ETag": f'"{body["etag"]}"'}
    expected = {
        "deviceId": "pump",
        "generationId": str(_TICKS),
        "etag": body["etag"],
        "connectionState": "Disconnected",
        "status": "enabled",
        "statusReason": None,
        "connectionStateUpdatedTime": _NEVER,
        "statusUpdatedTime": _NEVER,
        "lastActivityTime": _NEVER,
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "symmetricKey": {"primaryKey": keys["primaryKey"], "secondaryKey": keys["secondaryKey"]},
            "x509Thumbprint": _THUMBPRINTS,
            "type": "sas",
        },
        "capabilities": {"iotEdge": False},
    }
    scopes: dict[str, Any] = {"parentScopes": []} if registry.azure.habits.new_identity_scopes else {}
    assert same(body, expected | scopes)


def test_reading_an_identity(registry: Registry) -> None:
    created = registry.create()
    answer = registry.ask("GET", "/devices/pump")
    assert (answer.status, headers(answer)) == (200, {"ETag": f'"{created["etag"]}"'})
    dated = {name: f"{_NEVER}Z" if each == _NEVER else each for name, each in created.items() if name != "parentScopes"}
    assert same(answer.body, dated)


@pytest.mark.parametrize("any_etag", [False, True], ids=["etag", "star"])
def test_changing_an_identity(registry: Registry, any_etag: bool) -> None:
    registry.create()
    read = registry.get("/devices/pump")
    registry.later()
    sent = written_back(read, status="disabled", **({"etag": "MQ=="} if any_etag else {}))
    answer = registry.ask("PUT", "/devices/pump", sent, "*" if any_etag else f'"{read["etag"]}"')
    body = answer.body
    assert (answer.status, headers(answer)) == (200, {"ETag": f'"{body["etag"]}"'})
    assert number(body["etag"]) == number(read["etag"]) + 1
    assert re.fullmatch(_DATE, body["statusUpdatedTime"])
    changes = {"etag": body["etag"], "status": "disabled", "statusUpdatedTime": body["statusUpdatedTime"]}
    assert same(body, read | changes)
    assert same(registry.get("/devices/pump"), body)


def test_parent_scopes_come_back(registry: Registry) -> None:
    registry.create()
    read = registry.get("/devices/pump")
    answer = registry.ask("PUT", "/devices/pump", written_back(read, parentScopes=[]), f'"{read["etag"]}"')
    assert same(answer.body, read | {"etag": answer.body["etag"], "parentScopes": []})


def test_a_former_etag_changes_nothing(registry: Registry) -> None:
    former = registry.create()["etag"]
    sent = written_back(registry.get("/devices/pump"))
    present = registry.ask("PUT", "/devices/pump", sent | {"status": "disabled"}, f'"{former}"').body["etag"]
    answer = registry.ask("PUT", "/devices/pump", sent, f'"{former}"')
    assert (answer.status, headers(answer)) == (412, {"iothub-errorcode": "PreconditionFailed"})
    assert list(answer.body) == ["Message", "ExceptionMessage"]
    versions = f"existingVersion:{number(present)} newVersion:{number(former)}"
    newer = f"Precondition failed: Device version did not match, {versions}"
    words = newer if registry.azure.habits.names_stale_versions else "PreconditionFailed"
    assert answer.body["Message"] == f"ErrorCode:PreconditionFailed;{words}"
    tracking = answer.fields(0.0)["x-ms-request-id"].replace("-", "")
    found = rf"Tracking ID:{tracking}-G:\d+-TimeStamp:07/07/2021 20:45:26"
    assert re.fullmatch(found, answer.body["ExceptionMessage"])

    after = registry.ask("PUT", "/devices/pump", sent, "*")
    assert (after.status, after.body["status"], number(after.body["etag"])) == (200, "enabled", number(former) + 2)


def test_deleting_an_identity(registry: Registry) -> None:
    registry.create()
    answer = registry.ask("DELETE", "/devices/pump", if_match="*")
    assert (answer.status, answer.body, answer.content(), headers(answer)) == (204, NOTHING, b"", {})
    assert "Content-Type" not in answer.fields(0.0)


def test_the_twin_of_a_new_identity(registry: Registry) -> None:
    identity = registry.create()
    answer = registry.ask("GET", "/twins/pump")
    date = answer.body["properties"]["desired"]["$metadata"]["$lastUpdated"]
    assert re.fullmatch(_DATE, date)
    assert (answer.status, headers(answer)) == (200, {})
    section = {"$metadata": {"$lastUpdated": date}, "$version": 1}
    expected = {
        "deviceId": "pump",
        "etag": base64.b64encode(bytes(7) + b"\1").decode(),
        "deviceEtag": identity["etag"],
        "status": "enabled",
        "statusUpdateTime": f"{_NEVER}Z",
        "connectionState": "Disconnected",
        "lastActivityTime": f"{_NEVER}Z",
        "cloudToDeviceMessageCount": 0,
        "authenticationType": "sas",
        "x509Thumbprint": _THUMBPRINTS,
        "version": 2,
        "properties": {"desired": section, "reported": section},
        "capabilities": {"iotEdge": False},
    }
    assert same(answer.body, expected)


def test_changing_a_twin(registry: Registry) -> None:
    registry.create()
    read = registry.get("/twins/pump")
    registry.later()
    desired = read["properties"]["desired"] | {"interval": 5}
    sent = read | {"properties": read["properties"] | {"desired": desired}, "x509Thumbprint": {}}
    answer = registry.ask("PATCH", "/twins/pump", sent, "*")
    assert (answer.status, headers(answer)) == (200, {})
    date = answer.body["properties"]["desired"]["$metadata"]["$lastUpdated"]
    assert re.fullmatch(_DATE, date)
    assert date > read["properties"]["desired"]["$metadata"]["$lastUpdated"]
    stamp = {"$lastUpdated": date, "$lastUpdatedVersion": 2}
    changed = {"interval": 5, "$metadata": stamp | {"interval": stamp}, "$version": 2}
    etag = base64.b64encode(bytes(7) + b"\2").decode()
    expected = read | {"etag": etag, "version": 3, "properties": read["properties"] | {"desired": changed}}
    assert same(answer.body, expected)
    assert same(registry.get("/twins/pump"), answer.body)


def test_a_twins_former_etag_changes_nothing(registry: Registry) -> None:
    registry.create()
    former = registry.get("/twins/pump")["etag"]
    change = {"properties": {"desired": {"interval": 5}}}
    present = registry.ask("PATCH", "/twins/pump", change, "*").body
    answer = registry.ask("PATCH", "/twins/pump", change, f'"{former}"')
    assert (answer.status, headers(answer)) == (412, {"iothub-errorcode": "PreconditionFailed"})
    tracking = answer.fields(0.0)["x-ms-request-id"].replace("-", "")
    expected = {
        "Message": "ErrorCode:PreconditionFailed;ETag mismatch for device ID 'pump'",
        "ExceptionMessage": f"Tracking ID:{tracking}-TimeStamp:07/07/2021 20:45:26",
    }
    assert same(answer.body, expected)
    assert same(registry.get("/twins/pump"), present)


@pytest.mark.parametrize("words", ["SELECT * FROM devices WHERE deviceId = 'pump'", "select * from devices"])
def test_a_query(registry: Registry, words: str) -> None:
    registry.create()
    for shown in ([], [registry.get("/twins/pump")]):
        answer = registry.ask("POST", "/devices/query", {"query": words})
        assert (answer.status, headers(answer)) == (200, {"x-ms-item-type": "Twin"})
        assert same(answer.body, shown)
        registry.later(_UNKNOWN)


def test_many_identities_with_their_twins(registry: Registry) -> None:
    entries = [
        {"id": name, "importMode": "create", "status": "enabled", "properties": {"desired": {"interval": 5}}}
        for name in ("pump", "press")
    ]
    answer = registry.ask("POST", "/devices", entries)
    assert (answer.status, headers(answer)) == (200, {})
    assert same(answer.body, {"isSuccessful": True, "errors": [], "warnings": []})
    twin = registry.get("/twins/press")
    stamp = {"$lastUpdated": f"{_NEVER}Z", "$lastUpdatedVersion": 1}
    assert same(twin["properties"]["desired"], {"interval": 5, "$metadata": stamp | {"interval": stamp}, "$version": 1})
    assert re.fullmatch(_DATE, twin["properties"]["reported"]["$metadata"]["$lastUpdated"])
    assert (twin["etag"], twin["version"]) == (base64.b64encode(bytes(7) + b"\1").decode(), 2)


def test_many_identities_are_changed_and_deleted(registry: Registry) -> None:
    names = ("pump", "press")
    before = {name: registry.create(name)["etag"] for name in names}
    registry.later()
    update = [{"id": name, "eTag": before[name], "importMode": "update", "status": "disabled"} for name in names]
    assert registry.ask("POST", "/devices", update).body["isSuccessful"] is True
    for name in names:
        identity = registry.get(f"/devices/{name}")
        assert (identity["status"], number(identity["etag"])) == ("disabled", number(before[name]) + 1)
        assert re.fullmatch(_DATE, identity["statusUpdatedTime"])
    deletion = [{"id": name, "eTag": before[name], "importMode": "delete"} for name in names]
    answer = registry.ask("POST", "/devices", deletion)
    assert answer.status == 200
    assert same(answer.body, {"isSuccessful": True, "errors": [], "warnings": []})
    assert [registry.ask("GET", f"/devices/{name}").status for name in names] == [404, 404]


def test_statistics(registry: Registry) -> None:
    registry.create("pump")
    registry.create("press")
    registry.ask("PUT", "/devices/pump", written_back(registry.get("/devices/pump"), status="disabled"), "*")
    counts = {"totalDeviceCount": 2, "enabledDeviceCount": 1, "disabledDeviceCount": 1}
    for path, expected in (("devices", counts), ("service", {"connectedDeviceCount": 0})):
        answer = registry.ask("GET", f"/statistics/{path}")
        assert (answer.status, headers(answer)) == (200, {})
        assert same(answer.body, expected)


def test_every_answer_says_what_it_is(registry: Registry) -> None:
    etag = registry.create()["etag"]
    answers = [
        registry.ask("PUT", "/devices/pump", {"deviceId": "pump"}, f'"{etag}"'),
        registry.ask("PUT", "/devices/pump", {"deviceId": "pump"}, f'"{etag}"'),
        registry.ask("GET", "/devices/pump"),
        registry.ask("GET", "/twins/pump"),
        registry.ask("PATCH", "/twins/pump", {"tags": {}}, "*"),
        registry.ask("POST", "/devices/query", {"query": "SELECT * FROM devices"}),
        registry.ask("POST", "/devices", [{"id": "press", "importMode": "create"}]),
        registry.ask("GET", "/statistics/devices"),
    ]
    assert [each.status for each in answers] == [200, 412, *[200] * 6]
    assert {each.fields(0.0)["Content-Type"] for each in answers} == {"application/json; charset=utf-8"}
    answers.append(registry.ask("DELETE", "/devices/pump", if_match="*"))
    requests = [each.fields(0.0)["x-ms-request-id"] for each in answers]
    assert all(re.fullmatch(_UUID, each) for each in requests)
    assert len(set(requests)) == len(requests)


def test_every_sentence_is_held_by_a_test_of_these_or_has_a_reason() -> None:
    held = [sentence for sentences in HELD.values() for sentence in sentences]
    assert len(held) == len(set(held) - NOT_HELD.keys())
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    tests = {each.name for each in tree.body if isinstance(each, ast.FunctionDef) and each.args.args}
    assert {name for name in tests if name.startswith("test_")} == HELD.keys()
