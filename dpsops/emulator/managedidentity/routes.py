"""Resource Manager operations on user-assigned identities and their federated credentials."""

from __future__ import annotations

from dataclasses import replace

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route, whole_number
from dpsops.emulator.identity import state as directory
from dpsops.emulator.identity.state import FederatedCredential
from dpsops.emulator.managedidentity import rules, state
from dpsops.emulator.managedidentity.state import CREDENTIAL, TYPE, show, show_credential
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import regions
from dpsops.emulator.resource_provider.bodies import json_object, member, tags
from dpsops.emulator.resource_provider.errors import parent_not_found, resource_not_found
from dpsops.emulator.resource_provider.locations import read_location, require_same
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.versions import behind
from dpsops.emulator.world import World


def _write(world: World, identifier: ResourceId, body: JSON, caller: Principal) -> JSON:
    """Makes an identity, or changes its tags, and returns its document. What a PUT leaves out of one that is there goes back
    to its default (a guess); who it is stays."""
    existing = state.find(world, identifier)
    rules.require_name(identifier.name)
    location = read_location(body.get("location"), TYPE, existing, identifier.group, regions.REGIONS)
    given, isolation = tags(body) or {}, rules.read_isolation(body, "None")
    document = existing or state.create(world, identifier, regions.normal(location), caller.tenant_id)
    document |= {"tags": given, "isolationScope": isolation}
    state.save(world, document)
    return document


def _put(world: World, request: Request, **where: str) -> Response:
    identifier = _id(**where)
    new = state.find(world, identifier) is None
    document = _write(world, identifier, json_object(request), request.principal)
    headers = {"Location": document["id"]} if new else {}
    return Response(201 if new else 200, show(document, request.api_version), headers)


def _patch(world: World, request: Request, **where: str) -> Response:
    """The tags that are given replace those that are there; the location cannot change."""
    document, body = _require(world, **where), json_object(request)
    if location := member(body, "location", str):
        require_same(document, location, where["group"])
    given = tags(body)
    document["tags"] = document["tags"] if given is None else given
    document["isolationScope"] = rules.read_isolation(body, document["isolationScope"])
    state.save(world, document)
    return Response(200, show(document, request.api_version))


def _get(world: World, request: Request, **where: str) -> Response:
    return Response(200, show(_require(world, **where), request.api_version))


def _delete(world: World, request: Request, **where: str) -> Response:
    """200, and 204 where there is none (specification). Its roles stay assigned, to nobody."""
    document = state.find(world, _id(**where))
    if document is None:
        return Response(204)
    state.delete(world, document)
    return Response(200)


def _list(world: World, request: Request, subscription: str, group: str = "") -> Response:
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    return Response(200, {"value": [show(each, request.api_version) for each in state.list_below(world, scope)]})


def _id(subscription: str, group: str, name: str) -> ResourceId:
    return ResourceId(subscription, group, TYPE, (name,))


def _require(world: World, **where: str) -> JSON:
    document = state.find(world, _id(**where))
    if document is None:
        raise resource_not_found(TYPE, where["name"], where["group"])
    return document


def _parent(world: World, identifier: ResourceId) -> JSON:
    """The identity of a federated credential, given the credential's ID or its own."""
    owner = replace(identifier, type=TYPE, names=identifier.names[:1])
    document = state.find(world, owner)
    if document is None:
        raise parent_not_found(CREDENTIAL.partition("/")[2], owner)
    return document


def _named(world: World, document: JSON, name: str) -> FederatedCredential | None:
    return next((each for each in state.credentials(world, document) if each.name.lower() == name.lower()), None)


def _trust(world: World, document: JSON, name: str, body: object) -> tuple[FederatedCredential, bool]:
    """Makes or replaces a federated credential, and tells whether it is new."""
    given = rules.read_credential(name, body, document["location"])
    present = _named(world, document, name)
    rules.require_place(world, given, [each for each in state.credentials(world, document) if each != present])
    since = world.now + world.timings.federation
    kept = replace(given, name=present.name if present else name, since=since)
    if present is None or replace(present, since=since) != kept:
        directory.trust(world, document["clientId"], kept)
    return kept, present is None


def _require_alone(world: World, document: JSON, request: Request) -> None:
    """Refuses a write beside another of a federated credential of the identity, be it a request or a deployment."""
    below = f"{ResourceId.parse(document['id'])}/federatedIdentityCredentials/".lower()
    if world.now < document["busy"] or any(each.startswith(below) for each in request.meanwhile):
        raise rules.concurrent_write(document["id"])


