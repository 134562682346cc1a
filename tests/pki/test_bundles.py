"""What a bundle must contain, and the errors for one that does not."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.errors import InvalidInput
from dpsops.pki.bundles import read_bundle
from tests.workflows.doing import PRESS, chain, fetched, key_pem, ready
from tests.worlds import World


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_bundle(text.encode(), "the file")


def test_a_bundle_is_put_in_order_and_one_with_another_key_is_refused(embedded: World) -> None:
    bundle = fetched(ready(embedded), PRESS)
    leaf, authority = x509.load_pem_x509_certificates(bundle.chain.encode())
    assert read_bundle((bundle.key + bundle.chain).encode(), "the file").key == bundle.key
    with pytest.raises(InvalidInput, match="belongs to none of its certificates: press-07, dpsops test root G1"):
        read_bundle((key_pem(ec.generate_private_key(ec.SECP256R1())) + bundle.chain).encode(), "the file")
    assert read_bundle((chain(authority, leaf) + bundle.key).encode(), "the file") == bundle
    with pytest.raises(InvalidInput, match="the private key in the file cannot be read"):
        read_bundle((bundle.key.replace("-----\nM", "-----\nAAAAM", 1) + bundle.chain).encode(), "the file")


def test_an_edited_bundle_is_read_and_an_incomplete_one_is_refused(embedded: World) -> None:
    bundle = fetched(ready(embedded), PRESS)
    text = bundle.key + bundle.chain
    for edited in (text.replace("\n", "\r\n"), "".join(f"  {line}\n" for line in text.splitlines()), text.rstrip("\n")):
        assert read_bundle(edited.encode(), "the file") == bundle
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    leaf = text.index(begin)
    authority = text.index(begin, leaf + 1)
    for length in (*range(leaf, text.index(end), 97), *range(authority + len(begin), text.rindex(end), 97)):
        with pytest.raises(InvalidInput):
            read_bundle(text[:length].encode(), "the file")
