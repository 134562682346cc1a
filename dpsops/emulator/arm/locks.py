"""Locks: what may not be deleted, or not be changed at all.

Source: recordings of locks on groups, resources and a subscription (2017 to 2022), "Lock your resources to protect your
infrastructure"; for what a lock on writing stops: its documentation, with the words of the recorded refusal.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from dpsops.emulator.arm import groups
from dpsops.emulator.arm.providers import Providers
from dpsops.emulator.arm.versions import LOCKS
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.world import World

TYPE = "Microsoft.Authorization/locks"
KIND = "lock"
"""Key: the ID in lower case. {"id", "name", "scope" (as the lock was made), "level", "notes" or none}."""

_LEVELS = ("CanNotDelete", "ReadOnly")
_LOCK = re.compile(r"(?P<scope>.*)/providers/Microsoft\.Authorization/locks/[^/]+/?", re.IGNORECASE)
_WRITES = ("PUT", "PATCH", "POST", "DELETE")
_FORESIGHT = re.compile(r".*/deployments/[^/]+/(validate|whatIf)/?", re.IGNORECASE)


def require_unlocked(world: World, method: str, path: str) -> None:
    """Refuses a deletion at, above or below a lock, and any change at or below a lock on writing."""
    if method not in _WRITES or _LOCK.fullmatch(path) or (method == "POST" and _FORESIGHT.fullmatch(path)):
        return
    found = [document for _, document in world.state.list(KIND) if _stops(document, method, path)]
    if found:
        operation = "delete" if method == "DELETE" else "write"
        scopes = ",".join(f"'{each}'" for each in dict.fromkeys(document["scope"] for document in found))
        raise refusal(
            409,
            "ScopeLocked",
            f"The scope '{path.rstrip('/')}' cannot perform {operation} operation because following scope(s) are locked: {scopes}"
            ". Please remove the lock and try again.",
        )


def _stops(document: JSON, method: str, path: str) -> bool:
    here, there = f"{path.rstrip('/')}/".lower(), f"{document['scope']}/".lower()
    if here.startswith(there):
        return method == "DELETE" or document["level"] == "ReadOnly"
    return method == "DELETE" and there.startswith(here)


def forget(world: World, scope: str) -> None:
    """Removes the locks on what is gone."""
    for key, document in world.state.list(KIND):
        if f"{document['scope']}/".lower().startswith(f"{scope.rstrip('/')}/".lower()):
            world.state.delete(KIND, key)


def _require_scope(providers: Providers, world: World, scope: str) -> None:
    """Refuses a lock in a group, or on a resource, that does not exist."""
    match = re.match(r"/?subscriptions/([^/]+)/resourceGroups/([^/]+)", scope, re.IGNORECASE)
    if match:
        groups.require(world, match[1], match[2])
    providers.require_resource(world, f"/{scope}")


def _write(world: World, identifier: str, lock: str, scope: str, body: Any) -> JSON:
    """Makes or changes a lock, and returns its document."""
    properties = body.get("properties") if isinstance(body, dict) else None
    level = properties.get("level") if isinstance(properties, dict) else None
    known = {each.lower(): each for each in _LEVELS}
    if not isinstance(properties, dict) or str(level).lower() not in known:
        raise refusal(400, "InvalidLockLevel", f"The lock level '{level}' is not valid. Valid levels are '{', '.join(_LEVELS)}'.")
    existing = world.state.get(KIND, identifier.lower())
    spelt = existing["id"] if existing else identifier
    document = {"id": spelt, "name": lock, "scope": scope, "level": known[str(level).lower()]}
    document |= {"notes": properties["notes"]} if properties.get("notes") else {}
    world.state.put(KIND, identifier.lower(), document)
    return document


def _put(providers: Providers, world: World, request: Request, lock: str, scope: str = "") -> Response:
    """201 for a new lock, 200 for another level or other notes."""
    _require_scope(providers, world, scope)
    identifier = request.path.rstrip("/")
    existed = world.state.get(KIND, identifier.lower()) is not None
    return Response(200 if existed else 201, _show(_write(world, identifier, lock, f"/{scope}", request.json())))


def _get(world: World, request: Request, lock: str, scope: str = "") -> Response:
    document = world.state.get(KIND, request.path.rstrip("/").lower())
    if document is None:
        raise refusal(404, "LockNotFound", f"The lock '{lock}' could not be found.")
    return Response(200, _show(document))


def _delete(world: World, request: Request, lock: str, scope: str = "") -> Response:
    """200, empty; 204 where there was none (stricter guess)."""
    return Response(200 if world.state.delete(KIND, request.path.rstrip("/").lower()) else 204)


def _list(world: World, request: Request, scope: str = "") -> Response:
    """Those at the scope and below it."""
    here = f"/{scope}/".lower()
    found = [document for _, document in world.state.list(KIND) if f"{document['scope']}/".lower().startswith(here)]
    return Response(200, {"value": [_show(each) for each in found]})


def _show(document: JSON) -> JSON:
    notes = {"notes": document["notes"]} if "notes" in document else {}
    return {
        "properties": {"level": document["level"], **notes},
        "id": document["id"],
        "type": TYPE,
        "name": document["name"],
    }


def routes(providers: Providers) -> list[Route]:
    """The operations at every scope below the tenant."""
    base, action = "/{scope*}/providers/Microsoft.Authorization/locks", "Microsoft.Authorization/locks/"
    return [
        Route("GET", base, _list, action + "read"),
        Route("PUT", base + "/{lock}", partial(_put, providers), action + "write"),
        Route("GET", base + "/{lock}", _get, action + "read"),
        Route("DELETE", base + "/{lock}", _delete, action + "delete"),
    ]


def _deploy(world: World, identifier: ResourceId, body: JSON, _api_version: str, _caller: Principal) -> JSON:
    return _show(_write(world, str(identifier), identifier.name, identifier.scope, body))


def _find(world: World, identifier: ResourceId, _api_version: str) -> JSON | None:
    found = world.state.get(KIND, identifier.key)
    return None if found is None else _show(found)


RESOURCE_TYPE = ResourceType(TYPE, LOCKS, _deploy, _find)
"""Locks as deployments make them."""
