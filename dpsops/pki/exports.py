"""What a factory gives to a device: its bundle as PEM or as PFX (PKCS #12, RFC 7292)."""

from __future__ import annotations

import re
import warnings
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from dpsops.errors import InvalidInput, Refused
from dpsops.pki import chains
from dpsops.pki.bundles import read_bundle
from dpsops.pki.names import DeviceId

_ROUNDS = 2048
"""Of each key derivation. The MAC has as many whatever is asked for, so whoever guesses passwords tries them on the MAC: more
rounds elsewhere protect nothing. .NET refuses more than 300,000 (`Pkcs12LoaderLimits`). What protects is a long password."""

_TRIPLE_DES = bytes.fromhex("060a2a864886f70d010c0103")
"""The name of the legacy encryption in a PFX: pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, appendix C)."""

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
"""What Windows takes for a device, whatever follows behind the first dot ("Naming Files, Paths, and Namespaces")."""


def file_name(device: DeviceId, suffix: str) -> str:
    """The name of a device's file on any system; another device has another name, and `unquote` gives the device ID again.

    Percent-encoded are `:`, which Windows does not allow, and the first character of a name that would be hidden (`.`), an option
    of some program (`-`) or a device of Windows (`con`).
    """
    name = quote(device, safe="._-")
    if name[0] in ".-" or _RESERVED.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return name + suffix


def has_key(bundle: str) -> bool:
    """Whether a bundle contains the private key."""
    return "PRIVATE KEY" in bundle


def without_key(bundle: str) -> str:
    """The certificates of a bundle alone. Raises `InvalidInput` if it is damaged."""
    if has_key(bundle):
        return read_bundle(bundle.encode(), "the bundle").chain
    try:
        return "".join(map(chains.pem, x509.load_pem_x509_certificates(bundle.encode())))
    except ValueError as cause:
        raise InvalidInput(
            "the bundle contains no certificate", "the newest version of the device's secret is damaged"
        ) from cause


def pfx(device: DeviceId, bundle: str, password: bytes, *, legacy: bool) -> bytes:
    """A bundle as PFX, with the device ID as friendly name: with AES-256 and SHA-256; or, for devices that cannot read that, with
    3DES and SHA-1. Raises `Refused` if the bundle has no key, `InvalidInput` if it is damaged."""
    if not has_key(bundle):
        raise Refused(
            f"the key of {device} is not in the vault, so no PFX can be made", f"dpsops device export {device} --to DIR"
        )
    credential = read_bundle(bundle.encode(), f"the secret of {device}")
    key = serialization.load_pem_private_key(credential.key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Refused(f"the key of {device} is neither RSA nor EC", f"dpsops device renew {device} --again")
    leaf, *above = x509.load_pem_x509_certificates(credential.chain.encode())
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS)
    if legacy:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())  # noqa: S303
    else:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(device.encode(), key, leaf, above, builder.build(password))


def holds(exported: bytes, bundle: str, password: bytes | None, *, legacy: bool) -> bool:
    """Whether a file is an export of this bundle, with its key: then the export was interrupted after it was written. A bundle
    whose key was removed from the vault since has the same certificates as its export."""
    if password is None:
        return _is_bundle(exported.decode("ascii", "replace"), bundle)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of BER, which an export is not
            key, leaf, above = pkcs12.load_key_and_certificates(exported, password)
    except (ValueError, UserWarning):
        return False
    if key is None or leaf is None or (_TRIPLE_DES in exported) is not legacy:
        return False
    return "".join(map(chains.pem, (leaf, *above))) == without_key(bundle)


def _is_bundle(text: str, bundle: str) -> bool:
    if text == bundle:
        return True
    try:
        return read_bundle(text.encode(), "the file").chain == without_key(bundle)
    except InvalidInput:
        return False


def password(text: bytes) -> bytes:
    """The password in a file: its one line, without the end of the line. Raises `InvalidInput` if there is none, or more, or if
    it has characters that nobody sees and could type."""
    try:
        found = text.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput("the file of the password is not UTF-8", "save it in this encoding") from None
    if not found or "\n" in found:
        raise InvalidInput("the file of the password has no line, or more than one", "write the password alone, in one line")
    if not found.isprintable():
        raise InvalidInput(
            "the file of the password has a character that cannot be seen, such as a byte order mark or a tab",
            "save it as UTF-8 without a mark, with the password alone",
        )
    return found.encode()
