"""Stand-ins for the resource types that the embedded Azure does not have, so that what Resource Manager does with them is judged.

They take whatever they are given, show what the recording shows, and refuse what it says was refused; none of that is
judged. What is: how a deployment, a what-if, a list or a lock deals with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.arm.service import ROUTES, TYPES
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route, Service
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import resource_not_found
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, GROUPS, ResourceId, ResourceType
from dpsops.emulator.services import SERVICES
from dpsops.emulator.world import World
from tests.conformance.asked import answers, objects_of
from tests.conformance.failures import Failure, failure_of, refused_in_preflight
from tests.conformance.messages import MANAGEMENT, Exchange, Recording

_KIND = "standIn"
_VERSION = "2020-01-01"
_OWN = {
    DEPLOYMENTS.lower(),
    GROUPS.lower(),
    "microsoft.authorization/locks",
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/roledefinitions",
    "microsoft.management/managementgroups",
}
"""Types that are Resource Manager's own, or that nothing can stand in for."""

_EMBEDDED = ("microsoft.resources/", "microsoft.keyvault/", "microsoft.devices/", "microsoft.managedidentity/")
SOMETHING = "Stand.In/things"
"""The type of what a template must have, of which the recording says nothing."""

_NAMED = re.compile(r"(?:microsoft|[\w-]+)\.[\w.]+(/[\w-]+)+", re.IGNORECASE)
_LIST = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"


class _Any(frozenset[str]):
    """The API versions and locations of a type of which no list was recorded."""

    def __contains__(self, text: object) -> bool:
        return True


@dataclass(slots=True)
class StandIns:
    """The stand-ins of one recording. `current` is the exchange that is being replayed."""

    recording: Recording
    current: Exchange | None = None
    names: dict[str, str] = field(init=False)
    _answers: dict[str, JSON] = field(init=False)
    _refused: JSON | None = field(init=False, default=None)
    _failing: list[Failure] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._answers = answers(self.recording)
        self.names = {SOMETHING.lower(): SOMETHING}
        for name in _types(self.recording):
            if name.lower() not in _OWN and not name.lower().startswith(_EMBEDDED):
                self.names.setdefault(name.lower(), name)

    def begin(self, exchange: Exchange) -> None:
        """The next exchange is replayed: what it says of failures is what happens now."""
        self.current = exchange
        self._refused = refused_in_preflight(exchange)
        if exchange.method == "PUT" and re.search(rf"/{DEPLOYMENTS}/[^/]+/?$", exchange.path, re.IGNORECASE):
            self._failing = failure_of(self.recording, exchange)

    def types(self) -> list[ResourceType]:
        """What they offer to deployments."""
        found, any_ = [], _Any({_VERSION})
        listings = {name: partial(self._answer, name) for name in self._answers if name.startswith("list")}
        for name in self.names.values():
            found.append(ResourceType(name, any_, self._put, self._get, listings, any_, self._check))
        return found

    def _answer(self, function: str, world: World, identifier: ResourceId) -> JSON:
        return self._answers[function]

    def routes(self) -> list[Route]:
        """What they answer themselves."""
        found = []
        for name in self.names.values():
            namespace, *kinds = name.split("/")
            one = namespace + "".join(f"/{kind}/{{part{place}}}" for place, kind in enumerate(kinds))
            if len(kinds) == 1:
                found.append(Route("GET", _LIST + name, partial(self._list, name)))
            for scope in ("/{scope*}", ""):
                path = f"{scope}/providers/{one}"
                found += [
                    Route("PUT", path, self._write),
                    Route("PATCH", path, self._write),
                    Route("GET", path, self._read),
                    Route("DELETE", path, self._delete),
                ]
        return found

    def _put(self, world: World, identifier: ResourceId, body: JSON, api_version: str, caller: Principal) -> JSON:
        failing = next((each for each in self._failing if each.concerns(identifier)), None)
        if failing is not None:
            self._failing.remove(failing)
            raise Refusal(Response(failing.status, failing.body))
        plain = {"id": str(identifier), "name": "/".join(identifier.names[-1:]), "type": identifier.type}
        document = plain | {key: body[key] for key in sorted(body)}
        world.state.put(_KIND, identifier.key, document)
        return document

    def _get(self, world: World, identifier: ResourceId, api_version: str) -> JSON | None:
        stored = world.state.get(_KIND, identifier.key)
        asked = self._asked_by_what_if(identifier.key)
        if asked is not None:
            return asked
        properties = self._referred(identifier)
        if stored is not None and properties is not None:
            return stored | {"properties": properties}
        if stored is not None:
            return stored | {"properties": _over(self._answers.get("reference", {}), stored.get("properties", {}))}
        if any(each.path.lower().startswith(f"{identifier.key}/providers/") for each in self._extending()):
            return {"id": str(identifier), "name": identifier.name, "type": identifier.type}
        return None

    def _extending(self) -> list[Exchange]:
        """The requests for role assignments and locks that something was there for."""
        return [each for each in self.recording.exchanges if "/microsoft.authorization/" in each.path.lower()]

    def _check(self, world: World, identifier: ResourceId, body: JSON, api_version: str, caller: Principal) -> None:
        refused, self._refused = self._refused, None
        if refused is not None:
            raise Refusal(Response(400, {"error": refused}))

    def _list(self, name: str, world: World, request: Request, subscription: str, group: str) -> Response:
        """Those that were made, and those that the result of the what-if that is asked for shows."""
        prefix = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{name}/".lower()
        found = {key: each for key, each in world.state.list(_KIND, prefix) if key.count("/") == prefix.count("/")}
        for change in self._what_if():
            key = change["resourceId"].lower()
            known = any(anonymous(each) == anonymous(key) for each in found)
            if key.startswith(prefix) and "before" in change and not known:
                found[key] = {part: value for part, value in change["before"].items() if part != "apiVersion"}
        shown = {str(each["id"]).lower(): each for each in self._listed()}
        return Response(200, {"value": [each | shown.get(key, {}) for key, each in found.items()]})

    def _listed(self) -> list[JSON]:
        """The resources in the list that is being asked for, with what their providers add to them."""
        match self.current.response.json() if self.current else None:
            case {"value": list(listed)}:
                return [each for each in listed if "id" in each]
        return []

    def _write(self, world: World, request: Request, **named: str) -> Response:
        return Response(200, self._put(world, ResourceId.parse(request.path.rstrip("/")), request.json(), "", request.principal))

    def _read(self, world: World, request: Request, **named: str) -> Response:
        identifier = ResourceId.parse(request.path.rstrip("/"))
        found = self._get(world, identifier, "")
        if found is None:
            raise resource_not_found(identifier.type, "/".join(identifier.names), identifier.group)
        return Response(200, found)

    def _delete(self, world: World, request: Request, **named: str) -> Response:
        world.state.delete(_KIND, ResourceId.parse(request.path.rstrip("/")).key)
        return Response(200)

    def _what_if(self) -> list[JSON]:
        """The changes that the what-if which is being asked for was answered with."""
        if self.current is None or not self.current.path.lower().rstrip("/").endswith("/whatif"):
            return []
        for later in self.recording.exchanges[self.current.index + 1 :]:
            match later.response.json():
                case {"status": "Succeeded", "properties": {"changes": list(changes)}}:
                    return changes
        return []

    def _asked_by_what_if(self, key: str) -> JSON | None:
        for change in self._what_if():
            if anonymous(change["resourceId"]) == anonymous(key) and "before" in change:
                before = dict(change["before"])
                before.pop("apiVersion", None)
                return before
        return None

    def _referred(self, identifier: ResourceId) -> JSON | None:
        """What `reference` gave: where a deployment's output is all of that resource, or where it made no other."""
        wanted = {(deployment, name.lower()) for deployment, name in objects_of(self.recording, identifier)}
        for exchange in self.recording.exchanges:
            match exchange.response.json():
                case {"id": str(deployment), "properties": {"outputs": dict(outputs), "outputResources": [*made]}}:
                    shown = {name.lower(): each["value"] for name, each in outputs.items() if isinstance(each.get("value"), dict)}
                    only = len(made) == 1 and identifier.key.endswith(str(made[0]["id"]).lower())
                    named = [value for name, value in shown.items() if only or (deployment.lower(), name) in wanted]
                    if named:
                        return dict(named[0])
        return None


