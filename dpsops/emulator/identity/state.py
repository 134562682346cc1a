"""Who exists: the tenant, its applications and the issuers whose tokens they may sign in with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.emulator import rbac
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

TENANT = "9f2c1c52-6a57-4c0e-9d5e-0d1b5a3c7e11"
SUBSCRIPTION = "5a7d4c1e-30b2-4f6e-8a71-2c9be0d4f833"
OPERATOR = Principal("c3d0a9b8-4e5f-4a6b-8c7d-1e2f3a4b5c6d", "7b1e2d3c-9a8f-4e5d-b6c7-a8b9c0d1e2f3", TENANT)
"""The service principal that owns the subscription from the start: `dpsops --env local` signs in as it."""

_APPLICATION = "application"
_ISSUER = "federatedCredential"
_OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass(frozen=True, slots=True, repr=False)
class Application:
    """An app registration with its service principal, and its one client secret (empty: it has none)."""

    principal: Principal
    secret: str

    def accepts(self, secret: str) -> bool:
        """Whether this is the application's client secret."""
        return bool(self.secret) and hmac.compare_digest(self.secret.encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """A trust in tokens of a foreign issuer for one subject, as workload identity federation has it."""

    issuer: str
    subject: str
    audience: str
    key: rsa.RSAPublicKey


def bootstrap(world: World) -> None:
    """An Azure with one tenant, one empty subscription and its owner; where they exist, nothing changes."""
    if world.state.get("subscription", SUBSCRIPTION) is not None:
        return
    world.state.put(
        "subscription", SUBSCRIPTION, {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT, "displayName": "Embedded Azure"}
    )
    register_application(world, OPERATOR, secrets.token_urlsafe(30))
    scope = f"/subscriptions/{SUBSCRIPTION}"
    assignment = {"principal": OPERATOR.object_id, "role": _OWNER, "scope": scope, "created": world.now - 86_400}
    world.state.put(
        rbac.ASSIGNMENT, f"{scope}/providers/microsoft.authorization/roleassignments/{OPERATOR.object_id}", assignment
    )


def register_application(world: World, principal: Principal, secret: str = "") -> None:
    """Adds an application to the tenant, with no role anywhere."""
    world.state.put(
        _APPLICATION,
        principal.app_id,
        {"object_id": principal.object_id, "tenant_id": principal.tenant_id, "secret": secret},
    )


def find_application(world: World, app_id: str) -> Application | None:
    """The application, or None."""
    document = world.state.get(_APPLICATION, app_id.lower())
    if document is None:
        return None
    return Application(Principal(document["object_id"], app_id.lower(), document["tenant_id"]), document["secret"])


def is_service_principal(world: World, object_id: str) -> bool:
    """Whether an application's service principal has this object ID."""
    return any(document["object_id"] == object_id for _, document in world.state.list(_APPLICATION))


def trust_issuer(world: World, app_id: str, credential: FederatedCredential) -> None:
    """Lets an application sign in with tokens of this issuer for this subject."""
    pem = credential.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    name = hashlib.sha256(f"{credential.issuer}\n{credential.subject}".encode()).hexdigest()
    world.state.put(
        _ISSUER,
        f"{app_id}/{name}",
        {"issuer": credential.issuer, "subject": credential.subject, "audience": credential.audience, "pem": pem.decode()},
    )


def trusted_issuers(world: World, app_id: str) -> list[FederatedCredential]:
    """The federated credentials of an application."""
    found = []
    for _, document in world.state.list(_ISSUER, f"{app_id.lower()}/"):
        key = serialization.load_pem_public_key(document["pem"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        found.append(FederatedCredential(document["issuer"], document["subject"], document["audience"], key))
    return found
