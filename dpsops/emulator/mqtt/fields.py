"""The fields of an MQTT control packet, read strictly (OASIS MQTT 3.1.1, 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from dpsops.emulator.mqtt.topics import is_topic_filter, is_topic_name


class MalformedPacket(Exception):
    """The bytes are no packet that a client may send: the server closes the connection (4.8)."""


class Fields:
    """The variable header and the payload of one packet, read from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def _take(self, size: int) -> bytes:
        taken = self._content[self._at : self._at + size]
        if len(taken) < size:
            raise MalformedPacket("the packet ends too early")
        self._at += size
        return taken

    def byte(self) -> int:
        """One byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """Two bytes, the high one first (1.5.2)."""
        return int.from_bytes(self._take(2))

    def packet_id(self) -> int:
        """A packet identifier, which is never 0 (2.3.1)."""
        number = self.number()
        if number == 0:
            raise MalformedPacket("the packet identifier is 0")
        return number

    def qos(self) -> int:
        """The QoS byte behind a topic filter (3.8.3)."""
        qos = self.byte()
        if qos > 2:
            raise MalformedPacket("there is no such QoS")
        return qos

    def binary(self) -> bytes:
        """Bytes behind their length."""
        return self._take(self.number())

    def text(self) -> str:
        """UTF-8 behind its length: well-formed, and without U+0000 (1.5.3)."""
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as invalid:
            raise MalformedPacket("a string is not UTF-8") from invalid
        if "\0" in text:
            raise MalformedPacket("a string contains U+0000")
        return text

    def topic(self) -> str:
        """A topic name."""
        topic = self.text()
        if not is_topic_name(topic):
            raise MalformedPacket("there is no such topic name")
        return topic

    def filter(self) -> str:
        """A topic filter."""
        topic_filter = self.text()
        if not is_topic_filter(topic_filter):
            raise MalformedPacket("there is no such topic filter")
        return topic_filter

    def all(self) -> bytes:
        """Everything that is left."""
        return self._take(len(self._content) - self._at)

    def rest(self) -> Iterator[None]:
        """Once for each item, as long as anything is left."""
        while self._at < len(self._content):
            yield

    def end(self) -> None:
        """Nothing must be left."""
        if self._at < len(self._content):
            raise MalformedPacket("the packet goes on behind its end")
