"""Requests as other programs and chips write them, and as nobody should: DER by hand."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519

from dpsops.errors import InvalidInput
from dpsops.pki.chains import same_key
from dpsops.pki.requests import read_request
from tests.pki import asn1
from tests.pki.asn1 import attribute, attributes, element, extension, identifier, integer, name, request, sequence, spki

RSA = rsa.generate_private_key(65537, 2048)
MODULUS = RSA.public_key().public_numbers().n
NUMBERS = sequence(integer(MODULUS), integer(65537))
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
DER, X962 = serialization.Encoding.DER, serialization.Encoding.X962
UNCOMPRESSED = serialization.PublicFormat.UncompressedPoint
TRUE = element(0x01, b"\xff")
CA = extension("2.5.29.19", sequence(TRUE))
SERVER = extension("2.5.29.37", sequence(identifier("1.3.6.1.5.5.7.3.1")))
HINT = "make the request with a key of EC P-256"


def asking(*extensions: bytes, by: str = asn1.REQUESTED_EXTENSIONS) -> bytes:
    """A request for these extensions."""
    return request(attributes=attributes(attribute(by, sequence(*extensions))))


def refusal(data: bytes) -> InvalidInput:
    """Why a request gets no certificate."""
    with pytest.raises(InvalidInput) as refused:
        read_request(data, "press-07.csr")
    assert refused.value.message.startswith("press-07.csr ")
    assert "hunter2" not in refused.value.message + refused.value.hint
    return refused.value


CHALLENGE = attribute(asn1.CHALLENGE_PASSWORD, element(asn1.UTF8, b"hunter2"))
READ = {
    "a chip's: O and CN, the attributes empty": request(name(asn1.ORGANIZATION, "Microchip"), asn1.PRESS),
    "with a serial number": request(asn1.PRESS, name(asn1.SERIAL_NUMBER, "0123EE0123456789EE")),
    "a printable name": request(name(asn1.COMMON_NAME, "press-07", asn1.PRINTABLE)),
    "a name in UTF-16": request(name(asn1.COMMON_NAME, "press-07".encode("utf-16-be"), asn1.BMP)),
    "a country of three letters": request(name(asn1.COUNTRY, "DEU", asn1.PRINTABLE), asn1.PRESS),
    "a challenge password": request(attributes=attributes(CHALLENGE)),
    "two challenge passwords": request(attributes=attributes(CHALLENGE, CHALLENGE)),
    "of Windows": request(
        attributes=attributes(
            attribute(asn1.MICROSOFT_SYSTEM, element(0x16, b"10.0.26100.2")),
            attribute("1.3.6.1.4.1.311.21.20", sequence(integer(5), *(element(asn1.UTF8, each) for each in (b"h", b"u", b"p")))),
            attribute(asn1.REQUESTED_EXTENSIONS, sequence(SERVER)),
        )
    ),
    "for a server": asking(SERVER),
    "for an extension that nobody knows": asking(extension("1.2.3.4", b"x")),
    "for no extension": asking(),
    "CA:FALSE": asking(extension("2.5.29.19", sequence())),
}


@pytest.mark.parametrize("sample", READ)
def test_what_a_request_asks_for_besides_is_ignored(sample: str) -> None:
    found = read_request(READ[sample], "press-07.csr")
    assert found.device == "press-07"
    assert same_key(found.public_key, asn1.KEY.public_key())
    assert read_request(base64.b64encode(READ[sample]), "the csr of DPS") == found


def test_a_request_without_a_name_is_for_no_device() -> None:
    assert read_request(request(name(asn1.ORGANIZATION, "Microchip")), "it").device is None


ASKED = {
    "CA:TRUE": (asking(CA), "asks for a CA certificate (basicConstraints CA:TRUE)"),
    "CA:TRUE behind another": (asking(SERVER, CA), "asks for a CA certificate (basicConstraints CA:TRUE)"),
    "CA:TRUE in Microsoft's attribute": (asking(CA, by=asn1.MICROSOFT_EXTENSIONS), "asks for a CA certificate"),
    "keyCertSign": (asking(extension("2.5.29.15", element(0x03, b"\x02\x04"))), "asks to sign certificates (keyCertSign)"),
    "CA:TRUE in a second attribute": (
        request(
            attributes=attributes(
                attribute(asn1.MICROSOFT_EXTENSIONS, sequence(SERVER)), attribute(asn1.REQUESTED_EXTENSIONS, sequence(CA))
            )
        ),
        "asks for extensions twice",
    ),
    "an extension twice": (asking(SERVER, SERVER), "asks for extensions that cannot be read"),
    "CA:TRUE as 01": (asking(extension("2.5.29.19", sequence(element(0x01, b"\x01")))), "extensions that cannot be read"),
    "no value": (request(attributes=attributes(attribute(asn1.REQUESTED_EXTENSIONS))), "extensions that cannot be read"),
    "no field for the attributes": (request(attributes=b""), "is a request without the field of its attributes"),
    "NULL for the attributes": (request(attributes=asn1.NULL), "is not a valid request"),
    "version 2": (request(version=1), "is not a valid request"),
    "two names": (request(asn1.PRESS, asn1.PRESS), "has 2 common names"),
    "an empty name": (request(name(asn1.COMMON_NAME, "")), "has a common name that is no device ID: the device ID is empty"),
    "upper case": (request(name(asn1.COMMON_NAME, "Press-07")), "no device ID: the device ID 'Press-07' has upper case"),
    "65 characters": (request(name(asn1.COMMON_NAME, "a" * 65)), "'aaaaaaaaaaaaaaaaaaaa'... has 65 characters"),
    "control characters": (request(name(asn1.COMMON_NAME, "press\x1b[31m")), r"'press\x1b[31m' is not a valid device ID"),
    "NUL": (request(name(asn1.COMMON_NAME, "press-07\0")), r"'press-07\x00' is not a valid device ID"),
    "no UTF-8": (request(name(asn1.COMMON_NAME, b"\xff")), "is not a valid request"),
    "signed with SHA-1, it says": (request(by="1.2.840.10045.4.1"), "is signed with SHA1 and not with SHA-2"),
    "signed with SHA3-256, it says": (request(by="2.16.840.1.101.3.4.3.10"), "is signed with SHA3-256 and not with SHA-2"),
    "signed with SHA-512, it says": (request(by="1.2.840.10045.4.3.4"), "is not signed with its own key"),
    "signed in an unknown way": (request(by="1.2.3.4"), "is signed in a way that is not supported"),
    "a certificate": (
        sequence(sequence(element(0xA0, integer(2)), integer(1)), sequence(), element(0x03, b"\0")), "is a certificate and not a",
    ),
    "PKCS #7": (sequence(identifier("1.2.840.113549.1.7.2"), element(0xA0, sequence())), "is PKCS #7 and not a request"),
    "a public key": (asn1.PUBLIC_KEY, "is a public key and not a request"),
    "a PFX": (sequence(integer(3), sequence(element(0x04, b"\xff")), sequence()), "is a PFX and not a request"),
    "something behind it": (request() + b"\n", "is not a valid request"),
    "very deep": (b"\x30\x80" * 10_000, "is not a valid request"),
}  # fmt: skip


@pytest.mark.parametrize("sample", ASKED)
def test_what_gets_no_certificate_is_named(sample: str) -> None:
    data, words = ASKED[sample]
    assert words in refusal(data).message


def test_something_deep_with_lengths_is_refused() -> None:
    deep = b""
    while len(deep) < 60_000:
        deep = sequence(deep)
    refusal(deep)
    refusal(request(deep[:30_000]))


def ec_key(parameters: bytes, point: bytes = asn1.POINT) -> bytes:
    """An EC public key."""
    return spki(sequence(identifier(asn1.EC_KEY), parameters), point)


P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BASE = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_bytes(X962, UNCOMPRESSED)


def explicit(base: bytes) -> bytes:
    """The parameters of P-256 (SEC 1, C.2), with this base point."""
    return sequence(
        integer(1),
        sequence(identifier("1.2.840.10045.1.1"), integer(P)),
        sequence(element(0x04, (P - 3).to_bytes(32, "big")), element(0x04, B.to_bytes(32, "big"))),
        element(0x04, base),
        integer(ORDER),
        integer(1),
    )


def rsa_key(modulus: int, exponent: int = 65537) -> bytes:
    """An RSA public key."""
    return spki(sequence(identifier(asn1.RSA_KEY), asn1.NULL), sequence(integer(modulus), integer(exponent)))


Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | x25519.X25519PrivateKey


def described(private: Private) -> bytes:
    """The public key of a private key."""
    return private.public_key().public_bytes(DER, SPKI)


KEYS = {
    "P-521": (described(ec.generate_private_key(ec.SECP521R1())), "EC on secp521r1"),
    "P-224": (described(ec.generate_private_key(ec.SECP224R1())), "EC on secp224r1"),
    "secp256k1": (described(ec.generate_private_key(ec.SECP256K1())), "EC on secp256k1"),
    "brainpool": (described(ec.generate_private_key(ec.BrainpoolP256R1())), "EC on brainpoolP256r1"),
    "Ed25519": (described(ed25519.Ed25519PrivateKey.generate()), "Ed25519"),
    "Ed448": (described(ed448.Ed448PrivateKey.generate()), "Ed448"),
    "X25519": (described(x25519.X25519PrivateKey.generate()), "X25519"),
    "P-256, described": (ec_key(explicit(BASE)), "EC with explicit parameters instead of the name of a curve"),
    "another base point": (ec_key(explicit(asn1.POINT)), "EC with explicit parameters"),
    "no curve": (ec_key(asn1.NULL), "EC with explicit parameters"),
    "SM2": (ec_key(identifier("1.2.156.10197.1.301")), "1.2.156.10197.1.301"),
    "an unknown type": (spki(sequence(identifier("1.2.3.4")), b"x"), "1.2.3.4"),
    "RSA for PSS alone": (spki(sequence(identifier("1.2.840.113549.1.1.10")), NUMBERS), "RSA for RSASSA-PSS alone"),
    "RSA-1024": (rsa_key((1 << 1023) + 1), "RSA with 1024 bits"),
    "RSA-2047": (rsa_key((1 << 2046) + 1), "RSA with 2047 bits"),
    "RSA-4097": (rsa_key((1 << 4096) + 1), "RSA with 4097 bits"),
    "RSA-16384": (rsa_key((1 << 16383) + 1), "RSA with 16384 bits"),
    "exponent 3": (rsa_key(MODULUS, 3), "RSA with another exponent than 65537"),
    "exponent 65539": (rsa_key(MODULUS, 65539), "RSA with another exponent than 65537"),
    "a huge exponent": (rsa_key(MODULUS, 2**2000 + 1), "RSA with another exponent than 65537"),
}  # fmt: skip


@pytest.mark.parametrize("sample", KEYS)
def test_a_key_that_is_not_supported_is_named(sample: str) -> None:
    data, words = KEYS[sample]
    refused = refusal(request(key=data))
    assert f"has a key that is not supported: {words}" in refused.message.replace("Curve ", "").replace("Unknown key type: ", "")
    assert refused.hint.startswith(HINT)


@pytest.mark.parametrize(
    "key",
    [
        ec_key(identifier(asn1.P_256), asn1.POINT[:-1] + bytes([asn1.POINT[-1] ^ 1])),
        ec_key(identifier(asn1.P_256), b"\0"),
        rsa_key(MODULUS, 1),
        rsa_key(MODULUS, 65536),
        rsa_key(0),
    ],
    ids=["not on its curve", "infinity", "exponent 1", "an even exponent", "modulus 0"],
)
def test_a_key_that_is_none_is_refused(key: bytes) -> None:
    assert refusal(request(key=key)).message == "press-07.csr has a public key that is not valid"


def test_a_compressed_point_is_the_same_key() -> None:
    compressed = asn1.KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    found = read_request(request(key=ec_key(identifier(asn1.P_256), compressed)), "it")
    assert same_key(found.public_key, asn1.KEY.public_key())


def by_rsa(algorithm: bytes, hash_algorithm: hashes.HashAlgorithm, pad: padding.PKCS1v15 | padding.PSS) -> bytes:
    """A request with an RSA key, signed in this way."""
    about = sequence(integer(0), sequence(asn1.PRESS), rsa_key(MODULUS), asn1.NO_ATTRIBUTES)
    return sequence(about, algorithm, element(0x03, b"\x00" + RSA.sign(about, pad, hash_algorithm)))


def by_rsa_pss() -> bytes:
    """A request that is signed with PSS and SHA-256 (RFC 4055, 3.1)."""
    sha256 = sequence(identifier("2.16.840.1.101.3.4.2.1"), asn1.NULL)
    mask = sequence(identifier("1.2.840.113549.1.1.8"), sha256)
    parameters = sequence(element(0xA0, sha256), element(0xA1, mask), element(0xA2, integer(32)))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return by_rsa(sequence(identifier("1.2.840.113549.1.1.10"), parameters), hashes.SHA256(), pss)


def test_signatures_with_sha_1_and_md5_are_refused_though_valid() -> None:
    for number, algorithm in (("5", hashes.SHA1()), ("4", hashes.MD5())):  # noqa: S303
        signed = by_rsa(sequence(identifier(f"1.2.840.113549.1.1.{number}"), asn1.NULL), algorithm, padding.PKCS1v15())
        assert refusal(signed).message == f"press-07.csr is signed with {algorithm.name.upper()} and not with SHA-2"
    pss = padding.PSS(padding.MGF1(hashes.SHA1()), 20)  # noqa: S303
    by_default = by_rsa(sequence(identifier("1.2.840.113549.1.1.10"), sequence()), hashes.SHA1(), pss)  # noqa: S303
    assert "SHA1" in refusal(by_default).message  # SHA-1 is PSS's default (RFC 4055, 3.1)


def test_signatures_with_sha_2_are_accepted() -> None:
    for number, algorithm in (("14", hashes.SHA224()), ("11", hashes.SHA256()), ("12", hashes.SHA384()), ("13", hashes.SHA512())):
        signed = by_rsa(sequence(identifier(f"1.2.840.113549.1.1.{number}"), asn1.NULL), algorithm, padding.PKCS1v15())
        assert read_request(signed, "it").device == "press-07"
    assert read_request(by_rsa_pss(), "it").device == "press-07"
