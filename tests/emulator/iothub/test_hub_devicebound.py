"""Cloud-to-device messages over MQTT: when they are delivered, as what, and when they are out of the queue."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub import devicebound, messages
from dpsops.emulator.iothub.devicebound import CannotSend
from dpsops.emulator.iothub.devices import find_device
from dpsops.emulator.iothub.messages import LOCK_SECONDS, MAX_QUEUED
from dpsops.emulator.post import Publication
from tests.emulator.iothub.lab import LEAF, Lab, self_signed

FILTER = "devices/d1/messages/devicebound/#"
TO = "%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound"


def send(
    lab: Lab, body: bytes = b"hi", properties: Mapping[str, str] | None = None, system: Mapping[str, str] | None = None
) -> None:
    """What a service does."""
    hub = lab.hub()
    message: JSON = {"body": base64.b64encode(body).decode(), "properties": dict(properties or {}), "system": dict(system or {})}
    with lab.azure.transaction() as world:
        devicebound.send(world, hub, "d1", message)


def waiting(lab: Lab) -> list[bytes]:
    """The bodies that are in the queue, delivered or not."""
    hub = lab.hub()
    with lab.world() as world:
        device = find_device(world, hub, "d1")
        assert device is not None
        return [base64.b64decode(each["body"]) for each in messages.queued(world, hub, device)]


def wake(lab: Lab, session: JSON) -> None:
    """What a server does at the beginning of each connection."""
    lab.azure.mqtt_woken("hub1.azure-devices.net", session)


def listening(lab: Lab, *, clean_session: bool = True) -> tuple[JSON, list[Publication]]:
    """A device that has subscribed, and what it is sent."""
    session = lab.connect("d1", LEAF, clean_session=clean_session)
    heard = lab.listen(session)
    assert lab.subscribe(session, FILTER)
    return session, heard


def bodies(heard: list[Publication]) -> list[bytes]:
    """In words."""
    return [each.payload for each in heard]


@pytest.fixture(autouse=True)
def _device(lab: Lab) -> None:
    self_signed(lab, LEAF)


@pytest.mark.parametrize(
    ("properties", "system", "bag"),
    [
        ({}, {}, TO),
        (  # as a portal and a tool of Microsoft's had them on a public page
            {"bbb": "bbbb", "aaa": "aaaa"},
            {"contentType": "text/plain; charset=UTF-8", "contentEncoding": "utf-8"},
            f"{TO}&%24.ct=text%2Fplain%3B%20charset%3DUTF-8&%24.ce=utf-8&bbb=bbbb&aaa=aaaa",
        ),
        (
            {"key1": "value1", "key2": "value2"},
            {"messageId": "f618dedc", "to": "/devices/d1/messages/devicebound"},
            "%24.mid=f618dedc&%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound&key1=value1&key2=value2",
        ),
        ({"a b": "c&d=é"}, {"ack": "full", "correlationId": "7"}, f"%24.cid=7&{TO}&iothub-ack=full&a%20b=c%26d%3D%C3%A9"),
    ],
)
def test_the_topic_has_the_properties(lab: Lab, properties: dict[str, str], system: dict[str, str], bag: str) -> None:
    _, heard = listening(lab)
    send(lab, b"\x00\xff", properties, system)
    assert [(each.topic, each.payload) for each in heard] == [(f"devices/d1/messages/devicebound/{bag}", b"\x00\xff")]


def test_what_waited_comes_with_the_subscription_in_its_order(lab: Lab) -> None:
    session = lab.connect("d1", LEAF)
    heard = lab.listen(session)
    for each in (b"1", b"2"):
        send(lab, each)
    assert heard == []
    lab.subscribe(session, FILTER)
    send(lab, b"3")
    assert bodies(heard) == [b"1", b"2", b"3"]


def test_an_acknowledgement_completes_and_nothing_else(lab: Lab) -> None:
    session, heard = listening(lab)
    for each in (b"1", b"2"):
        send(lab, each)
    lab.acknowledge(session, heard[0])
    lab.acknowledge(session, heard[0])  # once is enough
    assert waiting(lab) == [b"2"]


def test_what_was_not_acknowledged_comes_again_with_the_next_connection(lab: Lab) -> None:
    session, heard = listening(lab)
    send(lab, b"1")
    lab.disconnect(session)
    again, later = listening(lab)
    assert bodies(later) == [b"1"]
    assert later[0].receipt != heard[0].receipt
    lab.acknowledge(again, heard[0])  # of the former delivery
    assert waiting(lab) == [b"1"]
    lab.acknowledge(again, later[0])
    assert waiting(lab) == []


def test_a_device_that_connects_again_before_its_former_connection_has_ended(lab: Lab) -> None:
    former, _ = listening(lab)
    send(lab, b"1")
    _, heard = listening(lab)
    assert heard == []
    lab.disconnect(former)
    assert bodies(heard) == [b"1"]


def test_a_lock_ends_with_its_time_and_no_earlier(lab: Lab) -> None:
    session, heard = listening(lab)
    send(lab, b"1")
    lab.arm.clock.advance(LOCK_SECONDS - 1)
    send(lab, b"2")
    assert bodies(heard) == [b"1", b"2"]
    lab.arm.clock.advance(1)
    send(lab, b"3")
    assert bodies(heard) == [b"1", b"2", b"1", b"3"]
    lab.acknowledge(session, heard[0])
    assert waiting(lab) == [b"1", b"2", b"3"]


def test_nobody_is_delivered_a_message_more_often_than_the_hub_says(lab: Lab) -> None:
    send(lab, b"1")
    for _ in range(10):
        session, heard = listening(lab)
        assert bodies(heard) == [b"1"]
        lab.disconnect(session)
    assert listening(lab)[1] == []
    assert waiting(lab) == []


@pytest.mark.parametrize("former", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_a_subscription_goes_on_if_neither_session_is_clean(lab: Lab, former: bool, later: bool) -> None:
    session, _ = listening(lab, clean_session=former)
    lab.disconnect(session)
    send(lab, b"1")
    session = lab.connect("d1", LEAF, clean_session=later)
    heard = lab.listen(session)
    wake(lab, session)
    goes_on = not former and not later
    assert session.get("granted") == ({FILTER: 1} if goes_on else None)
    assert bodies(heard) == ([b"1"] if goes_on else [])


def test_what_a_clean_session_has_subscribed_to_is_forgotten_by_the_one_after_next(lab: Lab) -> None:
    lab.disconnect(listening(lab, clean_session=False)[0])
    lab.disconnect(lab.connect("d1", LEAF, clean_session=True))
    assert "granted" not in lab.connect("d1", LEAF, clean_session=False)


def test_unsubscribed_means_that_it_waits(lab: Lab) -> None:
    session, heard = listening(lab)
    lab.unsubscribe(session, FILTER)
    send(lab, b"1")
    assert (heard, waiting(lab)) == ([], [b"1"])


def test_what_the_hub_does_not_take(lab: Lab) -> None:
    hub = lab.hub()
    with pytest.raises(CannotSend, match="no device d2"), lab.azure.transaction() as world:
        devicebound.send(world, hub, "d2", {"body": "", "properties": {}, "system": {}})
    with pytest.raises(CannotSend, match="65537 bytes; 65536 are allowed"):
        send(lab, bytes(devicebound.MAX_SIZE - 1), {"a": "b"})
    for _ in range(MAX_QUEUED):
        send(lab)
    with pytest.raises(CannotSend, match="50 messages wait for d1"):
        send(lab)
    assert len(waiting(lab)) == MAX_QUEUED
