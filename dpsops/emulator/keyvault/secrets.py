"""The secrets API: HTTP in and out."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault import lifecycle, objects, throttling, vaults
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import attributes_of, body_of, field, object_name, tags_of
from dpsops.emulator.keyvault.errors import bad_parameter, forbidden
from dpsops.emulator.keyvault.lifecycle import Seen, Shapes
from dpsops.emulator.keyvault.objects import KEYS, SECRETS
from dpsops.emulator.world import World

_MAX_VALUE = 25_600
"""Bytes of UTF-8 ("Azure Key Vault service limits": 25 KB)."""

_MAX_CONTENT_TYPE = 255
"""Characters ("About Azure Key Vault secrets", Content type)."""


def put(world: World, request: Request, vault: str, name: str) -> Response:
    """SetSecret: a new version."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    value = field(body, "value", str)
    if value is None:
        raise bad_parameter("Property value is required")
    if len(value.encode()) > _MAX_VALUE:
        raise bad_parameter(f"The secret's value is too long: at most {_MAX_VALUE} bytes are allowed.")
    content_type = _content_type(body)
    objects.refuse_name_in_use(world, opened, SECRETS, object_name(name))
    head = objects.find(world, opened, SECRETS, name) or objects.new_head(name)
    objects.refuse_managed(SECRETS, head, "set")
    version = {
        "version": objects.new_version(),
        "attributes": objects.new_attributes(world, **attributes_of(body)),
        "tags": tags_of(body),
        "value": value,
        "contentType": content_type,
    }
    objects.save(world, opened, SECRETS, head | {"current": version["version"]}, version)
    return Response(200, {"value": value} | _bundle(Seen(opened, request.api_version, head, version)))


def get(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """GetSecret. An expired secret can still be read, unless it is a certificate's, which expires with it."""
    opened = vaults.require(world, vault)
    head, found = objects.require(world, opened, SECRETS, name, version)
    attributes = found["attributes"]
    if not attributes["enabled"]:
        raise forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
    if head["managed"] and world.now >= attributes["exp"]:
        raise forbidden("Operation get is not allowed on an expired secret.", "SecretExpired")
    return Response(200, {"value": found["value"]} | _bundle(Seen(opened, request.api_version, head, found)))


def update(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """UpdateSecret: everything but the value."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    head, found = objects.require(world, opened, SECRETS, name, version)
    objects.refuse_managed(SECRETS, head, "update")
    content_type, tags = _content_type(body), tags_of(body)
    found["attributes"] = objects.changed_attributes(found["attributes"], attributes_of(body), world.now)
    found |= {} if content_type is None else {"contentType": content_type}
    found |= {} if tags is None else {"tags": tags}
    objects.save(world, opened, SECRETS, head, found)
    return Response(200, _bundle(Seen(opened, request.api_version, head, found)))


def _content_type(body: JSON) -> str | None:
    content_type: str | None = field(body, "contentType", str)
    if content_type is not None and len(content_type) > _MAX_CONTENT_TYPE:
        raise bad_parameter(f"Property contentType must be at most {_MAX_CONTENT_TYPE} characters.")
    return content_type


def _bundle(seen: Seen) -> JSON:
    return _shown(seen, seen.identifier(SECRETS)) | ({"kid": seen.identifier(KEYS)} if seen.head["managed"] else {})


def _item(seen: Seen, request: Request, versioned: bool, deleted: bool) -> JSON | None:
    return _shown(seen, seen.identifier(SECRETS, versioned=versioned))


def _shown(seen: Seen, identifier: str) -> JSON:
    content_type = {} if seen.version["contentType"] is None else {"contentType": seen.version["contentType"]}
    return {**content_type, "id": identifier, **seen.managed, "attributes": seen.attributes, **seen.tags}


OPERATIONS = [
    Operation("PUT", "/secrets/{name}", put, "secrets/setSecret/action", "secrets/set", throttling.SECRET_CREATE),
    *lifecycle.operations(SECRETS, Shapes(_bundle, _item)),
    Operation("GET", "/secrets/{name}", get, "secrets/getSecret/action", "secrets/get"),
    Operation("PATCH", "/secrets/{name}", update, "secrets/update/action", "secrets/set"),
    Operation("GET", "/secrets/{name}/{version}", get, "secrets/getSecret/action", "secrets/get"),
    Operation("PATCH", "/secrets/{name}/{version}", update, "secrets/update/action", "secrets/set"),
]