def _over(below: JSON, above: JSON) -> JSON:
    """Both objects in one, and in their objects, too; in the same place it is the upper one's value that is seen."""
    both = {key: _over(below[key], above[key]) for key in below.keys() & above.keys() if _nested(below[key], above[key])}
    return below | above | both


def _nested(*values: Any) -> bool:
    return all(isinstance(each, dict) for each in values)


def anonymous(identifier: str) -> str:
    """An ID without what `uniqueString` made of it."""
    return re.sub(r"(?<=[a-z])[a-z2-7]{13}(?=$|/)", "<unique>", identifier.lower())


def objects(body: Any) -> Iterator[JSON]:
    """Every object in a body, from the outside in."""
    if isinstance(body, dict):
        yield body
    if isinstance(body, dict | list):
        for value in body.values() if isinstance(body, dict) else body:
            yield from objects(value)


def _types(recording: Recording) -> Iterator[str]:
    """The names of all types that a recording touches upon."""
    for exchange in recording.exchanges:
        if exchange.host != MANAGEMENT:
            continue
        for message in (exchange.request, exchange.response):
            for each in objects(message.json()):
                yield from _types_in(each)
        yield from _type_of(re.sub(r"/+", "/", exchange.path).rstrip("/"))


def _types_in(found: JSON) -> Iterator[str]:
    if isinstance(found.get("type"), str) and "apiVersion" in found and _NAMED.fullmatch(found["type"]):
        yield found["type"]
        for child in found.get("resources", ()) if isinstance(found.get("resources"), list) else ():
            if isinstance(child, dict) and isinstance(child.get("type"), str) and "." not in child["type"]:
                yield f"{found['type']}/{child['type']}"
    for name in ("id", "resourceId"):
        if isinstance(found.get(name), str):
            yield from _type_of(found[name])
    match found:
        case {"namespace": str(namespace), "resourceTypes": [{"resourceType": str(kind)}, *kinds]}:
            yield f"{namespace}/{kind}"
            if "registrationState" not in found:
                yield from (f"{namespace}/{each['resourceType']}" for each in kinds)


def _type_of(text: str) -> Iterator[str]:
    try:
        identifier = ResourceId.parse(text)
    except ValueError:
        return
    if identifier.extended:
        yield from _type_of(identifier.scope)
    if (identifier.group or "/managementgroups/" in text.lower()) and "operation" not in identifier.type.lower():
        yield identifier.type


def services(stand_ins: StandIns) -> Iterator[Service]:
    """The services of the embedded Azure, Resource Manager with the stand-ins behind it, too."""
    for service in SERVICES:
        if service.host.fullmatch(MANAGEMENT):
            yield resource_manager([*TYPES, *stand_ins.types()], [*ROUTES, *stand_ins.routes()])
        else:
            yield service