def _put_credential(world: World, request: Request, credential: str, **where: str) -> Response:
    document = _parent(world, _id(**where))
    _require_alone(world, document, request)
    made, new = _trust(world, document, credential, request.json())
    shown = show_credential(document, made)
    return Response(201 if new else 200, shown, {"Location": shown["id"]} if new else {})


def _get_credential(world: World, request: Request, credential: str, **where: str) -> Response:
    document = _parent(world, _id(**where))
    found = _named(world, document, credential)
    if found is None:
        raise resource_not_found(CREDENTIAL, f"{where['name']}/{credential}", where["group"])
    return Response(200, show_credential(document, found))


def _delete_credential(world: World, request: Request, credential: str, **where: str) -> Response:
    """200, and 204 where there is none (specification). Sign-ins see it at once."""
    document = _parent(world, _id(**where))
    _require_alone(world, document, request)
    return Response(200 if directory.remove_credential(world, document["clientId"], credential) else 204)


def _list_credentials(world: World, request: Request, **where: str) -> Response:
    """All of an identity's, or `$top` of them; `$skiptoken` is the name of the last one seen."""
    document = _parent(world, _id(**where))
    after, text = request.query.get("$skiptoken", "").lower(), request.query.get("$top", "")
    top = whole_number(text)
    if text and not top:
        raise rules.bad_request(f"The value '{text}' of the query parameter '$top' is invalid.")
    left = [each for each in state.credentials(world, document) if each.name.lower() > after]
    shown = left[:top]
    page: JSON = {"value": [show_credential(document, each) for each in shown]}
    if len(shown) < len(left):
        page["nextLink"] = f"{request.url}?api-version={request.api_version}&$top={top}&$skiptoken={shown[-1].name}"
    return Response(200, page)


_ALL = "/subscriptions/{subscription}/providers/" + TYPE
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + TYPE
_ONE = _GROUP + "/{name}"
_CREDENTIALS = _ONE + "/federatedIdentityCredentials"
_CREDENTIAL = _CREDENTIALS + "/{credential}"

ARM_ROUTES: list[Route] = [
    *behind(
        [
            Route("PUT", _ONE, _put, f"{TYPE}/write"),
            Route("PATCH", _ONE, _patch, f"{TYPE}/write"),
            Route("GET", _ONE, _get, f"{TYPE}/read"),
            Route("DELETE", _ONE, _delete, f"{TYPE}/delete"),
            Route("GET", _GROUP, _list, f"{TYPE}/read"),
            Route("GET", _ALL, _list, f"{TYPE}/read"),
        ],
        "userAssignedIdentities",
        rules.API_VERSIONS,
    ),
    *behind(
        [
            Route("PUT", _CREDENTIAL, _put_credential, f"{CREDENTIAL}/write"),
            Route("GET", _CREDENTIAL, _get_credential, f"{CREDENTIAL}/read"),
            Route("DELETE", _CREDENTIAL, _delete_credential, f"{CREDENTIAL}/delete"),
            Route("GET", _CREDENTIALS, _list_credentials, f"{CREDENTIAL}/read"),
        ],
        "userAssignedIdentities/federatedIdentityCredentials",
        rules.CREDENTIAL_API_VERSIONS,
    ),
]


def _deploy(world: World, identifier: ResourceId, body: JSON, version: str, caller: Principal) -> JSON:
    return show(_write(world, identifier, body, caller), version)


def _find(world: World, identifier: ResourceId, version: str) -> JSON | None:
    document = state.find(world, identifier)
    return None if document is None else show(document, version)


def _deploy_credential(world: World, identifier: ResourceId, body: JSON, _version: str, _caller: Principal) -> JSON:
    """As the PUT does. It takes a deployment `Timings.operation` seconds, in which no other can be written."""
    document = _parent(world, identifier)
    if world.now < document["busy"]:
        raise rules.concurrent_write(document["id"])
    made, _ = _trust(world, document, identifier.name, body)
    state.save(world, document | {"busy": world.now + world.timings.operation})
    return show_credential(document, made)


def _find_credential(world: World, identifier: ResourceId, _version: str) -> JSON | None:
    document = state.find(world, replace(identifier, type=TYPE, names=identifier.names[:1]))
    found = None if document is None else _named(world, document, identifier.name)
    return None if document is None or found is None else show_credential(document, found)


RESOURCE_TYPES = [
    ResourceType(TYPE, rules.API_VERSIONS, _deploy, _find, check=_deploy),
    ResourceType(CREDENTIAL, rules.CREDENTIAL_API_VERSIONS, _deploy_credential, _find_credential),
]
