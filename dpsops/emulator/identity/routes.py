"""Entra ID: discovery, and the token endpoint for client secrets and federated tokens."""

from __future__ import annotations

import re

from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.identity.errors import refusal
from dpsops.emulator.identity.rules import audience_of, form_of, require_client, require_tenant, required
from dpsops.emulator.identity.tokens import LIFETIME, issue_token, public_jwk, signing_key
from dpsops.emulator.world import World

_ALIASES = ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net")


def instance_discovery(world: World, request: Request) -> Response:
    """Which authorities are Microsoft's own: what MSAL asks before it trusts one."""
    metadata = {"preferred_network": _ALIASES[0], "preferred_cache": _ALIASES[1], "aliases": list(_ALIASES)}
    asked = re.fullmatch(r"https://([^/]+)/([^/]+)(?:/.*)?", request.query.get("authorization_endpoint", ""))
    if asked is None or asked[1].lower() not in _ALIASES:
        raise refusal(world, "invalid_instance", 50049, "Unknown or invalid instance.")
    tenant = asked[2]
    endpoint = f"https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration"
    return Response(200, {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [metadata]})


def openid_configuration(world: World, request: Request, tenant: str) -> Response:
    """The tenant's OpenID Connect discovery document."""
    require_tenant(world, tenant)
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
    require_tenant(world, tenant)
    return Response(200, {"keys": [public_jwk(signing_key(world).public_key())]})


def token(world: World, request: Request, tenant: str) -> Response:
    """The client credentials grant, with a client secret or a client assertion."""
    require_tenant(world, tenant)
    form = form_of(request)
    application = require_client(world, form, tenant)
    audience = audience_of(world, required(world, form, "scope"), tenant)
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


ROUTES = [
    Route("GET", "/common/discovery/instance", instance_discovery),
    Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
    Route("GET", "/{tenant}/discovery/v2.0/keys", signing_keys),
    Route("POST", "/{tenant}/oauth2/v2.0/token", token),
]
