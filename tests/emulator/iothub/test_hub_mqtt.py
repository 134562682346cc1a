"""The MQTT end of a hub: what a device may say there, and how long it may stay."""

from __future__ import annotations

import base64
import json

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.devices import KEPT_MESSAGES, messages_of
from dpsops.emulator.mqtt_endpoint import ProtocolViolation
from dpsops.emulator.post import Publication
from tests.emulator.iothub.lab import EVENTS, HUB, LEAF, Lab, refusal, self_signed
from tests.emulator.microsoft_devices.control_plane import NOW

DEVICEBOUND = "devices/d1/messages/devicebound/#"


def messages(lab: Lab, device: str = "d1") -> list[JSON]:
    """What the hub has kept of a device."""
    hub = lab.hub()
    with lab.world() as world:
        return messages_of(world, hub, device)


def test_a_message_is_kept_with_what_it_says_of_itself(lab: Lab) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    lab.arm.clock.advance(2.5)
    bag = "%24.mid=m%201&%24.ct=application%2Fjson&%24.ce=utf-8&colour=dark%20red&size=a%3Db&empty=&bare"
    assert lab.publish(session, EVENTS + bag, b'{"t": 21}\xff') == []
    (message,) = messages(lab)
    assert base64.b64decode(message["body"]) == b'{"t": 21}\xff'
    assert message["properties"] == {"colour": "dark red", "size": "a=b", "empty": "", "bare": ""}
    assert message["enqueued"] == NOW + 2.5
    generation = lab.ok("GET", "/devices/d1")["generationId"]
    assert message["systemProperties"] == {
        "messageId": "m 1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
        "iothub-connection-device-id": "d1",
        "iothub-connection-auth-method": '{"scope": "device", "type": "x509Certificate", "issuer": "external"}',
        "iothub-connection-auth-generation-id": generation,
        "iothub-message-source": "Telemetry",
    }
    lab.publish(session, EVENTS.rstrip("/"))
    assert [len(each["properties"]) for each in messages(lab)] == [4, 0]


@pytest.mark.parametrize("bag", ["$.unknown=1", "a=1&a=2", "=1", "a=1&&b=2", "a=%FF"])
def test_properties_that_cannot_be_read(lab: Lab, bag: str) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    with pytest.raises(ProtocolViolation):
        lab.publish(session, EVENTS + bag)
    assert messages(lab) == []


def test_a_message_of_256_kb_and_no_more(lab: Lab) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    lab.publish(session, f"{EVENTS}a=b", bytes(256 * 1024 - 3))
    with pytest.raises(ProtocolViolation):
        lab.publish(session, f"{EVENTS}a=b", bytes(256 * 1024 - 2))
    assert len(messages(lab)) == 1


def test_a_message_may_name_its_sender_and_no_other(lab: Lab) -> None:
    self_signed(lab, LEAF)
    self_signed(lab, LEAF, device="d2")
    session = lab.connect("d1", LEAF)
    lab.publish(session, f"{EVENTS}%24.mid=m1&%24.cdid=d1&colour=red", b"x")
    (kept,) = messages(lab)
    assert (kept["properties"], kept["systemProperties"]["messageId"]) == ({"colour": "red"}, "m1")
    assert kept["systemProperties"]["iothub-connection-device-id"] == "d1"
    with pytest.raises(ProtocolViolation):
        lab.publish(session, f"{EVENTS}%24.cdid=d2", b"x")


def test_only_the_newest_messages_are_kept(lab: Lab) -> None:
    self_signed(lab, LEAF)
    self_signed(lab, LEAF, device="d10")
    session, other = lab.connect("d1", LEAF), lab.connect("d10", LEAF)
    lab.publish(other, "devices/d10/messages/events/", b"other")
    for number in range(KEPT_MESSAGES + 5):
        lab.arm.clock.advance(0.1)
        lab.publish(session, EVENTS, str(number).encode())
    bodies = [int(base64.b64decode(each["body"])) for each in messages(lab)]
    assert bodies == list(range(5, KEPT_MESSAGES + 5))
    assert len(messages(lab, "d10")) == 1


