"""Certificate signing requests of devices: which are read, which get a certificate, and what is said of the others."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.chains import same_key
from dpsops.pki.requests import read_request

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
    """What is said of a request that gets no certificate."""
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
    "a byte order mark": b"\xef\xbb\xbf" + WHOLE.public_bytes(PEM),
    "base64 alone": base64.b64encode(WHOLE.public_bytes(DER)),
    "base64 in lines": base64.encodebytes(WHOLE.public_bytes(DER)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_request_is_read_in_any_form(form: str) -> None:
    found = read_request(FORMS[form], "press-07.csr")
    assert (found.common_name, same_key(found.public_key, KEY.public_key())) == ("press-07", True)


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
    assert read_request(asked.public_bytes(DER), "it").common_name == "press-07"
    signed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(
            rsa.generate_private_key(65537, 2048),
            hashes.SHA256(),
            rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
        )
    )
    assert read_request(signed.public_bytes(PEM), "it").common_name is None


OTHER_KEY = KEY.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
REFUSED = {
    "not signed with its own key": (
        WHOLE.public_bytes(DER)[:-1] + bytes([WHOLE.public_bytes(DER)[-1] ^ 1]), "not signed with its own key",
    ),
    "two names": (request("press-07", "press-08").public_bytes(PEM), "has 2 common names"),
    "a curve": (request("a", key=ec.generate_private_key(ec.SECP521R1())).public_bytes(PEM), "EC on secp521r1"),
    "another curve": (request("a", key=ec.generate_private_key(ec.SECP256K1())).public_bytes(PEM), "EC on secp256k1"),
    "a short key": (request("a", key=rsa.generate_private_key(65537, 1024)).public_bytes(PEM), "RSA with 1024 bits"),  # noqa: S505
    "Ed25519": (request("a", key=ed25519.Ed25519PrivateKey.generate()).public_bytes(PEM), "not supported: Ed25519"),
    "a CA": (request("a", extension=x509.BasicConstraints(True, None)).public_bytes(PEM), "asks for a CA certificate"),
    "a private key": (OTHER_KEY, "holds a private key"),
    "with its private key": (OTHER_KEY + WHOLE.public_bytes(PEM), "holds a private key"),
    "two": (WHOLE.public_bytes(PEM) * 2, "holds 2 requests"),
    "a certificate": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no request, but certificate"),
    "half of it": (WHOLE.public_bytes(PEM)[:200], "something that has no end"),
    "empty": (b"", "is not a valid request"),
    "JSON": (b'{"csr": 1}', "is not a valid request"),
    "far too much": (b"0" * 100_000, "too large"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_gets_no_certificate_is_named(name: str) -> None:
    data, words = REFUSED[name]
    assert words in refusal(data)


def test_a_request_is_for_its_device_alone() -> None:
    found = read_request(WHOLE.public_bytes(PEM), "it")
    found.require_for("press-07", "it")
    with pytest.raises(InvalidInput, match="a request for 'press-07' and not for press-08"):
        found.require_for("press-08", "it")
    with pytest.raises(InvalidInput, match="a request for 'Press-07'") as refused:
        read_request(request("Press-07").public_bytes(PEM), "it").require_for("press-07", "it")
    assert "ignores case" in refused.value.hint
    read_request(request().public_bytes(PEM), "it").require_for("press-08", "it")


@given(at=st.integers(0, len(WHOLE.public_bytes(DER)) - 1), bit=st.integers(0, 7), end=st.integers(0, 400))
def test_nothing_that_comes_in_is_a_traceback(at: int, bit: int, end: int) -> None:
    data = bytearray(WHOLE.public_bytes(DER))
    data[at] ^= 1 << bit
    for each in (bytes(data), bytes(data[:end])):
        with pytest.raises(InvalidInput):
            read_request(each, "it")


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
    assert read_request((tmp_path / "press-07.csr").read_bytes(), "it").common_name == "press-07"
