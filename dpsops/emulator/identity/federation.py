"""Tokens of foreign issuers that an application or a managed identity signs in with.

Source: "Workload identity federation", its considerations and its errors; "Microsoft Entra authentication and authorization
error codes"; refusals quoted in public issues, 2022 to 2026.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.identity.errors import refusal
from dpsops.emulator.identity.state import FederatedCredential, federated_credentials, published_keys
from dpsops.emulator.identity.tokens import InvalidToken, split_jwt, verify_jwt
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

_SKEW = 300
"""Seconds by which clocks may differ."""

_ENTRA = ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net")
_ABOUT = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_CHECK = f"Check your federated identity credential Subject, Audience and Issuer against the presented assertion. {_ABOUT}"


def require_trusted(world: World, app_id: str, assertion: str) -> None:
    """Refuses a token unless the application trusts its issuer for its very subject and audience, the issuer's key that it
    names has signed it, and it holds now. In this order, which is a guess."""
    try:
        header, claims = split_jwt(assertion)
    except InvalidToken as invalid:
        raise refusal(world, "invalid_request", 50027, "JWT token is invalid or malformed.") from invalid
    credential = _trusted(world, app_id, claims)
    if (urlsplit(credential.issuer).hostname or "").endswith(_ENTRA):
        raise _refused(world, 700222, "AAD-issued tokens may not be used for federated identity flows.")
    if world.now < credential.since:
        message = (
            f"No matching federated identity record found for presented assertion. Assertion Issuer: '{claims['iss']}'. "
            f"Assertion Subject: '{claims['sub']}'. Assertion Audience: '{claims['aud']}'. {_ABOUT}"
        )
        raise refusal(world, "invalid_request", 70021, message)
    _require_signed(world, credential.issuer, str(header.get("kid", "")), assertion)
    _require_in_time(world, claims)


def _refused(world: World, code: int, message: str) -> Refusal:
    return refusal(world, "invalid_client", code, message, 401)


def _trusted(world: World, app_id: str, claims: JSON) -> FederatedCredential:
    """The credential that is for a token with these claims."""
    found = federated_credentials(world, app_id)
    if not found:
        raise _refused(world, 70025, f"The client '{app_id}' has no configured federated identity credentials.")
    issuer, subject, audience = claims.get("iss"), claims.get("sub"), claims.get("aud")
    matching = "No matching federated identity record found for presented assertion"
    found = [each for each in found if each.issuer == issuer]
    if not found:
        raise _refused(world, 700211, f"{matching} issuer '{issuer}'. {_CHECK}")
    named = [each for each in found if each.subject == subject]
    if not named and any(each.subject.lower() == str(subject).lower() for each in found):
        message = (
            f"{matching} subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive "
            f"comparison. {_CHECK}"
        )
        raise _refused(world, 7002138, message)
    if not named:
        raise _refused(world, 700213, f"{matching} subject '{subject}'. {_CHECK}")
    meant = next((each for each in named if each.audience == audience), None)
    if meant is None:
        raise _refused(world, 700212, f"{matching} audience '{audience}'. {_CHECK}")
    return meant


def _require_signed(world: World, issuer: str, kid: str, assertion: str) -> None:
    keys = published_keys(world, issuer)
    if keys is None:
        raise refusal(world, "invalid_request", 501661, "Request to External OIDC endpoint failed.")
    if kid not in keys:
        message = (
            f"The certificate with identifier {kid} used to sign the federated credential could not be found in the metadata "
            f"of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the key used to sign "
            "the incoming token."
        )
        raise _refused(world, 7000272, message)
    try:
        verify_jwt(assertion, keys[kid])
    except InvalidToken as invalid:
        raise _refused(world, 50013, "Assertion failed signature validation.") from invalid


def _require_in_time(world: World, claims: JSON) -> None:
    begins, ends = claims.get("nbf", 0), claims.get("exp")
    if isinstance(begins, int | float) and isinstance(ends, int | float) and begins - _SKEW <= world.now < ends:
        return
    message = (
        f"Client assertion is not within its valid time range. Current time: {timestamp(world.now)}, assertion valid from "
        f"{begins}, expiry time of assertion {ends}."
    )
    raise _refused(world, 700024, message)
