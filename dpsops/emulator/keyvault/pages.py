"""Lists in pages: `{"value", "nextLink"}`, where the link carries Azure's port and an opaque token."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from itertools import islice

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault.bodies import maximum_of
from dpsops.emulator.keyvault.errors import bad_parameter
from dpsops.emulator.world import World

_BATCH = 100
"""How many documents are read at once after the first page's, where `show` leaves some out."""


def page(world: World, request: Request, kind: str, prefix: str, show: Callable[[JSON], JSON | None]) -> Response:
    """One page of the documents below `prefix` in the order of their keys; `show` leaves out what it gives no item for."""
    size = maximum_of(request)
    scanned = _scan(world, kind, prefix, prefix + _marker(request), size + 1)
    shown = list(islice(((key, item) for key, document in scanned if (item := show(document)) is not None), size + 1))
    link = None
    if len(shown) > size:
        marker = shown[size - 1][0].removeprefix(prefix)
        token = base64.urlsafe_b64encode(json.dumps({"NextMarker": marker, "TargetLocation": 0}).encode()).decode().rstrip("=")
        wanted = f"&maxresults={size}" if "maxresults" in request.query else ""
        path = request.path.rstrip("/")
        link = f"https://{request.host}:443{path}?api-version={request.api_version}&$skiptoken={token}{wanted}"
    return Response(200, {"value": [item for _, item in shown[:size]], "nextLink": link})


def _marker(request: Request) -> str:
    token = request.query.get("$skiptoken", "")
    try:
        return str(parse_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["NextMarker"]) if token else ""
    except (ValueError, KeyError, TypeError) as invalid:
        raise bad_parameter(f"Invalid value for $skiptoken: {token}") from invalid


def _scan(world: World, kind: str, prefix: str, after: str, first: int) -> Iterator[tuple[str, JSON]]:
    limit = first
    while batch := world.state.list(kind, prefix, after=after, limit=limit):
        yield from batch
        after, limit = batch[-1][0], _BATCH
