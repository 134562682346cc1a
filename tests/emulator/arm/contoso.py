"""A small Azure for tests of Resource Manager: its gateway in front of one made-up provider, Contoso.Things.

A box has `properties.size` (1 to 9, by default 1), from which the provider works out `properties.volume`; a lid is a
child of a box. Boxes have keys to list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dpsops.emulator import rbac
from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap, register_application
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.errors import refusal, resource_not_found
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World

VERSION = "2024-01-01"
BOX, LID = "Contoso.Things/boxes", "Contoso.Things/boxes/lids"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
STRANGER = Principal("11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000", OPERATOR.tenant_id)
READER, CONTRIBUTOR = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "b24988ac-6180-42a0-ab88-20f7382dd24c"
_KIND = "contoso"


def put(world: World, identifier: ResourceId, body: JSON, _api_version: str, _caller: Principal) -> JSON:
    """Makes a box or a lid. What is refused for its size was already half written: the refusal must undo that."""
    size = (body.get("properties") or {}).get("size") or 1
    document = {
        "id": str(identifier),
        "name": identifier.name,
        "type": identifier.type,
        "location": body.get("location", ""),
        "tags": body.get("tags") or {},
        "properties": (body.get("properties") or {}) | {"size": size, "volume": size**3, "made": world.now},
        "etag": "W/1",
    }
    world.state.put(_KIND, identifier.key, document)
    if size == 13:
        raise Refusal(Response(409, {"code": 409013, "httpStatusCode": "Conflict", "message": "Thirteen is taken."}))
    if size > 9:
        raise refusal(400, "BoxTooLarge", f"The size {size} is too large.")
    return document


def get(world: World, identifier: ResourceId, _api_version: str) -> JSON | None:
    """A box or a lid."""
    return world.state.get(_KIND, identifier.key)


def _keys(_world: World, identifier: ResourceId) -> JSON:
    return {"value": [{"keyName": "first", "primaryKey": f"key of {identifier.name}"}]}


def _put(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    identifier = ResourceId(subscription, group, BOX, (name,))
    return Response(200, put(world, identifier, request.json(), request.api_version, request.principal))


def _get(world: World, request: Request, subscription: str, group: str, name: str) -> Response:
    found = get(world, ResourceId(subscription, group, BOX, (name,)), request.api_version)
    if found is None:
        raise resource_not_found(BOX, name, group)
    return Response(200, found)


def _delete(world: World, _request: Request, subscription: str, group: str, name: str) -> Response:
    world.state.delete(_KIND, ResourceId(subscription, group, BOX, (name,)).key)
    return Response(200)


def _list(world: World, _request: Request, subscription: str, group: str) -> Response:
    prefix = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{BOX}/".lower()
    return Response(200, {"value": [each for _, each in world.state.list(_KIND, prefix) if each["type"] == BOX]})


TYPES = [
    ResourceType(BOX, frozenset({VERSION, "2025-01-01-preview"}), put, get, {"listKeys": _keys}),
    ResourceType(LID, frozenset({VERSION}), put, get),
]
_ALL = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Contoso.Things/boxes"
ROUTES = [
    Route("GET", _ALL, _list, f"{BOX}/read"),
    Route("PUT", _ALL + "/{name}", _put, f"{BOX}/write"),
    Route("GET", _ALL + "/{name}", _get, f"{BOX}/read"),
    Route("DELETE", _ALL + "/{name}", _delete, f"{BOX}/delete"),
]


@dataclass(slots=True)
class Contoso:
    """A client of that Azure: the operator's, with one empty resource group `rg` to begin with."""

    timings: Timings = field(default_factory=Timings)
    azure: Azure = field(init=False)

    def __post_init__(self) -> None:
        self.azure = Azure(Database(None), Clock(1_772_366_400.0), self.timings, services=(resource_manager(TYPES, ROUTES),))
        with self.world() as world:
            bootstrap(world)
            register_application(world, STRANGER)
        self.call("PUT", GROUP, {"location": "westeurope"})

    @contextmanager
    def world(self) -> Iterator[World]:
        """The inside of that Azure."""
        with self.azure.database.transaction() as state:
            yield World(state, self.azure.clock.now(), self.timings)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: Principal = OPERATOR,
        version: str = "2022-09-01",
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json; charset=utf-8",
    ) -> Response:
        """One request, signed in; a body of bytes is sent as it is."""
        with self.world() as world:
            token = issue_token(world, caller, "https://management.azure.com")
        given = {"api-version": version} | dict(query or {})
        headers = {"authorization": f"Bearer {token}", "content-type": content_type}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.azure.handle(Request(method, "management.azure.com", path, given, headers, content))

    def follow(self, url: str) -> Response:
        """A GET of the URL in a header."""
        path, _, version = url.removeprefix("https://management.azure.com").partition("?api-version=")
        return self.call("GET", path, version=version)

    def slow_down(self, seconds: float) -> None:
        """From now on an operation takes so long."""
        self.timings = self.azure.timings = Timings(operation=seconds)

    def grant(self, principal: Principal, role: str, scope: str = GROUP) -> None:
        """Gives a role without asking anybody."""
        with self.world() as world:
            document = {"principal": principal.object_id, "role": role, "scope": scope.lower(), "created": world.now}
            key = f"{scope}/providers/microsoft.authorization/roleassignments/{role}"
            world.state.put(rbac.ASSIGNMENT, key.lower(), document)