@pytest.mark.parametrize(
    "topic",
    [
        "devices/d2/messages/events/",
        "devices/D1/messages/events/",
        "devices/d1/messages/eventsource",
        "devices/d1/messages",
        "devices/d1/messages/devicebound/",
        "devices/d1/modules/m/messages/events/",
        "$iothub/twin/GET/",
        "$iothub/twin/GET/?$rid=",
        "$iothub/twin/PATCH/properties/desired/?$rid=1",
        "$iothub/methods/POST/reboot/?$rid=1",
        "$dps/registrations/PUT/iotdps-register/?$rid=1",
        "weather",
    ],
)
def test_an_unknown_topic_or_one_of_another_device_ends_the_connection(lab: Lab, topic: str) -> None:
    self_signed(lab, LEAF)
    self_signed(lab, LEAF, device="d2")
    session = lab.connect("d1", LEAF)
    with pytest.raises(ProtocolViolation):
        lab.publish(session, topic, b"x")
    assert messages(lab, "d2") == []


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "devices/#",
        "devices/+/messages/devicebound/#",
        "devices/d2/messages/devicebound/#",
        "devices/d1/messages/events/#",
        EVENTS,
    ],
)
def test_so_does_such_a_filter(lab: Lab, topic_filter: str) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    with pytest.raises(ProtocolViolation):
        lab.subscribe(session, topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    [DEVICEBOUND, "$iothub/twin/res/#", "$iothub/methods/POST/#", "$iothub/twin/PATCH/properties/desired/#"],
)
def test_documented_filters_are_granted(lab: Lab, topic_filter: str) -> None:
    self_signed(lab, LEAF)
    assert lab.subscribe(lab.connect("d1", LEAF), topic_filter)


def test_a_device_reads_and_reports_its_twin(lab: Lab) -> None:
    self_signed(lab, LEAF)
    lab.ok("PATCH", "/twins/d1", {"tags": {"secret": 1}, "properties": {"desired": {"interval": 60}}})
    session = lab.connect("d1", LEAF)
    (reported,) = lab.publish(session, "$iothub/twin/PATCH/properties/reported/?$rid=r%201", b'{"battery": 55, "old": null}')
    assert reported == Publication("$iothub/twin/res/204/?$rid=r%201&$version=2", b"")
    (answer,) = lab.publish(session, "$iothub/twin/GET/?$rid=2")
    assert answer.topic == "$iothub/twin/res/200/?$rid=2"
    assert json.loads(answer.payload) == {
        "desired": {"interval": 60, "$version": 2},
        "reported": {"battery": 55, "$version": 2},
    }
    assert lab.ok("GET", "/twins/d1")["properties"]["reported"]["battery"] == 55
    assert lab.publish(session, "$iothub/methods/res/200/?$rid=1", b"{}") == []


def test_a_report_may_name_the_version_that_the_device_has_seen(lab: Lab) -> None:
    self_signed(lab, LEAF)
    session, topic = lab.connect("d1", LEAF), "$iothub/twin/PATCH/properties/reported/?$rid=7&$version="
    for version, answered in (("1", "204/?$rid=7&$version=2"), ("1", "412/?$rid=7"), ("2", "204/?$rid=7&$version=3")):
        (answer,) = lab.publish(session, topic + version, b'{"battery": 55}')
        assert answer.topic == f"$iothub/twin/res/{answered}"
    with pytest.raises(ProtocolViolation):
        lab.publish(session, f"{topic}newest", b"{}")


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'"x"', b'{"a.b": 1}', b"\xff", b'{"a": NaN}', b"[" * 9000])
def test_a_report_that_is_none(lab: Lab, payload: bytes) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    answers = lab.publish(session, "$iothub/twin/PATCH/properties/reported/?$rid=1", payload)
    assert answers == [Publication("$iothub/twin/res/400/?$rid=1", b"")]
    assert lab.ok("GET", "/twins/d1")["version"] == 2


def test_the_basic_tier_has_messages_and_nothing_else() -> None:
    lab = Lab(sku="B1")
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    lab.publish(session, EVENTS, b"x")
    for topic in ("$iothub/twin/GET/?$rid=1", "$iothub/twin/PATCH/properties/reported/?$rid=1"):
        with pytest.raises(ProtocolViolation):
            lab.publish(session, topic)
    with pytest.raises(ProtocolViolation):
        lab.subscribe(session, DEVICEBOUND)


