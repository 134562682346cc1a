"""Who exists: the tenant, its applications and the issuers whose tokens they may sign in with."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World

TENANT = "9f2c1c52-6a57-4c0e-9d5e-0d1b5a3c7e11"
SUBSCRIPTION = "5a7d4c1e-30b2-4f6e-8a71-2c9be0d4f833"
OPERATOR = Principal("c3d0a9b8-4e5f-4a6b-8c7d-1e2f3a4b5c6d", "7b1e2d3c-9a8f-4e5d-b6c7-a8b9c0d1e2f3", TENANT)
"""The service principal that owns the subscription from the start: `dpsops --env local` signs in as it."""

_APPLICATION = "application"
"""Key: its ID. {"object_id", "tenant_id", "secret", "since": when the directory knows it, epoch s}."""
_CREDENTIAL = "federatedCredential"
"""Key: the application's ID and the credential's name, lower case. {"name", "issuer", "subject", "audience", "since"}."""
_ISSUER = "issuer"
"""Key: the issuer's URL. {"keys": PEM by key ID}."""
_OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass(frozen=True, slots=True, repr=False)
class Application:
    """An app registration with its service principal, or a managed identity's, and its one client secret (empty: it has none)."""

    principal: Principal
    secret: str = ""

    def accepts(self, secret: str) -> bool:
        """Whether this is the application's client secret."""
        return bool(self.secret) and hmac.compare_digest(self.secret.encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """A trust in tokens of a foreign issuer for one subject, as workload identity federation has it.

    since: when sign-ins see it, epoch s.
    """

    name: str
    issuer: str
    subject: str
    audience: str
    since: float = 0.0


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


def register_application(world: World, principal: Principal, secret: str = "", *, since: float = 0.0) -> None:
    """Adds an application to the tenant, with no role anywhere. `since`: when the directory knows it, epoch s."""
    world.state.put(
        _APPLICATION,
        principal.app_id,
        {"object_id": principal.object_id, "tenant_id": principal.tenant_id, "secret": secret, "since": since},
    )


def find_application(world: World, app_id: str) -> Application | None:
    """The application, or None; one that is new may not be known yet."""
    document = world.state.get(_APPLICATION, app_id.lower())
    if document is None or not _is_known(world, document):
        return None
    return Application(Principal(document["object_id"], app_id.lower(), document["tenant_id"]), document["secret"])


def remove_application(world: World, app_id: str) -> None:
    """Takes an application out of the tenant, with its federated credentials. Its roles stay assigned, to nobody."""
    world.state.delete(_APPLICATION, app_id)
    for credential in federated_credentials(world, app_id):
        remove_credential(world, app_id, credential.name)


def is_service_principal(world: World, object_id: str) -> bool:
    """Whether an application's service principal has this object ID, and the directory knows it."""
    found = (document for _, document in world.state.list(_APPLICATION) if document["object_id"] == object_id)
    return any(_is_known(world, document) for document in found)


def _is_known(world: World, document: JSON) -> bool:
    since: float = document.get("since", 0.0)
    return world.now >= since


def trust(world: World, app_id: str, credential: FederatedCredential) -> None:
    """Lets an application sign in with tokens of this issuer for this subject; replaces the credential of the same name."""
    world.state.put(_CREDENTIAL, _key(app_id, credential.name), asdict(credential))


def federated_credentials(world: World, app_id: str) -> list[FederatedCredential]:
    """The federated credentials of an application, by name."""
    return [FederatedCredential(**document) for _, document in world.state.list(_CREDENTIAL, _key(app_id, ""))]


def remove_credential(world: World, app_id: str, name: str) -> bool:
    """Ends a trust; False where there was none of this name."""
    return world.state.delete(_CREDENTIAL, _key(app_id, name))


def publish_keys(world: World, issuer: str, keys: Mapping[str, rsa.RSAPublicKey]) -> None:
    """What the key set of a foreign issuer has from now on, by key ID (RFC 7517): no network is asked for it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pems = {kid: key.public_bytes(serialization.Encoding.PEM, form).decode() for kid, key in keys.items()}
    world.state.put(_ISSUER, issuer, {"keys": pems})


def published_keys(world: World, issuer: str) -> dict[str, rsa.RSAPublicKey] | None:
    """The key set of an issuer, by key ID; None where it has published none."""
    document = world.state.get(_ISSUER, issuer)
    if document is None:
        return None
    keys = {kid: serialization.load_pem_public_key(pem.encode()) for kid, pem in document["keys"].items()}
    return {kid: key for kid, key in keys.items() if isinstance(key, rsa.RSAPublicKey)}


def _key(app_id: str, name: str) -> str:
    return f"{app_id}/{name}".lower()
