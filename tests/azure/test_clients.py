"""The credential and the subscription of an environment, from the variables."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.identity import ClientAssertionCredential, ClientSecretCredential, DefaultAzureCredential
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from dpsops.azure.clients import Clients, connect
from dpsops.azure.deployments import Deployments
from dpsops.azure.provisioning import register_over_https
from dpsops.azure.sign_in import _github_token
from dpsops.azure.transport import Transport
from dpsops.azure.wire import Wire
from dpsops.cli.embedded import variables
from dpsops.emulator.world import Timings
from dpsops.errors import InvalidInput, NotAllowed, RegistrationRefused
from dpsops.model.roles import Principal
from dpsops.pki import chains, profiles
from dpsops.pki.bundles import DeviceCredential
from tests.worlds import environment, start_embedded, unpooled

SUBSCRIPTION = {"AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001"}
CLIENT = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client"}
GITHUB = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://runner.example/token?api=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner"}


class Runner(HTTPAdapter):
    """GitHub's runner, which returns a new token each time."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self.status = status
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """One answer."""
        self.asked.append(request)
        body = f'{{"value": "token-{len(self.asked)}"}}'.encode()
        headers = {"Content-Type": "application/json"}
        return self.build_response(request, HTTPResponse(io.BytesIO(body), headers, self.status, preload_content=False))


def transport_to(runner: Runner) -> Transport:
    """A transport whose network is the runner."""
    session = requests.Session()
    session.mount("https://", runner)
    return Transport(session=session)


def credential_of(clients: Clients) -> object:
    """The credential of the clients."""
    try:
        return clients._credential
    finally:
        clients.close()


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        (CLIENT | {"AZURE_CLIENT_SECRET": "secret"}, ClientSecretCredential),
        (CLIENT | GITHUB, ClientAssertionCredential),
        (CLIENT, DefaultAzureCredential),
        ({}, DefaultAzureCredential),
    ],
)
def test_the_credential_depends_on_the_variables(variables: dict[str, str], kind: type) -> None:
    assert isinstance(credential_of(connect(environment(), SUBSCRIPTION | variables)), kind)


def test_the_subscription_of_the_settings_is_preferred_to_that_of_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # without `az`
    named = "00000000-0000-0000-0000-000000000002"
    clients = connect(environment(subscription=named), SUBSCRIPTION)
    clients.close()
    assert clients.subscription == named
    with pytest.raises(InvalidInput, match="names no subscription"):
        connect(environment(), {})


@pytest.mark.parametrize(("link", "version"), [("key", "2022-12-12"), ("identity", "2026-11-01")])
def test_a_dps_is_managed_at_a_version_that_has_been_seen_in_use_unless_it_is_linked_by_identity(link: str, version: str) -> None:
    runner = Runner()
    settings = environment(dps={"name": "dps-dpsops-test", "link": link})
    clients = Clients(settings, "subscription", Holder(token_of({"oid": "me"})), transport_to(runner), unpooled)
    clients.dps.iot_dps_resource.get("dps-dpsops-test", "group")
    (asked,) = runner.asked
    assert asked.url is not None
    assert asked.url.endswith(f"/provisioningServices/dps-dpsops-test?api-version={version}")


class Holder:
    """A credential whose token is this text."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """The token."""
        return AccessToken(self._token, 2_000_000_000)


def token_of(claims: dict[str, str]) -> str:
    """A token with these claims."""
    return f"none.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.none"


def test_the_identity_that_runs_dpsops_is_read_from_the_token() -> None:
    def caller(token: str) -> Principal:
        return Clients(environment(), "subscription", Holder(token), transport_to(Runner()), unpooled).caller

    assert caller(token_of({"oid": "me", "scp": "user_impersonation"})) == Principal("me", "User")
    assert caller(token_of({"oid": "me", "idtyp": "user"})) == Principal("me", "User")
    assert caller(token_of({"oid": "it"})) == Principal("it", "ServicePrincipal")
    assert caller(token_of({"oid": "it", "idtyp": "app"})) == Principal("it", "ServicePrincipal")
    for token in ("opaque", "a.b.c", token_of({"sub": "me"}), "none.WzFd.none"):
        with pytest.raises(NotAllowed, match="does not name its identity") as refused:
            caller(token)
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None


def test_an_identity_that_its_token_does_not_name_can_deploy_for_others() -> None:
    team = {"id": "0f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "type": "User"}
    wanted = environment(access={"principals": [team]})
    deployments = Deployments(Clients(wanted, "subscription", Holder("opaque"), transport_to(Runner()), unpooled))
    assert deployments.principals == (Principal(team["id"], "User"),)
    assert deployments.stranger is None


def test_a_new_token_is_fetched_from_github_each_time() -> None:
    runner = Runner()
    fetch = _github_token(GITHUB, transport_to(runner))
    assert [fetch(), fetch()] == ["token-1", "token-2"]
    assert runner.asked[0].url == "https://runner.example/token?api=1&audience=api://AzureADTokenExchange"
    assert runner.asked[0].headers["Authorization"] == "Bearer runner"


def test_the_error_for_a_job_without_the_permission_names_it() -> None:
    with pytest.raises(NotAllowed, match="cannot get an identity token"):
        _github_token({"ACTIONS_ID_TOKEN_REQUEST_URL": "https://runner.example/token?api=1"}, transport_to(Runner()))
    with pytest.raises(NotAllowed, match="cannot get an identity token"):
        _github_token(GITHUB | {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://runner.example/?"}, transport_to(Runner()))
    with pytest.raises(NotAllowed, match=r"cannot get an identity token"):  # an error of the HTTP library would quote it
        _github_token(GITHUB | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a\nb"}, transport_to(Runner()))
    with pytest.raises(NotAllowed, match=r"gives this job no identity token \(403\)") as refused:
        _github_token(GITHUB, transport_to(Runner(status=403)))()
    assert "id-token: write" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no_proxy", "*"),
        ("https_proxy", "http://127.0.0.1:9"),
        ("azure_authority_host", "https://login.microsoftonline.us"),
        ("azure_sdk_cloud_conf", "AZURE_CHINA_CLOUD"),
    ],
)
def test_no_variable_makes_clients_bypass_the_proxy_of_the_embedded_azure(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`requests` prefers these variables to a session's own proxy, unless it must ignore all of them: `local` would send requests
    to the real Azure, or to a company's proxy."""
    for each in (name, name.upper()):
        monkeypatch.setenv(each, value)
    with start_embedded(tmp_path, Timings()) as azure:
        clients = connect(environment(), variables(azure), proxied=True)
        assert list(clients.groups.resource_groups.list()) == []
        clients.close()
        wire = Wire(azure.proxy_url, str(azure.authority_file))
        with pytest.raises(RegistrationRefused, match="DPS refused the registration"):
            register_over_https("0ne00000000", "press-07", credential(), wire, lambda _: None)


def credential() -> DeviceCredential:
    """A device's key, and a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "press-07")])
    wanted = profiles.Root(name, key.public_key(), timedelta(days=1))
    certificate = profiles.issue_root(wanted, key, serial=1, now=datetime.now(UTC))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DeviceCredential(private.decode(), chains.pem(certificate))
