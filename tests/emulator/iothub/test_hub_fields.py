"""Every field of what the service SDKs send to a hub, and what every refusal of the hub has.

There is no OpenAPI file of this API: the fields are those of the models in Microsoft's service clients for Python
(`azure-iot-hub`: Device, ExportImportDevice, Twin) and .NET.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request
from dpsops.emulator.iothub.device_routes import ROUTES
from dpsops.emulator.iothub.registry_routes import OPERATIONS
from tests.emulator.iothub.lab import HOST, VERSION, Lab
from tests.emulator.iothub.test_hub_device_api import enqueue
from tests.emulator.models import value_at

THUMBPRINTS = {"primaryThumbprint": "AB" * 32, "secondaryThumbprint": "CD" * 20}
KEYS = {"primaryKey": "MDEyMzQ1Njc4OWFiY2RlZg==", "secondaryKey": "ZmVkY2JhOTg3NjU0MzIxMA=="}
PARENT = "ms-azure-iot-edge://gateway-1"
IDENTITIES: list[JSON] = [
    {
        "authentication": {"type": "selfSigned", "x509Thumbprint": THUMBPRINTS},
        "status": "disabled",
        "statusReason": "lost",
        "deviceScope": PARENT,
        "parentScopes": [PARENT],
    },
    {
        "authentication": {"type": "sas", "symmetricKey": KEYS},
        "status": "enabled",
        "statusReason": None,
        "capabilities": {"iotEdge": True},
        "parentScopes": [PARENT],
    },
    {"authentication": {"type": "certificateAuthority"}},
]
DEVICE = {
    *("deviceId", "status", "statusReason", "capabilities.iotEdge", "deviceScope", "parentScopes", "authentication.type"),
    *(f"authentication.{part}.{place}{kind}" for part, kind in (("symmetricKey", "Key"), ("x509Thumbprint", "Thumbprint"))
      for place in ("primary", "secondary")),
}  # fmt: skip
THE_HUBS = {
    *("generationId", "etag", "connectionState", "connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"),
    "cloudToDeviceMessageCount",
}
"""What the hub itself says of an identity, whatever a client sends."""
TWIN = {
    *("deviceId", "tags", "properties", "etag", "deviceEtag", "version", "status", "statusUpdateTime", "connectionState"),
    *("lastActivityTime", "cloudToDeviceMessageCount", "authenticationType", "x509Thumbprint", "capabilities", "deviceScope"),
    *("parentScopes", "statusReason"),
}
LEFT_OUT = {"moduleId": "there are no modules", "modelId": "nobody keeps the model that a device names when it connects"}
"""Fields of the clients' models that are not there, and why."""


@pytest.mark.parametrize("bulk", [False, True], ids=["put", "bulk"])
def test_every_field_of_an_identity_is_kept(lab: Lab, bulk: bool) -> None:
    kept = set[str]()
    for count, sent in enumerate(IDENTITIES):
        device, foreign = f"d{count}", dict.fromkeys(THE_HUBS, "x")
        if bulk:
            lab.ok("POST", "/devices", [sent | foreign | {"id": device, "importMode": "create"}])
        else:
            lab.ok("PUT", f"/devices/{device}", sent | foreign | {"deviceId": device})
        shown = lab.ok("GET", f"/devices/{device}")
        assert shown.keys() - {"deviceScope", "parentScopes"} == {each.partition(".")[0] for each in DEVICE | THE_HUBS} - {
            "deviceScope", "parentScopes"
        }  # fmt: skip
        assert all(shown[each] != "x" for each in THE_HUBS)
        for field in DEVICE:
            value = value_at(sent | {"deviceId": device}, field)
            if value is not None:
                assert value_at(shown, field) == value, field
                kept.add(field)
    assert kept == DEVICE


def test_every_field_of_a_twin_is_there(lab: Lab) -> None:
    lab.create("d1", **IDENTITIES[0])
    change = {"tags": {"site": "x"}, "properties": {"desired": {"interval": 5}}}
    for method in ("PATCH", "PUT"):
        shown = lab.ok(method, "/twins/d1", dict.fromkeys(TWIN | set(LEFT_OUT), "x") | change)
        assert set(shown) == TWIN
        assert shown["properties"]["desired"]["interval"] == 5
        assert (shown["tags"], shown["status"], shown["deviceId"]) == ({"site": "x"}, "disabled", "d1")
        assert "x" not in {shown[each] for each in ("etag", "deviceEtag", "version", "connectionState", "authenticationType")}
    (row,) = lab.ok("POST", "/devices/query", {"query": "SELECT * FROM devices"})
    assert set(row) == TWIN


