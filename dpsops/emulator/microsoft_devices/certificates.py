"""CA certificates of provisioning services and IoT hubs, which differ in a few details only (`Holder`).

A certificate's document: {"name", "content" (base64 of PEM, as it was sent), "isVerified", "updated" (epoch
s), "etag", "code" (the verification code in force, or null)}.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from cryptography import x509

from dpsops.emulator.documents import JSON
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, FORBIDDEN, refusal, stale
from dpsops.emulator.microsoft_devices.etags import record_etag
from dpsops.emulator.microsoft_devices.proof import facts, fault, from_file, parse_certificate
from dpsops.emulator.microsoft_devices.transitions import refuse_busy
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.resource_provider.errors import parent_not_found
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

_KIND = "certificate"
_NAME = re.compile(r"[A-Za-z0-9-._]{1,64}")
_LIMIT = 25
_CONTENT_SINCE = "2018"
"""The first API version that speaks of the content, though with null (recorded of a hub: 2017-07-01 without, 2019-03-22 with)."""

_CREATED = "Mon, 01 Jan 0001 00:00:00 GMT"
"""What Azure says of every certificate since 2022."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A type of resource that holds CA certificates.

    `find` is the holder's document; in API versions before `nested_since` bodies are flat and answers silent about the
    content; `unreadable` is code and words for what is no certificate.
    """

    type: str
    find: Callable[[World, ResourceId], JSON | None]
    nested_since: str
    unreadable: tuple[int, str]


def certificates_of(world: World, holder: JSON) -> list[JSON]:
    """The certificates' documents of a service or hub, in the order of their names."""
    return [document for _, document in world.state.list(_KIND, _key(holder, ""))]


def find_certificate(world: World, holder: JSON, name: str) -> JSON | None:
    """The certificate's document, or None."""
    return world.state.get(_KIND, _key(holder, name))


def load_certificate(world: World, holder: JSON, name: str) -> JSON:
    """The certificate's document; refuses with 404 where there is none."""
    document = find_certificate(world, holder, name)
    if document is None:
        raise refusal(world, 404_015, f"Certificate '{name}' not found.")
    return document


def delete_certificate(world: World, holder: JSON, name: str) -> None:
    """Forgets the certificate."""
    world.state.delete(_KIND, _key(holder, name))


def delete_certificates(world: World, holder: JSON) -> None:
    """Forgets all certificates of a service or hub."""
    for document in certificates_of(world, holder):
        delete_certificate(world, holder, document["name"])


def holder_of(world: World, kind: Holder, identifier: ResourceId) -> JSON:
    """The document of what holds certificates; refuses with 404 where there is none."""
    document = kind.find(world, identifier)
    if document is None:
        raise parent_not_found(f"{kind.type.partition('/')[2]}/certificates", identifier)
    return document


def describe(kind: Holder, holder: JSON, document: JSON, version: str, *, code: bool = False) -> JSON:
    """The certificate as Azure shows it. `code`: with the verification code, and with the content in any version."""
    content = document["content"] if code or version >= kind.nested_since else None
    properties = {
        **({"verificationCode": document["code"]} if code else {}),
        **facts(parse_certificate(document["content"])),
        "isVerified": document["isVerified"],
        "created": _CREATED,
        "updated": formatdate(document["updated"], usegmt=True),
        **({"certificate": content} if version >= _CONTENT_SINCE else {}),
    }
    return {
        "properties": properties,
        "id": f"{holder['id']}/certificates/{document['name']}",
        "name": document["name"],
        "type": f"{kind.type}/Certificates",
        "etag": document["etag"],
    }


def put_certificate(world: World, kind: Holder, holder: JSON, name: str, body: JSON, version: str, condition: str | None) -> JSON:
    """Creates the certificate, or replaces it where `condition` is its etag, and returns its document.

    Stricter guess: every PUT undoes the verification, unless it says `isVerified` itself.
    """
    refuse_busy(world, holder)
    if not _NAME.fullmatch(name):
        raise refusal(world, BAD_REQUEST, f"Certificate name '{name}' must be 1 to 64 of A-Z, a-z, 0-9, '-', '.' and '_'.")
    given = (member(body, "properties", dict) or {}) if version >= kind.nested_since else body
    content = member(given, "certificate", str)
    if not content:
        raise refusal(world, 400_099, f"NewCertificate is null or empty, certificateName:{name}.")
    content = from_file(content) if world.habits.certificate_files else content
    _read(world, kind, content)
    existing = find_certificate(world, holder, name)
    if condition != (None if existing is None else existing["etag"]):
        raise stale(world)
    if existing is None and len(certificates_of(world, holder)) >= _LIMIT:
        raise refusal(world, FORBIDDEN, f"The maximum number of certificates, {_LIMIT}, has been reached.")
    document = {
        "name": name if existing is None else existing["name"],
        "content": content,
        "isVerified": member(given, "isVerified", bool) or False,
        "code": None,
    }
    return _save(world, holder, document)


def generate_code(world: World, holder: JSON, document: JSON) -> JSON:
    """Gives the certificate a new verification code, 24 bytes in upper-case hex, in place of an older one."""
    return _save(world, holder, document | {"code": secrets.token_hex(24).upper()})


def verify(world: World, kind: Holder, holder: JSON, document: JSON, body: JSON) -> JSON:
    """Marks the certificate as verified where the body's certificate proves possession; the code is used up.

    The code must have been generated (stricter guess: Azure's words for one that was not are not known).
    """
    content = member(body, "certificate", str)
    if not content:
        raise refusal(world, 400_099, f"NewCertificate is null or empty, certificateName:{document['name']}.")
    proof = _read(world, kind, from_file(content) if world.habits.certificate_files else content)
    if document["code"] is None:
        raise refusal(world, 400_053, "Proof-Of-Possession failed. There is no verification code.")
    why = fault(parse_certificate(document["content"]), proof, document["code"], world.now)
    if why is not None:
        raise refusal(world, 400_053, f"Proof-Of-Possession failed. {why}")
    return _save(world, holder, document | {"isVerified": True, "code": None})


def _read(world: World, kind: Holder, content: str) -> x509.Certificate:
    try:
        return parse_certificate(content)
    except ValueError as unreadable:
        raise refusal(world, *kind.unreadable) from unreadable


def _save(world: World, holder: JSON, document: JSON) -> JSON:
    document = document | {"updated": world.now, "etag": record_etag(world)}
    world.state.put(_KIND, _key(holder, document["name"]), document)
    return document


def _key(holder: JSON, name: str) -> str:
    return f"{holder['id']}/certificates/{name}".lower()
