"""HTTP operations on CA certificates, of provisioning services and hubs alike."""

from __future__ import annotations

from functools import partial

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Request, Response, Route
from dpsops.emulator.microsoft_devices.certificates import (
    Holder,
    certificates_of,
    delete_certificate,
    describe,
    find_certificate,
    generate_code,
    holder_of,
    load_certificate,
    put_certificate,
    verify,
)
from dpsops.emulator.microsoft_devices.errors import stale
from dpsops.emulator.microsoft_devices.etags import condition
from dpsops.emulator.microsoft_devices.transitions import refuse_busy
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.bodies import json_object
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.world import World


def certificate_routes(kind: Holder) -> list[Route]:
    """The routes below one type of holder."""
    every = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{kind.type}/{{name}}/certificates"
    one = every + "/{certificate}"
    action = f"{kind.type}/certificates"
    return [
        Route("GET", every, partial(_list, kind), f"{action}/Read"),
        Route("GET", one, partial(_get, kind), f"{action}/Read"),
        Route("PUT", one, partial(_put, kind), f"{action}/Write"),
        Route("DELETE", one, partial(_delete, kind), f"{action}/Delete"),
        Route("POST", one + "/generateVerificationCode", partial(_generate, kind), f"{action}/generateVerificationCode/Action"),
        Route("POST", one + "/verify", partial(_verify, kind), f"{action}/verify/Action"),
    ]


def certificate_type(kind: Holder, versions: frozenset[str]) -> ResourceType:
    """What deployments can do with the certificates. As a template has no If-Match, it cannot change one that exists."""

    def put(world: World, identifier: ResourceId, body: JSON, version: str, _: Principal) -> JSON:
        holder = holder_of(world, kind, _parent(kind, identifier))
        return describe(kind, holder, put_certificate(world, kind, holder, identifier.name, body, version, None), version)

    def get(world: World, identifier: ResourceId, version: str) -> JSON | None:
        holder = kind.find(world, _parent(kind, identifier))
        document = None if holder is None else find_certificate(world, holder, identifier.name)
        return None if holder is None or document is None else describe(kind, holder, document, version)

    return ResourceType(f"{kind.type}/certificates", versions, put, get)


def _parent(kind: Holder, identifier: ResourceId) -> ResourceId:
    return ResourceId(identifier.subscription, identifier.group, kind.type, identifier.names[:1])


def _holder(world: World, kind: Holder, named: dict[str, str]) -> JSON:
    return holder_of(world, kind, ResourceId(named["subscription"], named["group"], kind.type, (named["name"],)))


def _condition(world: World, request: Request) -> str | None:
    """Every recorded client sends the etag without quotation marks. Whether Azure takes one with them nobody has seen."""
    return condition(request, quoted=world.habits.quoted_etags)


def _list(kind: Holder, world: World, request: Request, **named: str) -> Response:
    holder = _holder(world, kind, named)
    return Response(
        200, {"value": [describe(kind, holder, each, request.api_version) for each in certificates_of(world, holder)]}
    )


def _get(kind: Holder, world: World, request: Request, *, certificate: str, **named: str) -> Response:
    holder = _holder(world, kind, named)
    return Response(200, describe(kind, holder, load_certificate(world, holder, certificate), request.api_version))


def _put(kind: Holder, world: World, request: Request, *, certificate: str, **named: str) -> Response:
    holder = _holder(world, kind, named)
    version = request.api_version
    document = put_certificate(world, kind, holder, certificate, json_object(request), version, _condition(world, request))
    return Response(200, describe(kind, holder, document, version))


def _delete(kind: Holder, world: World, request: Request, *, certificate: str, **named: str) -> Response:
    """`If-Match: *` is accepted here, and nowhere else on certificates (stricter guess)."""
    holder = _holder(world, kind, named)
    refuse_busy(world, holder)
    document = load_certificate(world, holder, certificate)
    if _condition(world, request) not in ("*", document["etag"]):
        raise stale(world)
    delete_certificate(world, holder, certificate)
    return Response(200, NOTHING)


def _generate(kind: Holder, world: World, request: Request, *, certificate: str, **named: str) -> Response:
    holder = _holder(world, kind, named)
    document = generate_code(world, holder, _matching(world, holder, request, certificate))
    return Response(200, describe(kind, holder, document, request.api_version, code=True))


def _verify(kind: Holder, world: World, request: Request, *, certificate: str, **named: str) -> Response:
    holder = _holder(world, kind, named)
    document = verify(world, kind, holder, _matching(world, holder, request, certificate), json_object(request))
    return Response(200, describe(kind, holder, document, request.api_version))


def _matching(world: World, holder: JSON, request: Request, name: str) -> JSON:
    refuse_busy(world, holder)
    document = load_certificate(world, holder, name)
    if _condition(world, request) != document["etag"]:
        raise stale(world)
    return document
