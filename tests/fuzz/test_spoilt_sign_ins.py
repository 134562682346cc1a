"""What GitHub, the endpoints of tokens and `az` answer, spoilt: dpsops goes on, or says in one clear error what is wrong; it
waits no longer than it may, and sends nothing to another host.

By default each kind of spoilt answer is tried on each of them once; `make fuzz` tries some with more chance (`profile.py`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Event
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from dpsops.azure.clients import connect
from dpsops.azure.errors import understood
from dpsops.azure.github import github
from dpsops.azure.transport import Transport
from dpsops.azure.waits import Waiting
from dpsops.emulator.http import Response
from dpsops.errors import Error, Unavailable
from dpsops.settings import Waits
from tests.azure.az import DEFAULT
from tests.azure.test_sign_in_secrets import IDENTITY, TOKEN, WAYS, alone
from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.profile import SEED, TIMES
from tests.fuzz.spoiling import SPOILS, THIEF, Spoil
from tests.fuzz.test_spoilt_answers import is_clear, patience
from tests.github import REPOSITORY, Plain, Stub, served
from tests.worlds import environment

__all__ = ["alone"]

pytestmark = pytest.mark.usefixtures("unmeasured")

QUICK = Waits(connect_seconds=2, answer_seconds=2, request_seconds=4, sign_in_seconds=2)
ROUNDS = max(1, TIMES // 10)


def fault(work: Callable[[], object]) -> str:
    """What is wrong with how some work ends; empty if it succeeds, or ends with a clear error."""
    try:
        with patience():
            work()
    except Error as error:
        return "" if is_clear(error) else f"{error.message!r}, {error.hint!r}"
    except Exception as defect:
        return repr(defect)[:300]
    return ""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before the next attempt."""
    monkeypatch.setattr(Transport, "sleep", lambda *_: None)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """GitHub."""
    with served("prod") as found:
        found.say("/branches", [{"name": "main", "protected": True, "protection": {"enabled": True}}])
        yield found


