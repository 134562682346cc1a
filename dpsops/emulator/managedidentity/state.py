"""How user-assigned identities are kept, and what a GET shows of them and of their federated credentials.

The identity is here; its service principal and its federated credentials are in the directory (`identity.state`), where
sign-ins find them.

Source: recordings of Microsoft's CLI, 2022 and 2023, which spell `resourcegroups` in IDs.
"""

from __future__ import annotations

import uuid

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity import state as directory
from dpsops.emulator.identity.state import FederatedCredential
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
CREDENTIAL = f"{TYPE}/federatedIdentityCredentials"

_KIND = "managedIdentity"
"""Key: the ID in lower case. {"id", "name", "location", "tags", "tenantId", "principalId", "clientId", "isolationScope",
"busy": until when a deployment writes a federated credential, epoch s}."""
_ISOLATED_SINCE = "2024-11-30"
"""From which API version on an identity has an isolation scope (specification)."""


def find(world: World, identifier: ResourceId) -> JSON | None:
    """The identity's document, or None."""
    return world.state.get(_KIND, identifier.key)


def create(world: World, identifier: ResourceId, location: str, tenant: str) -> JSON:
    """The document of a new identity, whose service principal the directory will know in `Timings.principal` seconds."""
    principal = Principal(str(uuid.uuid4()), str(uuid.uuid4()), tenant)
    directory.register_application(world, principal, since=world.now + world.timings.principal)
    group = f"/subscriptions/{identifier.subscription}/resourcegroups/{identifier.group}"
    return {
        "id": f"{group}/providers/{TYPE}/{identifier.name}",
        "name": identifier.name,
        "location": location,
        "tags": {},
        "tenantId": tenant,
        "principalId": principal.object_id,
        "clientId": principal.app_id,
        "isolationScope": "None",
        "busy": 0.0,
    }


def save(world: World, document: JSON) -> None:
    """Keeps an identity's document."""
    world.state.put(_KIND, ResourceId.parse(document["id"]).key, document)


def delete(world: World, document: JSON) -> None:
    """Removes an identity, its service principal and its federated credentials."""
    world.state.delete(_KIND, ResourceId.parse(document["id"]).key)
    directory.remove_application(world, document["clientId"])


def list_below(world: World, scope: str) -> list[JSON]:
    """The documents of the identities of a subscription or a group, by ID."""
    return [document for _, document in world.state.list(_KIND, f"{scope}/".lower())]


def credentials(world: World, document: JSON) -> list[FederatedCredential]:
    """An identity's federated credentials, by name."""
    return directory.federated_credentials(world, document["clientId"])


def show(document: JSON, api_version: str) -> JSON:
    """An identity as a GET shows it."""
    names = ("tenantId", "principalId", "clientId", *(("isolationScope",) if api_version >= _ISOLATED_SINCE else ()))
    return {
        "id": document["id"],
        "name": document["name"],
        "type": TYPE,
        "location": document["location"],
        "tags": document["tags"],
        "properties": {name: document[name] for name in names},
    }


def show_credential(document: JSON, credential: FederatedCredential) -> JSON:
    """A federated credential of an identity as a GET shows it."""
    return {
        "id": f"{document['id']}/federatedIdentityCredentials/{credential.name}",
        "name": credential.name,
        "type": CREDENTIAL,
        "properties": {"issuer": credential.issuer, "subject": credential.subject, "audiences": [credential.audience]},
    }
