"""The private CA behind the embedded Azure's TLS, and the certificate that carries Azure's host names."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = (
    "login.microsoftonline.com",
    "management.azure.com",
    "*.vault.azure.net",
    "*.azure-devices-provisioning.net",
    "*.azure-devices.net",
    "*.device.azure-devices.net",
    "*.service.azure-devices.net",
)
NAME = "dpsops embedded Azure"
"""The common name of the CA. No other CA has it."""
CRL_FILE = "ca.crl"
"""The list of certificates that the CA has revoked: none."""
CRL_URL = "http://127.0.0.1:8043/ca.crl"
"""Where the server's certificate says that it is: at the port of `dpsops local serve`, and through the proxy at any."""
_LIFETIME = timedelta(days=825)
_RENEW_BEFORE = timedelta(days=30)
_LOCK_SECONDS, _PAUSE_SECONDS = 30.0, 0.05


def ensure_certificates(directory: Path) -> tuple[Path, Path]:
    """The files of the CA certificate and of the server's key and chain, made where missing or about to expire.

    Safe for several processes at once. Only the CA's certificate is kept, not its key: a new server
    certificate comes with a new CA. `CRL_FILE` (DER) is made with them, and valid as long as they are.
    """
    authority, server, revoked = directory / "ca.pem", directory / "server.pem", directory / CRL_FILE
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o077:  # another program made it
        directory.chmod(0o700)
    with open(os.open(directory / "tls.lock", os.O_RDWR | os.O_CREAT, 0o600), "rb") as lock:
        _acquire(lock)
        files = (authority, server, revoked)
        if not (all(file.exists() for file in files) and _is_fresh(authority) and _has_hosts(server)):
            authority_pem, server_pem, crl = _issue()
            _write(revoked, crl)
            _write(server, server_pem)
            _write(authority, authority_pem)
    return authority, server


def _acquire(lock: IO[bytes]) -> None:
    """Locks a file. Raises `TimeoutError` if another process keeps it locked, for much longer than certificates take."""
    for _ in range(int(_LOCK_SECONDS / _PAUSE_SECONDS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise TimeoutError(f"another process has had tls.lock for {_LOCK_SECONDS:.0f} seconds")


def _is_fresh(authority: Path) -> bool:
    """Whether it is valid, and will be for a while. One from the future was made while this machine's clock was wrong."""
    certificate, now = x509.load_pem_x509_certificate(authority.read_bytes()), datetime.now(UTC)
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEW_BEFORE


def _has_hosts(server: Path) -> bool:
    """Whether the server's certificate is for every host name: one that a former release made is for fewer."""
    certificate = x509.load_pem_x509_certificate(server.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    return set(names) == set(HOSTS)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


def _issue() -> tuple[bytes, bytes, bytes]:
    """The CA certificate, the server's key and chain, and the CRL."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    start = datetime.now(UTC) - timedelta(hours=1)
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())

    def certificate(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
        )

    authority = (
        certificate(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "embedded Azure")]), server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(key_cert_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.CRLDistributionPoints([_distribution_point()]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    crl = (  # RFC 5280, 5: both extensions are required
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority_name)
        .last_update(start)
        .next_update(start + _LIFETIME)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority_pem = authority.public_bytes(serialization.Encoding.PEM)
    chain = server.public_bytes(serialization.Encoding.PEM) + authority_pem
    return authority_pem, private + chain, crl.public_bytes(serialization.Encoding.DER)


def _distribution_point() -> x509.DistributionPoint:
    return x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URL)], None, None, None)


def _key_usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
