"""Direct methods: what a service may call, what reaches the device, and whose answer counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Response
from dpsops.emulator.iothub.devices import METHOD_CALL
from dpsops.emulator.mqtt_endpoint import ProtocolViolation
from dpsops.emulator.post import Publication
from tests.emulator.iothub.lab import DATA_CONTRIBUTOR, DATA_READER, LEAF, Lab, self_signed

METHODS = "$iothub/methods/POST/#"


def ready(lab: Lab) -> tuple[JSON, list[Publication]]:
    """A device that takes methods, and what it hears."""
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    heard = lab.listen(session)
    lab.subscribe(session, METHODS)
    return session, heard


def invoke(lab: Lab, **body: Any) -> Response:
    """What the hub answers at once."""
    return lab.call("POST", "/twins/d1/methods", {"methodName": "reboot"} | body)


def answered(lab: Lab, response: Response) -> list[JSON | None]:
    """What the request of this answer hears from now on."""
    assert response.awaits is not None
    heard: list[JSON | None] = []
    lab.azure.exchange.wait(response.awaits.key, heard.append)
    return heard


@pytest.mark.parametrize(
    ("sent", "payload"), [({}, b"null"), ({"payload": {"a": 1}}, b'{"a":1}'), ({"payload": "x"}, b'"x"'), ({"payload": 0}, b"0")]
)
def test_a_call_reaches_the_device_and_its_answer_the_caller(lab: Lab, sent: JSON, payload: bytes) -> None:
    session, heard = ready(lab)
    response = invoke(lab, methodName="open door", **sent)
    assert (response.status, response.headers["iothub-errorcode"]) == (504, "GatewayTimeout")
    waits = answered(lab, response)
    (call,) = heard
    topic, _, rid = call.topic.partition("/?$rid=")
    assert (topic, call.payload) == ("$iothub/methods/POST/open%20door", payload)
    lab.arm.clock.advance(29)
    lab.publish(session, f"$iothub/methods/res/-7/?$rid={rid}", b'{"done": true}')
    lab.publish(session, f"$iothub/methods/res/200/?$rid={rid}", b"{}")
    assert waits == [{"status": -7, "payload": {"done": True}}]
    with lab.world() as world:
        assert world.state.list(METHOD_CALL) == []


def test_an_answer_without_a_body_has_a_null_payload(lab: Lab) -> None:
    session, heard = ready(lab)
    waits = answered(lab, invoke(lab))
    lab.publish(session, f"$iothub/methods/res/200/?$rid={heard[0].topic.partition('=')[2]}")
    assert waits == [{"status": 200, "payload": None}]


def test_an_answer_that_is_late_or_for_nobody_or_from_another_device_is_ignored(lab: Lab) -> None:
    session, heard = ready(lab)
    waits = answered(lab, invoke(lab, responseTimeoutInSeconds=5))
    rid = heard[0].topic.partition("=")[2]
    self_signed(lab, LEAF, device="d2")
    lab.publish(lab.connect("d2", LEAF), f"$iothub/methods/res/200/?$rid={rid}")
    lab.publish(session, "$iothub/methods/res/200/?$rid=none")
    lab.arm.clock.advance(5)
    lab.publish(session, f"$iothub/methods/res/200/?$rid={rid}")
    assert waits == []


def test_a_connection_that_was_not_asked_cannot_answer(lab: Lab) -> None:
    _, heard = ready(lab)
    waits = answered(lab, invoke(lab))
    lab.publish(lab.connect("d1", LEAF), f"$iothub/methods/res/200/?$rid={heard[0].topic.partition('=')[2]}")
    assert waits == []


@pytest.mark.parametrize("payload", [b"{", b"\xff", b'"' + bytes([65]) * (128 * 1024) + b'"'])
def test_an_answer_that_is_none_ends_the_connection(lab: Lab, payload: bytes) -> None:
    session, heard = ready(lab)
    waits = answered(lab, invoke(lab))
    with pytest.raises(ProtocolViolation):
        lab.publish(session, f"$iothub/methods/res/200/?$rid={heard[0].topic.partition('=')[2]}", payload)
    assert waits == []


def offline(lab: Lab, how: str) -> None:
    """A device that cannot be called."""
    session, _ = ready(lab)
    match how:
        case "disconnected":
            lab.disconnect(session)
        case "not subscribed":
            lab.unsubscribe(session, METHODS)
        case "connected again":
            lab.connect("d1", LEAF)


@pytest.mark.parametrize("how", ["disconnected", "not subscribed", "connected again"])
def test_a_device_that_is_offline_or_has_not_subscribed_is_not_waited_for(lab: Lab, how: str) -> None:
    offline(lab, how)
    answer = invoke(lab)
    assert (answer.status, answer.headers["iothub-errorcode"], answer.awaits) == (404, "DeviceNotOnline", None)
    assert answer.body["ExceptionMessage"] == ""
    error = json.loads(answer.body["Message"])
    assert (error["errorCode"], error["info"]) == (404103, {"timeout": "00:00:00"})


def test_a_call_waits_for_a_device_as_long_as_it_was_told(lab: Lab) -> None:
    self_signed(lab, LEAF)
    first, second = invoke(lab, connectTimeoutInSeconds=60), invoke(lab, connectTimeoutInSeconds=90)
    assert (first.status, json.loads(first.body["Message"])["info"]) == (404, {"timeout": "00:01:00"})
    early = answered(lab, first)
    late = answered(lab, second)
    lab.arm.clock.advance(60)
    session = lab.connect("d1", LEAF)
    heard = lab.listen(session)
    lab.subscribe(session, METHODS)
    lab.subscribe(session, METHODS)
    assert (early, late, len(heard)) == ([], [None], 1)
    lab.publish(session, f"$iothub/methods/res/200/?$rid={heard[0].topic.partition('=')[2]}")
    assert (early, late) == ([], [None, {"status": 200, "payload": None}])


@pytest.mark.parametrize(
    "body",
    [
        {"methodName": None},
        {"methodName": ""},
        {"methodName": 1},
        {"methodName": "n" * 129},
        {"payload": "x" * (128 * 1024)},
        {"responseTimeoutInSeconds": 4},
        {"responseTimeoutInSeconds": 301},
        {"connectTimeoutInSeconds": -1},
        {"connectTimeoutInSeconds": 301},
        {"connectTimeoutInSeconds": "1"},
    ],
)
def test_a_call_that_cannot_be_made(lab: Lab, body: JSON) -> None:
    _, heard = ready(lab)
    assert invoke(lab, **body).status == 400
    assert heard == []


def test_whom_a_method_may_be_called_of_and_by_whom(lab: Lab) -> None:
    _, heard = ready(lab)
    assert lab.refused("POST", "/twins/d2/methods", {"methodName": "reboot"})[0] == 404
    signed = {"authorization": lab.signed("registryReadWrite")}
    assert lab.refused("POST", "/twins/d1/methods", {"methodName": "reboot"}, **signed)[0] == 401
    lab.assign(DATA_READER)
    assert lab.refused("POST", "/twins/d1/methods", {"methodName": "reboot"}, authorization=lab.bearer())[0] == 401
    assert heard == []
    lab.assign(DATA_CONTRIBUTOR)
    assert lab.call("POST", "/twins/d1/methods", {"methodName": "reboot"}, authorization=lab.bearer()).awaits is not None


def test_the_basic_tier_has_no_methods() -> None:
    lab = Lab(sku="B1")
    self_signed(lab, LEAF)
    assert invoke(lab).status == 403


def test_methods_have_their_rate(lab: Lab) -> None:
    ready(lab)
    assert invoke(lab, payload="x" * (19 * 8 * 1024)).status == 400
    assert [invoke(lab, payload="x" * (10 * 8 * 1024 - 2)).status for _ in range(3)] == [504, 504, 429]


def test_a_deleted_device_leaves_no_calls(lab: Lab) -> None:
    ready(lab)
    invoke(lab)
    lab.call("DELETE", "/devices/d1", headers={"if-match": "*"})
    with lab.world() as world:
        assert world.state.list(METHOD_CALL) == []
