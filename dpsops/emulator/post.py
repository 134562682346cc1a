"""What leaves the embedded Azure of itself, once the transaction that wrote it is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dpsops.emulator.documents import JSON


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to an MQTT client, on a topic. `receipt`: what its service hears when the client has it; empty: nothing."""

    topic: str
    payload: bytes
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a request waits for, and how long (in seconds): another answer under `key`.

    reached: the answer (status, body and headers) from when on that is under way, and how long that is waited for then.
    """

    key: str
    seconds: float
    reached: tuple[tuple[int, Any, Mapping[str, str]], float] | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """What one transaction has written to others; if it fails, nothing of it leaves."""

    publications: list[tuple[str, Publication]] = field(default_factory=list)
    wakes: list[tuple[str, float]] = field(default_factory=list)
    answers: list[tuple[str, JSON | None]] = field(default_factory=list)

    def publish(self, connection: str, publication: Publication) -> None:
        """To the client of an MQTT connection, if that is still open and the client has subscribed."""
        self.publications.append((connection, publication))

    def wake(self, connection: str, seconds: float) -> None:
        """In so many seconds, the endpoint of an MQTT connection looks after it, if that is still open."""
        self.wakes.append((connection, seconds))

    def reach(self, key: str) -> None:
        """To the request that waits under this key: its answer is under way."""
        self.answers.append((key, None))

    def answer(self, key: str, body: JSON) -> None:
        """To the request that waits under this key, if it still does: its answer, which is a success."""
        self.answers.append((key, body))


class Exchange:
    """Where post is handed over: open MQTT connections and waiting requests, by their keys. Both are called in any thread."""

    def __init__(self) -> None:
        self._connections: dict[str, tuple[Callable[[Publication], None], Callable[[float], None]]] = {}
        self._requests: dict[str, Callable[[JSON | None], None]] = {}
        self._lock = threading.Lock()

    def open(
        self, connection: str, take: Callable[[Publication], None], wake: Callable[[float], None] = lambda seconds: None
    ) -> None:
        """From now on `take` is called with what is for this connection, and `wake` with when to look after it."""
        with self._lock:
            self._connections[connection] = take, wake

    def close(self, connection: str) -> None:
        """The connection has ended."""
        with self._lock:
            self._connections.pop(connection, None)

    def wait(self, key: str, take: Callable[[JSON | None], None]) -> None:
        """From now on `take` is called with the answer under this key, and with None when that is under way."""
        with self._lock:
            self._requests[key] = take

    def give_up(self, key: str) -> None:
        """Nobody waits for this any more."""
        with self._lock:
            self._requests.pop(key, None)

    def _find(self, connection: str) -> tuple[Callable[[Publication], None], Callable[[float], None]] | None:
        with self._lock:
            return self._connections.get(connection)

    def deliver(self, post: Post) -> None:
        """Hands everything over, in its order."""
        for connection, publication in post.publications:
            if (found := self._find(connection)) is not None:
                found[0](publication)
        for connection, seconds in post.wakes:
            if (found := self._find(connection)) is not None:
                found[1](seconds)
        for key, body in post.answers:
            with self._lock:
                hear = self._requests.get(key)
            if hear is not None:
                hear(body)
