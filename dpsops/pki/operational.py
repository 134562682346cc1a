"""A device asks for a certificate: its request (PKCS #10, RFC 2986), and the chain that it gets, read and checked."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.errors import InvalidCertificate
from dpsops.pki import chains
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.certification_path import is_signed_by


def request_for(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """A request for a certificate with this common name, base64 of DER, as DPS and hubs take it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.DER)).decode()


def read_issued(issued: Sequence[str], key: ec.EllipticCurvePrivateKey, name: str) -> tuple[x509.Certificate, ...]:
    """The chain of an issued certificate, leaf first and root last. Raises `InvalidCertificate` unless it is a chain, for this
    key and this common name. Source: DPS device API 2026-11-01, `issuedCertificateChain`."""
    try:
        chain = tuple(x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in issued)
    except ValueError as unreadable:
        raise _invalid(name, "it cannot be read") from unreadable
    if not chain or not chains.same_key(chain[0].public_key(), key.public_key()):
        raise _invalid(name, "it is not for the key of the device")
    if chains.common_name(chain[0].subject) != name:
        raise _invalid(name, f"it is for {chains.common_name(chain[0].subject)}")
    if not all(is_signed_by(certificate, issuer) for certificate, issuer in pairwise((*chain, chain[-1]))):
        raise _invalid(name, "its chain does not lead to a root")
    return chain


def credential(key: ec.EllipticCurvePrivateKey, chain: Sequence[x509.Certificate]) -> DeviceCredential:
    """What a device connects with from now on."""
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DeviceCredential(private.decode(), "".join(map(chains.pem, chain)))


def _invalid(name: str, why: str) -> InvalidCertificate:
    return InvalidCertificate(
        f"the certificate that Azure has issued to {name} cannot be used: {why}",
        "look at the certificate policy in Azure Device Registry, then run the command again",
    )
