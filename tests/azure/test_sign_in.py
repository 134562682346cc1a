"""Signing in with `az` or a file with a token: for which tenant and subscription, and what the errors say. No network."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.identity import AzureCliCredential, ClientSecretCredential, CredentialUnavailableError, WorkloadIdentityCredential

from dpsops.azure.azure_cli import account
from dpsops.azure.clients import Clients, connect
from dpsops.azure.errors import understood
from dpsops.azure.transport import Transport
from dpsops.errors import InvalidInput, NotAllowed
from dpsops.model.roles import Principal
from dpsops.settings import Waits
from tests.azure.az import DEFAULT, GUEST, OTHER, Az, az
from tests.worlds import environment

__all__ = ["az"]

IDENTITY = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client"}


def connected(variables: dict[str, str] | None = None, **settings: object) -> Clients:
    clients = connect(environment(**settings), variables or {})
    clients.close()
    return clients


def tenants(az: Az) -> list[str]:
    """The tenants for which `az` was asked for tokens."""
    return [asked[asked.index("--tenant") + 1] for asked in az.asked if "get-access-token" in asked]


def test_the_token_is_for_the_tenant_of_the_subscription(az: Az) -> None:
    az.sign_in(DEFAULT)
    az.sign_in(OTHER, GUEST)
    clients = connected(subscription=OTHER)
    assert clients.caller == Principal("me", "User")
    # A vault's client names its tenant, beside which `az` takes no subscription.
    clients._credential.get_token("https://vault.azure.net/.default", tenant_id=GUEST)
    assert tenants(az) == [GUEST, GUEST]
    assert [asked for asked in az.asked if "show" in asked] == [["account", "show", "--output", "json", "--subscription", OTHER]]


def test_the_default_subscription_of_az_is_used_where_nothing_names_one(az: Az) -> None:
    az.sign_in(DEFAULT, GUEST)
    assert connected(subscription=OTHER).subscription == OTHER
    assert connected({"AZURE_SUBSCRIPTION_ID": OTHER}).subscription == OTHER
    assert az.asked == []
    clients = connected()
    assert clients.subscription == DEFAULT
    assert clients.caller == Principal("me", "User")
    assert tenants(az) == [GUEST]


def test_an_identity_of_the_variables_gets_no_subscription_of_az(az: Az) -> None:
    az.sign_in(DEFAULT)
    with pytest.raises(InvalidInput, match=r"names no subscription$"):
        connected(IDENTITY | {"AZURE_CLIENT_SECRET": "secret"})
    with pytest.raises(InvalidInput, match=r"names no subscription$"):
        connected({"AZURE_CLIENT_ID": "a managed identity"})
    assert az.asked == []


def test_the_error_without_a_subscription_says_why_az_has_none(az: Az, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"az none either \(az: Please run 'az login' to setup account\.\)") as refused:
        connected()
    assert "or 'az login'" in refused.value.hint
    az.sign_in(GUEST, GUEST)
    with pytest.raises(InvalidInput, match="signed in to a tenant without subscriptions"):
        connected()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InvalidInput, match="az is not installed"):
        connected()


@pytest.mark.usefixtures("az")
@pytest.mark.parametrize(
    ("text", "reason"),
    [("echo nonsense", "JSONDecodeError"), ("echo '[]'", "another shape"), ("exec /bin/sleep 5", "did not answer in 0.5 sec")],
)
def test_az_that_answers_something_else_or_never_is_no_way_to_sign_in(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "bin" / "az").write_text(f"#!/bin/sh\n{text}\n")
    with pytest.raises(CredentialUnavailableError, match=reason):
        account(Transport(Waits(sign_in_seconds=0.5)))


def test_az_gets_more_time_than_the_sdk_gives_it(az: Az) -> None:
    az.sign_in(DEFAULT)
    credential = connected()._credential
    assert isinstance(credential, AzureCliCredential)
    assert credential._process_timeout == 60


EXPIRED = """AADSTS700082: The refresh token has expired due to inactivity. Trace ID: t
Interactive authentication is needed. Please run:
az login --scope https://management.core.windows.net//.default"""


