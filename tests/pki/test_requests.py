"""Certificate signing requests of devices: which are read, which get a certificate, and what is said of the others."""

from __future__ import annotations

import base64
import subprocess
import time
import traceback
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.chains import same_key
from dpsops.pki.names import device_id
from dpsops.pki.requests import read_request
from tests.pki import test_odd_requests as odd

KEY = ec.generate_private_key(ec.SECP256R1())
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def request(
    *names: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = KEY,
    extension: x509.ExtensionType | None = None,
    others: bool = False,
) -> x509.CertificateSigningRequest:
    """A request with these common names."""
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso")] if others else []
    subject += [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    if others:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"hunter2")
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def refusal(data: bytes) -> str:
    """What is said of something that gets no certificate."""
    with pytest.raises(InvalidInput) as refused:
        read_request(data, "press-07.csr")
    assert refused.value.hint
    assert "hunter2" not in refused.value.line
    return refused.value.line


WHOLE = request("press-07")
FORMS = {
    "PEM": WHOLE.public_bytes(PEM),
    "DER": WHOLE.public_bytes(DER),
    "the other name": WHOLE.public_bytes(PEM).replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
    "text around": b"Subject: CN=press-07\r\n" + WHOLE.public_bytes(PEM).replace(b"\n", b"\r\n") + b"\nend\n",
    "text in UTF-16": WHOLE.public_bytes(PEM).decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + WHOLE.public_bytes(PEM),
    "base64 alone": base64.b64encode(WHOLE.public_bytes(DER)),
    "base64 in lines": base64.encodebytes(WHOLE.public_bytes(DER)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_request_is_read_in_any_form(form: str) -> None:
    found = read_request(FORMS[form], "press-07.csr")
    assert (found.device, same_key(found.public_key, KEY.public_key())) == ("press-07", True)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(65537, 3072),
    ],
    ids=["P-384", "RSA-2048", "RSA-3072"],
)
def test_other_keys_and_what_else_it_asks_for(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    asked = request("press-07", key=key, extension=x509.SubjectAlternativeName([x509.DNSName("evil.example")]), others=True)
    assert read_request(asked.public_bytes(DER), "it").device == "press-07"
    signed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(
            rsa.generate_private_key(65537, 2048),
            hashes.SHA256(),
            rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
        )
    )
    assert read_request(signed.public_bytes(PEM), "it").device is None


PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
BARE = serialization.NoEncryption()
RSA = rsa.generate_private_key(65537, 2048)
CUT = WHOLE.public_bytes(DER)
SECRETS = {
    "PEM": KEY.private_bytes(PEM, PKCS8, BARE),
    "PEM, the old format": KEY.private_bytes(PEM, SEC1, BARE),
    "PEM, encrypted": KEY.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"hunter2")),
    "PEM of OpenSSH": KEY.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, BARE),
    "PEM, cut off": KEY.private_bytes(PEM, PKCS8, BARE)[:100],
    "PEM, cut off, before a request": KEY.private_bytes(PEM, PKCS8, BARE)[:100] + b"\n" + WHOLE.public_bytes(PEM),
    "PEM, behind a request": WHOLE.public_bytes(PEM) + KEY.private_bytes(PEM, PKCS8, BARE),
    "PEM in UTF-16": KEY.private_bytes(PEM, PKCS8, BARE).decode().encode("utf-16"),
    "DER": KEY.private_bytes(DER, PKCS8, BARE),
    "DER, the old format": KEY.private_bytes(DER, SEC1, BARE),
    "DER, encrypted": KEY.private_bytes(DER, PKCS8, serialization.BestAvailableEncryption(b"hunter2")),
    "DER of RSA": RSA.private_bytes(DER, SEC1, BARE),
    "base64": base64.b64encode(KEY.private_bytes(DER, PKCS8, BARE)),
}


