"""What is taken out of a recording, and what stays."""

from __future__ import annotations

import base64
import json

import pytest

from azure_facts.scrub import KEY, Scrubber, without_proof

SUBSCRIPTION = "31e9f9a0-9fd2-4294-a0a3-0101246d9700"
OTHER = "d2e5f7a1-1c2b-4d3e-8f90-123456789abc"
LONG = base64.b64encode(bytes(range(32))).decode()
TOKEN = ".".join(("eyJhbGciOiJSUzI1NiJ9", "eyJvaWQiOiJ4In0xx", "c2ln"))
PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIG\n-----END {0}PRIVATE KEY-----"


@pytest.fixture
def scrubber() -> Scrubber:
    """Of a run in this subscription."""
    return Scrubber(SUBSCRIPTION)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"SharedAccessKeyName=owner;SharedAccessKey={LONG}", f"SharedAccessKeyName=owner;SharedAccessKey={KEY}"),
        ("SharedAccessKey=****", "SharedAccessKey=****"),
        ('{"primaryKey": "c2hvcnQ="}', f'{{"primaryKey": "{KEY}"}}'),
        ('{"primaryKey": "****"}', '{"primaryKey": "****"}'),
        ('{"PrimaryKey":"x","SecondaryKey":"y"}', f'{{"PrimaryKey":"{KEY}","SecondaryKey":"{KEY}"}}'),
        (json.dumps(json.dumps({"secondaryKey": "x"})), json.dumps(json.dumps({"secondaryKey": KEY}))),
        (f"unnamed {LONG} key", f"unnamed {KEY} key"),
        ("SharedAccessSignature sr=h&sig=abc&se=1&skn=owner", "SharedAccessSignature scrubbed"),
        ('{"verificationCode":"A0B1C2"}', '{"verificationCode":"' + "0" * 48 + '"}'),
        ('{"access_token": "abc"}', '{"access_token": "scrubbed"}'),
        ("grant=x&client_secret=hush&scope=y", "grant=x&client_secret=scrubbed&scope=y"),
        (f"Bearer {TOKEN}", "Bearer scrubbed"),
        (PEM.format(""), "scrubbed"),
        (PEM.format("EC "), "scrubbed"),
        ("https://h/op?api-version=2&t=63&c=MII-x&s=sig_n&h=abc", "https://h/op?api-version=2&t=scrubbed&c=scrubbed&s=scrubbed&h=scrubbed"),
        ("created by jane.doe@contoso.example", "created by somebody@example.com"),
        ("Client address: 20.30.40.50.", "Client address: 192.0.2.1."),
        ("Client address: 2a01:4f8:c0c:9f3e::1 is not", "Client address: 2001:db8::1 is not"),
        ('"contentVersion":"1.0.0.0","ipMask":"0.0.0.0/0","value":"203.0.113.7"', None),
        ('"ekus":["1.3.6.1.5.5.7.3.1"]', None),
        ("Sat, 28 Nov 2026 12:30:45 GMT 2026-03-01T12:00:00.0000000Z", None),
        ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", None),
        ("4fc6c259-987e-4a07-842e-c321cc9d413f", None),
        ("Ijg3MDAyYzgwLTAwMDAtMDcwMC0wMDAwLTY5YTQyIg==", None),
    ],
)  # fmt: skip
def test_a_text(scrubber: Scrubber, text: str, left: str | None) -> None:
    assert scrubber.text(text) == (text if left is None else left)
    assert scrubber.body(text.encode()) == scrubber.text(text).encode()
    assert scrubber.text(scrubber.text(text)) == scrubber.text(text), "what is scrubbed stays as it is"


def test_an_id_has_one_pseudonym_in_the_whole_run(scrubber: Scrubber) -> None:
    first = scrubber.text(f"/subscriptions/{SUBSCRIPTION}/x/{OTHER}")
    assert first == f"/subscriptions/{scrubber.subscription}/x/{scrubber.text(OTHER)}"
    assert scrubber.text(OTHER.upper()) == scrubber.text(OTHER) != scrubber.subscription
    assert SUBSCRIPTION not in first


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_an_id_that_base64_hides(scrubber: Scrubber, encode: object) -> None:
    assert callable(encode)
    hidden = encode(f"id=os_id_1;subscription={SUBSCRIPTION};région=x?>".encode()).decode()
    scrubbed = scrubber.text(f"https://h/operationresults/{hidden}?api-version=1")
    assert hidden not in scrubbed
    assert len(scrubbed) == len(f"https://h/operationresults/{hidden}?api-version=1")
    assert scrubbed == scrubber.text(f"https://h/operationresults/{hidden}?api-version=1")


def test_what_is_no_text_stays(scrubber: Scrubber) -> None:
    body = bytes([0xFF, 0xFE, 0x80]) + b"SharedAccessKey=c2VjcmV0"
    assert scrubber.body(body) == bytes([0xFF, 0xFE, 0x80]) + f"SharedAccessKey={KEY}".encode()


def test_a_proof_loses_its_certificate() -> None:
    assert without_proof(b'{"certificate": "LS0tLS1CRUdJTg=="}') == b'{"certificate": "scrubbed"}'
