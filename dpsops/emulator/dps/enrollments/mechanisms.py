"""Attestation mechanisms: how the devices of an enrollment entry are attested.

A mechanism's document: {"type"} and, of X.509, "certificates" ({"primary", "secondary"}, what is set of them, each {"thumbprint",
"info"}) or "caReferences" (the same of names); of the others "secret", as the API has it.
"""

from __future__ import annotations

import base64
import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.bodies import member
from dpsops.emulator.dps.enrollments.certificates import read_certificate, show_certificate
from dpsops.emulator.dps.enrollments.entries import Kind, credentials_of, find_holder, reference_to
from dpsops.emulator.dps.errors import invalid
from dpsops.emulator.microsoft_devices.certificates import certificates_of, find_certificate
from dpsops.emulator.microsoft_devices.chains import thumbprint
from dpsops.emulator.microsoft_devices.proof import parse_certificate
from dpsops.emulator.world import World

_PLACES = ("primary", "secondary")
_KEY_SIZES = range(16, 65)
"""Bytes. Source: "Symmetric key attestation"."""


def read_mechanism(world: World, service: JSON, kind: Kind, given: JSON, existing: JSON | None) -> JSON:
    """The mechanism of a PUT. `existing`: the one that the entry has, to which an answer that is sent back refers."""
    name = member(world, given, "type", str)
    if name not in kind.mechanisms:
        raise invalid(world, f"The attestation of {kind.identifier} must be one of {', '.join(sorted(kind.mechanisms))}.")
    content = member(world, given, name, dict)
    match name:
        case "x509":
            return _read_x509(world, service, kind, content or {}, existing)
        case "tpm":
            return {"type": name, "secret": _read_tpm(world, content or {})}
        case _:
            return {"type": name, "secret": _read_keys(world, content or {}, existing)}


def show_mechanism(kind: Kind, mechanism: JSON, *, keys: bool = False) -> JSON:
    """The mechanism as the API shows it. `keys`: with symmetric keys, which `attestationmechanism` and the answer to a
    PUT show, and nothing else (recording `enrollment_symmetrickey_lifecycle`).

    Of certificates only the facts are shown, and where there is no secondary one it repeats the primary one.
    """
    name = mechanism["type"]
    if "caReferences" in mechanism:
        return {"type": name, name: {"caReferences": mechanism["caReferences"]}}
    if "certificates" in mechanism:
        shown = {place: {"info": each["info"]} for place, each in mechanism["certificates"].items()}
        if "primary" in shown:
            shown = {"secondary": shown["primary"]} | shown
        return {"type": name, name: {kind.certificates: {place: shown[place] for place in _PLACES if place in shown}}}
    return {"type": name, name: mechanism["secret"]} if keys or name == "tpm" else {"type": name}


def check_unique(world: World, service: JSON, entry: JSON) -> None:
    """Refuses a certificate that is in another entry: one certificate is in one entry only ("X.509 certificate attestation").

    It is the same certificate whether its content is given or the name that it has in the service.
    """
    wanted = {credential.lower() for credential in credentials_of(entry)}
    for each in certificates_of(world, service):
        same = {reference_to(each["name"]).lower(), thumbprint(parse_certificate(each["content"])).lower()}
        if wanted & same:
            wanted |= same
    for credential in wanted:
        holder = find_holder(world, service, credential)
        if holder is not None and holder != (entry["kind"], entry["id"]):
            raise invalid(world, f"The certificate is in the enrollment '{holder[1]}' already.")


def _read_x509(world: World, service: JSON, kind: Kind, content: JSON, existing: JSON | None) -> JSON:
    other = ({"signingCertificates", "clientCertificates"} - {kind.certificates}).pop()
    certificates = member(world, content, kind.certificates, dict)
    references = member(world, content, "caReferences", dict)
    if content.get(other) is not None or (certificates and references):
        raise invalid(world, f"X509 attestation must have either {kind.certificates} or caReferences.")
    known = {} if existing is None else existing.get("certificates", {})
    read = {
        place: _read_certificate(world, each, known)
        for place in _PLACES
        if (each := member(world, certificates or {}, place, dict)) is not None
    }
    names = {place: name for place in _PLACES if (name := member(world, references or {}, place, str)) is not None}
    for name in names.values():
        if find_certificate(world, service, name) is None:
            raise invalid(world, f"CA reference '{name}' was not found.")
    if not read and not names:
        raise invalid(world, "TPM or X509 attestation is required.")
    return {"type": "x509", "caReferences": names} if names else {"type": "x509", "certificates": read}


def _read_certificate(world: World, given: JSON, known: JSON) -> JSON:
    """A certificate, or, where only its facts are sent back, the one that is meant."""
    text = member(world, given, "certificate", str)
    if not text:
        wanted = (member(world, given, "info", dict) or {}).get("sha256Thumbprint")
        for each in known.values():
            if each["thumbprint"] == wanted:
                return {"thumbprint": each["thumbprint"], "info": each["info"]}
        raise invalid(world, "TPM or X509 attestation is required.")
    try:
        certificate = read_certificate(text)
    except ValueError as unreadable:
        raise invalid(world, "The certificate is not a valid base64 string value.") from unreadable
    return {"thumbprint": thumbprint(certificate), "info": show_certificate(certificate)}


def _read_tpm(world: World, given: JSON) -> JSON:
    key = member(world, given, "endorsementKey", str)
    if not key:
        raise invalid(world, "TPM or X509 attestation is required.")
    root = member(world, given, "storageRootKey", str)
    return {"endorsementKey": key} if root is None else {"endorsementKey": key, "storageRootKey": root}


def _read_keys(world: World, given: JSON, existing: JSON | None) -> JSON:
    """Symmetric keys: those given, else those there are, else new ones."""
    known = existing["secret"] if existing is not None and existing["type"] == "symmetricKey" else {}
    keys = {}
    for name in ("primaryKey", "secondaryKey"):
        key = member(world, given, name, str) or known.get(name) or base64.b64encode(secrets.token_bytes(64)).decode()
        if not _is_key(key):
            raise invalid(world, f"The {name} must be base64 of 16 to 64 bytes.")
        keys[name] = key
    return keys


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) in _KEY_SIZES
    except ValueError:
        return False
