"""The path up to a company's root: in order, and of a kind that devices can use."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dpsops.errors import InvalidInput
from dpsops.pki.certification_path import (
    certification_path,
    is_self_signed,
    names_match,
    presentable,
    require_path,
    use_faults,
)
from tests.pki.authorities import YEAR, by_hand, key, key_usage
from tests.pki.company import NOW, Authority, name, with_sha1

ROOT = Authority("Company Root CA")
CA = ROOT.issue("Company Issuing CA")
OURS = CA.issue("dpsops root G1").certificate
ABOVE = (CA.certificate, ROOT.certificate)
OTHER = Authority("Other Root")


def test_issuers_are_put_in_order_however_they_are_given() -> None:
    given = [OURS, *ABOVE, ROOT.certificate, OURS]
    for seed in range(20):
        random.Random(seed).shuffle(given)  # noqa: S311
        assert certification_path(OURS, given) == ABOVE


def test_what_is_missing_or_too_much_is_named() -> None:
    for given, words in (
        ((), "the chain ends with CN=dpsops root G1, which is not self-signed"),
        ((CA.certificate,), "the chain ends with CN=Company Issuing CA, which is not self-signed"),
        ((ROOT.certificate,), "none of these signed CN=dpsops root G1: CN=Company Root CA"),
        ((*ABOVE, OTHER.certificate), "not in the chain of CN=dpsops root G1: CN=Other Root"),
        ((Authority("Company Issuing CA").certificate,), "none of these signed"),  # of the same name, with another key
    ):
        with pytest.raises(InvalidInput, match=words) as refused:
            certification_path(OURS, given)
        if CA.certificate not in given:
            assert "add the certificate of CN=Company Issuing CA" in refused.value.hint


def test_a_root_that_another_one_has_cross_signed_leads_to_whichever_is_there() -> None:
    old = Authority("Old Root")
    crossed = Authority("Company Root CA", ROOT.key, issuer=old).certificate
    assert certification_path(OURS, (old.certificate, crossed, CA.certificate)) == (CA.certificate, crossed, old.certificate)
    with pytest.raises(InvalidInput, match="not in the chain"):
        certification_path(OURS, (*ABOVE, crossed, old.certificate))


def written(text: str, kind: _ASN1Type) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, _type=kind)])


def test_a_name_is_the_same_in_another_type_of_string() -> None:
    printable, utf8 = written("Company CA", _ASN1Type.PrintableString), written("Company CA", _ASN1Type.UTF8String)
    assert printable.public_bytes() != utf8.public_bytes()
    assert names_match(printable, utf8)
    assert names_match(printable, written("  company   ca ", _ASN1Type.BMPString))
    assert not names_match(printable, name("Company CB"))
    assert not names_match(x509.Name([]), x509.Name([]))
    authority = Authority(printable, issuer=ROOT)
    ours = Authority("dpsops root G1", issuer=authority, issuer_name=utf8).certificate
    above = (authority.certificate, ROOT.certificate)
    assert certification_path(ours, above) == above
    assert presentable((ours, *above)) == (ours,)  # who compares bytes sees no issuer
    assert presentable((OURS, *ABOVE)) == (OURS, *ABOVE)


def test_the_signature_of_the_root_itself_may_be_weak_and_no_other() -> None:
    key = rsa.generate_private_key(65537, 2048)
    authority = Authority("Company Root CA", key)
    weak = with_sha1(authority.certificate, key)
    assert is_self_signed(weak)
    good = authority.issue("dpsops root G1").certificate
    require_path(good, certification_path(good, [weak]), NOW)
    bad = with_sha1(good, key)
    with pytest.raises(InvalidInput, match="CN=Company Root CA signed CN=dpsops root G1 with SHA1"):
        require_path(bad, certification_path(bad, [weak]), NOW)


COMPANY = name("Company")
FAULTS = {
    "a critical extension that no device knows": (
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True),
        "no device knows",
    ),
    "an extended key usage without clientAuth": (
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        "other uses than clientAuth",
    ),
    "names under the company alone": (
        (x509.NameConstraints([x509.DirectoryName(COMPANY)], None), True),
        "permits only names under CN=Company",
    ),
    "no name": ((x509.NameConstraints(None, [x509.DirectoryName(x509.Name([]))]), True), "excludes every name"),
}
FINE = {
    "the same, not critical": (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), False),
    "clientAuth among others": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), True),
    "any use": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False),
    "constraints on names of hosts": (x509.NameConstraints([x509.DNSName("example.com")], None), True),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_ca_below_which_no_device_certificate_works_is_refused(what: str) -> None:
    extension, words = FAULTS[what]
    authority = Authority("Company CA", extensions=[extension])
    assert [words in fault for fault in use_faults(authority.certificate)] == [True]
    ours = authority.issue("dpsops root G1").certificate
    with pytest.raises(InvalidInput, match=words):
        require_path(ours, certification_path(ours, [authority.certificate]), NOW)


@pytest.mark.parametrize("what", FINE)
def test_what_does_not_hinder_devices_is_allowed(what: str) -> None:
    assert use_faults(Authority("Company CA", extensions=[FINE[what]]).certificate) == []


def test_a_short_rsa_key_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505
    assert use_faults(Authority("Company CA", short).certificate) == ["has an RSA key of 1024 bits, and needs 2048"]


def test_no_issuer_ends_first() -> None:
    brief = Authority("Company CA", life=timedelta(days=30))
    ours = brief.issue("dpsops root G1").certificate
    with pytest.raises(InvalidInput, match="would expire after its issuer, which expires on 2026-03-31"):
        require_path(ours, [brief.certificate], NOW)


def test_an_issuer_without_basic_constraints_is_no_ca() -> None:
    """Whatever else it has: only a trust anchor of X.509 version 1 would be one (RFC 5280, 6.1.4 (k))."""
    signer = key("EC-P256")
    bare = by_hand(signer, (key_usage("keyCertSign"), True), subject="Company CA")
    ca = (x509.BasicConstraints(ca=True, path_length=0), True)
    ours = by_hand(signer, ca, (key_usage("keyCertSign"), True), subject="dpsops root G1", issuer=bare, end=NOW + YEAR / 2)
    with pytest.raises(InvalidInput, match="CN=Company CA, the issuer of CN=dpsops root G1, is not a CA certificate"):
        require_path(ours, certification_path(ours, [bare]), NOW)
