"""The certificates API: HTTP in and out. What a certificate goes through is in `certificate_operations`."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault import (
    certificate_operations,
    certificate_policies,
    contents,
    lifecycle,
    material,
    objects,
    throttling,
    vaults,
)
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import (
    attributes_of,
    base64url_encode,
    body_of,
    field,
    object_name,
    required_text,
    tags_of,
)
from dpsops.emulator.keyvault.contents import Contents
from dpsops.emulator.keyvault.errors import bad_parameter, refusal
from dpsops.emulator.keyvault.lifecycle import Seen, Shapes
from dpsops.emulator.keyvault.objects import CERTIFICATES, KEYS, SECRETS
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.keyvault.versions import LIST_SUBJECT, since
from dpsops.emulator.world import World

_POLL = {"Retry-After": "10"}
_DETAILS = {
    certificate_policies.SELF: "Pending certificate created. Certificate request is in progress. "
    "This may take some time based on the issuer provider. Please check again later.",
    certificate_policies.UNKNOWN: "Pending certificate created. Please Perform Merge to complete the request.",
}


def create(world: World, request: Request, vault: str, name: str) -> Response:
    """CreateCertificate: 202 and a pending certificate, for every issuer."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    head = objects.find(world, opened, CERTIFICATES, _new_name(name))
    given = field(body, "policy", dict)
    if given is None and head is None:
        raise bad_parameter("Property policy is required")
    policy = head["policy"] if head is not None and given is None else certificate_policies.complete(given)
    throttling.take(world, opened, throttling.key_creation(certificate_policies.wanted_key(policy).hsm))
    material.require_hsm_allowed(opened, policy["key_props"]["kty"])
    certificate_operations.refuse_unless_free(world, opened, name)
    enabled = attributes_of(body).get("enabled", True)
    head = certificate_operations.begin(world, opened, name, policy, enabled=enabled, tags=tags_of(body), at=world.now)
    identifier = head["operation"]["request_id"]
    pending = f"{opened.url}/certificates/{head['name']}/pending"
    location = f"{pending}?api-version={request.api_version}&request_id={identifier}"
    return Response(202, _operation(opened, head), {"Location": location} | _POLL)


def get_pending(world: World, request: Request, vault: str, name: str) -> Response:
    """GetCertificateOperation."""
    opened = vaults.require(world, vault)
    head = _pending(world, opened, name)
    waiting = head["operation"]["status"] == certificate_operations.IN_PROGRESS
    return Response(200, _operation(opened, head), _POLL if waiting else {})


def update_pending(world: World, request: Request, vault: str, name: str) -> Response:
    """UpdateCertificateOperation: cancellation, which is asked for here and seen later."""
    opened = vaults.require(world, vault)
    wanted = field(body_of(request), "cancellation_requested", bool)
    if wanted is None:
        raise bad_parameter("Property cancellation_requested is required")
    head = _pending(world, opened, name)
    certificate_operations.require_in_progress(head)
    if wanted:
        certificate_operations.cancel(world, opened, head)
    return Response(200, _operation(opened, head))


def delete_pending(world: World, request: Request, vault: str, name: str) -> Response:
    """DeleteCertificateOperation."""
    opened = vaults.require(world, vault)
    head = _pending(world, opened, name)
    answer = _operation(opened, head)
    certificate_operations.abandon(world, opened, head)
    return Response(200, answer)


def merge(world: World, request: Request, vault: str, name: str) -> Response:
    """MergeCertificate: the certificate that someone else made for the pending key.

    Stricter guess: an expired one is refused as it is known of an import.
    """
    opened = vaults.require(world, vault)
    body = body_of(request)
    chain = contents.read_chain(field(body, "x5c", list, []))
    head = _pending(world, opened, name)
    operation = certificate_operations.require_in_progress(head)
    key = certificate_operations.pending_key(world, opened, head)
    certificate, others = contents.leaf_first(chain)
    contents.require_match(certificate, key)
    contents.require_current(certificate, world.now)
    enabled = bool(attributes_of(body).get("enabled", operation["enabled"]))
    tags = tags_of(body) or operation["tags"]
    merged = Contents(key, certificate, tuple(others))
    certificate_operations.finish(world, opened, head, merged, enabled=enabled, tags=tags, at=world.now)
    location = f"{opened.url}/certificates/{head['name']}?api-version={request.api_version}"
    return Response(201, _latest(world, opened, request, head["name"]), {"Location": location})


