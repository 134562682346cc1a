"""A subscription that has registered Microsoft.ManagedIdentity, and what its identities are asked for."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import publish_keys
from dpsops.emulator.identity.tokens import sign_jwt
from dpsops.emulator.world import World
from tests.emulator.subscription.lab import GROUP, THERE, Subscription

PROVIDER = f"{THERE}/providers/Microsoft.ManagedIdentity"
ALL = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
ONE = f"{ALL}/id-planner"
CREDENTIALS = f"{ONE}/federatedIdentityCredentials"
FIRST = f"{CREDENTIALS}/github-prod"
VERSION = "2024-11-30"
PLAIN = {"location": "westeurope"}
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:acme/fleet:environment:prod"
AUDIENCE = "api://AzureADTokenExchange"
KID = "key-1"


def credential(**changes: Any) -> JSON:
    """The body of a federated credential; what is None is left out."""
    plain = {"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]}
    return {"properties": {name: value for name, value in (plain | changes).items() if value is not None}}


def subscription() -> Subscription:
    """With the provider registered, and one identity."""
    azure = Subscription()
    azure.ok("POST", f"{PROVIDER}/register", version="2022-09-01")
    azure.ok("PUT", ONE, PLAIN)
    return azure


def publish(world: World, key: rsa.RSAPrivateKey) -> None:
    """Has GitHub's issuer sign with this key."""
    publish_keys(world, ISSUER, {KID: key.public_key()})


def assertion(now: float, key: rsa.RSAPrivateKey, **changes: object) -> str:
    """A token of GitHub's for a job, valid for five minutes."""
    claims: JSON = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "nbf": int(now), "iat": int(now), "exp": int(now) + 300}
    return sign_jwt(key, claims | changes, KID)
