"""Entra ID: discovery, and the token endpoint for client secrets and federated tokens.

Sources: Microsoft identity platform, "OAuth 2.0 client credentials flow" and "Microsoft Entra
authentication and authorization error codes" (AADSTS...).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route, Router, Service
from dpsops.emulator.identity.state import Application, find_application, trusted_issuers
from dpsops.emulator.identity.tokens import LIFETIME, InvalidToken, issue_token, public_jwk, signing_key, verify_jwt
from dpsops.emulator.world import World

_RESOURCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://vault.azure.net",
    "https://azure-devices-provisioning.net",
    "https://iothubs.azure.net",
)
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW = 300
"""Seconds by which clocks may differ."""


def _refusal(world: World, error: str, code: int, message: str, status: int = 400) -> Refusal:
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    timestamp = datetime.fromtimestamp(world.now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    description = f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    body: JSON = {
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": str(trace),
        "correlation_id": str(correlation),
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return Refusal(Response(status, body))


def instance_discovery(world: World, request: Request) -> Response:
    """Which authorities are Microsoft's own: what MSAL asks before it trusts one."""
    aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    metadata = {"preferred_network": aliases[0], "preferred_cache": aliases[1], "aliases": aliases}
    tenant = request.query.get("authorization_endpoint", "https://login.microsoftonline.com/common").split("/")[3]
    endpoint = f"https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration"
    return Response(200, {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [metadata]})


def openid_configuration(world: World, request: Request, tenant: str) -> Response:
    """The tenant's OpenID Connect discovery document."""
    _require_tenant(world, tenant)
    base = f"https://login.microsoftonline.com/{tenant}"
    return Response(
        200,
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        },
    )


def signing_keys(world: World, request: Request, tenant: str) -> Response:
    """The keys that tokens are signed with (RFC 7517)."""
    _require_tenant(world, tenant)
    return Response(200, {"keys": [public_jwk(signing_key(world).public_key())]})


def token(world: World, request: Request, tenant: str) -> Response:
    """The client credentials grant, with a client secret or a client assertion."""
    _require_tenant(world, tenant)
    form = _form(request)
    grant = _required(world, form, "grant_type")
    if grant != "client_credentials":
        raise _refusal(world, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")
    name = _required(world, form, "client_id")
    application = find_application(world, name)
    if application is None or application.principal.tenant_id != tenant.lower():
        message = f"Application with identifier '{name}' was not found in the directory '{tenant}'."
        raise _refusal(world, "unauthorized_client", 700016, message)
    if "client_assertion" in form:
        _require_assertion(world, application, form)
    elif "client_secret" not in form:
        message = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        raise _refusal(world, "invalid_request", 7000216, message, 401)
    elif not application.accepts(form["client_secret"]):
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.principal.app_id}'."
        )
        raise _refusal(world, "invalid_client", 7000215, message, 401)
    audience = _audience(world, _required(world, form, "scope"), tenant)
    return Response(
        200,
        {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": issue_token(world, application.principal, audience),
        },
        {"Cache-Control": "no-store, no-cache"},
    )


def _form(request: Request) -> Mapping[str, str]:
    """The form of a token request; one in any other encoding has nothing in it."""
    if request.media_type != "application/x-www-form-urlencoded":
        return {}
    return {key: values[0] for key, values in parse_qs(request.body.decode(errors="replace")).items() if len(values) == 1}


def _required(world: World, form: Mapping[str, str], name: str) -> str:
    if name not in form:
        message = f"The request body must contain the following parameter: '{name}'."
        raise _refusal(world, "invalid_request", 900144, message)
    return form[name]


def _require_tenant(world: World, tenant: str) -> None:
    known = {document["tenantId"] for _, document in world.state.list("subscription")}
    if tenant.lower() not in known and tenant.lower() not in {"common", "organizations"}:
        raise _refusal(world, "invalid_request", 90002, f"Tenant '{tenant}' not found.")


def _audience(world: World, scope: str, tenant: str) -> str:
    if not scope.endswith("/.default"):
        message = f"The provided request must include a 'scope' input parameter. The scope '{scope}' is not valid."
        raise _refusal(world, "invalid_scope", 1002012, message)
    resource = scope.removesuffix("/.default").rstrip("/")
    if resource not in _RESOURCES:
        message = f"The resource principal named {resource} was not found in the tenant named {tenant}."
        raise _refusal(world, "invalid_resource", 500011, message)
    return resource


def _require_assertion(world: World, application: Application, form: Mapping[str, str]) -> None:
    """A federated token: signed by a trusted issuer, for its subject and audience, and not expired."""
    if form.get("client_assertion_type") != _JWT_BEARER:
        message = "The request body must contain the following parameter: 'client_assertion_type'."
        raise _refusal(world, "invalid_request", 900144, message)
    credentials = trusted_issuers(world, application.principal.app_id)
    for credential in credentials:
        try:
            claims = verify_jwt(form["client_assertion"], credential.key)
        except InvalidToken:
            continue
        if claims.get("iss") != credential.issuer or claims.get("sub") != credential.subject:
            continue
        if claims.get("aud") != credential.audience:
            message = "No matching federated identity record found for presented assertion audience."
            raise _refusal(world, "invalid_client", 700212, message, 401)
        begins, ends = claims.get("nbf", 0), claims.get("exp")
        if not (isinstance(begins, int | float) and isinstance(ends, int | float) and begins - _SKEW <= world.now < ends):
            message = "Client assertion is not within its valid time range."
            raise _refusal(world, "invalid_client", 700024, message, 401)
        return
    message = "No matching federated identity record found for presented assertion subject."
    raise _refusal(world, "invalid_client", 700213, message, 401)


def _open(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Signing in needs no token."""


def _unknown(world: World, request: Request) -> Response:
    return Response(404, {"error": "not_found", "error_description": f"No such endpoint: {request.method} {request.path}"})


def _unauthenticated(world: World, request: Request, reason: str) -> Response:
    return Response(401, {"error": "invalid_request", "error_description": reason})


SERVICE = Service(
    name="identity",
    host=re.compile(r"login\.microsoftonline\.com"),
    audience="",
    router=Router(
        [
            Route("GET", "/common/discovery/instance", instance_discovery),
            Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
            Route("GET", "/{tenant}/discovery/v2.0/keys", signing_keys),
            Route("POST", "/{tenant}/oauth2/v2.0/token", token),
        ]
    ),
    authorize=_open,
    unauthenticated=_unauthenticated,
    unknown=_unknown,
)
