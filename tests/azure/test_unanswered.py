"""Errors without an answer of Azure's: the network, and the sign-in."""

from __future__ import annotations

import pytest
import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from dpsops.errors import Denied, Error, NotAllowed, Silent
from tests.azure.answers import AGAIN, Answer, Token, assert_explained, raised, transport


def signing_in(*answers: Answer | Exception) -> ClientAuthenticationError:
    """What azure-identity raises for a client secret that is answered so."""
    credential = ClientSecretCredential(
        "72f988bf-86f1-41af-91ab-2d7cd011db47", "client", "secret",
        transport=transport(*answers), retry_total=0, disable_instance_discovery=True,
    )  # fmt: skip
    with pytest.raises(ClientAuthenticationError) as failed:
        credential.get_token("https://vault.azure.net/.default")
    return failed.value


def test_entra_ids_words() -> None:
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
    # the same answer where the SDK keeps the response, as it does for tokens of a managed identity
    error = ClientAuthenticationError(response=raised(400, refusal).response)
    hint = "sign in with 'az login', or check the pipeline's federated credential"
    assert_explained(error, Denied, "AADSTS7000215: Invalid client secret provided.", hint)


def test_a_network_that_fails_while_signing_in_is_no_missing_right() -> None:
    hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it resumes"
    error = signing_in(requests.ConnectionError("Connection refused"))
    assert_explained(error, Silent, "Azure cannot be reached: Connection refused", hint)


def failing(why: str) -> ServiceRequestError:
    """What a vault's client raises where its connection fails so."""
    broken = transport(requests.ConnectionError(why))
    client = SecretClient("https://kv-dpsops-dev.vault.azure.net", Token(), transport=broken, retry_total=0)
    with pytest.raises(ServiceRequestError) as failed:
        client.get_secret("x")
    return failed.value


def test_a_network_that_fails() -> None:
    hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it resumes"
    assert_explained(failing("Connection refused\nand more"), Silent, "Azure cannot be reached: Connection refused", hint)
    assert_explained(ServiceResponseError("Connection aborted."), Silent, "Azure cannot be reached: Connection aborted.", hint)
    elsewhere = "Failed to resolve 'management.azure.com'"
    assert_explained(failing(elsewhere), Silent, f"Azure cannot be reached: {elsewhere}", hint)


@pytest.mark.parametrize(
    "why",
    [
        "HTTPSConnection(host='kv-dpsops-dev.vault.azure.net', port=443): Failed to resolve 'kv-dpsops-dev.vault.azure.net'",
        "HTTPSConnectionPool(host='kv-dpsops-dev.vault.azure.net', port=443): (OSError('Tunnel failed: 502 Bad Gateway'))",
    ],
)
def test_a_vault_that_is_not_there_yet(why: str) -> None:
    hint = "'dpsops status' shows what exists, 'dpsops up' makes what is missing; else see to the network and HTTPS_PROXY"
    assert_explained(failing(why), Silent, "there is no host kv-dpsops-dev.vault.azure.net", hint)


def test_nobody_signed_in() -> None:
    attempts = "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n\tAz"
    hint = "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline"
    assert_explained(ClientAuthenticationError(attempts), NotAllowed, attempts.splitlines()[0], hint)


def test_what_is_neither() -> None:
    assert_explained(AzureError("Odd."), Error, "Odd.", "run the command again; --verbose shows each request")
    assert_explained(AzureError("\n"), Error, "Azure gave no reason", "run the command again; --verbose shows each request")


def test_an_answer_without_even_a_reason_phrase() -> None:
    error = raised(503, "")
    error.reason = None  # as over HTTP/2
    assert_explained(error, Silent, "Azure answered 503 and gave no reason", AGAIN)
