"""What an identity and a federated credential may be.

Source: "Important considerations and restrictions for federated identity credentials" for limits and errors; the specification
for names; "Naming rules and restrictions for Azure resources".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.identity.state import FederatedCredential
from dpsops.emulator.resource_provider.bodies import member
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.world import World

API_VERSIONS = frozenset(
    {
        "2015-08-31-preview", "2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31", "2023-07-31-preview",
        "2024-11-30", "2025-01-31-preview", "2025-05-31-preview",
    }
)  # fmt: skip
CREDENTIAL_API_VERSIONS = frozenset(each for each in API_VERSIONS if each >= "2022")
"""Federated credentials came with 2022-01-31-preview."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
_ISOLATION = ("None", "Regional")
_MOST_CREDENTIALS = 20
_LONGEST = 600
_WITHOUT_FEDERATION = ("eastasia",)
"""Regions whose identities will never have federated credentials."""


def bad_request(message: str) -> Refusal:
    """400 in the provider's words."""
    return refusal(400, "BadRequest", message)


def require_name(name: str) -> None:
    """Refuses a name that no identity can have."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The identity name '{name}' is invalid. It must be 3 to 128 letters, digits, hyphens and underscores, and begin "
            "with a letter or digit."
        )


def read_isolation(body: JSON, current: str) -> str:
    """The isolation scope that a body names, or the current one."""
    found = member(member(body, "properties", dict) or {}, "isolationScope", str)
    if found is not None and found not in _ISOLATION:
        raise bad_request(f"The isolation scope '{found}' is invalid. It must be one of '{', '.join(_ISOLATION)}'.")
    return found or current


def read_credential(name: str, body: Any, location: str) -> FederatedCredential:
    """The federated credential of a PUT for an identity in this location."""
    if normal(location) in _WITHOUT_FEDERATION:
        message = "The request format was unexpected: Support for federated identity credentials not enabled."
        raise refusal(405, "MethodNotAllowed", message)
    if not _CREDENTIAL_NAME.fullmatch(name):
        raise bad_request(f"Federated Identity Credential name '{name}' is invalid.")
    properties = member(body, "properties", dict) if isinstance(body, dict) else None
    if not properties:
        raise bad_request("Federated Identity Credential from HTTP body has empty properties")
    if properties.get("claimsMatchingExpression") is not None:  # in previews only, and of no use to an exact subject
        raise bad_request("The request format was unexpected. 'claimsMatchingExpression' is not supported.")
    issuer, subject = member(properties, "issuer", str), member(properties, "subject", str)
    audiences = member(properties, "audiences", list)
    if not (issuer and subject and audiences):
        raise bad_request(
            "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audience'."
        )
    if len(audiences) != 1 or not isinstance(audiences[0], str):
        raise bad_request("Federated identity credentials must have exactly one audience.")
    for what, text in (("issuer", issuer), ("subject", subject), ("audience", audiences[0])):
        if not 0 < len(text) <= _LONGEST or "*" in text:
            raise bad_request(f"The {what} of a federated identity credential must be 1 to {_LONGEST} characters without '*'.")
    if not _is_https(issuer):
        raise bad_request(f"The issuer '{issuer}' of the federated identity credential is not a valid HTTPS URL.")
    return FederatedCredential(name, issuer, subject, audiences[0])


def _is_https(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme == "https" and bool(url.hostname) and not re.search(r"\s", text)


def require_place(world: World, given: FederatedCredential, others: Iterable[FederatedCredential]) -> None:
    """Refuses one more than an identity may have beside these others, and a second for the same issuer and subject."""
    present = list(others)
    if any((each.issuer, each.subject) == (given.issuer, given.subject) for each in present):
        message = "Issuer and subject combination already exists for this Managed Identity."
        conflict = world.habits.second_federation == "Conflict"
        raise refusal(409, "Conflict", message) if conflict else bad_request(message)
    if len(present) >= _MOST_CREDENTIALS:
        raise bad_request(f"A managed identity cannot have more than {_MOST_CREDENTIALS} federated identity credentials.")


def concurrent_write(identity: str) -> Refusal:
    """409: another federated credential of the identity, whose ID is given, is being written."""
    return refusal(
        409,
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        f"Too many Federated Identity Credentials are written concurrently for the managed identity '{identity.lower()}'. "
        "Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
    )
