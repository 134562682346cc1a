"""What a factory gives to a device: its bundle as PEM or as PFX (PKCS #12, RFC 7292)."""

from __future__ import annotations

from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from dpsops.errors import InvalidInput, Refused
from dpsops.pki import chains
from dpsops.pki.names import DeviceId

_ROUNDS = 600_000
"""Of the key derivation: what OWASP asks for PBKDF2 with SHA-256."""

_LEGACY_ROUNDS = 2048


def file_name(device: DeviceId, suffix: str) -> str:
    """The name of a device's file on any system: `:`, which Windows does not allow, and a dot in front are percent-encoded."""
    name = quote(device, safe="._-")
    return f"{'%2E' + name[1:] if name.startswith('.') else name}{suffix}"


def without_key(bundle: str) -> str:
    """The certificates of a bundle alone."""
    return "".join(map(chains.pem, x509.load_pem_x509_certificates(bundle.encode())))


def has_key(bundle: str) -> bool:
    """Whether a bundle contains the private key."""
    return "PRIVATE KEY" in bundle


def pfx(device: DeviceId, bundle: str, password: bytes, *, legacy: bool) -> bytes:
    """A bundle as PFX, with the device ID as friendly name: with AES-256 and SHA-256; or, for devices that cannot read that, with
    3DES and SHA-1. Raises `Refused` if the bundle has no key."""
    if not has_key(bundle):
        raise Refused(
            f"the key of {device} is not in the vault, so no PFX can be made", f"dpsops device export {device} --to DIR"
        )
    key = serialization.load_pem_private_key(bundle.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey), "dpsops makes no other keys"
    leaf, *above = x509.load_pem_x509_certificates(bundle.encode())
    builder = serialization.PrivateFormat.PKCS12.encryption_builder()
    if legacy:
        builder = builder.kdf_rounds(_LEGACY_ROUNDS).key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303
    else:
        builder = builder.kdf_rounds(_ROUNDS).key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(device.encode(), key, leaf, above, builder.build(password))


def holds(exported: bytes, bundle: str, password: bytes | None) -> bool:
    """Whether a file is an export of this bundle: then the export was interrupted after it was written. A bundle whose key was
    removed from the vault since has the same certificates as its export."""
    if password is None:
        whole = exported.decode("ascii", "replace")
        return whole == bundle or (not has_key(bundle) and whole.endswith(bundle))
    try:
        key, leaf, _ = pkcs12.load_key_and_certificates(exported, password)
    except ValueError:
        return False
    (wanted, *_) = x509.load_pem_x509_certificates(bundle.encode())
    return key is not None and leaf == wanted


def password(text: bytes) -> bytes:
    """The password in a file: its one line, without the end of the line. Raises `InvalidInput` if there is none, or more."""
    found = text.removesuffix(b"\n").removesuffix(b"\r")
    if not found or b"\n" in found:
        raise InvalidInput("the file of the password has no line, or more than one", "write the password alone, in one line")
    try:
        found.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the file of the password is not UTF-8", "save it in this encoding") from None
    return found
