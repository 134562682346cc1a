"""Certificates with their keys as PKCS #12 and PEM: what an import brings and what the certificate's secret holds."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.utils import CryptographyDeprecationWarning

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault.certificate_policies import PEM
from dpsops.emulator.keyvault.errors import bad_parameter
from dpsops.emulator.keyvault.issuing import KEY_USAGES, UPN, months_between, show_subject
from dpsops.emulator.keyvault.material import PrivateKey, to_pem

_BAD_PKCS12 = (
    "The specified PKCS#12 X.509 certificate content can not be read. Please check if certificate is in valid PKCS#12 format."
)
_BAD_PEM = (
    "The specified PEM X.509 certificate content is in an unexpected format. Please check if certificate is in valid PEM format."
)
_BAD_CHAIN = "The specified X.509 certificate content can not be read. Please check if certificate is valid."
_WRONG_KEY = (
    "The public key of the end-entity certificate in the specified X.509 certificate content does not match the public part "
    "of the specified private key. Please check if certificate is valid."
)
_SEQUENCE = b"\x30"
_BLOCK = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.+?-----END (?P=label)-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Contents:
    """An end entity's certificate with its private key, and the certificates above it."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def read(value: str, password: str, content_type: str) -> Contents:
    """What the body of an import holds, as base64 of PKCS #12 or of PEM text, or as PEM text itself."""
    try:
        data = value.encode() if value.lstrip().startswith("-----BEGIN") else base64.b64decode(value, validate=True)
    except ValueError as invalid:
        raise bad_parameter(_BAD_PEM if content_type == PEM else _BAD_PKCS12) from invalid
    with _any_serial_number():
        key, certificates = _read_pem(data, password) if content_type == PEM else _read_pkcs12(data, password)
    certificate, chain = leaf_first(certificates)
    require_match(certificate, key)
    return Contents(key, certificate, tuple(chain))


def leaf_first(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The certificate that issued none of the others, and the others."""

    def issued_another(certificate: x509.Certificate) -> bool:
        return any(other.issuer == certificate.subject for other in certificates if other is not certificate)

    leaf = next((certificate for certificate in certificates if not issued_another(certificate)), certificates[0])
    return leaf, [certificate for certificate in certificates if certificate is not leaf]


def read_chain(x5c: Sequence[str]) -> list[x509.Certificate]:
    """The certificates of a merge: each base64 of DER, of PEM, or of that DER's own base64, which clients also send."""
    certificates: list[x509.Certificate] = []
    try:
        with _any_serial_number():
            for entry in x5c:
                data = base64.b64decode(entry)
                if data.lstrip().startswith(b"-----BEGIN"):
                    certificates += x509.load_pem_x509_certificates(data)
                else:
                    der = data if data.startswith(_SEQUENCE) else base64.b64decode(data)
                    certificates.append(x509.load_der_x509_certificate(der))
    except (ValueError, TypeError) as invalid:
        raise bad_parameter(_BAD_CHAIN) from invalid
    if not certificates:
        raise bad_parameter("Property x5c is required")
    return certificates


def require_match(certificate: x509.Certificate, key: PrivateKey) -> None:
    """Refuses a certificate for another key."""
    try:
        same = certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm) as unreadable:
        raise bad_parameter(_BAD_CHAIN) from unreadable
    if not same:
        raise bad_parameter(_WRONG_KEY)


def require_current(certificate: x509.Certificate, now: float) -> None:
    """Refuses a certificate that has expired at `now` (epoch s)."""
    if certificate.not_valid_after_utc.timestamp() <= now:
        raise bad_parameter("X509 Certificate is already expired")


def secret_value(content_type: str, exportable: bool, contents: Contents) -> str:
    """What the certificate's secret holds: certificate and chain, and the private key only where the policy lets it out."""
    certificates = [contents.certificate, *contents.chain]
    if content_type == PEM:
        blocks = [certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates]
        return "".join([to_pem(contents.key) if exportable else "", *blocks])
    key = contents.key if exportable else None
    encryption = serialization.NoEncryption()
    data = pkcs12.serialize_key_and_certificates(None, key, contents.certificate, contents.chain, encryption)
    return base64.b64encode(data).decode()


def x509_props(certificate: x509.Certificate) -> JSON:
    """A certificate's own properties, in the shape of a policy's."""
    props: JSON = {"subject": show_subject(certificate.subject)}
    ekus: list[str] = []
    usages: list[str] = []
    ca = False
    try:
        extensions = certificate.extensions
    except ValueError as invalid:
        raise bad_parameter("The specified X.509 certificate has extensions that can not be read.") from invalid
    for extension in extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as names:
                emails, dns = names.get_values_for_type(x509.RFC822Name), names.get_values_for_type(x509.DNSName)
                others = names.get_values_for_type(x509.OtherName)
                upns = [other.value[2:].decode() for other in others if other.type_id == UPN]
                props["sans"] = {"emails": emails, "dns_names": dns, "upns": upns}
            case x509.ExtendedKeyUsage() as purposes:
                ekus = [purpose.dotted_string for purpose in purposes]
            case x509.KeyUsage() as usage:
                usages = _usages(usage)
            case x509.BasicConstraints() as constraints:
                ca = constraints.ca
    months = months_between(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    return props | {"ekus": ekus, "key_usage": usages, "validity_months": months, "basic_constraints": {"ca": ca}}


@contextmanager
def _any_serial_number() -> Iterator[None]:
    """The vault takes certificates whose serial number is not positive, against RFC 5280."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _usages(usage: x509.KeyUsage) -> list[str]:
    agrees = usage.key_agreement  # without which the last two are not even there
    values = [
        usage.digital_signature, usage.content_commitment, usage.key_encipherment, usage.data_encipherment, agrees,
        usage.key_cert_sign, usage.crl_sign, agrees and usage.encipher_only, agrees and usage.decipher_only,
    ]  # fmt: skip
    return sorted(name for name, value in zip(KEY_USAGES, values, strict=True) if value)


def _read_pkcs12(data: bytes, password: str) -> tuple[PrivateKey, list[x509.Certificate]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode() if password else None)
    except ValueError as invalid:
        raise bad_parameter(_BAD_PKCS12) from invalid
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise bad_parameter(_BAD_PKCS12)
    return key, [certificate, *others]


def _read_pem(data: bytes, password: str) -> tuple[PrivateKey, list[x509.Certificate]]:
    """The key has to be PKCS #8 (certificates API, Import Certificate)."""
    key, certificates = None, []
    try:
        for block in _BLOCK.finditer(data):
            if block["label"] == b"CERTIFICATE":
                certificates.append(x509.load_pem_x509_certificate(block[0]))
            elif block["label"] in (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"):
                secret = password.encode() if block["label"].startswith(b"ENCRYPTED") else None
                key = serialization.load_pem_private_key(block[0], secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as invalid:
        raise bad_parameter(_BAD_PEM) from invalid
    if not certificates or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise bad_parameter(_BAD_PEM)
    return key, certificates
