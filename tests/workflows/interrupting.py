"""Two commands at once: the second one runs between two requests of the first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.worlds import Stopwatch


class Interrupted:
    """The transport of a world, which calls a function before its request number `at`."""

    def __init__(self, transport: Stopwatch, monkeypatch: pytest.MonkeyPatch) -> None:
        self._send = transport.send
        self._at = -1
        self._rival: Callable[[], None] = lambda: None
        monkeypatch.setattr(transport, "send", self.send)

    def at(self, number: int, rival: Callable[[], None]) -> None:
        """Calls `rival` after this number of requests."""
        self._at, self._rival = number, rival

    @property
    def happened(self) -> bool:
        """Whether the rival has been called."""
        return self._at < 0

    def send(self, request: Any, **options: Any) -> Any:
        """Sends a request; before the chosen one it calls the rival."""
        self._at -= 1
        if self._at == -1:
            with ThreadPoolExecutor(1) as thread:  # the event loop of the first command is running in this one
                thread.submit(self._rival).result()
        return self._send(request, **options)