def test_an_edge_device_has_a_scope_of_its_own(lab: Lab) -> None:
    edge = lab.create("gateway", capabilities={"iotEdge": True})
    assert edge["deviceScope"] == f"ms-azure-iot-edge://gateway-{edge['generationId']}"
    etag = {"if-match": f'"{edge["etag"]}"'}
    other = edge | {"deviceScope": "ms-azure-iot-edge://gateway-1"}
    assert lab.refused("PUT", "/devices/gateway", other, headers=etag)[0] == 400
    assert lab.ok("PUT", "/devices/gateway", edge, headers=etag)["deviceScope"] == edge["deviceScope"]
    assert (
        lab.refused("PUT", "/devices/new", {"deviceId": "new", "capabilities": {"iotEdge": True}, "deviceScope": PARENT})[0]
        == 400
    )
    leaf = lab.create("leaf", deviceScope=edge["deviceScope"])
    assert (leaf["deviceScope"], leaf["parentScopes"]) == (edge["deviceScope"], [edge["deviceScope"]])
    assert lab.ok("GET", "/twins/leaf")["parentScopes"] == [edge["deviceScope"]]
    assert lab.refused("PUT", "/devices/l2", {"deviceId": "l2", "parentScopes": [5]})[0] == 400


def test_messages_that_wait_are_counted(lab: Lab) -> None:
    for name in ("d1", "d10"):
        lab.create(name)
    for _ in range(3):
        enqueue(lab)
    assert [each["cloudToDeviceMessageCount"] for each in lab.ok("GET", "/devices")] == [3, 0]
    for path in ("/devices/d1", "/twins/d1"):
        assert lab.ok("GET", path)["cloudToDeviceMessageCount"] == 3
    rows = lab.ok("POST", "/devices/query", {"query": "SELECT * FROM devices"})
    assert [each["cloudToDeviceMessageCount"] for each in rows] == [3, 0]
    lab.arm.clock.advance(3600)
    assert lab.ok("GET", "/devices/d1")["cloudToDeviceMessageCount"] == 0


def test_a_module_is_not_taken_for_its_device(lab: Lab) -> None:
    lab.create("d1")
    before = lab.ok("GET", "/devices/d1")
    for mode in ("update", "updateTwin", "delete", "createOrUpdate"):
        answer = lab.call("POST", "/devices", [{"id": "d1", "moduleId": "m1", "importMode": mode, "status": "disabled"}])
        assert [(each["errorCode"], "modules" in each["errorStatus"]) for each in answer.body["errors"]] == [
            ("ArgumentInvalid", True)
        ]
    assert lab.ok("GET", "/devices/d1") == before


@pytest.mark.parametrize("version", ["2018-06-30", "2019-10-01", "2020-03-01", "2020-03-13", "2020-09-30", "2021-04-12"])
def test_versions_that_released_sdks_send(lab: Lab, version: str) -> None:
    lab.ok("PUT", "/devices/d1", {"deviceId": "d1"}, version=version)
    assert lab.ok("GET", "/twins/d1", version=version)["deviceId"] == "d1"
    assert lab.ok("POST", "/devices/query", {"query": "SELECT * FROM devices"}, version=version)


WRONG: dict[str, JSON] = {
    "no credential": {"authorization": ""},
    "another's": {"authorization": "SharedAccessSignature sr=x&sig=eA%3D%3D&se=9999999999&skn=iotHubOwner"},
    "no such version": {"version": "2030-01-01"},
    "no version": {"version": ""},
    "no JSON": {"body": b"{"},
    "another media type": {"body": b"{}", "kind": "text/plain"},
    "a hub that is not there": {"host": "nobody.azure-devices.net"},
    "nobody": {"body": b"{}", "headers": {"if-match": "*"}},
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_every_refusal_bears_an_error_code(lab: Lab, wrong: str) -> None:
    """Of every operation of the service API and the device API; a success where nothing is wrong with the request for it."""
    refused = 0
    for route in [*OPERATIONS, *ROUTES]:
        answer = ask(lab, route.method, re.sub(r"\{\w+\*?\}", "nobody", route.pattern), **WRONG[wrong])
        if answer.status >= 400:
            assert answer.headers["iothub-errorcode"], (route.method, route.pattern, answer)
            refused += 1
    assert refused >= len(ROUTES)


def test_an_operation_that_is_not_there_bears_one_too(lab: Lab) -> None:
    for method, path in (("GET", "/configurations"), ("PUT", "/devices/d1/modules/m1"), ("PATCH", "/devices"), ("GET", "/")):
        answer = ask(lab, method, path)
        assert (answer.status, bool(answer.headers["iothub-errorcode"])) == (404, True)


def ask(
    lab: Lab,
    method: str,
    path: str,
    *,
    authorization: str | None = None,
    version: str = VERSION,
    body: bytes = b"",
    kind: str = "application/json",
    host: str = HOST,
    headers: JSON | None = None,
) -> Any:
    """The hub's answer to a request that its owner has signed, unless told otherwise."""
    sent = {"authorization": lab.signed() if authorization is None else authorization, "content-type": kind} | (headers or {})
    return lab.azure.handle(Request(method, host, path, {"api-version": version}, sent, body))
