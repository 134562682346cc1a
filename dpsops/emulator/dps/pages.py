"""Lists of the service API: an array, and headers that say what is in it and how to go on."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import islice

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.bodies import bad_request
from dpsops.emulator.http import Request, Response, whole_number
from dpsops.emulator.world import World

_SIZE = 100
"""How many items a page has where the client does not say (guess)."""


def page(world: World, request: Request, kind: str, prefix: str, item_type: str, show: Callable[[JSON], JSON | None]) -> Response:
    """One page of the documents below `prefix` in the order of their keys; `show` leaves out what it gives no item for."""
    size = _size(world, request)
    scanned = _scan(world, kind, prefix, _marker(world, request, prefix))
    shown = list(islice(((key, item) for key, document in scanned if (item := show(document)) is not None), size + 1))
    headers = {"x-ms-item-type": item_type}
    if len(shown) > size:
        headers["x-ms-continuation"] = base64.b64encode(shown[size - 1][0].removeprefix(prefix).encode()).decode()
    return Response(200, [item for _, item in shown[:size]], headers)


def _size(world: World, request: Request) -> int:
    size = whole_number(request.headers.get("x-ms-max-item-count", str(_SIZE)))
    if not size:
        raise bad_request(world)
    return size


def _marker(world: World, request: Request, prefix: str) -> str:
    token = request.headers.get("x-ms-continuation", "")
    try:
        return prefix + base64.b64decode(token, validate=True).decode()
    except ValueError as invalid:
        raise bad_request(world) from invalid


def _scan(world: World, kind: str, prefix: str, after: str) -> Iterator[tuple[str, JSON]]:
    while batch := world.state.list(kind, prefix, after=after, limit=_SIZE):
        yield from batch
        after = batch[-1][0]
