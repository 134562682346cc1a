"""What a device asks for, and what it accepts of what it gets."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.errors import InvalidCertificate
from dpsops.pki.operational import credential, read_issued, request_for
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.requests import text_of

KEY = ec.generate_private_key(ec.SECP256R1())


def issued(name: str = "press-07", key: ec.EllipticCurvePrivateKey = KEY) -> list[x509.Certificate]:
    """A chain as Azure issues it."""
    root = Issuer.make("root")
    issuer = root.authority("issuer")
    return [issuer.certify(name, key), issuer.certificate, root.certificate]


def texts(chain: list[x509.Certificate]) -> list[str]:
    """The chain as Azure writes it."""
    return [text_of(each.public_bytes(Encoding.DER)) for each in chain]


def test_a_request_is_for_one_name_and_signed_by_its_key() -> None:
    request = x509.load_der_x509_csr(base64.b64decode(request_for(KEY, "press-07"), validate=True))
    assert request.subject.rfc4514_string() == "CN=press-07"
    assert request.is_signature_valid
    assert request.public_key() == KEY.public_key()


def test_what_azure_issues_is_what_was_asked_for() -> None:
    chain = issued()
    assert read_issued(texts(chain), KEY, "press-07") == tuple(chain)
    made = credential(KEY, chain)
    assert made.chain.count("BEGIN CERTIFICATE") == 3
    assert "PRIVATE KEY" not in repr(made)


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([], "not for the key"),
        (["%%%"], "cannot be read"),
        ([text_of(b"nothing")], "cannot be read"),
        (texts(issued(key=ec.generate_private_key(ec.SECP256R1()))), "not for the key"),
        (texts(issued("press-08")), "it is for press-08"),
        (texts(issued())[:2], "does not lead to a root"),
        (texts(issued())[:1] + texts(issued())[2:], "does not lead to a root"),
        (texts(issued())[:1] + texts(issued())[1:], "does not lead to a root"),
    ],
)
def test_anything_else_is_refused(chain: list[str], words: str) -> None:
    with pytest.raises(InvalidCertificate, match=words):
        read_issued(chain, KEY, "press-07")
