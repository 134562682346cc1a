"""A device's MQTT connection for what Microsoft's device SDK does not know yet: one client, one request at a time.

Sources: MQTT 3.1.1; Azure IoT, "Communicate with DPS using the MQTT protocol", "Communicate with an IoT hub using the MQTT
protocol". The client is that of the SDK (paho). It has no thread here, so that a signal ends whatever is waited for.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from dpsops.azure.credential_files import files
from dpsops.azure.quoting import why
from dpsops.azure.wire import Wire
from dpsops.errors import Error, InvalidInput, Unavailable, Unreadable
from dpsops.pki.bundles import DeviceCredential

_PORT = 8883
_TURN_SECONDS = 0.2
_NOT_GRANTED = 0x80


class Reply(NamedTuple):
    """An answer: its status, what its topic says besides, and its JSON."""

    status: int
    properties: Mapping[str, str]
    document: Any


@dataclass(slots=True)
class Session:
    """A connection that is open. `host`: what it is to."""

    host: str
    wire: Wire
    _client: Any
    _granted: list[int] = field(default_factory=list)
    _replies: dict[str, list[Reply]] = field(default_factory=dict)
    _unreadable: bool = False

    def subscribe(self, topic_filter: str) -> None:
        """Subscribes to the answers. Raises `Error` if that is not granted."""
        self._client.subscribe(topic_filter, qos=1)
        self._until(lambda: bool(self._granted), self.wire.waits.answer_seconds)
        if self._granted.pop() == _NOT_GRANTED:
            raise Error(
                f"{self.host} grants no subscription to {topic_filter}", "'dpsops status' shows the state of the environment"
            )

    def ask(self, topic: str, rid: str, body: Mapping[str, object], more: str = "") -> Reply:
        """Publishes a request, and returns its first answer. `more`: what the topic says behind the ID of the request."""
        self._client.publish(f"{topic}?$rid={rid}{more}", json.dumps(body), qos=1)
        return self.next(rid, self.wire.waits.answer_seconds)

    def next(self, rid: str, seconds: float) -> Reply:
        """The next answer to a request. Raises `Unavailable` if none comes in so many seconds."""
        self._until(lambda: bool(self._replies.get(rid)), seconds)
        return self._replies[rid].pop(0)

    def heard(self, topic: str, payload: bytes) -> None:
        """An answer has come: its topic ends with `res/STATUS/?$rid=RID`, and perhaps more."""
        path, _, query = topic.partition("/?")
        properties = dict(parse_qsl(query))
        try:
            reply = Reply(int(path.rpartition("/")[2]), properties, json.loads(payload or b"null"))
        except (RecursionError, ValueError):
            self._unreadable = True
            return
        self._replies.setdefault(properties.get("$rid", ""), []).append(reply)

    def _until(self, done: Callable[[], bool], seconds: float) -> None:
        with self.wire.waiting.request(f"an answer of {self.host}", seconds):
            while not done():
                left = self.wire.waiting.require_time()
                if self._unreadable:
                    raise Unreadable(f"{self.host} has answered what is no JSON", "run the command again")
                if self._client.loop(min(left, _TURN_SECONDS)) != 0:
                    raise Unavailable(f"{self.host} has closed the connection", "check the network, then run the command again")


@contextmanager
def connected(
    host: str, device: str, username: str, credential: DeviceCredential, wire: Wire, refused: Callable[[str], Error]
) -> Iterator[Session]:
    """A connection until the block ends. Raises what `refused` makes of the reason if the host refuses it, `Unavailable` if there
    is no way to it, and `InvalidInput` if the extra `device` is not installed."""
    client, mqtt = _client(device, wire)
    client.username_pw_set(username)
    with files(credential) as (chain, key):
        context = ssl.create_default_context(cafile=wire.authority_file or None)
        context.load_cert_chain(chain, key)
        client.tls_set_context(context)
        session, codes = Session(host, wire, client), list[int]()
        client.on_connect = lambda _client, _data, _flags, code: codes.append(code)
        client.on_subscribe = lambda _client, _data, _id, granted: session._granted.extend(granted)
        client.on_message = lambda _client, _data, message: session.heard(message.topic, message.payload)
        try:
            with wire.waiting.request(f"a connection to {host}", wire.waits.connect_seconds + wire.waits.answer_seconds):
                client.connect(host, _PORT)
                while not codes:
                    wire.waiting.require_time()
                    if client.loop(_TURN_SECONDS) != 0 and not codes:
                        raise Unavailable(f"{host} has closed the connection", "check the network, then run the command again")
            if codes[0] != 0:
                raise refused(str(mqtt.connack_string(codes[0])).rstrip("."))
            yield session
        except OSError as cause:
            raise Unavailable(
                f"{host} cannot be reached over MQTT: {why(cause)}", "check the network, port 8883 and HTTPS_PROXY"
            ) from cause
        finally:
            client.disconnect()


def _client(device: str, wire: Wire) -> tuple[Any, Any]:
    try:
        import paho.mqtt.client as mqtt
        import socks
    except ImportError as cause:
        raise InvalidInput(
            "MQTT needs Microsoft's device SDK, which is not installed", "pip install 'dpsops[device]', or use --transport https"
        ) from cause
    client = mqtt.Client(device, clean_session=True)
    if wire.proxy:
        address = urlsplit(wire.proxy)
        client.proxy_set(proxy_type=socks.HTTP, proxy_addr=address.hostname, proxy_port=address.port)
    return client, mqtt
