"""What takes time in Microsoft.Devices: the states of a service or hub meanwhile, and the URLs to ask how it goes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response
from dpsops.emulator.microsoft_devices.errors import CONFLICT
from dpsops.emulator.microsoft_devices.errors import refusal as devices_refusal
from dpsops.emulator.resource_provider import operations
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.world import World

_UNIX_EPOCH = 62_135_596_800
"""Seconds from the year 1 to 1970: Azure counts the former's, in ticks of 100 ns."""


def enter(world: World, document: JSON, state: str) -> None:
    """Puts a service or hub into a passing state (`Activating`, `Transitioning`, `Deleting`) from now on.

    It does not begin again where it has not ended: a second deletion takes no longer than the first.
    """
    if document.get("state") != state or settled(world, document):
        document |= {"state": state, "ready": world.now + world.timings.operation}


def settled(world: World, document: JSON) -> bool:
    """Whether the passing state is over."""
    return bool(world.now >= document["ready"])


def gone(world: World, document: JSON) -> bool:
    """Whether a deletion is complete. Until then the resource is there, and its name taken."""
    return document["state"] == "Deleting" and settled(world, document)


def refuse_busy(world: World, document: JSON) -> None:
    """Refuses to change what is still changing (stricter guess)."""
    if not settled(world, document):
        raise devices_refusal(world, CONFLICT, f"The resource '{document['name']}' is in state {document['state']}.")


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where one type's operations are asked for: a path segment below the region, and what its query says more.

    former: whether they were asked for elsewhere in former years (`Habits.polled_below`).
    """

    segment: str
    query: str = ""
    former: bool = False

    def patterns(self, resource: str) -> list[str]:
        """The routes of a poll, given that of the resource."""
        provider = "/subscriptions/{subscription}/providers/Microsoft.Devices"
        places = [f"{provider}/locations/{{location}}", *([provider, resource] if self.former else [])]
        return [f"{each}/{self.segment}/{{operation}}" for each in places]

    def begin(
        self, world: World, request: Request, document: JSON, *, location_too: bool = False, error: JSON | None = None
    ) -> dict[str, str]:
        """Records an operation on a service or hub, and returns the headers that lead to it; one that is to fail has an error.

        As recorded in 2024 the URLs are 3 KB long, with a parameter that has no value and `=` in the path.
        `location_too`: the answer has a `Location` beside its `Azure-AsyncOperation`.
        """
        region = normal(document["location"])
        identifier = operations.begin(world, region, error=error)
        provider = f"/subscriptions/{document['subscription']}/providers/Microsoft.Devices"
        places = {"location": f"{provider}/locations/{region}", "subscription": provider, "resource": document["id"]}
        place = places[world.habits.polled_below if self.former else "location"]
        url = f"https://{request.host}{place}/{self.segment}/{identifier}?api-version={request.api_version}{self.query}"
        proof = (
            f"&t={int((world.now + _UNIX_EPOCH) * 10_000_000)}&c={secrets.token_urlsafe(1838)}"
            f"&s={secrets.token_urlsafe(256)}&h={secrets.token_urlsafe(32)}"
        )
        headers = {"Azure-AsyncOperation": f"{url}&asyncinfo{proof}"}
        return headers | {"Location": url + proof} if location_too else headers


def poll(world: World, request: Request, *, operation: str, **_: str) -> Response:
    """How an operation goes: with `asyncinfo` 200 and its status; without, 202 until it is over and then an empty 200."""
    found = operations.find(world, operation)
    if found is None:
        raise refusal(404, "NotFound", f"The operation '{operation}' was not found.")
    status = operations.status(world, found)
    if "asyncinfo" in request.query:
        return Response(200, {"status": status} | ({"error": found["error"]} if status == "Failed" else {}))
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    headers = {"Location": f"{request.url}?{query}"}
    return Response(202, None, headers) if status == "Running" else Response(200, NOTHING, headers)
