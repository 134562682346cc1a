"""What an identity's own token says of it. Its text is in no exception.

Source: Microsoft identity platform, "Access token claims reference" and "Optional claims reference".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from dpsops.errors import NotAllowed
from dpsops.model.roles import Principal

Claims = Mapping[str, Any]


def read_claims(token: str) -> Claims:
    """The claims of a token; none if it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (AttributeError, LookupError, RecursionError, ValueError, TypeError):
        return {}
    return claims if isinstance(claims, dict) else {}


def principal(claims: Claims) -> Principal:
    """The identity: `oid`, and `idtyp`, which distinguishes applications from people. It is an optional claim: without it, only a
    person's token has scopes (`scp`).

    Raises `NotAllowed` if the token does not contain the identity: no role could be assigned to it.
    """
    if "oid" not in claims:
        raise NotAllowed(
            "the token does not name its identity, so no role can be assigned", "sign in with 'az login --tenant ID'"
        )
    is_app = claims["idtyp"] == "app" if "idtyp" in claims else "scp" not in claims
    return Principal(str(claims["oid"]), "ServicePrincipal" if is_app else "User")
