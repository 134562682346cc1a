"""What Entra ID accepts as a token request.

Sources: Microsoft identity platform, "OAuth 2.0 client credentials flow" and "Microsoft Entra
authentication and authorization error codes" (AADSTS...).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from dpsops.emulator.http import Request
from dpsops.emulator.identity.errors import refusal
from dpsops.emulator.identity.federation import require_trusted
from dpsops.emulator.identity.state import Application, find_application
from dpsops.emulator.world import World

_RESOURCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://vault.azure.net",
    "https://azure-devices-provisioning.net",
    "https://iothubs.azure.net",
)
_OPENID = ("openid", "offline_access", "profile")
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def form_of(request: Request) -> Mapping[str, str]:
    """The form of a token request; one in any other encoding has nothing in it."""
    if request.media_type != "application/x-www-form-urlencoded":
        return {}
    return {key: values[0] for key, values in parse_qs(request.body.decode(errors="replace")).items() if len(values) == 1}


def required(world: World, form: Mapping[str, str], name: str) -> str:
    """A field that the form must have."""
    if name not in form:
        message = f"The request body must contain the following parameter: '{name}'."
        raise refusal(world, "invalid_request", 900144, message)
    return form[name]


def require_tenant(world: World, tenant: str) -> None:
    """Refuses a tenant that does not exist."""
    known = {document["tenantId"] for _, document in world.state.list("subscription")}
    if tenant.lower() not in known and tenant.lower() not in {"common", "organizations"}:
        raise refusal(world, "invalid_request", 90002, f"Tenant '{tenant}' not found.")


def require_client(world: World, form: Mapping[str, str], tenant: str) -> Application:
    """The application that asks for a token as itself, with its client secret or a client assertion."""
    grant = required(world, form, "grant_type")
    if grant != "client_credentials":
        raise refusal(world, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")
    name = required(world, form, "client_id")
    application = find_application(world, name)
    if application is None or application.principal.tenant_id != tenant.lower():
        message = f"Application with identifier '{name}' was not found in the directory '{tenant}'."
        raise refusal(world, "unauthorized_client", 700016, message)
    if "client_assertion" in form:
        if form.get("client_assertion_type") != _JWT_BEARER:
            message = "The request body must contain the following parameter: 'client_assertion_type'."
            raise refusal(world, "invalid_request", 900144, message)
        require_trusted(world, application.principal.app_id, form["client_assertion"])
    elif "client_secret" not in form:
        message = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        raise refusal(world, "invalid_request", 7000216, message, 401)
    elif not application.accepts(form["client_secret"]):
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.principal.app_id}'."
        )
        raise refusal(world, "invalid_client", 7000215, message, 401)
    return application


def audience_of(world: World, scope: str, tenant: str) -> str:
    """The audience of the token for a scope: one of the resources that there are. Beside it there may be the scopes of OpenID
    Connect, which Microsoft's library for Go sends with every request."""
    asked = " ".join(each for each in scope.split(" ") if each not in _OPENID)
    if not asked.endswith("/.default"):
        message = f"The provided request must include a 'scope' input parameter. The scope '{scope}' is not valid."
        raise refusal(world, "invalid_scope", 1002012, message)
    resource = asked.removesuffix("/.default").rstrip("/")
    if resource not in _RESOURCES:
        message = f"The resource principal named {resource} was not found in the tenant named {tenant}."
        raise refusal(world, "invalid_resource", 500011, message)
    return resource
