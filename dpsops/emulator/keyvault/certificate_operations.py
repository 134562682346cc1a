"""Certificate operations: how a certificate is made, pending at first, then issued by the vault, merged, cancelled or renewed.

A certificate's head has, beyond any object's, "policy" (complete), "policy_created" and "policy_updated" (epoch s),
"placeholder" (the version that stands for an issuance that has not ended, or null) and "operation": {"request_id",
"issuer", "csr", "status", "ready" (epoch s; null: waits for a merge), "cancelled" (epoch s or null), "version",
"enabled", "tags", "policy"} or null. A version has "certificate" and "chain", base64 of DER, empty while it is a placeholder.

What takes time is written down with the moment at which it happens; `settle` then makes it happen, at the first
request after that moment.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.keyvault import certificate_policies, issuing, material, objects
from dpsops.emulator.keyvault.contents import Contents, secret_value
from dpsops.emulator.keyvault.errors import conflict, forbidden
from dpsops.emulator.keyvault.material import PrivateKey
from dpsops.emulator.keyvault.objects import CERTIFICATES, KEYS, SECRETS
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World

IN_PROGRESS, COMPLETED, CANCELLED = "inProgress", "completed", "cancelled"

_DUE = "keyvault.due"
"""The kind of the note that something will happen to a certificate: {"at"} (epoch s), under `VAULT/NAME`."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new version, with the policy that it was made by, and when (epoch s)."""

    contents: Contents
    policy: JSON
    version: str
    enabled: bool
    tags: JSON | None
    at: float


def refuse_unless_free(world: World, vault: Vault, name: str) -> None:
    """Refuses (409) a new version of a certificate whose name is taken, or that is still being made."""
    for collection in (CERTIFICATES, KEYS, SECRETS):
        objects.refuse_name_in_use(world, vault, collection, name)
    head = objects.find(world, vault, CERTIFICATES, name)
    if head is not None and head["operation"] is not None and head["operation"]["status"] == IN_PROGRESS:
        raise conflict(
            "A new key vault certificate can not be created or imported while a pending key vault certificate's status "
            "is inProgress."
        )
    for collection in (KEYS, SECRETS):
        other = objects.find(world, vault, collection, name)
        if other is not None and not other["managed"]:  # stricter guess: no recording has a key or secret in the way
            raise conflict(f"A {collection.noun} with the name {name} already exists, and belongs to no certificate.")


def begin(world: World, vault: Vault, name: str, policy: JSON, *, enabled: bool, tags: JSON | None, at: float) -> JSON:
    """Starts a new version at `at` (epoch s): a key, a request, and a placeholder that cannot be used. Returns the head."""
    head = objects.find(world, vault, CERTIFICATES, name) or new_head(name, at)
    key = _reused_key(world, vault, head, policy) or material.generate(certificate_policies.wanted_key(policy))
    csr = issuing.request(key, policy)
    _drop_placeholder(world, vault, head)
    issuer = policy["issuer"]
    placeholder = objects.new_version()
    nbf = int(at) - issuing.BACKDATED
    exp = int(issuing.add_months(issuing.moment(at), policy["x509_props"]["validity_months"]).timestamp())
    attributes = {"enabled": False, "nbf": nbf, "exp": exp, "created": int(at), "updated": int(at)}
    operation = {
        "request_id": uuid.uuid4().hex,
        "issuer": issuer,
        "csr": csr,
        "status": IN_PROGRESS,
        "ready": at + world.timings.certificate if issuer["name"] == certificate_policies.SELF else None,
        "cancelled": None,
        "version": objects.new_version(),
        "enabled": enabled,
        "tags": tags,
        "policy": policy,
    }
    head |= {"policy": policy, "policy_updated": int(at), "operation": operation, "placeholder": placeholder}
    head["current"] = head["current"] or placeholder
    version: JSON = {"version": placeholder, "attributes": attributes, "tags": tags, "certificate": "", "chain": []}
    objects.save(world, vault, CERTIFICATES, head, version)
    key_head = objects.find(world, vault, KEYS, name) or objects.new_head(name, managed=True)
    key_head["current"] = head["current"]
    objects.save(world, vault, KEYS, key_head, _key_version(placeholder, key, policy, attributes, tags))
    _note(world, vault, head)
    return head


def new_head(name: str, at: float) -> JSON:
    """The head of a certificate that is made now."""
    return objects.new_head(name) | {"policy_created": int(at), "placeholder": None, "operation": None}


def store(world: World, vault: Vault, head: JSON, issued: Issued) -> None:
    """Writes an issued version of certificate, key and secret, which becomes the current one; its placeholder goes."""
    _drop_placeholder(world, vault, head)
    certificate, policy, tags = issued.contents.certificate, issued.policy, issued.tags
    nbf, exp = int(certificate.not_valid_before_utc.timestamp()), int(certificate.not_valid_after_utc.timestamp())
    made = {"created": int(issued.at), "updated": int(issued.at)}
    common: JSON = {
        "version": issued.version,
        "attributes": {"enabled": issued.enabled, "nbf": nbf, "exp": exp, **made},
        "tags": tags,
    }
    chain = [_base64(each) for each in issued.contents.chain]
    content_type = policy["secret_props"]["contentType"]
    secret = {
        "value": secret_value(content_type, policy["key_props"]["exportable"], issued.contents),
        "contentType": content_type,
    }
    head["current"] = issued.version
    managed = objects.new_head(head["name"], managed=True) | {"current": issued.version}
    key = _key_version(issued.version, issued.contents.key, policy, common["attributes"], tags)
    objects.save(world, vault, CERTIFICATES, head, common | {"certificate": _base64(certificate), "chain": chain})
    objects.save(world, vault, KEYS, managed, key)
    objects.save(world, vault, SECRETS, managed, common | secret)
    _note(world, vault, head)


