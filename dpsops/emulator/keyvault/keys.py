"""The keys API: HTTP in and out. What a key computes is in `key_operations`."""

from __future__ import annotations

from collections.abc import Callable

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault import key_operations, lifecycle, material, objects, throttling, vaults
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import (
    attributes_of,
    base64url_decode,
    base64url_encode,
    body_of,
    field,
    object_name,
    required_text,
    tags_of,
)
from dpsops.emulator.keyvault.errors import bad_parameter, forbidden
from dpsops.emulator.keyvault.lifecycle import Seen, Shapes
from dpsops.emulator.keyvault.material import KeyType, PrivateKey
from dpsops.emulator.keyvault.objects import KEYS
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.keyvault.versions import EXPORTABLE, HSM_PLATFORM, since
from dpsops.emulator.world import World

_KEY_EXCHANGE_LIFE = 172_800
"""Seconds: a key that may only import others lives for two days."""

_REVERSING = ("decrypt", "unwrapKey", "verify")
"""What an expired or not yet valid key may still do ("About keys", Date-time controlled operations)."""


def create(world: World, request: Request, vault: str, name: str) -> Response:
    """CreateKey: a new version."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    wanted = material.key_type(body)
    throttling.take(world, opened, throttling.key_creation(wanted.hsm))
    material.require_hsm_allowed(opened, wanted.kty)
    key_ops = field(body, "key_ops", list)
    return _store(world, opened, request, name, body, wanted.kty, material.generate(wanted), key_ops)


def import_key(world: World, request: Request, vault: str, name: str) -> Response:
    """ImportKey: a new version, from a JSON Web Key with its private half."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    jwk = field(body, "key", dict, {})
    key = material.private_key(jwk)
    kty = material.type_of(key).kty + ("-HSM" if field(body, "Hsm", bool, str(jwk["kty"]).endswith("-HSM")) else "")
    material.require_hsm_allowed(opened, kty)
    return _store(world, opened, request, name, body, kty, key, field(jwk, "key_ops", list))


