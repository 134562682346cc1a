"""Long-running operations: work that is done in one transaction but reported as done only later."""

from __future__ import annotations

import base64
import math
import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

_KIND = "operation"
_LONGEST_PAUSE = 15
"""Seconds: what Resource Manager asks clients to wait between two polls."""


def begin(world: World, region: str = "", *, error: JSON | None = None, result: JSON | None = None, status: int = 200) -> str:
    """Records an operation that ends `Timings.operation` seconds from now, and returns its ID.

    The ID looks like Azure's: base64 with `=` in the path. `result` is what a `Location` poll answers at
    the end, with `status`; `error` an ARM error object for one that fails.
    """
    identifier = base64.b64encode(f"id=os_id_{secrets.token_hex(16)};region={region}".encode()).decode()
    document = {"begun": world.now, "ready": world.now + world.timings.operation, "error": error, "result": result}
    world.state.put(_KIND, identifier, document | {"status": status})
    return identifier


def find(world: World, identifier: str) -> JSON | None:
    """The operation's document ({"begun", "ready", "error", "result"}), or None."""
    return world.state.get(_KIND, identifier)


def status(world: World, operation: JSON) -> str:
    """`Running`, then `Succeeded` or `Failed`."""
    if world.now < operation["ready"]:
        return "Running"
    return "Failed" if operation["error"] else "Succeeded"


def retry_after(world: World) -> dict[str, str]:
    """The header that says when to poll: as slow as Azure is to be here, but never slower than the real one."""
    return {"Retry-After": str(min(_LONGEST_PAUSE, math.ceil(world.timings.operation)))}


def accepted(world: World, request: Request, path: str, *, result: JSON | None = None, status: int = 200) -> Response:
    """202, and the `Location` below `path` where the result of work that takes time is polled; `status` is the last poll's."""
    return _pending(world, request, f"{path}/{begin(world, result=result, status=status)}")


def poll(world: World, request: Request, operation: str, subscription: str = "") -> Response:
    """What a `Location` answers: 202 until the work is done, then (mostly) 200 and its result."""
    found = find(world, operation)
    if found is None:
        raise refusal(404, "NotFound", f"The operation '{operation}' was not found.")
    if status(world, found) == "Running":
        return _pending(world, request, request.path)
    return Response(found.get("status", 200), NOTHING if found["result"] is None else found["result"])


def _pending(world: World, request: Request, path: str) -> Response:
    location = f"https://{request.host}{path}?api-version={request.api_version}"
    return Response(202, NOTHING, {"Location": location} | retry_after(world))