def import_certificate(world: World, request: Request, vault: str, name: str) -> Response:
    """ImportCertificate: a certificate with its key, whose properties become the policy's."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    certificate_operations.refuse_unless_free(world, opened, _new_name(name))
    given = field(body, "policy", dict, {})
    content_type = field(field(given, "secret_props", dict, {}), "contentType", str, certificate_policies.PKCS12)
    brought = contents.read(required_text(body, "value"), field(body, "pwd", str, ""), content_type)
    contents.require_current(brought.certificate, world.now)
    policy = certificate_policies.imported(given, material.type_of(brought.key), contents.x509_props(brought.certificate))
    head = objects.find(world, opened, CERTIFICATES, name) or certificate_operations.new_head(name, world.now)
    head |= {"policy": policy, "policy_updated": int(world.now), "operation": None}
    enabled = attributes_of(body).get("enabled", True)
    issued = certificate_operations.Issued(brought, policy, objects.new_version(), enabled, tags_of(body), world.now)
    certificate_operations.store(world, opened, head, issued)
    return Response(200, _latest(world, opened, request, name))


def get(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """GetCertificate. Policy and pending operation belong to the certificate, and are shown only without a version."""
    opened = vaults.require(world, vault)
    head, found = objects.require(world, opened, CERTIFICATES, name, version)
    seen = Seen(opened, request.api_version, head, found)
    return Response(200, _bundle(seen) if version else _with_policy(seen))


def update(world: World, request: Request, vault: str, name: str, version: str = "") -> Response:
    """UpdateCertificate: whether it is enabled, for its key and secret too, and its tags."""
    opened = vaults.require(world, vault)
    body = body_of(request)
    _, found = objects.require(world, opened, CERTIFICATES, name, version)
    attributes, tags = attributes_of(body), tags_of(body)
    # The validity is the certificate's own, and a placeholder can not be enabled.
    change = {"enabled": attributes["enabled"]} if "enabled" in attributes and found["certificate"] else {}
    for collection in (CERTIFICATES, KEYS, SECRETS):
        own = objects.find(world, opened, collection, name)
        document = None if own is None else objects.find_version(world, opened, collection, own, found["version"])
        if own is not None and document is not None:
            document["attributes"] = objects.changed_attributes(document["attributes"], change, world.now)
            document |= {} if tags is None else {"tags": tags}
            objects.save(world, opened, collection, own, document)
    return get(world, request, vault, name, version)


def get_policy(world: World, request: Request, vault: str, name: str) -> Response:
    """GetCertificatePolicy."""
    opened = vaults.require(world, vault)
    head, _ = objects.require(world, opened, CERTIFICATES, name)
    return Response(200, _policy(opened, head))


def update_policy(world: World, request: Request, vault: str, name: str) -> Response:
    """UpdateCertificatePolicy: what is given replaces what is there, for the next version."""
    opened = vaults.require(world, vault)
    head, _ = objects.require(world, opened, CERTIFICATES, name)
    policy = certificate_policies.complete(body_of(request), head["policy"])
    material.require_hsm_allowed(opened, policy["key_props"]["kty"])
    head |= {"policy": policy, "policy_updated": int(world.now)}
    certificate_operations.save(world, opened, head)
    return Response(200, _policy(opened, head))


def _pending(world: World, vault: Vault, name: str) -> JSON:
    head = objects.find(world, vault, CERTIFICATES, name)
    if head is None or head["operation"] is None:
        raise refusal(404, "PendingCertificateNotFound", f"Pending certificate not found: {name}")
    return head


def _operation(vault: Vault, head: JSON) -> JSON:
    operation = head["operation"]
    target = f"{vault.url}/certificates/{head['name']}"
    ends: dict[str, JSON] = {
        certificate_operations.IN_PROGRESS: {"status_details": _DETAILS[operation["issuer"]["name"]]},
        certificate_operations.COMPLETED: {"target": target},
        certificate_operations.CANCELLED: {},
    }
    return {
        "id": f"{target}/pending",
        "issuer": {"name": operation["issuer"]["name"]},
        "csr": operation["csr"],
        "cancellation_requested": operation["cancelled"] is not None,
        "status": operation["status"],
        **ends[operation["status"]],
        "request_id": operation["request_id"],
    }


def _latest(world: World, vault: Vault, request: Request, name: str) -> JSON:
    head, version = objects.require(world, vault, CERTIFICATES, name)
    return _with_policy(Seen(vault, request.api_version, head, version))


def _bundle(seen: Seen) -> JSON:
    issued: JSON = {}
    if seen.version["certificate"]:
        issued = {"kid": seen.identifier(KEYS), "sid": seen.identifier(SECRETS), "x5t": _thumbprint(seen.version["certificate"])}
        issued["cer"] = seen.version["certificate"]
    return {"id": seen.identifier(CERTIFICATES), **issued, "attributes": seen.attributes, **seen.tags}


def _with_policy(seen: Seen) -> JSON:
    pending = f"{seen.identifier(CERTIFICATES, versioned=False)}/pending"
    operation = {} if seen.head["operation"] is None else {"pending": {"id": pending}}
    return _bundle(seen) | {"policy": _policy(seen.vault, seen.head)} | operation


def _new_name(name: str) -> str:
    """The name of a certificate that is made or imported: not that of another part of the API (stricter guess)."""
    if name.lower() in objects.RESERVED:
        raise bad_parameter(f"The request URI contains an invalid name: {name}")
    return object_name(name)


def _policy(vault: Vault, head: JSON) -> JSON:
    attributes = {"enabled": True, "created": head["policy_created"], "updated": head["policy_updated"]}
    return {"id": f"{vault.url}/certificates/{head['name']}/policy", **head["policy"], "attributes": attributes}


def _item(seen: Seen, request: Request, versioned: bool, deleted: bool) -> JSON | None:
    certificate = seen.version["certificate"]
    if not certificate and (versioned or request.query.get("includePending", "").lower() != "true"):
        return None
    shown = seen.attributes if deleted else seen.version["attributes"]
    thumbprint = {"x5t": _thumbprint(certificate)} if certificate else {}
    subject = {"subject": ""} if not deleted and since(seen.api_version, LIST_SUBJECT) else {}
    return {"id": seen.identifier(CERTIFICATES, versioned=versioned), **thumbprint, "attributes": shown, **seen.tags, **subject}


def _thumbprint(certificate: str) -> str:
    """`x5t` (RFC 7515, section 4.1.7)."""
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - the field is defined as SHA-1
    digest.update(base64.b64decode(certificate))
    return base64url_encode(digest.finalize())


OPERATIONS = [
    Operation("POST", "/certificates/{name}/create", create, "certificates/create/action", "certificates/create", None),
    Operation(
        "POST", "/certificates/{name}/import", import_certificate, "certificates/import/action", "certificates/import",
        throttling.SECRET_CREATE,
    ),
    Operation("GET", "/certificates/{name}/pending", get_pending, "certificates/read", "certificates/get"),
    Operation("PATCH", "/certificates/{name}/pending", update_pending, "certificates/update/action", "certificates/update"),
    Operation("DELETE", "/certificates/{name}/pending", delete_pending, "certificates/update/action", "certificates/update"),
    Operation("POST", "/certificates/{name}/pending/merge", merge, "certificates/create/action", "certificates/create"),
    Operation("GET", "/certificates/{name}/policy", get_policy, "certificates/read", "certificates/get"),
    Operation("PATCH", "/certificates/{name}/policy", update_policy, "certificates/update/action", "certificates/update"),
    *lifecycle.operations(CERTIFICATES, Shapes(_with_policy, _item)),
    Operation("GET", "/certificates/{name}", get, "certificates/read", "certificates/get"),
    Operation("PATCH", "/certificates/{name}", update, "certificates/update/action", "certificates/update"),
    Operation("GET", "/certificates/{name}/{version}", get, "certificates/read", "certificates/get"),
    Operation("PATCH", "/certificates/{name}/{version}", update, "certificates/update/action", "certificates/update"),
]  # fmt: skip
