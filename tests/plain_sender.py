"""A sender over the SDKs' transport: one request after the other, in a fixed order, past everything that a test has put there."""

from __future__ import annotations

import asyncio

from azure.core.rest import HttpRequest

from dpsops.azure.exchange import Answer, Ask
from dpsops.azure.transport import Transport

_TURNS = 4
"""So often others have their turn before a request is sent: whoever waits for a result has it first, and may want no more."""


class PlainSender:
    """Sends what the pool sends over the transport of a world."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __call__(self, ask: Ask, seconds: float) -> Answer:
        """The answer."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        request = HttpRequest(ask.method, ask.url, headers=dict(ask.headers), content=ask.content or None)
        found = self._transport.send(request)
        return Answer(ask, found.status_code, found.headers, found.body(), found.reason or "")

    async def close(self) -> None:
        """The world closes its transport itself."""
