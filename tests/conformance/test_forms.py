"""Forms of made-up values are told apart, and a certificate from the thumbprint of another."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.conformance.forms import form, inconsistencies, same_form
from tests.conformance.shape import headers


@pytest.mark.parametrize(
    ("recorded", "got", "alike"),
    [
        ("2024-05-07T19:07:40.1234567Z", "2026-01-01T00:00:00.0000000Z", True),
        ("2024-05-07T19:07:40.1234567Z", "2026-01-01T00:00:00.000Z", True),
        ("2024-05-07T19:07:40.1234567Z", "2026-01-01T00:00:00Z", False),
        ("2024-05-07T19:07:40Z", "2026-01-01T00:00:00.000Z", False),
        ("Tue, 07 May 2024 19:07:40 GMT", "2026-01-01T00:00:00Z", False),
        ("0001-01-01T00:00:00Z", "2026-01-01T00:00:00.0000000Z", True),
        ("0ne00CAF894", "0ne0000000A", True),
        ("0ne00CAF894", "0ne1", False),
        ("A" * 40, "B" * 40, True),
        ("A" * 40, "b" * 40, False),
        ("A" * 40, "B" * 64, False),
        ("2d102b53-6eff-470e-b9c5-bdafd71771c9", "x", False),
        ("PT7.36S", "PT1M", True),
        ("PT7.36S", "7 s", False),
        ("nothing in particular", "x", True),
    ],
)
def test_forms(recorded: str, got: str, alike: bool) -> None:
    assert same_form(recorded, got) is alike


def test_what_has_no_form() -> None:
    assert form("nothing in particular") == ""


def test_a_thumbprint_is_of_its_certificate() -> None:
    der = b"some certificate"
    right = base64.urlsafe_b64encode(hashlib.sha1(der).digest()).decode().rstrip("=")  # noqa: S324
    shown = {"cer": base64.b64encode(der).decode(), "x5t": right}
    assert list(inconsistencies(shown, "body")) == []
    assert list(inconsistencies(shown | {"x5t": "AAAA"}, "body")) == ["body.x5t: is not the thumbprint of cer"]
    assert list(inconsistencies(shown | {"cer": "a"}, "body")) == ["body.cer: no base64"]
    assert list(inconsistencies([shown], "body")) == []


@pytest.mark.parametrize(
    ("name", "recorded", "got", "reason"),
    [
        ("x-ms-item-type", "EnrollmentGroup", "Enrollment", "header x-ms-item-type: EnrollmentGroup expected, got Enrollment"),
        ("etag", '"MQ=="', "Mg==", "header etag: 'Mg==', where the recorded one is"),
        ("etag", '"MQ=="', '"Mg=="', ""),
        ("retry-after", "15", "3", "header retry-after: 15 expected, got 3"),
        ("retry-after", "0", "3", ""),
        (
            "www-authenticate",
            'Bearer authorization="https://login.windows.net/one", resource="https://vault.azure.net"',
            'Bearer authorization="https://login.microsoftonline.com/two", resource="https://vault.azure.net"',
            "",
        ),
        (
            "www-authenticate",
            'Bearer authorization="https://login.microsoftonline.com/one", resource="https://vault.azure.net"',
            'Bearer authorization="https://login.microsoftonline.com/two", resource="https://other.azure.net"',
            "header www-authenticate",
        ),
        ("www-authenticate", 'Bearer realm="x"', 'PoP realm="x"', "header www-authenticate"),
    ],
)
def test_the_values_of_headers(name: str, recorded: str, got: str, reason: str) -> None:
    found = list(headers({name: recorded}, {name: got}))
    assert [each[: len(reason)] for each in found] == ([reason] if reason else [])
