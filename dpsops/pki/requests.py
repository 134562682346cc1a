"""A device's certificate signing request (PKCS #10, RFC 2986): read, and checked whether a certificate may be issued for it.

The key: EC on P-256 or P-384, or RSA of 2048 to 4096 bits with an odd public exponent from 65537. The signature: valid, with
SHA-2. The subject: one common name, which is the device ID, or none. What else a request asks for is not copied: the profile of a
device certificate decides that. A request for a CA certificate is refused. A challenge password is ignored, and never shown.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from dpsops.errors import InvalidInput

DevicePublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_MOST_BYTES = 64 * 1024
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 #]+)-----(.*?)-----END \1-----", re.DOTALL)
_LABELS = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}
_RSA_BITS = range(2048, 4097)
_HINT = "a request is PKCS #10, as 'openssl req -new -key press-07.key -subj /CN=press-07' makes it"
_KEYS = "make the request with a key of EC P-256, EC P-384, or RSA with 2048 to 4096 bits"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A request that was checked: the common name in it (None: it has none), and the device's public key."""

    common_name: str | None
    public_key: DevicePublicKey

    def require_for(self, device: str, where: str) -> None:
        """Raises `InvalidInput` if it is not for this device. `where`: what a message calls the request."""
        if self.common_name is None or self.common_name == device:
            return
        why = (
            "DPS ignores case and IoT Hub does not" if self.common_name.lower() == device else "the common name is the device ID"
        )
        raise InvalidInput(
            f"{where} is a request for {self.common_name[:70]!r} and not for {device}", f"{why}: make another request"
        )


def read_request(data: bytes, where: str) -> DeviceRequest:
    """Reads a request in PEM, in DER, or in base64 without PEM's lines. Raises `InvalidInput` for anything else, and for a
    request that gets no certificate."""
    try:
        found = x509.load_der_x509_csr(_der(data, where))
        valid, algorithm = found.is_signature_valid, found.signature_hash_algorithm
        key, names, extensions = found.public_key(), found.subject.get_attributes_for_oid(NameOID.COMMON_NAME), found.extensions
    except UnsupportedAlgorithm as cause:
        raise InvalidInput(f"{where} has a key or a signature that is not supported", _KEYS) from cause
    except (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion) as cause:
        raise InvalidInput(f"{where} is not a valid request", _HINT) from cause
    public_key = _supported(key, where)
    if algorithm is not None and isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        raise InvalidInput(f"{where} is signed with {algorithm.name.upper()}, which proves nothing", "sign it with SHA-256")
    if not valid:
        raise InvalidInput(f"{where} is not signed with its own key, so nobody has proven to hold that key", _HINT)
    _require_no_ca(extensions, where)
    if len(names) > 1:
        raise InvalidInput(f"{where} has {len(names)} common names", "make it with one, the device ID, or with none")
    return DeviceRequest(str(names[0].value) if names else None, public_key)


def _der(data: bytes, where: str) -> bytes:
    if len(data) > _MOST_BYTES:
        raise InvalidInput(f"{where} is too large for a request", _HINT)
    found = _PEM.findall(data)
    if any(b"PRIVATE KEY" in label for label, _ in found):
        raise InvalidInput(
            f"{where} holds a private key, which must stay on its device", "give the request alone, in a file of its own"
        )
    if b"-----BEGIN" in data:
        requests = [text for label, text in found if label in _LABELS]
        if len(requests) > 1:
            raise InvalidInput(f"{where} holds {len(requests)} requests", "give each request a file of its own")
        if not requests:
            what = found[0][0].decode().lower() if found else "something that has no end"
            raise InvalidInput(f"{where} holds no request, but {what}", _HINT)
        return _decoded(requests[0], where)
    return data if data[:1] == b"\x30" else _decoded(data.removeprefix(b"\xef\xbb\xbf"), where)


def _decoded(text: bytes, where: str) -> bytes:
    lines = [line for line in text.split(b"\n") if b":" not in line]  # such as Proc-Type
    try:
        return base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
    except ValueError as cause:
        raise InvalidInput(f"{where} is not a request", _HINT) from cause


def _supported(key: object, where: str) -> DevicePublicKey:
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS and key.public_numbers().e >= 65537:
            return key
        case ec.EllipticCurvePublicKey():
            what = f"EC on {key.curve.name}"
        case rsa.RSAPublicKey():
            what = f"RSA with {key.key_size} bits and the exponent {min(key.public_numbers().e, 10**9)}"
        case _:
            what = type(key).__name__.removesuffix("PublicKey").lstrip("_") or "an unknown type"
    raise InvalidInput(f"{where} has a key that is not supported: {what}", _KEYS)


def _require_no_ca(extensions: x509.Extensions, where: str) -> None:
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise InvalidInput(
                    f"{where} asks for a CA certificate (basicConstraints CA:TRUE)", "a device gets no CA certificate"
                )
            case x509.KeyUsage(key_cert_sign=True):
                raise InvalidInput(f"{where} asks to sign certificates (keyCertSign)", "a device gets no CA certificate")