def interrupt(lab: Lab, how: str) -> None:
    """Something that ends a device's connection."""
    match how:
        case "disabled":
            shown = lab.ok("GET", "/devices/d1") | {"status": "disabled"}
            lab.ok("PUT", "/devices/d1", shown, headers={"if-match": "*"})
        case "deleted":
            lab.call("DELETE", "/devices/d1", headers={"if-match": "*"})
        case "made anew":
            lab.call("DELETE", "/devices/d1", headers={"if-match": "*"})
            lab.arm.clock.advance(1)
            self_signed(lab, LEAF)
        case "connected again":
            lab.connect("d1", LEAF)
        case "without a hub":
            lab.arm.call("DELETE", f"/IotHubs/{HUB}")


@pytest.mark.parametrize("how", ["disabled", "deleted", "made anew", "connected again", "without a hub"])
def test_a_connection_ends_at_its_next_packet(lab: Lab, how: str) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    lab.publish(session, EVENTS, b"x")
    interrupt(lab, how)
    with pytest.raises(ProtocolViolation):
        lab.publish(session, EVENTS, b"x")
    with pytest.raises(ProtocolViolation):
        lab.subscribe(session, DEVICEBOUND)
    lab.disconnect(session)


def test_the_device_registry_shows_connections(lab: Lab) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    shown = lab.ok("GET", "/devices/d1")
    then = "2024-05-07T19:07:40.0000000Z"
    assert (shown["connectionState"], shown["connectionStateUpdatedTime"], shown["lastActivityTime"]) == ("Connected", then, then)
    assert lab.ok("GET", "/statistics/service") == {"connectedDeviceCount": 1}
    for topic in (EVENTS, "$iothub/twin/GET/?$rid=1", "$iothub/twin/PATCH/properties/reported/?$rid=1"):
        lab.arm.clock.advance(5)
        lab.publish(session, topic, b"{}")
        shown = lab.ok("GET", "/devices/d1")
        assert shown["lastActivityTime"] == f"2024-05-07T19:07:{lab.arm.clock.now() - NOW + 40:02.0f}.0000000Z"
    lab.arm.clock.advance(1)
    lab.disconnect(session)
    shown = lab.ok("GET", "/devices/d1")
    assert (shown["connectionState"], shown["connectionStateUpdatedTime"]) == ("Disconnected", "2024-05-07T19:07:56.0000000Z")
    assert shown["lastActivityTime"] == "2024-05-07T19:07:55.0000000Z"
    assert lab.ok("GET", "/twins/d1")["connectionState"] == "Disconnected"


def test_the_end_of_an_old_connection_is_not_that_of_the_new_one(lab: Lab) -> None:
    self_signed(lab, LEAF)
    first, second = lab.connect("d1", LEAF), lab.connect("d1", LEAF)
    lab.disconnect(first)
    assert lab.ok("GET", "/devices/d1")["connectionState"] == "Connected"
    assert lab.publish(second, EVENTS, b"x") == []


def test_rates(lab: Lab) -> None:
    self_signed(lab, LEAF)
    for _ in range(100):
        session = lab.connect("d1", LEAF)
        lab.publish(session, EVENTS, b"x")
    assert refusal(lambda: lab.connect("d1", LEAF)) == 3
    with pytest.raises(ProtocolViolation):
        lab.publish(session, EVENTS, b"x")
    for _ in range(100):
        lab.publish(session, "$iothub/twin/GET/?$rid=1")
    assert lab.publish(session, "$iothub/twin/GET/?$rid=2") == [Publication("$iothub/twin/res/429/?$rid=2", b"")]
    reports = [lab.publish(session, "$iothub/twin/PATCH/properties/reported/?$rid=3", b"{}")[0] for _ in range(51)]
    assert [each.topic[:21] for each in reports[49:]] == ["$iothub/twin/res/204/", "$iothub/twin/res/429/"]
    lab.arm.clock.advance(1)
    lab.publish(lab.connect("d1", LEAF), EVENTS, b"x")


def test_a_day_has_so_many_messages() -> None:
    lab = Lab(sku="F1")
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    for _ in range(15):
        lab.publish(session, EVENTS, bytes(256 * 1024))
    lab.publish(session, EVENTS, bytes(512 * 320))
    with pytest.raises(ProtocolViolation):
        lab.publish(session, EVENTS, b"x")
