"""Keys and certificates for the tests. Each key is created once for all tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.pki import profiles
from dpsops.pki.entropy import Entropy
from dpsops.pki.keys import signing_hash
from dpsops.pki.names import device_id

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

KINDS = ["RSA-2048", "RSA-3072", "RSA-4096", "EC-P256", "EC-P384"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

entropy = Entropy()


def key(kind: str, which: int = 1) -> PrivateKey:
    """A key of a type in `KINDS`; another `which` is another key."""
    return _key(kind, which)


@cache
def _key(kind: str, which: int) -> PrivateKey:  # noqa: ARG001  # another number is another entry of the cache
    family, size = kind.split("-")
    if family == "RSA":
        return rsa.generate_private_key(65537, int(size))
    return ec.generate_private_key({"P256": ec.SECP256R1(), "P384": ec.SECP384R1()}[size])


@cache
def device_key() -> ec.EllipticCurvePrivateKey:
    """The key of a device."""
    return entropy.key()


def root(
    kind: str = "EC-P256",
    which: int = 1,
    *,
    generation: int = 1,
    lifetime: timedelta = 10 * YEAR,
    now: datetime = NOW,
    path_length: int = 0,
) -> x509.Certificate:
    """A root, issued as dpsops issues it."""
    signer = key(kind, which)
    wanted = profiles.Root(profiles.root_subject("test", generation), signer.public_key(), lifetime, path_length)
    return profiles.issue_root(wanted, signer, serial=entropy.serial(), now=now)


def leaf(
    authority: x509.Certificate, signer: PrivateKey, *, device: str = "press-07", lifetime: timedelta = YEAR, now: datetime = NOW
) -> x509.Certificate:
    """A device certificate, issued as dpsops issues it."""
    public_key = device_key().public_key()
    return profiles.issue_leaf(
        device_id(device), public_key, authority, signer, lifetime=lifetime, serial=entropy.serial(), now=now
    )


def by_hand(
    signer: PrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
    subject: str = "by hand",
    issuer: x509.Certificate | None = None,
    public_key: CertificatePublicKeyTypes | None = None,
    begin: datetime = NOW - YEAR,
    end: datetime = NOW + YEAR,
    serial: int | None = None,
) -> x509.Certificate:
    """A certificate that dpsops would not issue, with these (extension, critical); self-signed if there is no issuer."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(public_key or signer.public_key())
        .serial_number(entropy.serial() if serial is None else serial)
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, signing_hash(signer.public_key()))


def key_usage(*bits: str) -> x509.KeyUsage:
    """A key usage of these bits, by openssl's names."""
    names = {
        "digitalSignature": "digital_signature", "nonRepudiation": "content_commitment",
        "keyEncipherment": "key_encipherment", "dataEncipherment": "data_encipherment", "keyAgreement": "key_agreement",
        "keyCertSign": "key_cert_sign", "cRLSign": "crl_sign", "encipherOnly": "encipher_only", "decipherOnly": "decipher_only",
    }  # fmt: skip
    return x509.KeyUsage(**{name: bit in bits for bit, name in names.items()})


def tampered(certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate with one bit of its serial number changed, so that its signature is invalid."""
    der = certificate.public_bytes(Encoding.DER)
    serial = certificate.serial_number.to_bytes((certificate.serial_number.bit_length() + 8) // 8, "big")
    assert der.count(serial) == 1
    changed = serial[:-1] + bytes([serial[-1] ^ 1])
    return x509.load_der_x509_certificate(der.replace(serial, changed))
