"""Errors without an answer of an Azure service: the network, and the sign-in."""

from __future__ import annotations

import pytest
import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from dpsops.errors import Denied, Error, NotAllowed, Unavailable
from tests.azure.answers import AGAIN, Answer, Token, assert_explained, raised, transport


def signing_in(*answers: Answer | Exception) -> ClientAuthenticationError:
    """The error that azure-identity raises for these answers to a sign-in with a client secret."""
    credential = ClientSecretCredential(
        "72f988bf-86f1-41af-91ab-2d7cd011db47", "client", "secret",
        transport=transport(*answers), retry_total=0, disable_instance_discovery=True,
    )  # fmt: skip
    with pytest.raises(ClientAuthenticationError) as failed:
        credential.get_token("https://vault.azure.net/.default")
    return failed.value


def test_an_error_of_entra_id() -> None:
    host = "https://login.microsoftonline.com/72f988bf"
    configuration = {"authorization_endpoint": f"{host}/a", "token_endpoint": f"{host}/t", "issuer": host}
    refusal = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2",
        "error_codes": [7000215],
    }
    assert_explained(
        signing_in((200, configuration, {}), (401, refusal, {})),
        NotAllowed,
        "Authentication failed: AADSTS7000215: Invalid client secret provided.",
        "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline",
    )
    # the same answer, with the response, which the SDK adds for tokens of a managed identity
    error = ClientAuthenticationError(response=raised(400, refusal).response)
    hint = "sign in with 'az login', or check the pipeline's federated credential"
    assert_explained(error, Denied, "AADSTS7000215: Invalid client secret provided.", hint)


def test_a_network_error_during_the_sign_in_is_not_a_missing_permission() -> None:
    hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it continues"
    error = signing_in(requests.ConnectionError("Connection refused"))
    assert_explained(error, Unavailable, "Azure cannot be reached: Connection refused", hint)


def failing(why: str) -> ServiceRequestError:
    """The error that a vault's client raises for a connection error."""
    broken = transport(requests.ConnectionError(why))
    client = SecretClient("https://kv-dpsops-dev.vault.azure.net", Token(), transport=broken, retry_total=0)
    with pytest.raises(ServiceRequestError) as failed:
        client.get_secret("x")
    return failed.value


def test_a_network_error() -> None:
    hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it continues"
    assert_explained(failing("Connection refused\nand more"), Unavailable, "Azure cannot be reached: Connection refused", hint)
    assert_explained(
        ServiceResponseError("Connection aborted."), Unavailable, "Azure cannot be reached: Connection aborted.", hint
    )
    other = "Failed to resolve 'management.azure.com'"
    assert_explained(failing(other), Unavailable, f"Azure cannot be reached: {other}", hint)


@pytest.mark.parametrize(
    "why",
    [
        "HTTPSConnection(host='kv-dpsops-dev.vault.azure.net', port=443): Failed to resolve 'kv-dpsops-dev.vault.azure.net'",
        "HTTPSConnectionPool(host='kv-dpsops-dev.vault.azure.net', port=443): (OSError('Tunnel failed: 502 Bad Gateway'))",
    ],
)
def test_a_vault_that_does_not_exist_yet(why: str) -> None:
    hint = "'dpsops status' shows what exists, 'dpsops up' creates what is missing; else check the network and HTTPS_PROXY"
    assert_explained(failing(why), Unavailable, "there is no host kv-dpsops-dev.vault.azure.net", hint)


def test_nobody_signed_in() -> None:
    attempts = "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n\tAz"
    hint = "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline"
    assert_explained(ClientAuthenticationError(attempts), NotAllowed, attempts.splitlines()[0], hint)


def test_any_other_error() -> None:
    assert_explained(AzureError("Odd."), Error, "Odd.", "run the command again; --verbose shows each request")
    assert_explained(AzureError("\n"), Error, "Azure gave no reason", "run the command again; --verbose shows each request")


def test_an_answer_without_a_reason_phrase() -> None:
    error = raised(503, "")
    error.reason = None  # as over HTTP/2
    assert_explained(error, Unavailable, "Azure answered 503 without a reason", AGAIN)