@pytest.mark.parametrize("subscription", [None, DEFAULT])
def test_the_code_of_entra_id_is_shown(az: Az, subscription: str | None) -> None:
    az.sign_in(DEFAULT)
    az.fail("get-access-token", EXPIRED)
    with pytest.raises(NotAllowed, match="AADSTS700082: The refresh token has expired") as refused:
        _ = connected(subscription=subscription).caller
    assert "\n" not in refused.value.message
    assert "az login" in refused.value.hint


def test_a_subscription_that_az_does_not_know_is_named(az: Az) -> None:
    az.sign_in(DEFAULT)
    with pytest.raises(NotAllowed) as refused:
        _ = connected(subscription=OTHER).caller
    assert refused.value.message == (
        f"nobody is signed in to Azure (az: Subscription '{OTHER}' not found. Check the ID or name and try again.)"
    )


def test_a_file_with_a_token_signs_in_explicitly(tmp_path: Path) -> None:
    file = tmp_path / "token"
    variables = IDENTITY | {"AZURE_SUBSCRIPTION_ID": DEFAULT, "AZURE_FEDERATED_TOKEN_FILE": str(file)}
    with pytest.raises(NotAllowed, match=f"AZURE_FEDERATED_TOKEN_FILE, {file}, cannot be read"):
        connected(variables)
    file.write_text("token")
    assert isinstance(connected(variables)._credential, WorkloadIdentityCredential)
    assert isinstance(connected(variables | {"AZURE_CLIENT_SECRET": "secret"})._credential, ClientSecretCredential)


@pytest.mark.parametrize(
    ("cloud", "name"),
    [
        ("AzureUSGovernment", "Azure US Government"),
        ("AzureChinaCloud", "China"),
        ("AzureStack", "not Azure's public cloud"),
    ],
)
@pytest.mark.parametrize("subscription", [None, DEFAULT])
def test_another_cloud_in_az_is_refused_by_name(az: Az, cloud: str, name: str, subscription: str | None) -> None:
    az.sign_in(DEFAULT, cloud=cloud)
    with pytest.raises(InvalidInput, match=name) as refused, understood("Azure"):
        connect(environment(subscription=subscription), {}).groups.resource_groups.get("rg-dpsops-test")
    assert refused.value.message.startswith(f"az is signed in to {cloud}, which is ")
    assert "dpsops works in Azure's public cloud only" in refused.value.message
    assert tenants(az) == []


@pytest.mark.parametrize(
    ("variables", "settings", "name"),
    [
        ({"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/"}, {}, "Azure US Government"),
        ({"AZURE_AUTHORITY_HOST": "login.chinacloudapi.cn"}, {}, "China"),
        ({"AZURE_AUTHORITY_HOST": "https://login.example"}, {}, "not Azure's public cloud"),
        ({"AZURE_SDK_CLOUD_CONF": "AZURE_CHINA_CLOUD"}, {}, "China"),
        ({}, {"location": "usgovvirginia"}, "Azure US Government"),
        ({}, {"hub": [{"name": "iot-dpsops-test", "location": "chinaeast2"}]}, "China"),
    ],
)
def test_another_cloud_of_variables_or_settings_is_refused_by_name(
    variables: dict[str, str], settings: dict[str, object], name: str
) -> None:
    secret = IDENTITY | {"AZURE_SUBSCRIPTION_ID": DEFAULT, "AZURE_CLIENT_SECRET": "secret"}
    with pytest.raises(InvalidInput, match=name) as refused:
        connected(secret | variables, **settings)
    assert "dpsops works in Azure's public cloud only" in refused.value.message


def test_the_public_cloud_may_be_named() -> None:
    secret = IDENTITY | {"AZURE_SUBSCRIPTION_ID": DEFAULT, "AZURE_CLIENT_SECRET": "secret"}
    named = {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/", "AZURE_SDK_CLOUD_CONF": "AZURE_PUBLIC_CLOUD"}
    assert connected(secret | named).subscription == DEFAULT
