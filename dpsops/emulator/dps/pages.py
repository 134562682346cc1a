"""Lists of the service API: an array, and headers that say what is in it and how to go on."""

from __future__ import annotations

import base64
from collections.abc import Callable

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.bodies import bad_request
from dpsops.emulator.http import Request, Response, whole_number
from dpsops.emulator.world import World

Read = Callable[[str, int], list[tuple[str, JSON]]]
"""The documents of a list whose keys are beyond one, in the order of their keys, and at most so many of them."""


def page(world: World, request: Request, read: Read, prefix: str, item_type: str, show: Callable[[JSON], JSON]) -> Response:
    """One page of the documents that `read` gives, whose keys begin with `prefix`."""
    size = _size(world, request)
    found = read(_marker(world, request, prefix), size + 1)
    headers = {"x-ms-item-type": item_type}
    if len(found) > size:
        headers["x-ms-continuation"] = base64.b64encode(found[size - 1][0].removeprefix(prefix).encode()).decode()
    return Response(200, [show(document) for _, document in found[:size]], headers)


def _size(world: World, request: Request) -> int:
    """How many items the page has: as many as the client asks for, but no more than the service gives."""
    most = world.habits.dps_page
    size = whole_number(request.headers.get("x-ms-max-item-count", str(most)))
    if not size:
        raise bad_request(world)
    return min(size, most)


def _marker(world: World, request: Request, prefix: str) -> str:
    token = request.headers.get("x-ms-continuation", "")
    try:
        return prefix + base64.b64decode(token, validate=True).decode()
    except ValueError as invalid:
        raise bad_request(world) from invalid
