"""How dpsops signs in, and to which subscription: with the variables that Azure's tools share, or what the machine offers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dpsops.azure.answers import members
from dpsops.azure.errors import understood
from dpsops.azure.home import require_home
from dpsops.errors import InvalidInput, NotAllowed
from dpsops.settings import Environment

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineRequest

    from dpsops.azure.transport import Transport

_AUTHORITY = "login.microsoftonline.com"
_PERMISSION = "give the job the permission 'id-token: write'"
_TENANT = re.compile(r"[0-9A-Za-z.-]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_GITHUB_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who acts, and in which subscription."""

    credential: TokenCredential
    subscription: str


def sign_in(environment: Environment, variables: Mapping[str, str], transport: Transport) -> SignIn:
    """The subscription of the settings, else of `AZURE_SUBSCRIPTION_ID`, else the default one of `az`; and a credential.

    With its default subscription `az` signs in, too; and it is asked for that only if no variable names an identity. Raises
    `InvalidInput` if there is no subscription.
    """
    subscription = environment.subscription or variables.get("AZURE_SUBSCRIPTION_ID", "")
    if not subscription:
        return _by_default(environment, variables, transport)
    named = _named(variables, transport)
    if named is None:
        from dpsops.azure.azure_cli import FoundCredential

        named = FoundCredential(subscription, transport)
    return SignIn(named, subscription)


def to_authority(transport: Transport) -> dict[str, Any]:
    """The options of a credential that sends a secret or an assertion to Entra ID: to its own host alone, whatever address for
    tokens it names itself."""

    def at_home(request: PipelineRequest[Any]) -> None:
        require_home(request.http_request.url, _AUTHORITY)

    return {"transport": transport, "authority": _AUTHORITY, "raw_request_hook": at_home}


def _by_default(environment: Environment, variables: Mapping[str, str], transport: Transport) -> SignIn:
    from azure.identity import CredentialUnavailableError

    from dpsops.azure.azure_cli import account, of

    missing = f"the environment {environment.name!r} names no subscription"
    step = f'set AZURE_SUBSCRIPTION_ID, or subscription = "..." in infra/{environment.name}.toml'
    if variables.get("AZURE_CLIENT_ID"):
        raise InvalidInput(missing, step)
    try:
        found = account(transport)
    except CredentialUnavailableError as unavailable:
        raise InvalidInput(f"{missing}, and az none either ({unavailable.message})", f"{step}; or 'az login'") from unavailable
    return SignIn(of(found, transport), found.subscription)


def _named(variables: Mapping[str, str], transport: Transport) -> TokenCredential | None:
    """The identity that the variables name: by a client secret, GitHub's OIDC token or a file with a token; or None."""
    tenant, client = variables.get("AZURE_TENANT_ID", ""), variables.get("AZURE_CLIENT_ID", "")
    if not tenant or not client:
        return None
    if not _TENANT.fullmatch(tenant):
        raise InvalidInput(
            "AZURE_TENANT_ID is neither the ID nor a domain of a tenant", "az account show --query tenantId shows it"
        )
    options = to_authority(transport)
    if secret := variables.get("AZURE_CLIENT_SECRET"):
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(tenant, client, secret, **options)
    if "ACTIONS_ID_TOKEN_REQUEST_URL" in variables:
        from azure.identity import ClientAssertionCredential

        return ClientAssertionCredential(tenant, client, _github_token(variables, transport), **options)
    if file := variables.get("AZURE_FEDERATED_TOKEN_FILE"):
        from azure.identity import WorkloadIdentityCredential

        if not os.access(file, os.R_OK) or os.path.isdir(file):
            raise NotAllowed(
                f"the file of AZURE_FEDERATED_TOKEN_FILE, {file}, cannot be read",
                "check whether the workload identity is mounted; without the variable dpsops looks for another way to sign in",
            )
        # The SDK's chain of credentials would say of a refusal only that nothing worked.
        return WorkloadIdentityCredential(tenant_id=tenant, client_id=client, token_file_path=file, **options)
    return None


def _github_token(variables: Mapping[str, str], transport: Transport) -> Callable[[], str]:
    """Fetches a new OIDC token from GitHub each time: it is valid for ten minutes, and a deployment can take longer
    (AADSTS700024). Source: GitHub, "OpenID Connect reference"."""
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest

    url = f"{variables['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={_GITHUB_AUDIENCE}"
    bearer = variables.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not _is_address(url) or not _TOKEN.fullmatch(bearer):  # an error of the HTTP library would quote it
        raise NotAllowed("this GitHub job cannot get an identity token", _PERMISSION)
    client: PipelineClient[Any, Any] = PipelineClient(url, transport=transport)

    @understood("GitHub")
    def fetch() -> str:
        answer = client.send_request(HttpRequest("GET", url, headers={"Authorization": f"Bearer {bearer}"}))
        if answer.status_code in (401, 403, 404):
            raise NotAllowed(f"GitHub gives this job no identity token ({answer.status_code})", _PERMISSION)
        answer.raise_for_status()
        token = members(answer.json())["value"]
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ValueError("no token")
        return token

    return fetch


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https"
    except ValueError:
        return False


_MEANS = {
    "ClientSecretCredential": "a client secret",
    "ClientAssertionCredential": "a token of GitHub's",
    "WorkloadIdentityCredential": "a federated token in a file",
    "AzureCliCredential": "az",
}


def means(credential: TokenCredential) -> str:
    """How a credential signs in, for people."""
    return _MEANS.get(type(credential).__name__, "what this machine offers, such as az or a managed identity")
