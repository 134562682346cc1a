"""The connections that the embedded Azure has open, and how many of them may say nothing for how long."""

from __future__ import annotations

import asyncio
import resource

_MANY = 4096


class Connections:
    """Every open connection. One is a newcomer until its greeting is done: its first HTTP request, or its MQTT CONNECT.

    A newcomer has `patience` seconds, and there are at most `newcomers` of them (None: half as many as the process
    may open files, up to 4,096): one more, and the oldest is dropped. So a crowd that connects and says nothing
    costs neither the process its files nor others their way in.
    """

    def __init__(self, *, newcomers: int | None = None, patience: float = 30.0) -> None:
        self._most = _half_of_the_files() if newcomers is None else newcomers
        self._patience = patience
        self._open: set[asyncio.Transport] = set()
        self._newcomers: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._gone = asyncio.Event()

    def enter(self, connection: asyncio.Transport) -> None:
        """A connection has been made."""
        self._open.add(connection)
        self._newcomers[connection] = asyncio.get_running_loop().call_later(self._patience, connection.abort)
        if len(self._newcomers) > self._most:
            oldest = next(iter(self._newcomers))
            self.greeted(oldest)
            oldest.abort()

    def greeted(self, connection: asyncio.Transport) -> None:
        """Its greeting is done: it may stay."""
        timer = self._newcomers.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def leave(self, connection: asyncio.Transport) -> None:
        """It has ended."""
        self.greeted(connection)
        self._open.discard(connection)
        if not self._open:
            self._gone.set()

    async def hang_up(self) -> None:
        """Breaks every connection off; returns when all have ended."""
        self._gone.clear()
        for connection in self._open:
            connection.abort()
        if self._open:
            await self._gone.wait()


def _half_of_the_files() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if files == resource.RLIM_INFINITY else min(files // 2, _MANY)
