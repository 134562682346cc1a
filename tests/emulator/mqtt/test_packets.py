"""MQTT's packets: what a client says is read as it was meant, and nothing else is read at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.fields import MalformedPacket
from dpsops.emulator.mqtt.packets import (
    MAX_PACKET,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Subscribe,
    UnacceptableProtocol,
    Unsubscribe,
    first_packet,
)
from dpsops.emulator.mqtt.topics import is_topic_filter, is_topic_name, matches
from tests.emulator.mqtt.client import encoded, field, frame

strings = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=40)
levels = st.text(st.sampled_from("ab$ \N{GREEK SMALL LETTER MU}"), max_size=2)
filters = st.builds(
    lambda levels, last: "/".join([*levels, *last]), st.lists(levels | st.just("+"), min_size=1), st.sampled_from([[], ["#"]])
).filter(bool)
identifiers = st.integers(1, 65_535)

connects = st.builds(Connect, strings, st.booleans(), st.integers(0, 65_535), strings, st.none() | st.binary(max_size=40))
anonymous = st.builds(Connect, strings, st.booleans(), st.integers(0, 65_535))
publishes = st.builds(Publish, names, st.binary(max_size=300), identifiers, st.booleans(), st.booleans())
careless = st.builds(Publish, names, st.binary(max_size=300), retain=st.booleans())
subscribes = st.builds(Subscribe, identifiers, st.lists(st.tuples(filters, st.integers(0, 2)), min_size=1).map(tuple))
unsubscribes = st.builds(Unsubscribe, identifiers, st.lists(filters, min_size=1).map(tuple))
any_packet: st.SearchStrategy[Packet] = st.one_of(
    connects,
    anonymous,
    publishes,
    careless,
    st.builds(Puback, identifiers),
    subscribes,
    unsubscribes,
    st.just(Pingreq()),
    st.just(Disconnect()),
)


@given(packet=any_packet, behind=st.binary(max_size=20))
def test_a_packet_is_read_as_it_was_meant(packet: Packet, behind: bytes) -> None:
    sent = encoded(packet)
    assert first_packet(sent + behind) == (packet, len(sent))


@given(packet=any_packet, data=st.data())
def test_the_rest_of_a_packet_is_waited_for(packet: Packet, data: st.DataObject) -> None:
    sent = encoded(packet)
    assert first_packet(sent[: data.draw(st.integers(0, len(sent) - 1))]) is None


def survives(received: bytes) -> None:
    """Reading raises nothing but what it promises."""
    try:
        found = first_packet(received)
    except (MalformedPacket, UnacceptableProtocol):
        return
    assert found is None or 2 <= found[1] <= len(received)


@given(received=st.binary(max_size=200))
def test_garbage_is_refused_or_more_is_waited_for(received: bytes) -> None:
    survives(received)


@given(packet=any_packet, data=st.data())
def test_a_damaged_packet_is_refused_or_read_as_another(packet: Packet, data: st.DataObject) -> None:
    sent = bytearray(encoded(packet))
    sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(sent))


MALFORMED = {
    "a type that does not exist": frame(0x00, b""),
    "a packet of servers": frame(0x20, b"\0\0"),
    "a packet of QoS 2": frame(0x62, b"\0\1"),
    "another type that does not exist": frame(0xF0, b""),
    "reserved flags of CONNECT": b"\x11" + encoded(Connect("a", True, 0))[1:],
    "reserved flags of SUBSCRIBE": b"\x80" + encoded(Subscribe(1, (("a", 0),)))[1:],
    "reserved flags of PINGREQ": frame(0xC1, b""),
    "PUBLISH at QoS 2": frame(0x34, field(b"a") + b"\0\1"),
    "PUBLISH at QoS 3": frame(0x36, field(b"a") + b"\0\1"),
    "a duplicate at QoS 0": frame(0x38, field(b"a")),
    "PUBLISH without a topic": frame(0x30, field(b"")),
    "PUBLISH to a wildcard": frame(0x30, field(b"a/+")),
    "packet identifier 0": frame(0x32, field(b"a") + b"\0\0"),
    "no packet identifier": frame(0x32, field(b"a")),
    "SUBSCRIBE to nothing": frame(0x82, b"\0\1"),
    "SUBSCRIBE without a QoS": frame(0x82, b"\0\1" + field(b"a")),
    "SUBSCRIBE at QoS 3": frame(0x82, b"\0\1" + field(b"a") + b"\3"),
    "SUBSCRIBE to a misplaced wildcard": frame(0x82, b"\0\1" + field(b"a/#/b") + b"\0"),
    "UNSUBSCRIBE from nothing": frame(0xA2, b"\0\1"),
    "PUBACK and more": frame(0x40, b"\0\1\0"),
    "PINGREQ and more": frame(0xC0, b"\0"),
    "a string longer than its packet": frame(0x30, b"\0\5a"),
    "a string that is not UTF-8": frame(0x30, field(b"\xff")),
    "a surrogate": frame(0x30, field(b"\xed\xa0\x80")),
    "U+0000 in a string": frame(0x30, field(b"a\0")),
    "another protocol": frame(0x10, field(b"MQIsdp") + b"\3\2\0\0" + field(b"a")),
    "the reserved connect flag": frame(0x10, field(b"MQTT") + b"\4\3\0\0" + field(b"a")),
    "a password without a user name": frame(0x10, field(b"MQTT") + b"\4\x42\0\0" + field(b"a") + field(b"p")),
    "a will at QoS 2": frame(0x10, field(b"MQTT") + b"\4\x16\0\0" + field(b"a") + field(b"t") + field(b"m")),
    "will flags without a will": frame(0x10, field(b"MQTT") + b"\4\x22\0\0" + field(b"a")),
    "a will under a wildcard": frame(0x10, field(b"MQTT") + b"\4\6\0\0" + field(b"a") + field(b"#") + field(b"m")),
    "CONNECT and more": frame(0x10, field(b"MQTT") + b"\4\2\0\0" + field(b"a") + b"\0"),
    "a packet over the limit": b"\x30\x84\x80\x14",
    "a remaining length without end": b"\x30\x80\x80\x80\x80",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "a TLS record": b"\x16\x03\x01\x02\x00\x01",
}


@pytest.mark.parametrize("received", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_packet_is_refused(received: bytes) -> None:
    with pytest.raises(MalformedPacket):
        first_packet(received)


def test_a_malformed_fixed_header_is_refused_at_once() -> None:
    for beginning in (b"\x00", b"\x81", b"\x36", b"\x30\xff\xff\x7f"):
        with pytest.raises(MalformedPacket):
            first_packet(beginning)


def test_a_will_is_read_over() -> None:
    sent = frame(0x10, field(b"MQTT") + b"\4\x2e\0\x3c" + field(b"a") + field(b"t") + field(b"gone"))
    assert first_packet(sent) == (Connect("a", True, 60), len(sent))


@pytest.mark.parametrize("level", [3, 5])
def test_another_level_of_mqtt_is_told_apart_from_garbage(level: int) -> None:
    with pytest.raises(UnacceptableProtocol):
        first_packet(frame(0x10, field(b"MQTT") + bytes([level]) + b"\2\0\0\0" + field(b"a")))


def test_the_longest_packet_is_256_kib_under_the_longest_topic() -> None:
    longest = Publish("t" * 65_535, bytes(262_144), 1)
    assert first_packet(encoded(longest)) == (longest, 4 + MAX_PACKET)
    with pytest.raises(MalformedPacket):
        first_packet(encoded(Publish("t" * 65_535, bytes(262_145), 1)))


def test_the_servers_packets_are_those_of_the_standard() -> None:
    assert packets.connack(5) == b"\x20\x02\x00\x05"
    assert packets.puback(0x1234) == b"\x40\x02\x12\x34"
    assert packets.suback(10, [0, 1, packets.FAILURE]) == b"\x90\x05\x00\x0a\x00\x01\x80"
    assert packets.unsuback(10) == b"\xb0\x02\x00\x0a"
    assert packets.PINGRESP == b"\xd0\x00"


@given(topic=names, payload=st.binary(max_size=300), packet_id=st.none() | identifiers)
def test_a_message_of_the_server_is_one_that_a_client_could_have_sent(topic: str, payload: bytes, packet_id: int | None) -> None:
    sent = packets.publish(topic, payload, packet_id)
    assert sent == encoded(Publish(topic, payload, packet_id))


@pytest.mark.parametrize(
    ("topic_filter", "topic", "taken"),
    [  # the examples of 4.7.1.2, 4.7.1.3 and 4.7.2.1
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "sport/tennis", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/monitor", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/monitor", True),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
        ("ACCOUNTS", "Accounts", False),
    ],
)
def test_the_standards_own_examples_of_filters(topic_filter: str, topic: str, taken: bool) -> None:
    assert matches(topic_filter, topic) is taken


def test_the_standards_own_examples_of_what_is_a_filter() -> None:
    assert all(map(is_topic_filter, ["#", "sport/tennis/#", "+", "+/tennis/#", "sport/+/player1", "/", "a b", "$SYS/#"]))
    assert not any(map(is_topic_filter, ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "##", "+#", "a/#/"]))
    assert is_topic_name("$dps/registrations/res/200/?$rid=1")
    assert not any(map(is_topic_name, ["", "a/+", "#"]))


@given(topic_filter=filters, topic=st.lists(levels, min_size=1).map("/".join).filter(bool))
def test_a_filter_takes_what_its_regular_expression_takes(topic_filter: str, topic: str) -> None:
    expression = re.escape(topic_filter).replace(r"\+", "[^/]*")
    expression = "(/.*)?".join(expression.rsplit(r"/\#", 1)) if expression.endswith(r"/\#") else expression
    hidden = topic.startswith("$") and topic_filter[0] in "+#"
    assert matches(topic_filter, topic) is (not hidden and bool(re.fullmatch(expression, topic)))
