"""What stands behind MQTT: the vocabulary that each device-facing service of the embedded Azure is written in.

An endpoint decides who may connect, what a client may subscribe to, and what is answered to what it
publishes. It sees no packets: `mqtt` speaks the protocol. What no packet of the client's asks for goes by `world.post`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dpsops.emulator.documents import JSON
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet and who sent it. `chain`: the TLS client certificates as presented, DER, leaf first.

    TLS has proven that the client holds the leaf's key, and nothing else: the chain may be untrusted,
    expired or incomplete. `host` is the TLS server name, in lower case; `keep_alive` is in seconds.
    """

    host: str
    client_id: str
    username: str
    password: str
    chain: tuple[bytes, ...]
    clean_session: bool
    keep_alive: int


class ConnectionRefused(Exception):
    """The CONNECT is answered with this return code, 1 to 5, and the connection closed (MQTT 3.1.1, 3.2.2.3).

    `reason`: why; the client is not told, only the log.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason or f"CONNACK {code}")
        self.code = code
        self.reason = reason


class ProtocolViolation(Exception):
    """The client did what its service does not allow: the server closes the connection (MQTT 3.1.1, 4.8)."""


WEBSOCKET = "/$iothub/websocket"
"""The path of MQTT over WebSockets. Source: "Communicate with an IoT hub using the MQTT protocol"; DPS has the same."""


class Endpoint(Protocol):
    """One device-facing service over MQTT. Each call is one transaction; an exception undoes it.

    `host` is matched against the whole host name. What `connect` returns is the session: it is handed to
    the later calls of the same connection. If it has a "connection", which is unique, post can reach the client by that, and
    the endpoint is woken once at its beginning. "granted", if it has it, is what a former session of the client has left:
    {filter: QoS}.
    """

    host: re.Pattern[str]

    @property
    def websockets(self) -> Sequence[str]:
        """The paths at which it is there over WebSockets."""
        ...

    def connect(self, world: World, connect: Connect) -> JSON:
        """Accepts the client and returns the session. Raises `ConnectionRefused`."""
        ...

    def subscribe(self, world: World, session: JSON, topic_filter: str, qos: int, /) -> bool:
        """Whether the client may subscribe to this filter, at this QoS."""
        ...

    def unsubscribe(self, world: World, session: JSON, topic_filter: str) -> None:
        """The client wants nothing more under this filter."""
        ...

    def publish(self, world: World, session: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        """Takes a message; returns the answers to this client. Raises `ProtocolViolation`."""
        ...

    def acknowledge(self, world: World, session: JSON, receipt: str) -> None:
        """The client has what was published with this receipt."""
        ...

    def wake(self, world: World, session: JSON) -> None:
        """The time has come that the endpoint has asked for with `Post.wake`. Raises `ProtocolViolation`."""
        ...

    def disconnect(self, world: World, session: JSON) -> None:
        """The connection has ended, from either side."""
        ...
