"""A device's certificate signing request (PKCS #10, RFC 2986): read, and checked whether a certificate may be issued for it.

The key: EC on P-256 or P-384, named and not described by parameters (RFC 5480, 2.1.1), or RSA of 2048 to 4096 bits with the
exponent 65537. The signature: valid, with SHA-2. The subject: one common name, which is the device ID, or none. What else a
request asks for is not copied: the profile of a device certificate decides that. A request for a CA certificate is refused. A
challenge password is ignored, and never shown.
"""

from __future__ import annotations

import base64
import re
import warnings
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from dpsops.errors import InvalidInput
from dpsops.pki import der
from dpsops.pki.names import DeviceId, device_id

DevicePublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_MOST_BYTES = 64 * 1024
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,64})-----")
_LABELS = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # what PowerShell writes behind a `>`
_UTF_8_MARK = b"\xef\xbb\xbf"
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384"}
_RSA_BITS, _RSA_EXPONENT = range(2048, 4097), 65537
_EC_KEY = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1, RFC 5480, 2.1.1
_PSS_KEY = bytes.fromhex("2a864886f70d01010a")  # 1.2.840.113549.1.1.10, RFC 4055, 1.2
_EXTENSIONS = (bytes.fromhex("2a864886f70d01090e"), bytes.fromhex("2b06010401823702010e"))
"""The attributes that ask for extensions: 1.2.840.113549.1.9.14 (RFC 2985, 5.4.2), and Microsoft's, 1.3.6.1.4.1.311.2.1.14."""

