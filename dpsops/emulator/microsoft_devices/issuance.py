"""Operational certificates: what the certificate authorities of Azure Device Registry sign for devices that ask.

Sources: the specification of DPS at 2026-11-01 (`csr`, `issuedCertificateChain`), "Certificate authorities in Azure Device
Registry" (a root for each namespace, below it an issuing CA for each policy, keys on P-384, SHA-384), "Device certificate
issuance in Azure Device Registry". No recording. How long a certificate is valid is said by its policy, which the embedded Azure
does not have: 30 days.

A CA's document: {"key" (PKCS #8 in PEM, as in the vaults), "certificate" (base64 of DER)}.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dpsops.emulator.documents import JSON
from dpsops.emulator.world import World

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

LEAF_DAYS = 30

_KIND = "issuingAuthority"
_ROOT, _ISSUER = timedelta(days=30 * 365), timedelta(days=25 * 365)
_BEFORE = timedelta(minutes=5)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_SMALLEST_RSA = 2048


class Issued(NamedTuple):
    """A certificate: the policy that it is issued under, and its chain, each base64 of DER."""

    policy: str
    leaf: str
    issuer: str
    root: str


class InvalidRequest(Exception):
    """The request can be answered with no certificate; the message says why."""


def policy_of(subscription: str, namespace: str, authority: str, policy: str) -> str:
    """What names a certificate policy in all of Azure."""
    return "/".join((subscription, namespace, authority, policy)).lower()


def decode(text: str) -> bytes:
    """A request as devices send it, base64 without the lines of PEM. Raises `InvalidRequest`."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as wrong:
        raise InvalidRequest("it is not base64") from wrong


def requested_key(der: bytes, name: str) -> PublicKey:
    """The key of a PKCS #10 request, which has signed it, for the common name `name` alone. Raises `InvalidRequest`.

    Which keys Azure takes nobody has said: RSA from 2048 bits and the NIST curves (stricter guess).
    """
    try:
        request = x509.load_der_x509_csr(der)
        key, is_signed = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as unreadable:
        raise InvalidRequest("it is no PKCS #10 request in DER") from unreadable
    if not is_signed:
        raise InvalidRequest("its key has not signed it")
    if [each.value for each in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [name]:
        raise InvalidRequest(f"its common name is not '{name}'")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise InvalidRequest("its key is none that is certified")


def issue(world: World, policy: str, key: PublicKey, name: str) -> Issued:
    """Certifies a key for a common name. CAs are made when they are first needed."""
    root, issuer = _authorities(world, policy)
    authority, start = _certificate(issuer), _second(world.now) - _BEFORE
    end = min(_second(world.now) + timedelta(days=LEAF_DAYS), authority.not_valid_after_utc)
    leaf = (
        _builder(name, authority.subject, key, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(_key(issuer).public_key()), critical=False)
        .sign(_key(issuer), hashes.SHA384())
    )
    return Issued(policy, _text(leaf), issuer["certificate"], root["certificate"])


def issuer_of(world: World, policy: str) -> bytes | None:
    """The certificate (DER) of the CA that signs under a policy; None before it has signed anything."""
    found = world.state.get(_KIND, policy)
    return None if found is None else base64.b64decode(found["certificate"])


def _authorities(world: World, policy: str) -> tuple[JSON, JSON]:
    """The root of the policy's namespace, and the CA below it."""
    namespace = policy.rsplit("/", 2)[0]
    root, issuer = world.state.get(_KIND, namespace), world.state.get(_KIND, policy)
    if root is None:
        root = _make(world, namespace, "root", None)
    if issuer is None:
        issuer = _make(world, policy, policy.rpartition("/")[2], root)
    return root, issuer


def _make(world: World, key: str, kind: str, parent: JSON | None) -> JSON:
    """A CA below `parent`, or a root."""
    private = ec.generate_private_key(ec.SECP384R1())
    name = f"{key.split('/')[1]} {kind}"[:64]  # ub-common-name (RFC 5280, appendix A.1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = private if parent is None else _key(parent)
    above = subject if parent is None else _certificate(parent).subject
    start = _second(world.now) - _BEFORE
    certificate = (
        _builder(name, above, private.public_key(), start, start + (_ROOT if parent is None else _ISSUER))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1 if parent is None else 0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA384())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made: JSON = {"key": pem, "certificate": _text(certificate)}
    world.state.put(_KIND, key, made)
    return made


def _builder(
    name: str,
    issuer: x509.Name,
    key: PublicKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key(authority: JSON) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(authority["key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "only such keys are made"
    return key


def _certificate(authority: JSON) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(authority["certificate"]))


def _text(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _second(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
