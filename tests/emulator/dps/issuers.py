"""Certificates of every kind that a device may present, right and wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.emulator.microsoft_devices.control_plane import NOW

Chain = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate, its key, and what was presented above it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    above: Chain = ()

    @classmethod
    def make(cls, name: str = "Test Root", *, days: tuple[int, int] = (-10, 10), **constraints: Any) -> Issuer:
        """A self-signed CA that is valid between these days from `NOW` on."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _build(name, key, name, key, days, _authority(**constraints)))

    def authority(self, name: str, *, days: tuple[int, int] = (-10, 10), **constraints: Any) -> Issuer:
        """A CA below this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _build(name, key, _name(self.certificate), self.key, days, _authority(**constraints))
        return Issuer(key, certificate, self.chain)

    def renewed(self) -> Issuer:
        """The same self-signed CA in a new certificate."""
        name = _name(self.certificate)
        return Issuer(self.key, _build(name, self.key, name, self.key, (-10, 10), _authority()))

    def leaf(self, name: str, *extensions: x509.ExtensionType, days: tuple[int, int] = (-1, 1), critical: bool = False) -> Chain:
        """A device's certificate, and all above it as the device presents them."""
        added = [(each, critical) for each in extensions]
        return (self._issue(name, ec.generate_private_key(ec.SECP256R1()), days, added), *self.chain)

    def certify(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        """A certificate for this key."""
        return self._issue(name, key, (-1, 1), [])

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, days: tuple[int, int], added: list[tuple[x509.ExtensionType, bool]]
    ) -> x509.Certificate:
        return _build(name, key, _name(self.certificate), self.key, days, added)

    @property
    def chain(self) -> Chain:
        """This certificate, and all above it."""
        return (self.certificate, *self.above)


def self_signed(name: str, days: tuple[int, int] = (-1, 1)) -> x509.Certificate:
    """A self-signed device certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _build(name, key, name, key, days, [])


def usage(*, sign_certificates: bool = False, sign_data: bool = False) -> x509.KeyUsage:
    """A key usage of these two or none."""
    return x509.KeyUsage(sign_data, False, False, False, False, sign_certificates, False, False, False)


def pem(certificate: x509.Certificate) -> str:
    """A certificate as a group or an enrollment has it."""
    return certificate.public_bytes(Encoding.PEM).decode()


def _authority(
    *,
    ca: bool = True,
    path_length: int | None = None,
    constraints: bool = True,
    key_usage: x509.KeyUsage | None = None,
    critical: x509.ExtensionType | None = None,
) -> list[tuple[x509.ExtensionType, bool]]:
    added: list[tuple[x509.ExtensionType, bool]] = []
    if constraints:
        added.append((x509.BasicConstraints(ca, path_length), True))
    if key_usage is not None:
        added.append((key_usage, True))
    if critical is not None:
        added.append((critical, True))
    return added


def _build(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    days: tuple[int, int],
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    now = datetime.fromtimestamp(NOW, UTC)
    subjects = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subjects[0])
        .issuer_name(subjects[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
