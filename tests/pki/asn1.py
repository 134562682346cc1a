"""DER, and requests in it, written by hand: also those that no library writes."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.generate_private_key(ec.SECP256R1())
COMMON_NAME, ORGANIZATION, COUNTRY, SERIAL_NUMBER = "2.5.4.3", "2.5.4.10", "2.5.4.6", "2.5.4.5"
CHALLENGE_PASSWORD, REQUESTED_EXTENSIONS = "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.14"
MICROSOFT_EXTENSIONS, MICROSOFT_SYSTEM = "1.3.6.1.4.1.311.2.1.14", "1.3.6.1.4.1.311.13.2.3"
EC_KEY, P_256, RSA_KEY = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.113549.1.1.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
UTF8, PRINTABLE, BMP = 0x0C, 0x13, 0x1E
NULL = b"\x05\x00"


def element(tag: int, *content: bytes) -> bytes:
    """An element (X.690, 8.1)."""
    joined = b"".join(content)
    length = len(joined)
    if length < 0x80:
        return bytes((tag, length)) + joined
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + joined


def sequence(*content: bytes) -> bytes:
    """A SEQUENCE."""
    return element(0x30, *content)


def set_of(*content: bytes) -> bytes:
    """A SET OF, in the order that DER requires (X.690, 11.6)."""
    return element(0x31, *sorted(content))


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER (X.690, 8.19)."""
    first, second, *others = map(int, dotted.split("."))
    content = bytes([first * 40 + second])
    for number in others:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.insert(0, 0x80 | number & 0x7F)
        content += bytes(septets)
    return element(0x06, content)


def name(kind: str, value: str | bytes, tag: int = UTF8) -> bytes:
    """A part of a subject (RelativeDistinguishedName, RFC 5280, 4.1.2.4) of one attribute."""
    return set_of(sequence(identifier(kind), element(tag, value if isinstance(value, bytes) else value.encode())))


def attribute(kind: str, *values: bytes) -> bytes:
    """An attribute of a request (RFC 2986, 4.1)."""
    return sequence(identifier(kind), set_of(*values))


def extension(kind: str, value: bytes) -> bytes:
    """An extension (RFC 5280, 4.1)."""
    return sequence(identifier(kind), element(0x04, value))


def attributes(*each: bytes) -> bytes:
    """The field of the attributes."""
    return element(0xA0, *sorted(each))


def spki(algorithm: bytes, key: bytes) -> bytes:
    """A public key (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7)."""
    return sequence(algorithm, element(0x03, b"\x00" + key))


PUBLIC_KEY = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
POINT = KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
PRESS = name(COMMON_NAME, "press-07")
NO_ATTRIBUTES = attributes()


def request(
    *subject: bytes, key: bytes = PUBLIC_KEY, attributes: bytes = NO_ATTRIBUTES, version: int = 0, by: str = ECDSA_SHA256
) -> bytes:
    """A request, signed with `KEY` and SHA-256 whatever `by` and `key` say; without a subject, that of press-07."""
    about = sequence(integer(version), sequence(*(subject or (PRESS,))), key, attributes)
    return sequence(about, sequence(identifier(by)), element(0x03, b"\x00" + KEY.sign(about, ec.ECDSA(hashes.SHA256()))))
