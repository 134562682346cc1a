"""What the log says of one MQTT connection: a line for each packet, in either direction, with what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from dpsops.emulator.log import Log, reason_in
from dpsops.emulator.mqtt import packets
from dpsops.emulator.post import Publication

_CONNACK = {
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
"""The words of the standard for its return codes (3.2.2.3)."""


class PacketLog:
    """The lines of one connection, to `host`. They name the client as soon as it has named itself."""

    def __init__(self, log: Log, host: str) -> None:
        self._log = log
        self._host = host
        self._client = ""

    def took(self, packet: packets.Packet, codes: Sequence[int] = ()) -> None:
        """A packet of the client's was taken. `codes`: what a SUBSCRIBE was granted."""
        match packet:
            case packets.Connect():
                self._client = packet.client_id
                self._tell("CONNECT", "accepted")
            case packets.Subscribe():
                for (topic_filter, _), code in zip(packet.filters, codes, strict=True):
                    self._tell("SUBSCRIBE", "refused" if code == packets.FAILURE else f"granted {code}", topic_filter)
            case _:
                self._tell(_verb(packet), "taken", _about(packet))

    def sent(self, publication: Publication) -> None:
        """The client was sent a message."""
        status = publication.topic.partition("/res/")[2].partition("/")[0]  # as answers of DPS and of the hub have it
        reason = reason_in(publication.payload, refused=status.isdecimal() and int(status) >= 400)
        self._tell("PUBLISH", "sent", _message(publication.topic, publication.payload), reason)

    def missed(self, publication: Publication) -> None:
        """The client was not sent a message, since it has subscribed to no filter of its topic."""
        self._tell("PUBLISH", "not sent", _message(publication.topic, publication.payload), "the client has not subscribed to it")

    def refused(self, packet: packets.Packet | None, code: int, reason: str) -> None:
        """The CONNECT was answered with a return code, and the connection closed."""
        if isinstance(packet, packets.Connect):
            self._client = packet.client_id
        self._tell("CONNECT", f"refused {code}", "", f"{_CONNACK[code]}{reason and f' ({reason})'}")

    def closed(self, packet: packets.Packet | None, reason: str) -> None:
        """The connection was closed instead of an answer; `packet` is None if it could not be read."""
        self._tell("?" if packet is None else _verb(packet), "closed", "" if packet is None else _about(packet), reason)

    def lost(self, reason: str) -> None:
        """The connection has ended without a DISCONNECT."""
        self._tell("-", "ended", "", reason)

    def _tell(self, verb: str, outcome: str, about: str = "", reason: str = "") -> None:
        self._log.tell(verb, outcome, " ".join(each for each in (self._host, self._client, about) if each), reason)


def _verb(packet: packets.Packet) -> str:
    """The name of the packet in the standard."""
    return type(packet).__name__.upper()


def _about(packet: packets.Packet) -> str:
    match packet:
        case packets.Publish():
            return _message(packet.topic, packet.payload)
        case packets.Subscribe():
            return " ".join(topic_filter for topic_filter, _ in packet.filters)
        case packets.Unsubscribe():
            return " ".join(packet.filters)
        case packets.Puback():
            return str(packet.packet_id)
    return ""


def _message(topic: str, payload: bytes) -> str:
    return f"{topic} ({len(payload)} bytes)"
