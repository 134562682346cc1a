"""The certificates that dpsops issues, each completely in one function.

Every profile follows RFC 5280, section 4; the number beside an extension is the section that defines it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificateIssuerPublicKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dpsops.pki.keys import signing_hash
from dpsops.pki.names import DeviceId
from dpsops.pki.unsigned import Pattern, Unsigned

BACKDATE = timedelta(minutes=5)
"""How far in the past the validity of a certificate begins: devices' clocks are not exact."""

VERIFICATION_LIFETIME = timedelta(days=1)

_ROOT_USAGE = frozenset({"digital_signature", "key_cert_sign", "crl_sign"})


@dataclass(frozen=True, slots=True)
class Root:
    """A root to be created: its subject, its public key, how long it is valid, and how many CAs may be below it in a chain
    (RFC 5280, 4.2.1.9)."""

    subject: x509.Name
    public_key: CertificatePublicKeyTypes
    lifetime: timedelta
    path_length: int = 0


def root_subject(environment: str, generation: int, organization: str = "") -> x509.Name:
    """The subject of a root. The generation is in the common name, so that two roots are never confused."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    common_name = f"dpsops {environment} root G{generation}"
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue_root(root: Root, key: CertificateIssuerPrivateKeyTypes, *, serial: int, now: datetime) -> x509.Certificate:
    """A self-signed root CA. Unless its path length says otherwise, it may issue device certificates but no CA certificates.
    `key` signs; it is the root's key."""
    public_key = root.public_key
    start = now - BACKDATE
    return (
        x509.CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + root.lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=root.path_length), critical=True)  # 4.2.1.9
        .add_extension(_key_usage(_ROOT_USAGE), critical=True)  # 4.2.1.3
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)  # 4.2.1.2
        .sign(key, signing_hash(key.public_key()))
    )


def unsigned_leaf(
    device: DeviceId,
    public_key: CertificatePublicKeyTypes,
    root: x509.Certificate,
    *,
    lifetime: timedelta,
    serial: int,
    now: datetime,
) -> Unsigned:
    """A device certificate that the root's key is to sign: for TLS client authentication, the device ID as common name; not
    valid after its root."""
    end = min(now - BACKDATE + lifetime, root.not_valid_after_utc)
    return _leaf_pattern(root).filled(_subject(device), public_key, serial=serial, begin=_begin(root, now), end=end)


@lru_cache(maxsize=4)
def _leaf_pattern(root: x509.Certificate) -> Pattern:
    """What all device certificates of a root have in common."""

    def of_a_key(public_key: CertificatePublicKeyTypes) -> x509.CertificateBuilder:
        now, end = root.not_valid_before_utc, root.not_valid_after_utc
        return (
            _issued(common_name="any", public_key=public_key, root=root, serial=1, now=now, end=end)
            .add_extension(_key_usage({"digital_signature"}), critical=True)  # 4.2.1.3
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)  # 4.2.1.12
        )

    return Pattern.of(of_a_key, _issuer_key(root))


def issue_leaf(
    device: DeviceId,
    public_key: CertificatePublicKeyTypes,
    root: x509.Certificate,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    lifetime: timedelta,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """The same, signed with a root's key that is here."""
    return unsigned_leaf(device, public_key, root, lifetime=lifetime, serial=serial, now=now).signed_by(key)


def issue_verification_certificate(
    code: str,
    public_key: CertificatePublicKeyTypes,
    root: x509.Certificate,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """The verification certificate: DPS's verification code as common name, signed by the root, for no other use."""
    end = min(now + VERIFICATION_LIFETIME, root.not_valid_after_utc)
    return (
        _issued(common_name=code, public_key=public_key, root=root, serial=serial, now=now, end=end)
        .add_extension(_key_usage({"digital_signature"}), critical=True)
        .sign(key, signing_hash(key.public_key()))
    )


def _issued(
    *, common_name: str, public_key: CertificatePublicKeyTypes, root: x509.Certificate, serial: int, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(common_name))
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(_begin(root, now))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)  # 4.2.1.9
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)  # 4.2.1.2
        .add_extension(_authority_key_identifier(root), critical=False)  # 4.2.1.1
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _begin(root: x509.Certificate, now: datetime) -> datetime:
    """When the validity of a certificate begins: in the past, but not before that of its root."""
    return max(now - BACKDATE, root.not_valid_before_utc)


def _authority_key_identifier(root: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_issuer_key(root))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _issuer_key(root: x509.Certificate) -> CertificateIssuerPublicKeyTypes:
    key: CertificateIssuerPublicKeyTypes = root.public_key()  # type: ignore[assignment]
    return key


def _key_usage(names: frozenset[str] | set[str]) -> x509.KeyUsage:
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in names for bit in bits})


def path_length(certificate: x509.Certificate) -> int | None:
    """How many CAs may be below a CA certificate in a chain; None if any number may (RFC 5280, 4.2.1.9), or if it does not say
    that it is a CA certificate at all, which `root_faults` tells."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except x509.ExtensionNotFound:
        return None


def root_faults(certificate: x509.Certificate, now: datetime) -> list[str]:
    """Why a certificate cannot be used as a root CA: clauses that complete "it ..."; none if it can be used.

    Certificates that another program has issued can pass too: only what RFC 5280 and DPS require is checked.
    """
    faults = []
    if certificate.not_valid_after_utc <= now:
        faults.append(f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        faults.append(f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        faults.append("is not a CA certificate (no basicConstraints)")
    else:
        if not constraints.ca:
            faults.append("is not a CA certificate (basicConstraints CA:FALSE)")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return faults
    if not usage.key_cert_sign:
        faults.append("is not allowed to sign certificates (keyUsage without keyCertSign)")
    return faults
