"""No secret of a sign-in is in what dpsops says and logs of one that fails, whatever fails, answers or is printed there."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader, InvalidURL

from dpsops.azure.clients import connect
from dpsops.azure.errors import understood
from dpsops.azure.exchange import Ask
from dpsops.azure.provisioning import register_over_https
from dpsops.azure.quoting import DiscreetFormatter, said
from dpsops.azure.transport import Transport
from dpsops.azure.wire import Wire
from dpsops.errors import Error, InvalidInput, Unavailable
from dpsops.pki.bundles import DeviceCredential
from tests.azure.az import DEFAULT
from tests.worlds import environment

SECRET = "x3F8Q~Vb1yN0pLw7TqR2sUe5ZkGm9HcJ4aDoXiPz"
ASSERTION = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOm8vciJ9.c2lnbmF0dXJl"
BEARER = "eyJ0eXAiOiJKV1QifQ.eyJzY3AiOiJvaWRjIn0.Z2l0aHVi"
HEADER = "4F1A9C0B7D2E4F60A1B2C3D4E5F60718"
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.dG9rZW4"
PASSWORD = "hunter2"
ALL = (SECRET, *ASSERTION.split("."), *BEARER.split("."), HEADER, *TOKEN.split("."), PASSWORD)

IDENTITY = {"AZURE_TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47", "AZURE_CLIENT_ID": "client"}
WAYS: dict[str, dict[str, str]] = {
    "a client secret": IDENTITY | {"AZURE_CLIENT_SECRET": SECRET},
    "GitHub": IDENTITY
    | {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/id?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": BEARER},
    "a file": IDENTITY | {"AZURE_FEDERATED_TOKEN_FILE": "assertion"},
    "App Service": {"IDENTITY_ENDPOINT": "http://127.0.0.1:41/msi", "IDENTITY_HEADER": HEADER},
    "a virtual machine": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:41"},
}

Given = Callable[[requests.PreparedRequest], tuple[int, Any]]
"""What an endpoint answers: a status, and a text or what becomes JSON. It may raise instead."""


def raising(error: Callable[[str], BaseException]) -> Given:
    def fail(request: requests.PreparedRequest) -> tuple[int, Any]:
        raise error(f"cannot send {echo(request)}")

    return fail


def answering(status: int, form: Callable[[str], Any]) -> Given:
    return lambda request: (status, form(echo(request)))


def echo(request: requests.PreparedRequest) -> str:
    """What a request was given, and a token."""
    return f"{request.url} {request.body!r} {dict(request.headers)} {TOKEN}"


EXCEPTIONS: tuple[Callable[[str], BaseException], ...] = (
    RuntimeError, ValueError, KeyError, TypeError, AttributeError, OSError, LookupError, UnicodeError, MemoryError,
    InvalidHeader, InvalidURL, requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError,
)  # fmt: skip
FORMS: dict[str, Callable[[str], Any]] = {
    "text": lambda text: text,
    "a page": lambda text: f"<html><body>{text}</body></html>",
    "a list": lambda text: [text],
    "a word": lambda text: {"x": text},
    "an error": lambda text: {"error": text},
    "an object as error": lambda text: {"error": {"code": "x", "message": text}},
    "a description": lambda text: {"error": "invalid_client", "error_description": text},
    "a description of Entra ID": lambda text: {"error": "x", "error_description": f"AADSTS700016: Not found. {text}"},
    "a token without an end": lambda text: {"access_token": TOKEN, "token_type": "Bearer", "note": text},
    "a token with an odd end": lambda text: {"access_token": TOKEN, "expires_in": text},
    "a token that is none": lambda text: {"access_token": {"x": text}, "expires_in": 1},
    "an identity token that is none": lambda text: {"value": {"x": text}},
    "an identity token with a line break": lambda text: {"value": f"{TOKEN}\n{text}"},
}
HOSTILE: dict[str, Given] = {
    **{error.__name__: raising(error) for error in EXCEPTIONS},
    **{f"{name}, {status}": answering(status, form) for name, form in FORMS.items() for status in (200, 400, 401, 403, 404)},
}


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What `--verbose` prints if everything is logged."""
    printed = StringIO()
    handler = logging.StreamHandler(printed)
    handler.setFormatter(DiscreetFormatter("dpsops: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield printed
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any way to sign in, where nobody waits; its folder of programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MSI_", "IDENTITY_", "IMDS_", "ACTIONS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(Transport, "sleep", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    Path("assertion").write_text(ASSERTION)
    return programs


def answered(given: Given, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on every endpoint of tokens answers so; returns the addresses that are asked."""
    asked: list[str] = []

    def send(_: requests.Session, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        asked.append(str(request.url))
        host = "https://login.microsoftonline.com/t"
        known = {"authorization_endpoint": f"{host}/a", "token_endpoint": f"{host}/token", "issuer": host}
        discovers = "/.well-known/" in str(request.url) or "/discovery/" in str(request.url)
        status, body = (200, known) if discovers else given(request)
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"Content-Type": "text/html" if isinstance(body, str) else "application/json"}
        raw = urllib3.HTTPResponse(BytesIO(content), headers, status, reason="Odd", preload_content=False)
        return HTTPAdapter().build_response(request, raw)

    monkeypatch.setattr(requests.Session, "send", send)
    return asked


def shown(variables: dict[str, str], log: StringIO, subscription: str = DEFAULT) -> str:
    """All that is printed of a sign-in, which must fail, and of a request that needs one. What is no `Error` is a failure of the
    machine or a defect, whose message nobody sees (`test_defects.py`)."""
    clients = connect(environment(subscription=subscription or None), variables)
    printed: list[str] = []
    for work in (lambda: clients.groups.resource_groups.get("rg-dpsops-test"), lambda: clients.caller):
        try:
            with understood("Azure"):
                work()
        except Error as error:
            printed += [error.message, error.hint]
        except (MemoryError, OSError, RuntimeError):
            printed.append("a defect")
    clients.close()
    assert len(printed) >= 2
    assert all(printed)
    return "\n".join([*printed, log.getvalue()])


def leaks(text: str) -> list[str]:
    """The lines that hold a secret."""
    return [line for line in text.splitlines() if any(secret in line for secret in ALL)]


@pytest.mark.usefixtures("unmeasured", "alone")
@pytest.mark.parametrize("way", WAYS)
def test_whatever_an_endpoint_of_tokens_does(way: str, log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setenv(name, value)
    for name, given in HOSTILE.items():
        asked = answered(given, monkeypatch)
        assert (name, leaks(shown(dict(os.environ), log))) == (name, [])
        assert asked, name
        log.seek(0)
        log.truncate()


PRINTED: dict[str, tuple[str, str, int]] = {
    # what: stdout, stderr, exit code
    "a token in an error": ("", f"ERROR: cannot use {TOKEN}", 1),
    "a secret in an error": ("", f"ERROR: cannot use --password {SECRET} of {HEADER}", 1),
    "a warning before": ("", f"WARNING: {TOKEN}\nERROR: No {SECRET}", 1),
    "a trace": ("", f"Traceback (most recent call last):\n  token={SECRET}\nKeyError: '{TOKEN}'", 1),
    "a code and a token": ("", f"ERROR: AADSTS50173: The grant has expired. {TOKEN} {SECRET}", 1),
    "a token as a text": (TOKEN, "", 0),
    "a secret as a text": (SECRET, "", 0),
    "no JSON": (f"{{'accessToken': '{SECRET}'", "", 0),
    "a token under another name": (json.dumps({"token_of_access": SECRET, "x": TOKEN}), "", 0),
    "a list": (json.dumps([SECRET]), "", 0),
    "a token without an end": (json.dumps({"accessToken": SECRET}), "", 0),
    "a token with an odd end": (json.dumps({"accessToken": SECRET, "expires_on": [SECRET], "expiresOn": SECRET}), "", 0),
    "a token that is none": (json.dumps({"accessToken": {"x": SECRET}, "expires_on": 4_000_000_000}), "", 0),
    "a token with a line break": (json.dumps({"accessToken": f"{SECRET}\n{TOKEN}", "expires_on": 4_000_000_000}), "", 0),
    "an error of azd": (json.dumps({"error": f"refused: {SECRET}", "message": TOKEN}), "", 1),
    "a token of PowerShell": (f"azsdk%{SECRET}", "", 0),
}


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("program", ["az", "azd", "pwsh"])
@pytest.mark.parametrize("subscription", [DEFAULT, ""])
def test_whatever_a_program_prints(
    program: str, subscription: str, alone: Path, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the subscription of the settings, and with that of `az`."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    account = json.dumps({"environmentName": "AzureCloud", "id": DEFAULT, "tenantId": "t"})
    for name, (out, err, code) in PRINTED.items():
        text = f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2; exit {code}"
        shows = f'[ "$1 $2" = "account show" ] && {{ printf %s {shlex.quote(account)}; exit 0; }}; '
        (alone / program).write_text(f"#!/bin/sh\n{shows if subscription else ''}{text}\n")
        (alone / program).chmod(0o700)
        try:
            printed = shown({}, log, subscription)
        except InvalidInput as refused:  # nobody names a subscription
            printed = f"{refused.message} {refused.hint} {log.getvalue()}"
        assert (name, leaks(printed)) == (name, [])
        log.seek(0)
        log.truncate()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Please run 'az login' to setup account.", "Please run 'az login' to setup account."),
        ("AADSTS700082: The refresh token has expired due to inactivity.",) * 2,
        ("Authentication failed: AADSTS7000215: Invalid client secret provided.",) * 2,
        ("Subscription '00000000-0000-0000-0000-000000000002' not found.",) * 2,
        ("Authentication failed: hunter2\nand more", "Authentication failed"),
        ("Unexpected response from Microsoft Entra ID: hunter2", "Unexpected response from Microsoft Entra ID"),
        ('Unexpected output from Get-AzAccessToken: "hunter2"', "Unexpected output from Get-AzAccessToken"),
        ('Unexpected content type "hunter2"\nContent: hunter2', "Unexpected content type"),
        (f"az: no {SECRET} here", "az: no (not shown) here"),
        (f"az: no {HEADER} here", "az: no (not shown) here"),
    ],
)
def test_what_is_quoted_of_a_sign_in(text: str, told: str) -> None:
    assert said(text) == told


@pytest.mark.usefixtures("unmeasured", "alone")
@pytest.mark.parametrize(
    "proxy",
    [
        f"http://user:{PASSWORD}@127.0.0.1:1",
        f"user:{PASSWORD}@127.0.0.1:1",
        f"http://user:{PASSWORD}@[::1",
        f"http://u:{PASSWORD}@:1",
    ],
)
def test_the_password_of_a_proxy(proxy: str, log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """In what is said by both clients, and by a device."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    clients = connect(environment(subscription=DEFAULT), WAYS["a client secret"])

    def ask() -> None:
        asyncio.run(clients.pool.sender(Ask("GET", f"https://vault.example/x?sig={PASSWORD}"), 5))

    def register() -> None:
        register_over_https("0ne00000001", "press-07", DeviceCredential("key", "chain"), Wire(), lambda _: None)

    for work in (lambda: clients.caller, ask, register):
        with pytest.raises(Unavailable) as refused, understood("Azure"):
            work()
        assert leaks(f"{refused.value.message}\n{refused.value.hint}\n{log.getvalue()}") == []
        assert "cannot be reached" in refused.value.message
    asyncio.run(clients.pool.close())
    clients.close()
