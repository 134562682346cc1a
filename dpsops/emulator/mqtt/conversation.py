"""What one client and the embedded Azure say to each other in MQTT 3.1.1: packets in, bytes out, no sockets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dpsops.emulator.azure import FAULT, Azure, Dropped
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request
from dpsops.emulator.mqtt import packets
from dpsops.emulator.mqtt.fields import MalformedPacket
from dpsops.emulator.mqtt.packet_log import PacketLog
from dpsops.emulator.mqtt.packets import first_packet
from dpsops.emulator.mqtt.topics import matches
from dpsops.emulator.mqtt_endpoint import Connect, ConnectionRefused, ProtocolViolation
from dpsops.emulator.post import Publication

_UNACCEPTABLE_PROTOCOL, _IDENTIFIER_REJECTED, _BAD_CREDENTIALS = 1, 2, 4  # CONNACK return codes (3.2.2.3)

_LONGEST_TOPIC = 65_535  # bytes of a string (1.5.3); a request's ID is percent-encoded in the topic of its answer


class Conversation:
    """One connection to `host`, by a client that presented `chain`. `over` once the server is to close it.

    `client_id` is None until the client is accepted; `keep_alive` is then in seconds (0: any silence is fine), and `address` is
    where post for it is delivered (empty: its service sends none).
    """

    def __init__(self, azure: Azure, host: str, chain: tuple[bytes, ...]) -> None:
        self._azure = azure
        self._host = host
        self._chain = chain
        self._received = bytearray()
        self._session: JSON = {}
        self._granted: dict[str, int] = {}
        self._packet_id = 0
        self._unacknowledged: dict[int, str] = {}  # the receipts, by packet identifier
        self._log = None if azure.log is None else PacketLog(azure.log, host)
        self.client_id: str | None = None
        self.keep_alive = 0
        self.address = ""
        self.over = False

    def hear(self, data: bytes) -> Iterator[bytes]:
        """What to answer to these bytes, one item for each packet that they complete."""
        self._received += data
        packet = None
        try:
            while not self.over and (found := first_packet(self._received)):
                packet, length = found
                del self._received[:length]
                yield self._answer(packet)
                packet = None
        except packets.UnacceptableProtocol:
            yield self._refuse(packet, _UNACCEPTABLE_PROTOCOL, "MQTT 3.1.1 is spoken here")
        except ConnectionRefused as refused:
            yield self._refuse(packet, refused.code, refused.reason)
        except (MalformedPacket, ProtocolViolation, Dropped) as cause:
            self.over = True
            if self._log is not None:
                self._log.closed(packet, FAULT if isinstance(cause, Dropped) else str(cause) or "the service does not allow it")

    def _refuse(self, packet: packets.Packet | None, code: int, reason: str) -> bytes:
        self.over = True
        if self._log is not None:
            self._log.refused(packet, code, reason)
        return packets.connack(code)

    def push(self, publication: Publication) -> bytes:
        """What to write to send the client a message that it has not asked for: nothing if it has not subscribed."""
        try:
            return b"" if self.over else b"".join(self._deliver([publication]))
        except ProtocolViolation:
            self.over = True
            return b""

    def wake(self) -> None:
        """The service wanted to look after the client at this time."""
        try:
            if not self.over:
                self._azure.mqtt_woken(self._host, self._session)
        except ProtocolViolation:
            self.over = True

    def end(self) -> None:
        """The connection is gone."""
        if self._log is not None and not self.over:
            self._log.lost("without a DISCONNECT" if self.client_id is not None else "without a CONNECT")
        self.over = True
        if self.client_id is not None:
            self._azure.mqtt_ended(self._host, self._session)

    def _answer(self, packet: packets.Packet) -> bytes:
        if (self.client_id is None) != isinstance(packet, packets.Connect):
            raise ProtocolViolation("CONNECT comes first, and once (3.1)")
        match packet:
            case packets.Connect():
                return self._connect(packet)
            case packets.Publish():
                return self._publish(packet)
            case packets.Subscribe():
                codes = [self._subscribe(*wanted) for wanted in packet.filters]
                self._took(packet, codes)
                return packets.suback(packet.packet_id, codes)
            case packets.Unsubscribe():
                for topic_filter in packet.filters:
                    self._unsubscribe(topic_filter)
                answer = packets.unsuback(packet.packet_id)
            case packets.Puback():
                self._acknowledge(self._unacknowledged.pop(packet.packet_id, ""))
                answer = b""
            case packets.Pingreq():
                answer = packets.PINGRESP
            case packets.Disconnect():
                self.over = True
                answer = b""
        self._took(packet)
        return answer

    def _took(self, packet: packets.Packet, codes: Sequence[int] = ()) -> None:
        if self._log is not None:
            self._log.took(packet, codes)

    def _connect(self, packet: packets.Connect) -> bytes:
        if not packet.client_id and not packet.clean_session:  # 3.1.3.1
            raise ConnectionRefused(_IDENTIFIER_REJECTED)
        try:
            password = (packet.password or b"").decode()
        except UnicodeDecodeError as invalid:
            raise ConnectionRefused(_BAD_CREDENTIALS) from invalid
        connect = Connect(
            self._host, packet.client_id, packet.username or "", password, self._chain, packet.clean_session, packet.keep_alive
        )
        request = self._request("CONNECT", packet.client_id)
        self._session = self._azure.mqtt(request, lambda endpoint, world: endpoint.connect(world, connect))
        self.client_id, self.keep_alive = packet.client_id, packet.keep_alive
        self.address = str(self._session.get("connection", ""))
        self._took(packet)
        former = self._session.get("granted")
        self._granted = dict(former or {})
        return packets.connack(0, present=former is not None)

    def _subscribe(self, topic_filter: str, qos: int) -> int:
        request = self._request("SUBSCRIBE", topic_filter)
        granted = min(qos, 1)  # Azure grants QoS 1 where the client wants 2
        if not self._azure.mqtt(request, lambda endpoint, world: endpoint.subscribe(world, self._session, topic_filter, granted)):
            return packets.FAILURE
        self._granted[topic_filter] = granted
        return granted

    def _unsubscribe(self, topic_filter: str) -> None:
        request = self._request("UNSUBSCRIBE", topic_filter)
        self._azure.mqtt(request, lambda endpoint, world: endpoint.unsubscribe(world, self._session, topic_filter))
        self._granted.pop(topic_filter, None)

    def _publish(self, packet: packets.Publish) -> bytes:
        request = self._request("PUBLISH", packet.topic, packet.payload)
        answers = self._azure.mqtt(
            request, lambda endpoint, world: endpoint.publish(world, self._session, packet.topic, packet.payload)
        )
        self._took(packet)
        acknowledgement = b"" if packet.packet_id is None else packets.puback(packet.packet_id)
        return acknowledgement + b"".join(self._deliver(answers))

    def _deliver(self, publications: Iterable[Publication]) -> Iterator[bytes]:
        """Those that the client has subscribed to, at the best QoS granted to a filter that matches (3.3.5)."""
        for publication in publications:
            if len(publication.topic.encode()) > _LONGEST_TOPIC:
                raise ProtocolViolation("no topic is long enough for the answer")
            matching = (qos for topic_filter, qos in self._granted.items() if matches(topic_filter, publication.topic))
            granted = max(matching, default=None)
            if self._log is not None:
                (self._log.missed if granted is None else self._log.sent)(publication)
            if granted:
                yield packets.publish(publication.topic, publication.payload, self._next_packet_id(publication.receipt))
            elif granted is not None:
                yield packets.publish(publication.topic, publication.payload, None)
                self._acknowledge(publication.receipt)  # at QoS 0 nobody else will

    def _acknowledge(self, receipt: str) -> None:
        if receipt:
            request = self._request("PUBACK", receipt)
            self._azure.mqtt(request, lambda endpoint, world: endpoint.acknowledge(world, self._session, receipt))

    def _next_packet_id(self, receipt: str) -> int:
        """They go round (2.3.1). Raises `ProtocolViolation` when the next one is still not acknowledged."""
        self._packet_id = self._packet_id % 65_535 + 1
        if self._packet_id in self._unacknowledged:
            raise ProtocolViolation("the client leaves messages without acknowledgement")
        self._unacknowledged[self._packet_id] = receipt
        return self._packet_id

    def _request(self, method: str, path: str, body: bytes = b"") -> Request:
        """One operation as the faults of a test see it."""
        return Request(method, self._host, path, body=body, chain=self._chain)
