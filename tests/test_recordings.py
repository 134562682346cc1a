"""Cassettes contain no secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import scrub

RECORDINGS = Path(__file__).parent / "recordings"
CASSETTES = sorted(RECORDINGS.glob("*.yaml"))

SECRETS = {
    "a token": re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."),
    "an Authorization header": re.compile(r"(?im)^\s*-?\s*authorization:"),
    "a bearer token": re.compile(r"Bearer (?!authorization=)[A-Za-z0-9_-]{8}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a private key in a JWK": re.compile(r'"(d|dp|dq|qi|p|q|k)":\s*"[A-Za-z0-9_-]{20,}"'),
    "a client secret or assertion": re.compile(r"client_(secret|assertion)="),
    "a shared access key": re.compile(r"(?i)SharedAccessKey=(?!\*\*\*\*|['{])"),
    "a listed key": re.compile(r'"(primary|secondary)Key":\s*"[^*"]'),
}


def layers(text: str) -> Iterator[str]:
    """The text, and all base64 in it decoded, including PKCS #12 and PEM."""
    yield text
    for encoded in re.findall(r"[A-Za-z0-9+/_-]{64,}={0,2}", text):
        try:
            yield base64.urlsafe_b64decode(encoded.replace("+", "-").replace("/", "_")).decode("latin-1")
        except ValueError:
            continue


def found_in(text: str) -> set[str]:
    """The secrets in the text of a cassette."""
    return {name for layer in layers(text) for name, pattern in SECRETS.items() if pattern.search(layer)}


def test_there_are_cassettes() -> None:
    assert CASSETTES


@pytest.mark.parametrize("cassette", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_contains_no_secret(cassette: Path) -> None:
    assert found_in(cassette.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("cassette", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_contains_azures_real_hosts_and_no_sign_in(cassette: Path) -> None:
    document = yaml.load(cassette.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    hosts = {interaction["request"]["uri"].split("/")[2] for interaction in document["interactions"]}
    assert hosts == {
        "management.azure.com",
        "kv-dpsops-test.vault.azure.net",
        "dps-dpsops-test.azure-devices-provisioning.net",
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": "-----BEGIN PRIVATE KEY-----\\nMIG\\n-----END PRIVATE KEY-----\\n"}',
        b"-----BEGIN EC PRIVATE KEY-----\nMIG\n-----END EC PRIVATE KEY-----\n",
        b'{"connectionString": "HostName=h;SharedAccessKey=c2VjcmV0c2VjcmV0"}',
        b'{"primaryKey": "c2VjcmV0", "secondaryKey": "c2VjcmV0"}',
        b'{"access_token": "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJ4In0xx.c2ln"}',
    ],
)
def test_what_is_recorded_is_scrubbed(body: bytes) -> None:
    assert found_in(body.decode())
    assert found_in(scrub(body).decode()) == set()


@pytest.mark.parametrize("cassette", CASSETTES, ids=lambda path: path.stem)
def test_scrubbing_removes_nothing_else(cassette: Path) -> None:
    text = cassette.read_bytes()
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ("eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJ4In0xx.c2ln", "a token"),
        ("      Authorization:\n      - Bearer x", "an Authorization header"),
        ("Bearer abcdefghij", "a bearer token"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        (base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----" * 3).decode(), "a private key"),
        ('"d":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"', "a private key in a JWK"),
        ("grant_type=x&client_secret=hush", "a client secret or assertion"),
        ("HostName=h;SharedAccessKey=abc", "a shared access key"),
        ('"primaryKey":"abc"', "a listed key"),
    ],
)
def test_a_planted_secret_is_found(planted: str, name: str) -> None:
    assert name in found_in(f"string: '{planted}'" if "\n" not in planted else planted)