@pytest.mark.usefixtures("hurried")
def test_spoilt_answers_of_github(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = set[str]()
    send = Transport.send

    def seen(self: Transport, request: requests.Request, **options: object) -> object:
        hosts.add(urlsplit(str(request.url)).hostname or "")
        return send(self, request, **options)

    monkeypatch.setattr(Transport, "send", seen)

    def ask() -> None:
        with closing(github(REPOSITORY, {"GITHUB_API_URL": stub.address, "GH_TOKEN": TOKEN}, QUICK, Waiting())) as asked:
            asked.observe()
            asked.environment("prod")
            asked.protects_a_branch()

    wrong: list[str] = []
    for number in range(ROUNDS):
        for name, spoil in SPOILS.items():
            for path in [each for each in stub.answers if "prod-" not in each]:
                chance = Random(f"{SEED} {number} {name} {path}")  # noqa: S311
                stub.spoil = _only(path, spoil, chance)
                if found := fault(ask):
                    wrong.append(f"{name}, {path or '/'}: {found}")
    assert not wrong, "\n".join(wrong)
    assert hosts == {"127.0.0.1"}


def _only(path: str, spoil: Spoil, chance: Random) -> Callable[[str, Response], Response]:
    return lambda asked, answer: spoil(answer, answer.fields(0), chance) if asked == path else answer


@pytest.mark.usefixtures("hurried")
def test_github_that_never_answers(stub: Stub) -> None:
    ended = Event()

    def hang(_: str, answer: Response) -> Response:
        ended.wait(60)
        return answer

    stub.spoil = hang
    hasty = Waits(answer_seconds=0.2, request_seconds=1)
    try:
        asked = github(REPOSITORY, {"GITHUB_API_URL": stub.address}, hasty, Waiting())
        with closing(asked), patience(), pytest.raises(Unavailable) as silent:
            asked.observe()
    finally:
        ended.set()
    assert is_clear(silent.value)


_LOGIN = "https://login.microsoftonline.com/t"
_DISCOVERED = {"authorization_endpoint": f"{_LOGIN}/a", "token_endpoint": f"{_LOGIN}/token", "issuer": _LOGIN}
_GIVEN = {"token_type": "Bearer", "access_token": TOKEN, "expires_in": "3599", "expires_on": "4000000000", "resource": "x"}


def good(url: str) -> Mapping[str, object]:
    """What an endpoint answers that is in order."""
    if "/.well-known/" in url:
        return _DISCOVERED
    if "/discovery/" in url:
        return {"tenant_discovery_endpoint": f"{_LOGIN}/.well-known/openid-configuration", "metadata": []}
    return {"value": TOKEN} if url.startswith("https://token.example") else _GIVEN


@pytest.mark.usefixtures("hurried", "alone")
@pytest.mark.parametrize("way", WAYS)
def test_spoilt_answers_of_endpoints_of_tokens(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setenv(name, value)
    now: list[tuple[int, Spoil, Random]] = []
    count = [0]
    hosts = set[str]()

    def send(_: requests.Session, request: requests.PreparedRequest, **_options: object) -> requests.Response:
        url = str(request.url)
        hosts.add(urlsplit(url).hostname or "")
        answer: Response = Plain(200, headers={"Content-Type": "application/json"}, raw=json.dumps(good(url)).encode())
        if urlsplit(url).hostname == "management.azure.com":
            answer = Plain(404, headers={"Content-Type": "application/json"}, raw=b"{}")
            str(request.headers["Authorization"]).encode("latin-1")  # as it goes out
        elif now and count[0] == now[0][0]:
            answer = now[0][1](answer, answer.fields(0), now[0][2])
        count[0] += 1
        raw = urllib3.HTTPResponse(
            BytesIO(answer.content()), dict(answer.fields(0)), answer.status, reason="Odd", preload_content=False,
            decode_content=True,
        )  # fmt: skip
        return HTTPAdapter().build_response(request, raw)

    monkeypatch.setattr(requests.Session, "send", send)

    def ask() -> None:
        count[0] = 0
        clients = connect(environment(subscription=DEFAULT, waits=QUICK), WAYS[way])
        with closing(clients), understood("Resource Manager"):
            clients.groups.resource_groups.get("rg-dpsops-test")

    with pytest.raises(Error) as missing:
        ask()
    assert type(missing.value).__name__ == "Missing"
    requests_made = count[0] - 1
    wrong: list[str] = []
    for turn in range(ROUNDS):
        for name, spoil in SPOILS.items():
            for number in range(requests_made):
                now[:] = [(number, spoil, Random(f"{SEED} {turn} {name} {number}"))]  # noqa: S311
                if found := fault(ask):
                    wrong.append(f"{name}, request {number}: {found}")
    assert not wrong, "\n".join(wrong)
    assert THIEF not in hosts


AZ = {
    "account show": {"environmentName": "AzureCloud", "id": DEFAULT, "tenantId": "t"},
    "account get-access-token": {"accessToken": TOKEN, "expires_on": 4_000_000_000, "tenant": "t"},
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("spoilt", AZ)
def test_spoilt_output_of_az(spoilt: str, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    contents = {name: json.dumps(each).encode() for name, each in AZ.items()}
    wrong: list[str] = []
    for number in range(ROUNDS):
        for name in MUTATIONS:
            chance = Random(f"{SEED} {number} {spoilt} {name}")  # noqa: S311
            files = contents | {spoilt: mutated(name, contents[spoilt], list(contents.values()), chance)}
            for asked, content in files.items():
                (alone / asked.replace(" ", "-")).write_bytes(content)
            (alone / "az").write_text(f'#!/bin/sh\nexec /bin/cat {shlex.quote(str(alone))}/"$1-$2"\n')
            (alone / "az").chmod(0o700)
            for subscription in (None, DEFAULT):
                if found := fault(lambda: _caller(subscription)):  # noqa: B023
                    wrong.append(f"{name}, {subscription}: {found}")
    assert not wrong, "\n".join(wrong)


def _caller(subscription: str | None) -> None:
    with closing(connect(environment(subscription=subscription, waits=QUICK), {})) as clients:
        _ = clients.caller


@pytest.mark.parametrize("text", ["exec /bin/sleep 60", "exec /bin/sh -c 'while :; do echo x; done'", "kill -9 $$"])
def test_az_that_never_ends(text: str, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    (alone / "az").write_text(f"#!/bin/sh\n{text}\n")
    (alone / "az").chmod(0o700)
    hasty = Waits(sign_in_seconds=0.5)
    for subscription in (None, DEFAULT):
        with pytest.raises(Error) as refused, patience():
            _ = connect(environment(subscription=subscription, waits=hasty), {}).caller
        assert is_clear(refused.value)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "variables",
    [
        {"AZURE_TENANT_ID": "a/b"},
        {"AZURE_TENANT_ID": "\N{SNOWMAN}"},
        {"AZURE_CLIENT_ID": "\udcff"},
        {"AZURE_CLIENT_SECRET": "\udcff"},
        {"AZURE_AUTHORITY_HOST": "https://[::1"},
        {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://[::1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x", "AZURE_CLIENT_SECRET": ""},
        {"AZURE_FEDERATED_TOKEN_FILE": "/", "AZURE_CLIENT_SECRET": ""},
        {"AZURE_FEDERATED_TOKEN_FILE": "/dev/null", "AZURE_CLIENT_SECRET": ""},
        {"AZURE_SUBSCRIPTION_ID": "a b/../\N{SNOWMAN}"},
    ],
    ids=" ".join,
)
def test_odd_variables(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests.Session, "send", refuse)
    monkeypatch.setattr(Transport, "sleep", lambda *_: None)
    given = IDENTITY | {"AZURE_CLIENT_SECRET": "secret", "AZURE_SUBSCRIPTION_ID": DEFAULT} | variables

    def ask() -> None:
        with closing(connect(environment(), given)) as clients, understood("Resource Manager"):
            clients.groups.resource_groups.get("rg-dpsops-test")

    assert fault(ask) == ""
    with pytest.raises(Error):
        ask()
