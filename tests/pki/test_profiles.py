"""The certificates that dpsops issues, checked with openssl, with pkilint and with the verifier of `cryptography`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from dpsops.pki import profiles
from dpsops.pki.names import device_id
from tests.pki.authorities import KINDS, NOW, YEAR, PrivateKey, by_hand, device_key, entropy, key, key_usage, leaf, root, tampered
from tests.pki.judges import OK, extensions, findings, shown, verdict

CODE = "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3"
SIGNATURES = {"RSA": "sha256WithRSAEncryption", "EC-P256": "ecdsa-with-SHA256", "EC-P384": "ecdsa-with-SHA384"}


def proof(authority: x509.Certificate, kind: str = "EC-P256", now: datetime = NOW) -> x509.Certificate:
    """A verification certificate."""
    public_key = device_key().public_key()
    return profiles.issue_verification_certificate(CODE, public_key, authority, key(kind), serial=entropy.serial(), now=now)


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_and_pkilint_accept_all_three_certificates(kind: str) -> None:
    authority = root(kind)
    for certificate in (leaf(authority, key(kind)), proof(authority, kind)):
        assert verdict(certificate, authority, at=NOW) == OK
        assert findings(certificate) == []
    assert findings(authority) == []
    signature = SIGNATURES.get(kind) or SIGNATURES["RSA"]
    assert shown(authority, "-text").count(f"Signature Algorithm: {signature}") == 2


def test_the_root_as_openssl_prints_it() -> None:
    authority = root()
    found = extensions(authority)
    assert list(found) == ["Basic Constraints: critical", "Key Usage: critical", "Subject Key Identifier"]
    assert found["Basic Constraints: critical"] == "CA:TRUE, pathlen:0"
    assert found["Key Usage: critical"] == "Digital Signature, Certificate Sign, CRL Sign"
    purposes = shown(authority, "-purpose")
    assert "SSL client CA : Yes\n" in purposes
    assert "SSL client : Yes\n" in purposes  # digitalSignature, and no extended key usage that excludes it
    assert shown(authority, "-dates").splitlines() == ["notBefore=Mar  1 11:55:00 2026 GMT", "notAfter=Feb 27 11:55:00 2036 GMT"]
    assert shown(authority, "-subject", "-issuer", "-nameopt", "RFC2253").splitlines() == [
        "subject=CN=dpsops test root G1",
        "issuer=CN=dpsops test root G1",
    ]


def test_the_device_certificate_as_openssl_prints_it() -> None:
    authority = root()
    certificate = leaf(authority, key("EC-P256"))
    found = extensions(certificate)
    assert set(found) == {
        "Basic Constraints: critical", "Key Usage: critical", "Extended Key Usage",
        "Subject Key Identifier", "Authority Key Identifier",
    }  # fmt: skip
    assert found["Basic Constraints: critical"] == "CA:FALSE"
    assert found["Key Usage: critical"] == "Digital Signature"
    assert found["Extended Key Usage"] == "TLS Web Client Authentication"
    assert found["Authority Key Identifier"].removeprefix("keyid:") == extensions(authority)["Subject Key Identifier"]
    purposes = [line for line in shown(certificate, "-purpose").splitlines() if line.startswith("SSL ")]
    assert purposes == ["SSL client : Yes", "SSL client CA : No", "SSL server : No", "SSL server CA : No"]
    assert shown(certificate, "-subject", "-nameopt", "RFC2253") == "subject=CN=press-07\n"


def test_the_verification_certificate_as_openssl_prints_it() -> None:
    certificate = proof(root())
    assert shown(certificate, "-subject", "-nameopt", "RFC2253") == f"subject=CN={CODE}\n"
    found = extensions(certificate)
    assert found["Basic Constraints: critical"] == "CA:FALSE"
    assert found["Key Usage: critical"] == "Digital Signature"
    assert "Extended Key Usage" not in found
    assert shown(certificate, "-enddate") == "notAfter=Mar  2 12:00:00 2026 GMT\n"


def test_a_verification_certificate_is_not_valid_after_its_root() -> None:
    authority = root(lifetime=timedelta(hours=1))
    assert proof(authority).not_valid_after_utc == authority.not_valid_after_utc
    assert verdict(proof(authority), authority, at=NOW) == OK


def test_a_root_that_expires_after_2049_is_encoded_as_rfc_5280_requires() -> None:
    authority = root(lifetime=30 * YEAR)
    assert authority.not_valid_after_utc.year == 2056
    assert findings(authority) == []
    assert verdict(leaf(authority, key("EC-P256")), authority, at=NOW) == OK


def test_openssl_refuses_a_device_certificate_under_another_root_of_the_same_name() -> None:
    ours, other = root(), root(which=2)
    assert ours.subject == other.subject
    certificate = leaf(ours, key("EC-P256"))
    assert verdict(certificate, ours, at=NOW) == OK
    assert "unable to get local issuer certificate" in verdict(certificate, other, at=NOW)
    forged = profiles.issue_leaf(  # names our root as its issuer, and is signed with the other key
        device_id("press-07"), device_key().public_key(), ours, key("EC-P256", 2), lifetime=YEAR, serial=1, now=NOW
    )
    assert "certificate signature failure" in verdict(forged, ours, at=NOW)


def test_openssl_refuses_every_other_use_of_a_device_certificate() -> None:
    authority = root()
    certificate = leaf(authority, key("EC-P256"))
    assert "unsuitable certificate purpose" in verdict(certificate, authority, at=NOW, purpose="sslserver")
    assert "certificate has expired" in verdict(certificate, authority, at=NOW + 2 * YEAR)
    assert "certificate is not yet valid" in verdict(certificate, authority, at=NOW - timedelta(hours=1))
    assert "certificate signature failure" in verdict(tampered(certificate), authority, at=NOW)
    below = by_hand(device_key(), issuer=certificate, subject="below", public_key=key("EC-P256", 3).public_key())
    assert verdict(below, authority, certificate, at=NOW, strict=False) != OK


def test_a_new_device_certificate_is_valid_if_the_clock_is_almost_five_minutes_slow() -> None:
    authority = root()
    assert verdict(leaf(authority, key("EC-P256")), authority, at=NOW - timedelta(minutes=4, seconds=59)) == OK


def test_the_root_allows_no_ca_between_itself_and_a_leaf() -> None:
    authority, signer = root(), key("EC-P256", 3)
    between = issuing_ca(authority, key("EC-P256"), signer)
    refused = verdict(leaf(between, signer), authority, between, at=NOW + timedelta(days=1))
    assert "path length constraint exceeded" in refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_root_with_path_length_1_carries_an_issuing_ca(kind: str) -> None:
    authority, signer = root(kind, path_length=1), key("EC-P256", 3)
    assert findings(authority) == []
    assert extensions(authority)["Basic Constraints: critical"] == "CA:TRUE, pathlen:1"
    assert verdict(leaf(authority, key(kind)), authority, at=NOW) == OK
    between = issuing_ca(authority, key(kind), signer)
    below = issuing_ca(between, signer, key("EC-P256", 4), subject="below")
    at = NOW + timedelta(days=1)
    assert verdict(leaf(between, signer), authority, between, at=at) == OK
    assert "path length constraint exceeded" in verdict(leaf(below, key("EC-P256", 4)), authority, between, below, at=at)


def issuing_ca(issuer: x509.Certificate, signer: PrivateKey, own: PrivateKey, *, subject: str = "issuing CA") -> x509.Certificate:
    """A CA certificate with path length 0 over the key `own`."""
    return by_hand(
        signer,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (key_usage("keyCertSign", "cRLSign"), True),
        (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        issuer=issuer,
        subject=subject,
        public_key=own.public_key(),
        begin=NOW,
    )


def test_a_foreign_root_without_a_key_identifier_can_issue_device_certificates() -> None:
    authority = by_hand(key("EC-P256"), (x509.BasicConstraints(ca=True, path_length=None), True))
    assert verdict(leaf(authority, key("EC-P256")), authority, at=NOW, strict=False) == OK


@pytest.mark.parametrize("kind", ["RSA-2048", "EC-P256", "EC-P384"])
def test_the_verifier_of_cryptography_agrees(kind: str) -> None:
    authority, other = root(kind), root(kind, which=2)
    certificate = leaf(authority, key(kind))
    assert verified(certificate, authority).subjects is None  # the device ID is not a subject alternative name
    with pytest.raises(verification.VerificationError):
        verified(certificate, other)
    with pytest.raises(verification.VerificationError):
        verified(proof(authority, kind), authority)  # it is not for TLS clients


def verified(certificate: x509.Certificate, authority: x509.Certificate) -> verification.VerifiedClient:
    """Verifies a certificate as that of a TLS client with `cryptography`. A subject alternative name is not required."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])

    def for_clients(_: object, __: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
        if found != usage:
            raise ValueError("not for TLS clients")

    for_leaf = verification.ExtensionPolicy.permit_all().require_present(
        x509.ExtendedKeyUsage, verification.Criticality.NON_CRITICAL, for_clients
    )
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store([authority]))
        .time(NOW)
        .extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=for_leaf)
    )
    return policy.build_client_verifier().verify(certificate, [])