def template(*resources: JSON, **sections: Any) -> JSON:
    """A template with these resources; further sections by name."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources)} | sections


def box(name: str = "box", **more: Any) -> JSON:
    """A box in a template."""
    return {"type": BOX, "apiVersion": VERSION, "name": name, "location": "westeurope"} | more


def module(name: str, inner: JSON, parameters: JSON | None = None, scope: str = "inner", **more: Any) -> JSON:
    """A nested deployment, as a Bicep module compiles to."""
    properties = {
        "expressionEvaluationOptions": {"scope": scope},
        "mode": "Incremental",
        "parameters": parameters or {},
        "template": inner,
    }
    found = {"type": "Microsoft.Resources/deployments", "apiVersion": "2025-04-01", "name": name, "properties": properties}
    return found | more


def properties(inner: JSON, mode: str = "Incremental", **parameters: Any) -> JSON:
    """The body of a deployment."""
    return {"properties": {"mode": mode, "template": inner, "parameters": {k: {"value": v} for k, v in parameters.items()}}}


DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments"


def deploy(contoso: Contoso, body: JSON, name: str = "main") -> JSON:
    """Deploys, polls to the end and returns the deployment as a GET then shows it."""
    begun = contoso.call("PUT", f"{DEPLOYMENT}/{name}", body)
    assert begun.status in (200, 201), begun.body
    assert begun.body["properties"]["provisioningState"] == "Accepted"
    contoso.azure.clock.advance(contoso.timings.operation * 20)
    status = contoso.follow(begun.headers["Azure-AsyncOperation"])
    found = contoso.call("GET", f"{DEPLOYMENT}/{name}").body
    assert found["properties"]["provisioningState"] == status.body["status"]
    assert isinstance(found, dict)
    return found


def assignment(name: str = "a0000000-0000-4000-8000-000000000001") -> JSON:
    """A role assignment on a box, in a template."""
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": name,
        "scope": "[format('Contoso.Things/boxes/{0}', 'box')]",
        "properties": {
            "roleDefinitionId": f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{READER}')]",
            "principalId": STRANGER.object_id,
            "principalType": "ServicePrincipal",
        },
        "dependsOn": ["[resourceId('Contoso.Things/boxes', 'box')]"],
    }


def refused(contoso: Contoso, body: JSON, status: int = 400) -> JSON:
    """The error that a deployment is refused with, before anything happens."""
    answer = contoso.call("PUT", f"{DEPLOYMENT}/main", body)
    assert answer.status == status, answer.body
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    error: JSON = answer.body["error"]
    return error


def outputs(contoso: Contoso, inner: JSON, **parameters: Any) -> JSON:
    """The values of a template's outputs."""
    found = deploy(contoso, properties(inner, **parameters))["properties"]
    assert found["provisioningState"] == "Succeeded", found.get("error")
    return {name: each.get("value") for name, each in found.get("outputs", {}).items()}


def output(expression: Any, type_: str = "object", **sections: Any) -> JSON:
    """A template of no resource and one output."""
    return template(outputs={"found": {"type": type_, "value": expression}}, **sections)


def boxes(contoso: Contoso, group: str = GROUP) -> list[str]:
    """The names of the boxes that there are."""
    return [each["name"] for each in contoso.call("GET", f"{group}/providers/{BOX}", version=VERSION).body["value"]]


def box_of(contoso: Contoso, name: str = "box") -> JSON:
    """The properties of a box."""
    found: JSON = contoso.call("GET", f"{GROUP}/providers/{BOX}/{name}", version=VERSION).body["properties"]
    return found
