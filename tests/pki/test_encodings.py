"""Certificates and keys in the encodings of other programs: read, or refused with the conversion that helps."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.bundles import read_bundle
from dpsops.pki.encodings import MOST_BYTES, certificates, private_key
from tests.pki.company import Authority

ROOT = Authority("Company Root CA")
CA = ROOT.issue("Company Issuing CA")
KEY = ec.generate_private_key(ec.SECP256R1())
LEAF = CA.issue("press-07", KEY, ca=False).certificate
BOTH = [CA.certificate, ROOT.certificate]
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
TEXT = b"".join(each.public_bytes(PEM) for each in BOTH)
REQUEST = x509.CertificateSigningRequestBuilder().subject_name(LEAF.subject).sign(KEY, hashes.SHA256())


def key(form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    return KEY.private_bytes(PEM, form, BestAvailableEncryption(password) if password else NoEncryption())


def lines(change: Callable[[bytes], bytes], text: bytes = TEXT) -> bytes:
    return b"".join(change(line) + b"\n" for line in text.splitlines())


READ = {
    "as it is": TEXT,
    "a byte order mark": b"\xef\xbb\xbf" + TEXT,
    "UTF-16, as PowerShell writes it": TEXT.decode().encode("utf-16"),
    "UTF-16 without a mark": TEXT.decode().encode("utf-16-le"),
    "CRLF": TEXT.replace(b"\n", b"\r\n"),
    "CR": TEXT.replace(b"\n", b"\r"),
    "a comment in Latin-1": "Zertifikat für Geräte\n".encode("latin-1") + TEXT,
    "text of openssl": "Bag Attributes\n    friendlyName: Gerät\nsubject=CN = x\n".encode() + TEXT,
    "indented": lines(lambda line: b"    " + line),
    "blank lines": lines(lambda line: line + b"\n"),
    "NULs at the end": TEXT + b"\0\0\0",
    "no line between": TEXT.replace(b"-----\n-----", b"----------"),
    "X509 CERTIFICATE": TEXT.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
    "PKCS #7": pkcs7.serialize_certificates(BOTH, PEM),
    "PKCS #7 in DER": pkcs7.serialize_certificates(BOTH, DER),
}


@pytest.mark.parametrize("what", READ)
def test_certificates_are_read(what: str) -> None:
    assert set(certificates(READ[what], "the file")) == set(BOTH)


def test_one_certificate_is_read_from_der_base64_and_what_openssl_trusts() -> None:
    der = CA.certificate.public_bytes(DER)
    trusted = der + bytes.fromhex("300c300a06082b06010505070302")
    label = b"TRUSTED CERTIFICATE-----\n"
    pem = b"-----BEGIN " + label + base64.encodebytes(trusted) + b"-----END " + label
    for data in (der, base64.b64encode(der), base64.encodebytes(der), pem):
        assert certificates(data, "the file") == [CA.certificate]


def negative(certificate: x509.Certificate) -> bytes:
    """The certificate in DER with another serial number, as old CAs made it: they forgot the zero in front."""
    serial = certificate.serial_number.to_bytes((certificate.serial_number.bit_length() + 7) // 8, "big")
    return certificate.public_bytes(DER).replace(serial, bytes([serial[0] | 0x80]) + serial[1:])


PFX = pkcs12.serialize_key_and_certificates(None, KEY, LEAF, BOTH, BestAvailableEncryption(b"hunter2"))
REFUSED = {
    "empty": (b" \n", "is empty"),
    "a page of HTML": (b"<!doctype html><p>Sign in</p>", "page of HTML"),
    "the request": (REQUEST.public_bytes(PEM), "is the request itself"),
    "the request in DER": (REQUEST.public_bytes(DER), "is the request itself"),
    "a PFX": (PFX, "PKCS #12"),
    "a private key": (TEXT + key(), "holds a private key"),
    "a private key in DER": (KEY.private_bytes(DER, serialization.PrivateFormat.PKCS8, NoEncryption()), "holds a private key"),
    "a JSON string": (json.dumps(TEXT.decode()).encode(), r"literal \\n"),
    "the inside of one": (TEXT.replace(b"\n", b"\\n"), r"literal \\n"),
    "dashes of a word processor": (TEXT.decode().replace("-----", "\N{EN DASH}" * 5).encode(), "dashes are no hyphens"),
    "cut off": (TEXT[:-30], "incomplete"),
    "damaged": (TEXT.replace(b"MII", b"M*I", 1), "not base64"),
    "another document": (TEXT.replace(b"MII", b"AAA"), "cannot be read"),
    "a negative serial number": (negative(CA.certificate), "serial number is not positive"),
    "too large": (TEXT + b" " * MOST_BYTES, "too large"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_holds_no_certificates_is_refused_with_what_it_is(what: str) -> None:
    data, words = REFUSED[what]
    with pytest.raises(InvalidInput, match=words) as refused:
        certificates(data, "the file")
    assert refused.value.hint


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_the_key_of_a_bundle_has_any_form_and_order(form: serialization.PrivateFormat) -> None:
    text = LEAF.public_bytes(PEM)
    wanted = read_bundle(key() + text + TEXT, "the file")
    for data in (key(form) + text + TEXT, TEXT + text + key(form), (TEXT + key(form) + text).decode().encode("utf-16")):
        assert read_bundle(data, "the file") == wanted
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(PEM, form, NoEncryption())
    assert isinstance(private_key(rsa_key, "the file", ""), rsa.RSAPrivateKey)


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_and_two_keys_are_refused(form: serialization.PrivateFormat) -> None:
    for data, words in ((key(form, b"hunter2"), "is encrypted"), (key(form) * 2, "2 private keys"), (TEXT, "no private key")):
        with pytest.raises(InvalidInput, match=words):
            read_bundle(data + LEAF.public_bytes(PEM), "the file")


@given(st.data())
def test_nothing_that_comes_in_is_a_traceback(data: st.DataObject) -> None:
    source = bytearray(data.draw(st.sampled_from([*READ.values(), *(each for each, _ in REFUSED.values()), PFX]))[:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(len(source) - 1, 0)))
        source[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=6))
    for act in (lambda: certificates(bytes(source), "it"), lambda: read_bundle(bytes(source), "it")):
        with suppress(InvalidInput):
            act()