def finish(world: World, vault: Vault, head: JSON, contents: Contents, *, enabled: bool, tags: JSON | None, at: float) -> None:
    """Ends the operation under way with this certificate. The version is another than the placeholder's."""
    operation = head["operation"]
    operation["status"] = COMPLETED
    store(world, vault, head, Issued(contents, operation["policy"], operation["version"], enabled, tags, at))


def pending_key(world: World, vault: Vault, head: JSON) -> PrivateKey:
    """The key that the operation under way made."""
    version = objects.find_version(world, vault, KEYS, head, head["placeholder"])
    assert version is not None, "a placeholder has its key"
    return material.from_pem(version["pem"])


def require_in_progress(head: JSON) -> JSON:
    """The operation under way. Refused if it has ended."""
    operation: JSON = head["operation"]
    if operation["status"] != IN_PROGRESS:
        raise forbidden("Pending status must be in progress to allow update.")
    return operation


def cancel(world: World, vault: Vault, head: JSON) -> None:
    """Asks for cancellation, which takes as long as an issuance."""
    head["operation"]["cancelled"] = world.now + world.timings.certificate
    objects.save(world, vault, CERTIFICATES, head)
    _note(world, vault, head)


def abandon(world: World, vault: Vault, head: JSON) -> None:
    """Forgets the operation. Its placeholder stays only where the certificate has no other version."""
    head["operation"] = None
    if head["current"] != head["placeholder"]:
        _drop_placeholder(world, vault, head)
    save(world, vault, head)


def save(world: World, vault: Vault, head: JSON) -> None:
    """Writes the head, and notes what will happen to the certificate."""
    objects.save(world, vault, CERTIFICATES, head)
    _note(world, vault, head)


def settle(world: World, vault: Vault) -> None:
    """Makes everything happen in the vault that was due before now."""
    for key, note in world.state.list(_DUE, f"{vault.key}/"):
        name = key.partition("/")[2]
        due: JSON | None = note
        if not objects.exists(world, vault, CERTIFICATES, name):
            world.state.delete(_DUE, key)
        while due is not None and due["at"] <= world.now and (head := objects.find(world, vault, CERTIFICATES, name)):
            _happen(world, vault, head, due["at"])
            due = world.state.get(_DUE, key)


def _happen(world: World, vault: Vault, head: JSON, at: float) -> None:
    operation = head["operation"]
    if operation is None or operation["status"] != IN_PROGRESS:
        current = objects.find_version(world, vault, CERTIFICATES, head)
        assert current is not None, "what renews itself has a version"
        try:
            begin(world, vault, head["name"], head["policy"], enabled=True, tags=current["tags"], at=at)
        except Refusal:  # An imported certificate can be one that the vault does not know how to make.
            world.state.delete(_DUE, _key(vault, head))
    elif operation["cancelled"] is not None:
        operation["status"] = CANCELLED
        save(world, vault, head)
    else:
        key = pending_key(world, vault, head)
        contents = Contents(key, issuing.self_signed(key, operation["policy"], int(at)), ())
        finish(world, vault, head, contents, enabled=operation["enabled"], tags=operation["tags"], at=at)


def _note(world: World, vault: Vault, head: JSON) -> None:
    at = _next(world, vault, head)
    if at is None:
        world.state.delete(_DUE, _key(vault, head))
    else:
        world.state.put(_DUE, _key(vault, head), {"at": at})


def _key(vault: Vault, head: JSON) -> str:
    return f"{vault.key}/{head['name'].lower()}"


def _next(world: World, vault: Vault, head: JSON) -> float | None:
    operation = head["operation"]
    if operation is not None and operation["status"] == IN_PROGRESS:
        at: float | None = operation["ready"] if operation["cancelled"] is None else operation["cancelled"]
        return at
    current = objects.find_version(world, vault, CERTIFICATES, head)
    if current is None or not current["certificate"]:
        return None
    life = current["attributes"]
    renewal = certificate_policies.renewal(head["policy"], life["nbf"], life["exp"])
    return None if renewal is None else max(renewal, life["created"])


def _reused_key(world: World, vault: Vault, head: JSON, policy: JSON) -> PrivateKey | None:
    """The current version's key, if the policy says to use it again and it is what the policy asks for.

    A key that may not leave the vault is not handed to a policy that would let it out.
    """
    wanted, props = certificate_policies.wanted_key(policy), policy["key_props"]
    if not props["reuse_key"] or head["current"] in ("", head["placeholder"]):
        return None
    if wanted.curve and not world.habits.ec_reuse_key:
        return None
    version = objects.find_version(world, vault, KEYS, head)
    assert version is not None, "an issued certificate has a key"
    if props["exportable"] and not version["exportable"]:
        return None
    key = material.from_pem(version["pem"])
    actual = material.type_of(key)
    return key if (version["kty"], actual.size, actual.curve) == (wanted.kty, wanted.size, wanted.curve) else None


def _drop_placeholder(world: World, vault: Vault, head: JSON) -> None:
    if not head["placeholder"]:
        return
    for collection in (CERTIFICATES, KEYS):
        objects.drop_version(world, vault, collection, head["name"], head["placeholder"])
    head |= {"placeholder": None, "current": "" if head["current"] == head["placeholder"] else head["current"]}


def _key_version(version: str, key: PrivateKey, policy: JSON, attributes: JSON, tags: JSON | None) -> JSON:
    return {
        "version": version,
        "attributes": attributes,
        "tags": tags,
        "kty": policy["key_props"]["kty"],
        "key_ops": certificate_policies.key_operations(policy),
        "exportable": policy["key_props"]["exportable"],
        "pem": material.to_pem(key),
    }


def _base64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
