"""X.509 as the vault writes it: names, requests and self-signed certificates (RFC 5280, RFC 2986)."""

from __future__ import annotations

import base64
import ipaddress
import re
import secrets
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault.bodies import field
from dpsops.emulator.keyvault.errors import bad_parameter
from dpsops.emulator.keyvault.material import PrivateKey

KEY_USAGES = (
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip
"""In the order of their bits (RFC 5280, section 4.2.1.3)."""

BACKDATED = 600
"""Seconds by which a certificate's life begins before it is made."""

_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "E": NameOID.EMAIL_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "T": NameOID.TITLE,
    "G": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "STREET": NameOID.STREET_ADDRESS,
    "UID": NameOID.USER_ID,
}
_ALIASES = {"ST": "S", "EMAIL": "E", "EMAILADDRESS": "E", "GN": "G", "TITLE": "T", "SURNAME": "SN"}
_LABELS = {oid: label for label, oid in _ATTRIBUTES.items()}
_PART = re.compile(
    r"""\s*(?P<label>[A-Za-z][A-Za-z0-9.]*)\s*=\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>(?:\\.|[^,;+"\\])*))\s*(?:[,;]|$)"""
)
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""The type of a user principal name among the `otherName`s of a certificate."""


def parse_subject(subject: str) -> x509.Name:
    """A distinguished name out of its text. The last part of the text is the first of the encoded name."""
    attributes, position = [], 0
    while position < len(subject):
        part = _PART.match(subject, position)
        kind = None if part is None else _attribute_type(part["label"].upper())
        if part is None or kind is None:
            raise bad_parameter(f"Property x509_props.subject has invalid value {subject}")
        quoted, plain = part["quoted"], part["plain"]
        value = quoted.replace('""', '"') if quoted is not None else re.sub(r"\\(.)", r"\1", plain.strip())
        attributes.append(_attribute(kind, value))
        position = part.end()
    return x509.Name(reversed(attributes))


def show_subject(name: x509.Name) -> str:
    """The text of a name, as the vault writes what it finds in a certificate."""
    parts = []
    for attribute in reversed(list(name)):
        value = str(attribute.value)
        if re.search(r'[,;+="\\<>#]|^\s|\s$', value):
            value = '"' + value.replace('"', '""') + '"'
        parts.append(f"{_LABELS.get(attribute.oid, 'OID.' + attribute.oid.dotted_string)}={value}")
    return ", ".join(parts)


def subject_alternative_names(sans: JSON | None) -> list[x509.GeneralName]:
    """The names of a policy's `sans`."""
    given = {kind: field(sans or {}, kind, list, []) for kind in ("emails", "dns_names", "upns", "uris", "ipAddresses")}
    try:
        return [
            *map(x509.RFC822Name, given["emails"]),
            *map(x509.DNSName, given["dns_names"]),
            *(x509.OtherName(UPN, _utf8(upn)) for upn in given["upns"]),
            *map(x509.UniformResourceIdentifier, given["uris"]),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in given["ipAddresses"]),
        ]
    except (ValueError, TypeError) as invalid:
        raise bad_parameter("Property x509_props.sans has invalid value") from invalid


def extended_key_usage(ekus: Sequence[str]) -> list[ObjectIdentifier]:
    """The purposes of a policy's `ekus`."""
    try:
        return [ObjectIdentifier(oid) for oid in ekus]
    except (ValueError, TypeError) as invalid:
        raise bad_parameter("Property x509_props.ekus has invalid value") from invalid


def request(key: PrivateKey, policy: JSON) -> str:
    """The certificate signing request for a policy, as base64 of its DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(parse_subject(policy["x509_props"]["subject"]))
    usage, *others = _extensions(policy)
    for extension, critical in (*usage, *(pair for group in others for pair in group), *_END_ENTITY):
        builder = builder.add_extension(extension, critical)
    return base64.b64encode(builder.sign(key, _hash(key)).public_bytes(serialization.Encoding.DER)).decode()


def self_signed(key: PrivateKey, policy: JSON, made: int) -> x509.Certificate:
    """The certificate that issuer `Self` makes at `made` (epoch s): an end entity's, with any key usage."""
    name = parse_subject(policy["x509_props"]["subject"])
    begin = moment(made)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(126) | 1 << 126)
        .not_valid_before(begin - timedelta(seconds=BACKDATED))
        .not_valid_after(add_months(begin, policy["x509_props"]["validity_months"]))
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    identifiers = ((x509.AuthorityKeyIdentifier(identifier.digest, None, None), False), (identifier, False))
    usage, *others = _extensions(policy)
    for extension, critical in (*usage, *_END_ENTITY, *(pair for group in others for pair in group), *identifiers):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, _hash(key))


def moment(at: float) -> datetime:
    """Epoch seconds as a date."""
    return datetime.fromtimestamp(at, UTC)


def add_months(moment: datetime, months: int) -> datetime:
    """The same day, so many months later; the last of the month where there is no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def months_between(begin: datetime, end: datetime) -> int:
    """Whole months, rounded up."""
    months = (end.year - begin.year) * 12 + end.month - begin.month
    return months + (add_months(begin, months) < end)


_Extensions = Sequence[tuple[x509.ExtensionType, bool]]
_END_ENTITY: _Extensions = ((x509.BasicConstraints(ca=False, path_length=None), False),)


def _extensions(policy: JSON) -> tuple[_Extensions, _Extensions, _Extensions]:
    """Key usage, extended key usage and alternative names, each empty if the policy has none."""
    props = policy["x509_props"]
    names = subject_alternative_names(props.get("sans"))
    return (
        [(_key_usage(props["key_usage"]), True)] if props["key_usage"] else [],
        [(x509.ExtendedKeyUsage(extended_key_usage(props["ekus"])), False)] if props["ekus"] else [],
        [(x509.SubjectAlternativeName(names), False)] if names else [],
    )


def _key_usage(usages: Sequence[str]) -> x509.UnrecognizedExtension:
    """A DER bit string. The vault also writes combinations that `x509.KeyUsage` holds to be wrong."""
    last = max(KEY_USAGES.index(usage) for usage in usages)
    bits = sum(1 << (15 - KEY_USAGES.index(usage)) for usage in usages).to_bytes(2, "big")[: last // 8 + 1]
    content = bytes([7 - last % 8]) + bits
    return x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, bytes([3, len(content)]) + content)


def _attribute_type(label: str) -> ObjectIdentifier | None:
    if not label.startswith("OID."):
        return _ATTRIBUTES.get(_ALIASES.get(label, label))
    try:
        return ObjectIdentifier(label.removeprefix("OID."))
    except ValueError:
        return None


def _attribute(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    kind = None
    if oid not in (NameOID.DOMAIN_COMPONENT, NameOID.EMAIL_ADDRESS):
        kind = _ASN1Type.PrintableString if _PRINTABLE.fullmatch(value) else _ASN1Type.UTF8String
    try:
        return x509.NameAttribute(oid, value, kind)
    except ValueError as invalid:
        raise bad_parameter(f"Property x509_props.subject has invalid value {value}") from invalid


def _utf8(text: str) -> bytes:
    data = text.encode()
    if len(data) > 127:
        raise ValueError("longer than a DER short form")
    return bytes([12, len(data)]) + data


def _hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """RSA signs with SHA-256; an EC key with the hash that its size calls for."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA512()
    return hashes.SHA256()
