"""Which enrollments trust a compromised root, and which CA certificates are left to them."""

from __future__ import annotations

import pytest

from dpsops.azure.dps_documents import read_trusting
from dpsops.model.trusting import Trusting

NAMES = {"root-g1", "contoso-root"}
THUMBPRINT = "AB" * 20


def enrollment(*references: str, signing: tuple[str, ...] = (), enabled: bool = True) -> Trusting:
    """An enrollment group that attests by CA certificates."""
    return Trusting("/enrollmentGroups/others", True, "others", enabled, references, signing, "etag")


@pytest.mark.parametrize(
    ("found", "trusts", "others"),
    [
        (enrollment("contoso-root"), True, ()),
        (enrollment("Contoso-Root", "contoso-root"), True, ()),
        (enrollment("theirs", "ROOT-G1"), True, ("theirs",)),
        (enrollment("theirs"), False, ("theirs",)),
        (enrollment(signing=(THUMBPRINT,)), True, ()),
        (enrollment(signing=("CD" * 20,)), False, ()),
        (enrollment("contoso-root", enabled=False), False, ()),
    ],
)
def test_what_trusts_the_root(found: Trusting, trusts: bool, others: tuple[str, ...]) -> None:
    assert found.trusts(NAMES, THUMBPRINT) is trusts
    assert found.others(NAMES) == others


def test_a_signing_certificate_is_read_by_its_thumbprint() -> None:
    info = {"info": {"sha1Thumbprint": THUMBPRINT.lower(), "sha256Thumbprint": "EF" * 32}}
    attestation = {"type": "x509", "x509": {"signingCertificates": {"primary": info, "secondary": info}}}
    document = {"enrollmentGroupId": "others", "attestation": attestation, "etag": "e"}
    found = read_trusting("enrollmentGroups", document, is_group=True)
    assert (found.path, found.target, found.enabled) == ("/enrollmentGroups/others", "enrollment group others", True)
    assert found.trusts((), THUMBPRINT)
