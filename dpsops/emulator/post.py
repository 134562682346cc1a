"""What leaves the embedded Azure of itself, once the transaction that wrote it is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to an MQTT client, on a topic."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Post:
    """What one transaction has written to others; if it fails, nothing of it leaves."""

    publications: list[tuple[str, Publication]] = field(default_factory=list)

    def publish(self, connection: str, publication: Publication) -> None:
        """To the client of an MQTT connection, if that is still open and the client has subscribed."""
        self.publications.append((connection, publication))


class Exchange:
    """Where post is handed over: the open MQTT connections, by the keys that their sessions have."""

    def __init__(self) -> None:
        self._connections: dict[str, Callable[[Publication], None]] = {}
        self._lock = threading.Lock()

    def open(self, connection: str, take: Callable[[Publication], None]) -> None:
        """From now on `take` is called, in any thread, with what is for this connection."""
        with self._lock:
            self._connections[connection] = take

    def close(self, connection: str) -> None:
        """The connection has ended."""
        with self._lock:
            self._connections.pop(connection, None)

    def deliver(self, post: Post) -> None:
        """Hands everything over, in its order."""
        for connection, publication in post.publications:
            with self._lock:
                take = self._connections.get(connection)
            if take is not None:
                take(publication)