@pytest.mark.parametrize("form", SECRETS)
def test_a_private_key_is_refused_and_not_shown(form: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_request(SECRETS[form], "press-07.csr")
    assert refused.value.message == "press-07.csr holds a private key: a request holds none"
    shown = "".join(traceback.format_exception(refused.value))
    for line in SECRETS[form].replace(b"\0", b"").splitlines():
        assert len(line) < 30 or line.startswith(b"-----") or line.decode("latin-1") not in shown


REFUSED = {
    "not signed with its own key": (CUT[:-1] + bytes([CUT[-1] ^ 1]), "is not signed with its own key"),
    "two": (WHOLE.public_bytes(PEM) * 2, "holds 2 requests"),
    "two under other labels": (FORMS["PEM"] + FORMS["the other name"], "holds 2 requests"),
    "a certificate": (
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds something else than a request: certificate",
    ),
    "and a certificate": (FORMS["PEM"] + b"-----BEGIN CERTIFICATE-----\n", "holds something else than a request: certificate"),
    "PKCS #7": (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "holds something else than a request: pkcs7"),
    "half of it": (WHOLE.public_bytes(PEM)[:200], "holds a request without its end"),
    "another end": (FORMS["PEM"].replace(b"END CERTIFICATE", b"END NEW CERTIFICATE"), "holds a request without its end"),
    "nothing between": (b"-----BEGIN CERTIFICATE REQUEST----------END CERTIFICATE REQUEST-----", "is empty"),
    "empty": (b"", "is empty"),
    "blank": (b"\xef\xbb\xbf \r\n", "is empty"),
    "JSON": (b'{"csr": 1}', "is JSON and not a request"),
    "a page": (b"<html>", "is not a request: it is neither PEM, nor DER, nor base64"),
    "far too much": (b"0" * 100_000, "is too large"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_gets_no_certificate_is_named(name: str) -> None:
    data, words = REFUSED[name]
    assert words in refusal(data)


def test_a_request_is_for_its_device_alone() -> None:
    found = read_request(WHOLE.public_bytes(PEM), "it")
    found.require_for(device_id("press-07"), "it")
    with pytest.raises(InvalidInput, match="it is a request for 'press-07' and not for press-08") as refused:
        found.require_for(device_id("press-08"), "it")
    assert "CN=press-08" in refused.value.hint
    with pytest.raises(InvalidInput, match=r"a common name that is no device ID: .*'Press-07' has upper case") as refused:
        read_request(request("Press-07").public_bytes(PEM), "it")
    assert refused.value.hint == "DPS ignores case and IoT Hub does not: write press-07"
    read_request(request().public_bytes(PEM), "it").require_for(device_id("press-08"), "it")


BROKEN = [WHOLE.public_bytes(DER), odd.READ["of Windows"], odd.by_rsa_pss()]


@given(
    which=st.integers(0, len(BROKEN) - 1),
    flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.integers(0, 2000),
    wrapped=st.booleans(),
)
@settings(max_examples=1500)
def test_nothing_that_comes_in_is_a_traceback(which: int, flips: list[tuple[int, int]], end: int, wrapped: bool) -> None:
    whole = BROKEN[which]
    data = bytearray(whole)
    for at, value in flips:
        data[at % len(data)] = value
    for each in (bytes(data), whole[: end % len(whole)], bytes(data[:end])):
        if each != whole:
            assert refusal(base64.b64encode(each) if wrapped else each)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_a_traceback(data: bytes) -> None:
    for each in (data, b"\x30" + data, b"-----BEGIN CERTIFICATE REQUEST-----" + data):
        with pytest.raises(InvalidInput):
            read_request(each, "it")


def test_a_file_that_is_all_beginnings_is_read_in_no_time() -> None:
    begun = time.process_time()
    refusal((b"-----BEGIN CERTIFICATE REQUEST-----" * 2000)[: 64 * 1024])
    assert time.process_time() - begun < 1


OPENSSL = {
    "EC P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EC P-384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"],
    "RSA": ["-newkey", "rsa:2048"],
    "RSA, signed with PSS": ["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"],
    "in DER": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER"],
    "with its text": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-text"],
    "named as of old": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-newhdr"],
    "described by its parameters": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
}


def by_openssl(folder: Path, *options: str, subject: str = "/O=Contoso/CN=press-07") -> bytes:
    """A request that openssl makes."""
    path = folder / "press-07.csr"
    subprocess.run(
        ["openssl", "req", "-new", "-nodes", "-keyout", "key.pem", "-out", str(path), "-subj", subject, *options],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return path.read_bytes()


@pytest.mark.parametrize("kind", OPENSSL)
def test_a_request_of_openssl_is_read(tmp_path: Path, kind: str) -> None:
    data = by_openssl(tmp_path, *OPENSSL[kind])
    if kind == "described by its parameters":
        assert "explicit parameters" in refusal(data)
        return
    found = read_request(data, "it")
    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    assert found.device == "press-07"
    assert same_key(found.public_key, key.public_key())


def test_a_request_of_openssl_with_extensions_is_read_and_one_for_a_ca_is_refused(tmp_path: Path) -> None:
    ec_key = OPENSSL["EC P-256"]
    assert read_request(by_openssl(tmp_path, *ec_key, "-addext", "subjectAltName=DNS:x.example"), "it").device == "press-07"
    assert "basicConstraints CA:TRUE" in refusal(by_openssl(tmp_path, *ec_key, "-addext", "basicConstraints=CA:TRUE"))
    assert "keyCertSign" in refusal(by_openssl(tmp_path, *ec_key, "-addext", "keyUsage=keyCertSign"))


def test_a_request_of_openssl_with_attributes_is_read(tmp_path: Path) -> None:
    config = tmp_path / "openssl.cnf"
    config.write_text(
        "[req]\ndistinguished_name=name\nattributes=attributes\nprompt=no\n[name]\nO=Contoso\nCN=press-07\n"
        "[attributes]\nchallengePassword=hunter2\nunstructuredName=line 3\n"
    )
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
         "-out", "press-07.csr", "-config", str(config)],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    assert read_request((tmp_path / "press-07.csr").read_bytes(), "it").device == "press-07"
