"""Lists that Azure cuts into pages: `{"value": [...], "nextLink": URL or null}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.conformance.carry import address
from tests.conformance.messages import Exchange


def next_link(body: Any) -> str | None:
    """Where the list goes on, if it does."""
    return body.get("nextLink") if isinstance(body, dict) and isinstance(body.get("value"), list) else None


def follow(exchange: Exchange, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchange, and those that asked for the further pages of what it lists."""
    pages = [exchange]
    for later in exchanges[exchange.index + 1 :]:
        link = next_link(pages[-1].response.json())
        if link is None:
            break
        if later.method == exchange.method and address(later.url) == address(link):
            pages.append(later)
    return pages


def whole(bodies: Sequence[Any]) -> Any:
    """The pages as one body."""
    if len(bodies) == 1 or not all(isinstance(body, dict) for body in bodies):
        return bodies[0]
    return bodies[0] | {"value": [element for body in bodies for element in body["value"]], "nextLink": None}
