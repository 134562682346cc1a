"""MQTT control packets: those of a client read, those of a server written (OASIS MQTT 3.1.1, sections 2 and 3).

Strict where the standard says that a packet is malformed, and where Azure speaks less than the standard:
QoS 2 is malformed here, for neither DPS nor IoT Hub knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dpsops.emulator.mqtt.fields import Fields, MalformedPacket

MAX_PACKET = 262_144 + 65_539
"""Bytes after the fixed header: IoT Hub's largest message, of 256 KB, under the longest topic, at QoS 1."""

FAILURE = 0x80
"""The SUBACK return code of a filter that is not granted (3.9.3)."""

_FLAGS = {1: 0, 4: 0, 8: 0b0010, 10: 0b0010, 12: 0, 14: 0}
"""What a client may send, and the flags that each kind of packet must have (2.2.2); PUBLISH aside."""

PINGRESP = b"\xd0\x00"


class UnacceptableProtocol(Exception):
    """A CONNECT for another level of the protocol than 3.1.1 (3.1.2.2)."""


@dataclass(frozen=True, slots=True)
class Connect:
    """3.1. `keep_alive` is in seconds. A will is checked and dropped."""

    client_id: str
    clean_session: bool
    keep_alive: int
    username: str | None = None
    password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """3.3. `packet_id` is None at QoS 0, and there only."""

    topic: str
    payload: bytes
    packet_id: int | None = None
    duplicate: bool = False
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Puback:
    """3.4."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """3.8. Each filter with the QoS that the client wants at most: 0, 1 or 2."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """3.10."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pingreq:
    """3.12."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """3.14."""


Filter = TypeVar("Filter")
Packet = Connect | Publish | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect


def first_packet(received: bytes | bytearray) -> tuple[Packet, int] | None:
    """The packet that the bytes begin with, and its length in bytes; None where there is not yet a whole one.

    Raises `MalformedPacket`, as soon as the fixed header shows it, and `UnacceptableProtocol`.
    """
    if not received:
        return None
    kind, flags = received[0] >> 4, received[0] & 0x0F
    if kind == 3:
        if flags & 0b0100 or flags & 0b1010 == 0b1000:  # QoS 2 or 3, or a duplicate at QoS 0 (3.3.1.1)
            raise MalformedPacket("a PUBLISH has flags that it may not have")
    elif _FLAGS.get(kind) != flags:
        raise MalformedPacket(f"a client does not send packets of type {kind} with flags {flags}")
    length, start = _remaining_length(received)
    if not start or len(received) < start + length:
        return None
    fields = Fields(bytes(received[start : start + length]))
    packet = _read(kind, flags, fields)
    fields.end()
    return packet, start + length


def _remaining_length(received: bytes | bytearray) -> tuple[int, int]:
    """The remaining length (2.2.3) and where the rest begins; 0 for the latter where that is not yet known."""
    length = 0
    for position in range(4):
        if len(received) < position + 2:
            return length, 0
        byte = received[position + 1]
        length |= (byte & 0x7F) << 7 * position
        if length > MAX_PACKET:
            break
        if byte < 0x80:
            return length, position + 2
    raise MalformedPacket("the packet is too long")


def _read(kind: int, flags: int, fields: Fields) -> Packet:
    match kind:
        case 1:
            return _connect(fields)
        case 3:
            return _publish(flags, fields)
        case 4:
            return Puback(fields.packet_id())
        case 8:
            return Subscribe(fields.packet_id(), _at_least_one([(fields.filter(), fields.qos()) for _ in fields.rest()]))
        case 10:
            return Unsubscribe(fields.packet_id(), _at_least_one([fields.filter() for _ in fields.rest()]))
        case 12:
            return Pingreq()
        case _:
            return Disconnect()


def _connect(fields: Fields) -> Connect:
    if fields.text() != "MQTT":  # 3.1.2.1
        raise MalformedPacket("the protocol is not MQTT")
    if fields.byte() != 4:
        raise UnacceptableProtocol
    flags = fields.byte()
    keep_alive = fields.number()
    has_username, has_password, has_will = bool(flags & 0x80), bool(flags & 0x40), bool(flags & 0x04)
    will_qos, will_retain = flags >> 3 & 0b11, flags & 0x20
    if flags & 0x01 or (has_password and not has_username):  # 3.1.2.3, 3.1.2.9
        raise MalformedPacket("the connect flags contradict the standard")
    if will_qos > 1 or (not has_will and (will_qos or will_retain)):  # 3.1.2.6, 3.1.2.7
        raise MalformedPacket("the will flags contradict the standard")
    client_id = fields.text()
    if has_will:
        fields.topic()
        fields.binary()
    username = fields.text() if has_username else None
    password = fields.binary() if has_password else None
    return Connect(client_id, bool(flags & 0x02), keep_alive, username, password)


def _publish(flags: int, fields: Fields) -> Publish:
    topic = fields.topic()
    packet_id = fields.packet_id() if flags & 0b0010 else None
    return Publish(topic, fields.all(), packet_id, bool(flags & 0b1000), bool(flags & 0b0001))


def _at_least_one(filters: list[Filter]) -> tuple[Filter, ...]:
    if not filters:
        raise MalformedPacket("there is no topic filter")  # 3.8.3, 3.10.3
    return tuple(filters)


def connack(code: int, *, present: bool = False) -> bytes:
    """3.2. `present`: what the client had subscribed to in a former connection goes on."""
    return bytes([0x20, 2, present, code])


def puback(packet_id: int) -> bytes:
    """3.4."""
    return b"\x40\x02" + packet_id.to_bytes(2)


def publish(topic: str, payload: bytes, packet_id: int | None) -> bytes:
    """3.3. At QoS 1 with a packet identifier, at QoS 0 with None."""
    name = topic.encode()
    header = len(name).to_bytes(2) + name + (b"" if packet_id is None else packet_id.to_bytes(2))
    return _packet(0x30 if packet_id is None else 0x32, header + payload)


def suback(packet_id: int, codes: Sequence[int]) -> bytes:
    """3.9. For each filter the QoS granted, or `FAILURE`."""
    return _packet(0x90, packet_id.to_bytes(2) + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    """3.11."""
    return b"\xb0\x02" + packet_id.to_bytes(2)


def _packet(first: int, content: bytes) -> bytes:
    length, encoded = len(content), bytearray()
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([first, *encoded, length]) + content
