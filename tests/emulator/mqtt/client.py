"""A client of MQTT 3.1.1 that says exactly what it is told, whether or not a client may; written from the standard alone."""

from __future__ import annotations

import socket

from dpsops.emulator.mqtt.packets import Connect, Disconnect, Packet, Pingreq, Puback, Publish, Subscribe, Unsubscribe


def encoded(packet: Packet) -> bytes:
    """The packet on the wire."""
    match packet:
        case Connect():
            flags = 0x80 * (packet.username is not None) + 0x40 * (packet.password is not None) + 0x02 * packet.clean_session
            fields = [packet.client_id.encode()]
            fields += [] if packet.username is None else [packet.username.encode()]
            fields += [] if packet.password is None else [packet.password]
            head = field(b"MQTT") + bytes([4, flags]) + number(packet.keep_alive)
            return frame(0x10, head + b"".join(map(field, fields)))
        case Publish():
            flags = 0x08 * packet.duplicate + 0x02 * (packet.packet_id is not None) + packet.retain
            identifier = b"" if packet.packet_id is None else number(packet.packet_id)
            return frame(0x30 + flags, field(packet.topic.encode()) + identifier + packet.payload)
        case Puback():
            return frame(0x40, number(packet.packet_id))
        case Subscribe():
            wanted = b"".join(field(topic_filter.encode()) + bytes([qos]) for topic_filter, qos in packet.filters)
            return frame(0x82, number(packet.packet_id) + wanted)
        case Unsubscribe():
            return frame(0xA2, number(packet.packet_id) + b"".join(field(topic.encode()) for topic in packet.filters))
        case Pingreq():
            return frame(0xC0, b"")
        case Disconnect():
            return frame(0xE0, b"")


def number(value: int) -> bytes:
    """Two bytes, the high one first."""
    return bytes(divmod(value, 256))


def field(content: bytes) -> bytes:
    """Bytes behind their length."""
    return number(len(content)) + content


def frame(first: int, body: bytes) -> bytes:
    """A packet of a first byte and what follows the remaining length."""
    length, rest = [len(body) % 128], len(body) // 128
    while rest:
        length[-1] += 128
        length.append(rest % 128)
        rest //= 128
    return bytes([first, *length]) + body


def published(packet: bytes) -> tuple[str, int | None, bytes]:
    """Topic, packet identifier (None at QoS 0) and payload of a PUBLISH."""
    start = next(at for at in range(1, 5) if packet[at] < 128) + 1
    length = packet[start] * 256 + packet[start + 1]
    topic, rest = packet[start + 2 : start + 2 + length], packet[start + 2 + length :]
    if packet[0] & 0x06 == 0:
        return topic.decode(), None, rest
    return topic.decode(), rest[0] * 256 + rest[1], rest[2:]


class Client:
    """One connection. Everything that it waits for has to come within `patience`, in seconds."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @property
    def patience(self) -> float | None:
        """Ten, unless it is changed."""
        return self._connection.gettimeout()

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._connection.settimeout(seconds)

    def say(self, *said: Packet | bytes) -> None:
        """Sends packets, or any bytes, in one piece."""
        self._connection.sendall(b"".join(part if isinstance(part, bytes) else encoded(part) for part in said))

    def finish(self) -> None:
        """Says that nothing more will be said (TCP's half-close)."""
        socket.socket.shutdown(self._connection, socket.SHUT_WR)

    def hear(self) -> bytes:
        """The next packet, as it came; nothing where the server has hung up."""
        first = self._read(1)
        if not first:
            return b""
        length, weight, head = 0, 1, first
        while True:
            byte = self._read(1)
            head += byte
            length += byte[0] % 128 * weight
            weight *= 128
            if byte[0] < 128:
                return head + self._read(length)

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            try:
                more = self._connection.recv(size - len(read))
            except ConnectionError:
                more = b""
            if not more:
                return read
            read += more
        return read
