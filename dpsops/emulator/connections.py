"""The connections that the embedded Azure has open, and how many of them may be silent for how long."""

from __future__ import annotations

import asyncio
import resource

_MANY = 4096


class Connections:
    """Every open connection. A connection is pending until its first HTTP request or its MQTT CONNECT has come.

    A pending connection is dropped after `timeout` seconds, and the oldest one if there are more than `pending` (None:
    half as many as the process may open files, up to 4,096). So any number of silent connections neither uses up the
    process's files nor keeps other clients from connecting.
    """

    def __init__(self, *, pending: int | None = None, timeout: float = 30.0) -> None:
        self._limit = _half_of_the_files() if pending is None else pending
        self._timeout = timeout
        self._open: set[asyncio.Transport] = set()
        self._pending: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._gone = asyncio.Event()

    def enter(self, connection: asyncio.Transport) -> None:
        """A connection has been made."""
        self._open.add(connection)
        self._pending[connection] = asyncio.get_running_loop().call_later(self._timeout, connection.abort)
        if len(self._pending) > self._limit:
            oldest = next(iter(self._pending))
            self.established(oldest)
            oldest.abort()

    def established(self, connection: asyncio.Transport) -> None:
        """It is pending no longer: it may stay."""
        timer = self._pending.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def leave(self, connection: asyncio.Transport) -> None:
        """It has ended."""
        self.established(connection)
        self._open.discard(connection)
        if not self._open:
            self._gone.set()

    async def abort_all(self) -> None:
        """Breaks every connection off; returns when all have ended."""
        self._gone.clear()
        for connection in self._open:
            connection.abort()
        if self._open:
            await self._gone.wait()


def _half_of_the_files() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if files == resource.RLIM_INFINITY else min(files // 2, _MANY)
