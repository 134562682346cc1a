"""dpsops signs in with what the real Azure CLI knows: its account, its tokens, and its refusals. `make az` runs these tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from dpsops.azure.azure_cli import Account, FoundCredential, account
from dpsops.azure.transport import Transport
from tests.az.conftest import Az, Served

if "DPSOPS_TEST_AZ" not in os.environ:
    pytest.skip("needs the Azure CLI: make az", allow_module_level=True)

ABSENT = "00000000-0000-0000-0000-00000000dead"
VAULT = "https://vault.azure.net"


def enter(az: Az, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process one in which somebody has signed in with `az`, and in no other way."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in az.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(Path(az.program).parent), prepend=os.pathsep)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")


def test_the_account_and_its_tokens(az: Az, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(az, monkeypatch)
    subscription, tenant = served.variables["AZURE_SUBSCRIPTION_ID"], served.variables["AZURE_TENANT_ID"]
    assert account(Transport()) == account(Transport(), subscription) == Account(subscription, tenant)
    credential = FoundCredential(subscription, Transport())
    assert credential.get_token("https://management.azure.com/.default").token
    assert credential.get_token(f"{VAULT}/.default", tenant_id=tenant).token  # as a vault's client asks


def test_a_subscription_beside_a_tenant_is_refused(az: Az, served: Served) -> None:
    both = ("--subscription", served.variables["AZURE_SUBSCRIPTION_ID"], "--tenant", served.variables["AZURE_TENANT_ID"])
    assert "specify only one of subscription and tenant" in az.refused("account", "get-access-token", "--resource", VAULT, *both)


def test_a_subscription_that_it_does_not_know(az: Az, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(az, monkeypatch)
    with pytest.raises(CredentialUnavailableError, match=f"az: Subscription '{ABSENT}' not found"):
        account(Transport(), ABSENT)
    with pytest.raises(ClientAuthenticationError, match=rf"nobody is signed in to Azure \(az: Subscription '{ABSENT}' not found"):
        FoundCredential(ABSENT, Transport()).get_token("https://management.azure.com/.default")


def test_nobody_is_signed_in(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(served.az(tmp_path / "configuration"), monkeypatch)
    with pytest.raises(CredentialUnavailableError, match="az: Please run 'az login' to setup account"):
        account(Transport())
