"""The device API of a hub over HTTPS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response
from dpsops.emulator.iothub import messages
from dpsops.emulator.iothub.devices import find_device, messages_of, provision
from dpsops.emulator.iothub.telemetry import MAX_SIZE
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.times import american
from tests.emulator.iothub.lab import HOST, LEAF, NO_RULES, ROOT, VERSION, Issuer, Lab, self_signed, thumbprint
from tests.emulator.iothub.live import hub_of, inside
from tests.emulator.microsoft_devices.control_plane import NOW
from tests.emulator.microsoft_devices.signatures import sign

EVENTS = "/devices/d1/messages/events"
BOUND = "/devices/d1/messages/deviceBound"


def ask(
    lab: Lab,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    leaf: x509.Certificate | None = LEAF,
    host: str = HOST,
    version: str = VERSION,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """What the hub answers to a device."""
    chain = () if leaf is None else (leaf.public_bytes(Encoding.DER),)
    return lab.azure.handle(Request(method, host, path, {"api-version": version}, headers or {}, body, chain=chain))


def code(answer: Response) -> tuple[int, str]:
    """Status and error code of a refusal."""
    return answer.status, answer.headers["iothub-errorcode"]


def kept(lab: Lab) -> list[JSON]:
    """The messages of the device."""
    hub = lab.hub()
    with lab.world() as world:
        return messages_of(world, hub, "d1")


def enqueue(lab: Lab, body: bytes = b"hi", properties: Mapping[str, str] | None = None, **system: str) -> None:
    """A message for the device."""
    hub = lab.hub()
    with lab.world() as world:
        device = find_device(world, hub, "d1")
        assert device is not None
        message = {"body": base64.b64encode(body).decode(), "properties": dict(properties or {}), "system": system}
        messages.enqueue(world, hub, device, message)


def test_a_message_is_kept_with_its_headers(lab: Lab) -> None:
    self_signed(lab, LEAF)
    headers = {
        "iothub-app-colour": "dark red",
        "iothub-messageid": "m1",
        "iothub-to": "/devices/d1/messages/events",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "user-agent": "test",
    }
    answer = ask(lab, "POST", EVENTS, b'{"t": 21}\xff', headers=headers)
    assert (answer.status, answer.body) == (204, NOTHING)
    (message,) = kept(lab)
    assert base64.b64decode(message["body"]) == b'{"t": 21}\xff'
    assert message["properties"] == {"colour": "dark red"}
    generation = lab.ok("GET", "/devices/d1")["generationId"]
    assert message["systemProperties"] == {
        "messageId": "m1",
        "to": "/devices/d1/messages/events",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
        "iothub-connection-device-id": "d1",
        "iothub-connection-auth-method": '{"scope": "device", "type": "x509Certificate", "issuer": "external"}',
        "iothub-connection-auth-generation-id": generation,
        "iothub-message-source": "Telemetry",
    }
    assert lab.ok("GET", "/devices/d1")["connectionState"] == "Disconnected"
    assert lab.ok("GET", "/devices/d1")["lastActivityTime"].startswith("2")


def batch(lab: Lab, entries: Any) -> Response:
    """Many messages at once."""
    kind = {"content-type": "application/vnd.microsoft.iothub.json"}
    return ask(lab, "POST", EVENTS, json.dumps(entries).encode(), headers=kind)


def test_a_batch_is_so_many_messages(lab: Lab) -> None:
    self_signed(lab, LEAF)
    entries = [
        {"body": "b25l", "properties": {"iothub-app-n": "1", "iothub-messageid": "m1"}},
        {"body": "two", "base64Encoded": False},
    ]
    assert batch(lab, entries).status == 204
    found = [
        (base64.b64decode(each["body"]), each["properties"], each["systemProperties"].get("messageId")) for each in kept(lab)
    ]
    assert found == [(b"one", {"n": "1"}, "m1"), (b"two", {}, None)]


@pytest.mark.parametrize("entries", [{}, [], ["x"], [{"body": "?"}], [{"body": 1}], [{"body": "", "properties": {"a": 1}}]])
def test_a_batch_that_cannot_be_read_leaves_nothing(lab: Lab, entries: Any) -> None:
    self_signed(lab, LEAF)
    good = [{"body": "b25l"}] if isinstance(entries, list) and entries else []
    assert batch(lab, [*good, *entries] if good else entries).status == 400
    assert kept(lab) == []


def test_a_device_that_does_not_authenticate_learns_nothing_more(lab: Lab) -> None:
    self_signed(lab, LEAF)
    lab.create(
        "off", status="disabled", authentication={"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": thumbprint(LEAF)}}
    )
    refused = (401, "IotHubUnauthorizedAccess")
    for leaf in (None, ROOT.leaf("d1"), ROOT.leaf("d1", days=(-2, -1))):
        assert code(ask(lab, "POST", EVENTS, b"x", leaf=leaf)) == refused
    for device in ("off", "nobody"):
        assert code(ask(lab, "POST", f"/devices/{device}/messages/events", b"x")) == refused
        assert code(ask(lab, "GET", f"/devices/{device}/messages/deviceBound")) == refused
    owner = {"authorization": lab.signed()}
    assert code(ask(lab, "POST", EVENTS, b"x", leaf=None, headers=owner)) == refused
    assert kept(lab) == []


def test_a_device_with_keys_signs(lab: Lab) -> None:
    lab.create("d1")
    key = lab.ok("GET", "/devices/d1")["authentication"]["symmetricKey"]["primaryKey"]

    def send(resource: str, lifetime: float = 60) -> int:
        headers = {"authorization": sign(resource, key, lab.arm.clock.now() + lifetime)}
        return ask(lab, "POST", EVENTS, b"x", leaf=None, headers=headers).status

    assert send(f"{HOST}/devices/d1") == 204
    assert send(f"{HOST}/devices/d2") == 401
    assert send(f"{HOST}/devices/d1", -1) == 401


def test_the_service_host_has_no_devices_and_the_device_host_has(lab: Lab) -> None:
    self_signed(lab, LEAF)
    assert ask(lab, "POST", EVENTS, b"x", host="hub1.service.azure-devices.net").status == 404
    assert ask(lab, "POST", EVENTS, b"x", host="hub1.device.azure-devices.net").status == 204


def test_an_unknown_api_version_and_a_closed_network_are_refused(lab: Lab) -> None:
    self_signed(lab, LEAF)
    assert code(ask(lab, "POST", EVENTS, b"x", version="2015-01-01")) == (400, "InvalidProtocolVersion")
    rules = {"defaultAction": "Deny"} | NO_RULES
    body = {"location": "westeurope", "sku": {"name": "S1", "capacity": 1}, "properties": {"networkRuleSets": rules}}
    assert lab.arm.call("PUT", "/IotHubs/hub1", body).status == 201
    assert ask(lab, "POST", EVENTS, b"x").status == 401


def test_a_message_that_is_too_large_or_one_too_many(lab: Lab) -> None:
    self_signed(lab, LEAF)
    full = {"iothub-app-ab": "cd"}
    assert ask(lab, "POST", EVENTS, b"x" * (MAX_SIZE - 4), headers=full).status == 204
    assert code(ask(lab, "POST", EVENTS, b"x" * (MAX_SIZE - 3), headers=full)) == (413, "MessageTooLarge")
    answers = [ask(lab, "POST", EVENTS, b"x").status for _ in range(100)]
    assert answers == [204] * 99 + [429]


def test_a_message_is_received_with_its_headers_completed_and_gone(lab: Lab) -> None:
    self_signed(lab, LEAF)
    assert ask(lab, "GET", BOUND).status == 204
    enqueue(lab, b"\xffhi", {"colour": "red", "für": "a\r\nb"}, messageId="m1", ack="full")
    answer = ask(lab, "GET", "/devices/d1/messages/devicebound")
    assert (answer.status, answer.content()) == (200, b"\xffhi")
    headers = dict(answer.headers)
    token = headers.pop("ETag").strip('"')
    assert headers == {
        "iothub-ack": "full",
        "iothub-correlationid": "",
        "iothub-deliverycount": "0",
        "iothub-enqueuedtime": american(NOW),
        "iothub-expiry": "",
        "iothub-messageid": "m1",
        "iothub-sequencenumber": "1",
        "iothub-to": "/devices/d1/messages/deviceBound",
        "iothub-userid": "",
        "iothub-app-colour": "red",
        "iothub-app-f%C3%BCr": "a%0D%0Ab",
    }
    assert ask(lab, "GET", BOUND).status == 204
    assert ask(lab, "DELETE", f"{BOUND}/{token}", headers={"if-match": token}).status == 204
    assert code(ask(lab, "DELETE", f"{BOUND}/{token}")) == (412, "DeviceMessageLockLost")


def test_an_abandoned_message_comes_again_and_a_rejected_one_does_not(lab: Lab) -> None:
    self_signed(lab, LEAF)
    enqueue(lab)
    token = ask(lab, "GET", BOUND).headers["ETag"].strip('"')
    assert ask(lab, "POST", f"{BOUND}/{token}/abandon").status == 204
    again = ask(lab, "GET", BOUND)
    assert (again.status, again.headers["iothub-deliverycount"]) == (200, "1")
    token = again.headers["ETag"].strip('"')
    wrong = ask(lab, "DELETE", f"{BOUND}/{token}", headers={"if-match": "another"})
    assert code(wrong) == (412, "DeviceMessageLockLost")
    rejected = Request(
        "DELETE", HOST, f"{BOUND}/{token}", {"api-version": VERSION, "reject": ""}, chain=(LEAF.public_bytes(Encoding.DER),)
    )
    assert lab.azure.handle(rejected).status == 204
    assert ask(lab, "GET", BOUND).status == 204


def test_a_device_says_how_long_it_locks_a_message(lab: Lab) -> None:
    self_signed(lab, LEAF)
    enqueue(lab)
    for seconds in ("4", "301", "x"):
        assert ask(lab, "GET", BOUND, headers={"iothub-messagelocktimeout": seconds}).status == 400
    assert ask(lab, "GET", BOUND, headers={"iothub-messagelocktimeout": "5"}).status == 200
    lab.arm.clock.advance(5)
    assert ask(lab, "GET", BOUND).status == 200


def test_the_basic_tier_sends_and_does_not_receive() -> None:
    lab = Lab(sku="B1")
    self_signed(lab, LEAF)
    assert ask(lab, "POST", EVENTS, b"x").status == 204
    assert code(ask(lab, "GET", BOUND)) == (403, "OperationNotAvailableInCurrentTier")


def test_a_plain_https_client_with_its_certificate(here: EmbeddedAzure, tmp_path: Path) -> None:
    leaf = Issuer.make().issue("d1")
    bundle = tmp_path / "d1.pem"
    key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    bundle.write_bytes(key + leaf.certificate.public_bytes(Encoding.PEM))
    with inside(here) as world:
        device = provision(world, hub_of(world), "d1", thumbprint(leaf.certificate))
        message = {"body": "/2hp", "properties": {"colour": "red"}, "system": {"contentType": "text/plain"}}
        messages.enqueue(world, hub_of(world), device, message)
    url = f"https://{HOST}{{}}?api-version={VERSION}"
    with requests.Session() as session:
        session.trust_env = False
        session.proxies, session.verify, session.cert = {"https": here.proxy_url}, str(here.authority_file), str(bundle)
        assert session.post(url.format(EVENTS), data=b"\x00\xff", timeout=10).status_code == 204
        received = session.get(url.format(BOUND), timeout=10)
        assert (received.status_code, received.content) == (200, b"\xffhi")
        assert received.headers["iothub-app-colour"] == "red"
        token = received.headers["ETag"].strip('"')
        assert session.delete(url.format(f"{BOUND}/{token}"), timeout=10).status_code == 204
        assert session.get(url.format(BOUND), timeout=10).status_code == 204
    with inside(here) as world:
        assert [each["body"] for each in messages_of(world, hub_of(world), "d1")] == ["AP8="]
    assert here.azure.clock.now() == NOW