SECONDS = st.integers(0, int(timedelta(days=30 * 365).total_seconds()))


@given(years=st.integers(1, 30), age=SECONDS, days=st.integers(1, 3650))
@example(years=1, age=0, days=3650)  # the device certificate would be valid longer than the root
@example(years=1, age=365 * 86_400 - 301, days=365)  # the root's last second
def test_a_device_certificate_is_valid_now_and_only_while_its_root_is(years: int, age: int, days: int) -> None:
    lifetime = timedelta(days=years * 365)
    authority = root(lifetime=lifetime)
    now = NOW + timedelta(seconds=age % int((lifetime - profiles.BACKDATE).total_seconds()))
    certificate = leaf(authority, key("EC-P256"), lifetime=timedelta(days=days), now=now)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert authority.not_valid_before_utc <= begin <= now <= end <= authority.not_valid_after_utc
    assert end - begin <= timedelta(days=days)
    assert end in (authority.not_valid_after_utc, begin + timedelta(days=days))


def test_a_device_certificate_is_not_valid_before_its_root() -> None:
    authority = by_hand(key("EC-P256"), (x509.BasicConstraints(ca=True, path_length=None), True), begin=NOW)
    assert leaf(authority, key("EC-P256")).not_valid_before_utc == NOW


def test_serial_numbers_are_positive_random_and_at_most_twenty_octets_long() -> None:
    """RFC 5280, 4.1.2.2; more than 64 random bits: CA/Browser Forum, Baseline Requirements, 7.1."""
    drawn = [entropy.serial() for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert all(serial > 0 for serial in drawn)
    assert all(serial.bit_length() // 8 + 1 <= 20 for serial in drawn)
    free = [bit for bit in range(160) if len({serial >> bit & 1 for serial in drawn}) == 2]
    assert len(free) >= 158


def test_new_keys_differ_and_are_on_p256() -> None:
    one, other = entropy.key(), entropy.key()
    assert isinstance(one.curve, ec.SECP256R1)
    assert one.public_key() != other.public_key()


@given(
    st.tuples(st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True), st.integers(1, 10**6)),
    st.tuples(st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True), st.integers(1, 10**6)),
)
def test_two_roots_never_have_the_same_subject(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert (profiles.root_subject(*one) == profiles.root_subject(*other)) == (one == other)


def test_the_organization_is_before_the_common_name() -> None:
    signer = key("EC-P256")
    subject = profiles.root_subject("dev", 2, "Söhne & Co. (Nord)")
    authority = profiles.issue_root(
        profiles.Root(subject, signer.public_key(), YEAR), signer, serial=entropy.serial(), now=datetime.now(UTC)
    )
    assert shown(authority, "-subject", "-nameopt", "RFC2253,-esc_msb,utf8") == (
        "subject=CN=dpsops dev root G2,O=Söhne & Co. (Nord)\n"
    )
    assert findings(authority) == []
