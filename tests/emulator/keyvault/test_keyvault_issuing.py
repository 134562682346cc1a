"""Names, dates and key usage as the vault writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.http import Refusal
from dpsops.emulator.keyvault import certificate_policies, issuing, material


@pytest.mark.parametrize(
    ("subject", "attributes"),
    [
        ("CN=leaf", ["leaf"]),
        ("CN=leaf, O=Org", ["Org", "leaf"]),
        ("C=US, ST=WA, L=Redmond, O=Test, OU=Unit, CN=www.example", ["www.example", "Unit", "Test", "Redmond", "WA", "US"]),
        ('CN="a, b", O=Org', ["Org", "a, b"]),
        ('CN="say ""x""",O=Org', ["Org", 'say "x"']),
        (r"CN=a\, b;O=Org", ["Org", "a, b"]),
        ("cn = leaf , s=State", ["State", "leaf"]),
        ("CN=Grüße", ["Grüße"]),
        ("CN=leaf, OID.1.2.3.4=thing", ["thing", "leaf"]),
    ],
)
def test_subjects(subject: str, attributes: list[str]) -> None:
    name = issuing.parse_subject(subject)
    assert [attribute.value for attribute in name] == attributes
    assert issuing.parse_subject(issuing.show_subject(name)) == name


@pytest.mark.parametrize("subject", ["leaf", "CN", "XY=leaf", "OID.9.9=x", "C=USA", "CN=" + "x" * 65, 'CN="open', "CN=a+O=b"])
def test_impossible_subjects(subject: str) -> None:
    with pytest.raises(Refusal):
        issuing.parse_subject(subject)


@pytest.mark.parametrize(("value", "tag"), [("www.example", 0x13), ("*.example", 0x0C), ("Grüße", 0x0C)])
def test_string_types(value: str, tag: int) -> None:
    encoded = value.encode()
    assert bytes([tag, len(encoded)]) + encoded in issuing.parse_subject(f"CN={value}").public_bytes()


def test_a_subject_is_shown_with_the_states_short_label() -> None:
    name = x509.Name.from_rfc4514_string("O=Internet Widgits Pty Ltd,ST=Some-State,C=AU")
    assert issuing.show_subject(name) == "O=Internet Widgits Pty Ltd, S=Some-State, C=AU"


@pytest.mark.parametrize(
    ("begin", "months", "end"),
    [
        ((2024, 1, 31), 1, (2024, 2, 29)),
        ((2023, 1, 31), 1, (2023, 2, 28)),
        ((2023, 12, 15), 1, (2024, 1, 15)),
        ((2023, 11, 6), 60, (2028, 11, 6)),
        ((2024, 2, 29), 12, (2025, 2, 28)),
    ],
)
def test_months(begin: tuple[int, int, int], months: int, end: tuple[int, int, int]) -> None:
    first, last = datetime(*begin, tzinfo=UTC), datetime(*end, tzinfo=UTC)
    assert issuing.add_months(first, months) == last
    assert issuing.months_between(first, last) == months


@pytest.mark.parametrize(
    ("nbf", "exp", "months"),
    [
        (1_571_119_269, 1_886_479_269, 120),
        (1_628_270_437, 4_781_870_437, 1200),
        (1_430_344_421, 2_208_988_799, 297),
        (1_699_274_384, 1_857_127_784, 61),
    ],
)
def test_months_of_certificates_that_azure_imported(nbf: int, exp: int, months: int) -> None:
    assert issuing.months_between(issuing.moment(nbf), issuing.moment(exp)) == months


@pytest.mark.parametrize(
    ("usages", "der"),
    [
        (["digitalSignature", "keyEncipherment"], "030205a0"),
        (["digitalSignature", "nonRepudiation", "keyEncipherment", "keyAgreement", "keyCertSign"], "030202ec"),
        (["digitalSignature", "keyCertSign", "cRLSign"], "03020186"),
        (["decipherOnly"], "0303070080"),
    ],
)
def test_key_usage(usages: list[str], der: str) -> None:
    given = {"x509_props": {"subject": "CN=x", "key_usage": usages}, "issuer": {"name": "Self"}}
    key = material.generate(material.KeyType("EC", curve="P-256"))
    certificate = issuing.self_signed(key, certificate_policies.complete(given), 1_700_000_000)
    assert bytes.fromhex(der) in certificate.public_bytes(Encoding.DER)


def test_alternative_names() -> None:
    sans = {
        "emails": ["a@b.example"],
        "dns_names": ["a.example"],
        "upns": ["me@b.example"],
        "uris": ["https://a.example/"],
        "ipAddresses": ["192.0.2.1", "2001:db8::1"],
    }
    given = {"x509_props": {"subject": "", "sans": sans}, "issuer": {"name": "Self"}}
    key = material.generate(material.KeyType("EC", curve="P-256"))
    names = issuing.self_signed(key, certificate_policies.complete(given), 1_700_000_000).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["a.example"]
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    (upn,) = names.value.get_values_for_type(x509.OtherName)
    assert upn.value == b"\x0c\x0cme@b.example"


@pytest.mark.parametrize("sans", [{"ipAddresses": ["not an address"]}, {"dns_names": [7]}, {"dns_names": "a.example"}])
def test_impossible_alternative_names(sans: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        certificate_policies.complete({"x509_props": {"subject": "CN=x", "sans": sans}, "issuer": {"name": "Self"}})


@pytest.mark.parametrize(
    ("kty", "usages", "operations"),
    [
        ("RSA", ["digitalSignature", "keyEncipherment"], ["sign", "verify", "wrapKey", "unwrapKey"]),
        ("RSA", ["keyCertSign", "cRLSign"], ["sign", "verify"]),
        ("RSA", ["dataEncipherment"], ["encrypt", "decrypt"]),
        ("RSA", ["decipherOnly"], ["decrypt"]),
        ("RSA", [], ["sign", "verify", "wrapKey", "unwrapKey"]),
        ("EC", ["digitalSignature", "keyEncipherment"], ["sign", "verify"]),
    ],
)
def test_key_operations_follow_the_key_usage(kty: str, usages: list[str], operations: list[str]) -> None:
    given = {"key_props": {"kty": kty}, "x509_props": {"subject": "CN=x", "key_usage": usages}, "issuer": {"name": "Self"}}
    assert certificate_policies.key_operations(certificate_policies.complete(given)) == operations