def get(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """GetKey: the public half, of a disabled key too."""
    opened = vaults.require(world, vault)
    head, found = objects.require(world, opened, KEYS, name, version)
    _count(world, opened, found)
    return Response(200, _bundle(Seen(opened, request.api_version, head, found)))


def update(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """UpdateKey: what it may do, its attributes and tags."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    head, found = objects.require(world, opened, KEYS, name, version)
    _count(world, opened, found)
    objects.refuse_managed(KEYS, head, "update")
    key_ops, tags = field(body, "key_ops", list), tags_of(body)
    found["attributes"] = objects.changed_attributes(found["attributes"], attributes_of(body), world.now)
    found |= {} if key_ops is None else {"key_ops": _checked_operations(found["kty"], key_ops)}
    found |= {} if tags is None else {"tags": tags}
    objects.save(world, opened, KEYS, head, found)
    return Response(200, _bundle(Seen(opened, request.api_version, head, found)))


def rotation_policy(world: World, request: Request, vault: str, name: str) -> Response:
    """GetKeyRotationPolicy: the one that every key has until it is given another."""
    opened = vaults.require(world, vault)
    objects.require(world, opened, KEYS, name)
    action = {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}
    return Response(200, {"lifetimeActions": [action], "attributes": None})


def sign(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """Sign: the signature over a digest that the client made."""
    return _compute(world, request, vault, name, version, "sign", key_operations.sign)


def encrypt(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """Encrypt."""
    return _compute(world, request, vault, name, version, "encrypt", _encrypted)


def decrypt(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """Decrypt."""
    return _compute(world, request, vault, name, version, "decrypt", key_operations.decrypt)


def wrap(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """WrapKey."""
    return _compute(world, request, vault, name, version, "wrapKey", _encrypted)


def unwrap(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """UnwrapKey."""
    return _compute(world, request, vault, name, version, "unwrapKey", key_operations.decrypt)


def verify(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """Verify: whether a signature over a digest is the key's."""
    seen, key = _usable(world, request, vault, name, version, "verify")
    body = body_of(request)
    algorithm = required_text(body, "alg")
    digest, signature = (base64url_decode(required_text(body, part), part) for part in ("digest", "value"))
    return Response(200, {"value": key_operations.verify(key.public_key(), seen.identifier(KEYS), algorithm, digest, signature)})


def _compute(
    world: World, request: Request, vault: str, name: str, version: str, operation: str,
    function: Callable[[PrivateKey, str, str, bytes], bytes],
) -> Response:  # fmt: skip
    seen, key = _usable(world, request, vault, name, version, operation)
    body = body_of(request)
    kid = seen.identifier(KEYS)
    result = function(key, kid, required_text(body, "alg"), base64url_decode(required_text(body, "value"), "value"))
    return Response(200, {"kid": kid, "value": base64url_encode(result)})


def _encrypted(key: PrivateKey, kid: str, algorithm: str, plaintext: bytes) -> bytes:
    return key_operations.encrypt(key.public_key(), kid, algorithm, plaintext)


def _usable(world: World, request: Request, vault: str, name: str, version: str, operation: str) -> tuple[Seen, PrivateKey]:
    """The key, if it may do `operation` now."""
    opened = vaults.require(world, vault)
    head, found = objects.require(world, opened, KEYS, name, version)
    key = _count(world, opened, found)
    attributes = found["attributes"]
    if not attributes["enabled"]:
        raise forbidden(f"Operation {operation} is not allowed on a disabled key.", "KeyDisabled")
    # An expired certificate takes its key with it altogether, so the leniency below is for keys of their own.
    if operation not in _REVERSING or head["managed"]:
        if world.now >= attributes.get("exp", float("inf")):
            raise forbidden(f"Operation {operation} is not allowed on an expired key.", "KeyExpired")
        if world.now < attributes.get("nbf", 0):
            raise forbidden(f"Operation {operation} is not allowed on a key that is not yet valid.", "KeyNotYetValid")
    if operation not in found["key_ops"]:
        raise forbidden(f"Operation {operation} is not permitted on this key.", "KeyOperationForbidden")
    return Seen(opened, request.api_version, head, found), key


def _count(world: World, vault: Vault, version: JSON) -> PrivateKey:
    """Counts a request for a key that is there, which every one is but its creation, and returns the key."""
    key = material.from_pem(version["pem"])
    actual = material.type_of(key)
    throttling.take(world, vault, throttling.key_use(KeyType(version["kty"], actual.size, actual.curve)))
    return key


def _store(
    world: World, vault: Vault, request: Request, name: str, body: JSON, kty: str, key: PrivateKey, key_ops: list[str] | None
) -> Response:
    objects.refuse_name_in_use(world, vault, KEYS, object_name(name))
    head = objects.find(world, vault, KEYS, name) or objects.new_head(name)
    objects.refuse_managed(KEYS, head, "create")
    attributes = attributes_of(body)
    checked = key_operations.default_operations(kty) if key_ops is None else _checked_operations(kty, key_ops)
    if checked == ["import"]:
        attributes = {"exp": int(world.now) + _KEY_EXCHANGE_LIFE} | attributes
    version = {
        "version": objects.new_version(),
        "attributes": objects.new_attributes(world, **attributes),
        "tags": tags_of(body),
        "kty": kty,
        "key_ops": checked,
        "pem": material.to_pem(key),
    }
    objects.save(world, vault, KEYS, head | {"current": version["version"]}, version)
    return Response(200, _bundle(Seen(vault, request.api_version, head, version)))


def _checked_operations(kty: str, key_ops: list[str]) -> list[str]:
    allowed = [*key_operations.default_operations(kty), *(["import"] if kty == "RSA-HSM" else [])]
    unknown = [operation for operation in key_ops if operation not in allowed]
    if unknown:
        raise bad_parameter(f"Property key_ops has invalid value {unknown[0]}")
    return key_ops


def _bundle(seen: Seen) -> JSON:
    version = seen.version
    shown = {"kid": seen.identifier(KEYS), "kty": version["kty"], "key_ops": version["key_ops"]}
    public = material.public_jwk(material.from_pem(version["pem"]).public_key())
    return {"key": shown | public, "attributes": _attributes(seen), **seen.tags, **seen.managed}


def _attributes(seen: Seen) -> JSON:
    exportable = {"exportable": False} if since(seen.api_version, EXPORTABLE) and not seen.head["managed"] else {}
    hsm = "1" if seen.version["kty"].endswith("-HSM") else "0"
    platform = {"hsmPlatform": hsm} if since(seen.api_version, HSM_PLATFORM) else {}
    return seen.attributes | exportable | platform


def _item(seen: Seen, request: Request, versioned: bool, deleted: bool) -> JSON | None:
    return {"kid": seen.identifier(KEYS, versioned=versioned), "attributes": _attributes(seen), **seen.tags, **seen.managed}


_USES = [
    ("sign", sign, "sign"),
    ("verify", verify, "verify"),
    ("encrypt", encrypt, "encrypt"),
    ("decrypt", decrypt, "decrypt"),
    ("wrapkey", wrap, "wrapKey"),
    ("unwrapkey", unwrap, "unwrapKey"),
]

OPERATIONS = [
    Operation("POST", "/keys/{name}/create", create, "keys/create/action", "keys/create", None),
    Operation("PUT", "/keys/{name}", import_key, "keys/import/action", "keys/import", throttling.SECRET_CREATE),
    Operation("GET", "/keys/{name}/rotationpolicy", rotation_policy, "keyrotationpolicies/read", "keys/getrotationpolicy"),
    *(
        Operation("POST", pattern, handler, f"keys/{path.removesuffix('key')}/action", f"keys/{permission}", None)
        for path, handler, permission in _USES
        for pattern in (f"/keys/{{name}}/{{version}}/{path}", f"/keys/{{name}}//{path}")
    ),
    *lifecycle.operations(KEYS, Shapes(_bundle, _item)),
    Operation("GET", "/keys/{name}", get, "keys/read", "keys/get", None),
    Operation("PATCH", "/keys/{name}", update, "keys/update/action", "keys/update", None),
    Operation("GET", "/keys/{name}/{version}", get, "keys/read", "keys/get", None),
    Operation("PATCH", "/keys/{name}/{version}", update, "keys/update/action", "keys/update", None),
]
