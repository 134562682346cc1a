"""Certificates and private keys in the encodings in which other programs write them: PEM with anything around it (RFC 7468), DER,
base64 without PEM's lines, PKCS #7, and text in UTF-16.

What cannot be read is refused with the conversion that helps. Each function raises `InvalidInput`; `where` is what a message
calls the file.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs7

from dpsops.errors import InvalidInput
from dpsops.pki import der

MOST_BYTES = 1 << 20
"""A file with more is not read: the longest chain has a few thousand bytes."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 #]{1,64})-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 #]{1,64})-----")
_HEADER = re.compile(r"^[A-Za-z-]+: [^\n]*(?:\n[ \t]+[^\n]*)*\n", re.MULTILINE)
_CERTIFICATE, _TRUSTED = ("CERTIFICATE", "X509 CERTIFICATE"), "TRUSTED CERTIFICATE"
_KEYS = ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")

_PEM = "the file must contain certificates as PEM"
_PFX = "take the certificates out of it: openssl pkcs12 -in FILE -nokeys -out certificates.pem"
_DECRYPT = "decrypt it, which asks for its password: openssl pkey -in FILE -out device.key"
_RAW = "copy the text and not its form in JSON: 'az' needs --output tsv, 'jq' needs -r"


@dataclass(frozen=True, slots=True, repr=False)
class _Block:
    """One block of PEM, and its content in DER. `encrypted`: its headers say so (RFC 1421, 4.6.1.1)."""

    label: str
    content: bytes
    encrypted: bool = False


def certificates(data: bytes, where: str, *, with_key: bool = False) -> list[x509.Certificate]:
    """The certificates of a file, in their order: at least one. with_key: a private key belongs into it; else it is refused."""
    found = list[x509.Certificate]()
    blocks = _blocks(data, where)
    for block in blocks:
        if "PRIVATE KEY" in block.label and not with_key:
            raise InvalidInput(
                f"{where} holds a private key",
                "nobody but its owner may have it: take it out, and tell its owner that it was here",
            )
        found += _certificates(block, where)
    if found:
        return found
    if any("CERTIFICATE REQUEST" in block.label for block in blocks):
        raise InvalidInput(f"{where} is the request itself, and no certificate", "a CA has to sign it first")
    raise InvalidInput(f"{where} contains no certificate", _PEM)


def private_key(data: bytes, where: str, hint: str) -> PrivateKeyTypes:
    """The one private key of a file: PKCS #8, SEC 1 or PKCS #1."""
    blocks = [block for block in _blocks(data, where) if "PRIVATE KEY" in block.label]
    if any(block.encrypted or block.label not in _KEYS for block in blocks):
        raise InvalidInput(f"the private key in {where} is encrypted", _DECRYPT)
    match blocks:
        case []:
            raise InvalidInput(f"{where} contains no private key", hint)
        case [block]:
            try:
                return serialization.load_der_private_key(block.content, password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                raise InvalidInput(f"the private key in {where} cannot be read", hint) from None
        case _:
            raise InvalidInput(
                f"{where} contains {len(blocks)} private keys", "leave the one that belongs to the first certificate"
            )


def _certificates(block: _Block, where: str) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of serial numbers and names that are not as RFC 5280 wants them
            if block.label in _CERTIFICATE:
                return [_parsed(block.content)]
            if block.label == _TRUSTED:  # openssl writes what it is trusted for behind the certificate
                return [_parsed(_first(block.content))]
            if block.label == "PKCS7":
                return list(map(_checked, pkcs7.load_der_pkcs7_certificates(block.content)))
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as cause:
        raise InvalidInput(
            f"{where} holds a certificate that cannot be read: {_reason(cause)}", "have it issued again"
        ) from cause
    return []


def _reason(cause: Exception) -> str:
    return " ".join(str(cause).split())[:120] or type(cause).__name__


def _parsed(content: bytes) -> x509.Certificate:
    return _checked(x509.load_der_x509_certificate(content))


def _checked(certificate: x509.Certificate) -> x509.Certificate:
    """A certificate of which every part can be read: the library reads some only when they are asked for."""
    if certificate.version is not x509.Version.v3:
        raise ValueError("it is X.509 version 1, which has no extensions and so is no CA certificate")
    if certificate.serial_number <= 0:
        raise ValueError("its serial number is not positive (RFC 5280, 4.1.2.2)")
    _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key(), certificate.not_valid_after_utc
    return certificate


def _first(content: bytes) -> bytes:
    part = der.parts(content)[0]
    return content[: content.index(part.content) + len(part.content)]


def _blocks(data: bytes, where: str) -> list[_Block]:
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"{where} is too large", _PEM)
    if data[:1] == b"\x30" and not data.isascii():
        return [_of_der(data, where)]
    text = _text(data)
    if not text.strip():
        raise InvalidInput(f"{where} is empty", _PEM)
    begins = _BEGIN.findall(text)
    if not begins:
        return [_without_lines(text, where)]
    found = [block for match in _BLOCK.finditer(text) for block in _block(match[1], match[2], where)]
    if len(found) < len(begins):
        raise InvalidInput(f"{where} contains an incomplete block of PEM", "copy the whole file")
    return found


def _text(data: bytes) -> str:
    """The characters of a file. PEM is ASCII; what stands around it may be anything."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")  # what PowerShell writes behind a `>`
    elif data[1:2] == b"\0":
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\0")


def _block(label: str, body: str, where: str) -> Iterator[_Block]:
    if "\\n" in body:
        raise InvalidInput(f"{where} holds a literal \\n: it is text out of a JSON document", _RAW)
    lines = _HEADER.sub("", body.lstrip("\n"))
    try:
        content = base64.b64decode("".join(lines.split()), validate=True)
    except ValueError as cause:
        raise InvalidInput(f"{where} holds a {label.lower()} that is not base64", "copy the whole file") from cause
    yield _Block(label, content, encrypted="ENCRYPTED" in label or "ENCRYPTED" in body)


def _without_lines(text: str, where: str) -> _Block:
    """The content of a file that has no line of PEM."""
    if "\\n" in text:
        raise InvalidInput(f"{where} holds a literal \\n: it is text out of a JSON document", _RAW)
    if "BEGIN CERTIFICATE" in text:
        raise InvalidInput(
            f"{where} is no PEM: its dashes are no hyphens, as a word processor writes them", "take the original file"
        )
    if text.lstrip()[:1] == "<":
        raise InvalidInput(f"{where} contains no certificate: it is a page of HTML", "the download has failed: look at the page")
    try:
        return _of_der(base64.b64decode("".join(text.split()), validate=True), where)
    except ValueError as cause:
        raise InvalidInput(f"{where} contains no certificate", _PEM) from cause


def _of_der(content: bytes, where: str) -> _Block:
    kind = der.kind(content)
    match kind:
        case "a certificate":
            return _Block("CERTIFICATE", content)
        case "PKCS #7":
            return _Block("PKCS7", content)
        case der.REQUEST:
            return _Block("CERTIFICATE REQUEST", content)
        case der.PRIVATE_KEY:
            return _Block("PRIVATE KEY", content)
        case "a PFX":
            raise InvalidInput(f"{where} is PKCS #12 (PFX)", _PFX)
    raise InvalidInput(f"{where} contains no certificate{f': it is {kind}' if kind else ''}", _PEM)