_HINT = "a request is PKCS #10, as 'openssl req -new -key press-07.key -subj /CN=press-07' makes it"
_ALONE = "give the request alone, in a file of its own"
_KEYS = "make the request with a key of EC P-256, EC P-384, or RSA with 2048 to 4096 bits and the exponent 65537"
_SHA_2 = (hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A request that was checked: the device in its common name (None: it has no common name), and the device's public key."""

    device: DeviceId | None
    public_key: DevicePublicKey

    def require_for(self, device: DeviceId, where: str) -> None:
        """Raises `InvalidInput` if it is for another device. `where`: what a message calls the request."""
        if self.device not in (None, device):
            raise InvalidInput(
                f"{where} is a request for {self.device!r} and not for {device}",
                f"the common name is the device ID: make another request, with CN={device}",
            )


def read_request(data: bytes, where: str) -> DeviceRequest:
    """Reads a request in PEM, in DER, or in base64 without PEM's lines, as DPS takes it. Raises `InvalidInput` for anything else,
    and for a request that gets no certificate. `where`: what a message calls the request."""
    text = _der(data, where)
    parts = _parts(text, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that are too long for X.520; only the common name matters
            found = x509.load_der_x509_csr(text)
            names = [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as cause:
        raise InvalidInput(f"{where} is not a valid request", _HINT) from cause
    public_key = _key(found, parts, where)
    _require_signed(found, where)
    _require_no_ca(found, parts, where)
    return DeviceRequest(_device(names, where), public_key)


def _der(data: bytes, where: str) -> bytes:
    if len(data) > _MOST_BYTES:
        raise InvalidInput(f"{where} is too large for a request", _HINT)
    if data[:1] == b"\x30" and not data.isascii():
        return data
    text = data.decode("utf-16", "replace").encode("ascii", "replace") if data[:2] in _UTF_16 else data.removeprefix(_UTF_8_MARK)
    begins = list(_BEGIN.finditer(text))
    if any(b"PRIVATE KEY" in begin[1] for begin in begins):
        raise _private_key(where)
    if not begins:
        return _decoded(text, where)
    if other := next((begin[1] for begin in begins if begin[1] not in _LABELS), None):
        raise InvalidInput(f"{where} holds something else than a request: {other.decode().lower()}", _ALONE)
    if len(begins) > 1:
        raise InvalidInput(f"{where} holds {len(begins)} requests", "give each request a file of its own")
    begin = begins[0]
    end = text.find(b"-----END " + begin[1] + b"-----", begin.end())
    if end < 0:
        raise InvalidInput(f"{where} holds a request without its end", "copy the whole file")
    return _decoded(text[begin.end() : end], where)


def _decoded(text: bytes, where: str) -> bytes:
    lines = b"".join(text.split())
    if not lines:
        raise InvalidInput(f"{where} is empty", _HINT)
    if lines[:1] in (b"{", b"["):
        raise InvalidInput(f"{where} is JSON and not a request", "give what is in it: the request in base64, or as PEM")
    try:
        return base64.b64decode(lines, validate=True)
    except ValueError as cause:
        raise InvalidInput(f"{where} is not a request: it is neither PEM, nor DER, nor base64", _HINT) from cause


def _private_key(where: str) -> InvalidInput:
    return InvalidInput(f"{where} holds a private key: a request holds none", f"the key stays on its device; {_ALONE}")


def _parts(text: bytes, where: str) -> list[der.Part]:
    """What a request is about: version, subject, public key and attributes. Raises `InvalidInput` if it is no request."""
    kind = der.kind(text)
    if kind == der.PRIVATE_KEY:
        raise _private_key(where)
    if kind != der.REQUEST:
        raise InvalidInput(f"{where} is {kind} and not a request" if kind else f"{where} is not a valid request", _HINT)
    parts = der.parts(der.inside(text)[0].content)
    if len(parts) == 3:
        raise InvalidInput(
            f"{where} is a request without the field of its attributes",
            "the field may be empty and not absent (RFC 2986, 4.1): have it written as A0 00, and signed so",
        )
    return parts


def _key(found: x509.CertificateSigningRequest, parts: list[der.Part], where: str) -> DevicePublicKey:
    match _algorithm(parts):
        case [der.Part(content=name), der.Part(tag=tag)] if name == _EC_KEY and tag != der.OBJECT_IDENTIFIER:
            raise _unsupported("EC with explicit parameters instead of the name of a curve", where)
        case [der.Part(content=name), *_] if name == _PSS_KEY:
            raise _unsupported("RSA for RSASSA-PSS alone", where)
    try:
        key = found.public_key()
    except UnsupportedAlgorithm as cause:
        raise _unsupported(str(cause), where) from cause
    except ValueError as cause:
        raise InvalidInput(f"{where} has a public key that is not valid", _KEYS) from cause
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS and key.public_numbers().e == _RSA_EXPONENT:
            return key
        case ec.EllipticCurvePublicKey():
            raise _unsupported(f"EC on {key.curve.name}", where)
        case rsa.RSAPublicKey() if key.key_size in _RSA_BITS:
            raise _unsupported("RSA with another exponent than 65537", where)
        case rsa.RSAPublicKey():
            raise _unsupported(f"RSA with {key.key_size} bits", where)
    raise _unsupported(type(key).__name__.removesuffix("PublicKey"), where)


def _algorithm(parts: list[der.Part]) -> list[der.Part]:
    """The algorithm of the public key (`AlgorithmIdentifier`, RFC 5280, 4.1.1.2): its identifier, and its parameters."""
    try:
        return der.parts(der.parts(parts[2].content)[0].content)
    except (ValueError, IndexError):
        return []


def _unsupported(what: str, where: str) -> InvalidInput:
    return InvalidInput(f"{where} has a key that is not supported: {what}", _KEYS)


def _require_signed(found: x509.CertificateSigningRequest, where: str) -> None:
    """Whoever made the request holds its key. The padding of an RSA signature may be PSS."""
    try:
        algorithm, valid = found.signature_hash_algorithm, found.is_signature_valid
    except UnsupportedAlgorithm as cause:
        raise InvalidInput(f"{where} is signed in a way that is not supported", "sign it with SHA-256") from cause
    except ValueError:
        algorithm, valid = None, False
    if algorithm is not None and not isinstance(algorithm, _SHA_2):
        raise InvalidInput(f"{where} is signed with {algorithm.name.upper()} and not with SHA-2", "sign it with SHA-256")
    if not valid:
        raise InvalidInput(f"{where} is not signed with its own key, so nobody has proven to hold that key", _HINT)


def _require_no_ca(found: x509.CertificateSigningRequest, parts: list[der.Part], where: str) -> None:
    attributes = [der.parts(attribute.content) for attribute in der.parts(parts[3].content)]
    if sum(attribute[0].content in _EXTENSIONS for attribute in attributes) > 1:
        raise InvalidInput(f"{where} asks for extensions twice", "a device needs to ask for none: make another request")
    try:
        extensions = found.extensions
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as cause:
        raise InvalidInput(
            f"{where} asks for extensions that cannot be read", "a device needs to ask for none: make another request"
        ) from cause
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise InvalidInput(
                    f"{where} asks for a CA certificate (basicConstraints CA:TRUE)", "a device gets no CA certificate"
                )
            case x509.KeyUsage(key_cert_sign=True):
                raise InvalidInput(f"{where} asks to sign certificates (keyCertSign)", "a device gets no CA certificate")


def _device(names: list[str], where: str) -> DeviceId | None:
    if len(names) > 1:
        raise InvalidInput(f"{where} has {len(names)} common names", "make it with one, the device ID, or with none")
    try:
        return device_id(names[0]) if names else None
    except InvalidInput as error:
        raise InvalidInput(f"{where} has a common name that is no device ID: {error.message}", error.hint) from None
