"""What a bundle has to hold, and what is said of one that does not."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.errors import InvalidInput
from dpsops.pki.bundles import read_bundle
from tests.workflows.doing import PRESS, chain, fetched, key_pem, ready
from tests.worlds import World


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_bundle(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_bundle(text, "the file")


def test_a_bundle_whose_parts_do_not_belong_together(embedded: World) -> None:
    whole = fetched(ready(embedded), PRESS)
    leaf, authority = x509.load_pem_x509_certificates(whole.chain.encode())
    assert read_bundle(whole.key + whole.chain, "the file").key == whole.key
    with pytest.raises(InvalidInput, match="not that of its first certificate, press-07"):
        read_bundle(key_pem(ec.generate_private_key(ec.SECP256R1())) + whole.chain, "the file")
    with pytest.raises(InvalidInput, match="not that of its first certificate, dpsops test root G1"):
        read_bundle(whole.key + chain(authority, leaf), "the file")
    with pytest.raises(InvalidInput, match="the private key in the file cannot be read"):
        read_bundle(whole.key.replace("-----\nM", "-----\nAAAAM", 1) + whole.chain, "the file")


def test_a_bundle_that_a_hand_has_touched_is_read_and_a_piece_of_one_is_not(embedded: World) -> None:
    whole = fetched(ready(embedded), PRESS)
    text = whole.key + whole.chain
    for touched in (text.replace("\n", "\r\n"), "".join(f"  {line}\n" for line in text.splitlines()), text.rstrip("\n")):
        assert read_bundle(touched, "the file") == whole
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    leaf = text.index(begin)
    authority = text.index(begin, leaf + 1)
    for length in (*range(leaf, text.index(end), 97), *range(authority + len(begin), text.rindex(end), 97)):
        with pytest.raises(InvalidInput):
            read_bundle(text[:length], "the file")
