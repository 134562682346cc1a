"""Deleted vaults: listed, and purged for good. Recovering one is a PUT of the vault."""

from __future__ import annotations

from datetime import UTC, datetime

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.keyvault.rules import require_api_version
from dpsops.emulator.keyvault.state import deleted_view, load, purge
from dpsops.emulator.keyvault.vaults import KIND
from dpsops.emulator.resource_provider import operations, regions
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import ResourceId
from dpsops.emulator.world import World


def not_found(name: str) -> Refusal:
    """404: no such vault among the deleted ones."""
    return refusal(
        404,
        "DeletedVaultNotFound",
        f"The specified deleted vault '{name}' does not exist. Ensure that the vault was indeed deleted and that it is in "
        "recoverable state. If soft delete was not enabled then the vault is permanently deleted. Follow this link for more "
        "information: https://go.microsoft.com/fwlink/?linkid=2149745",
    )


def list_deleted(world: World, request: Request, subscription: str) -> Response:
    """Vaults_ListDeleted."""
    require_api_version(request.api_version)
    prefix = f"/subscriptions/{subscription}/".lower()
    known = [document for name, _ in world.state.list(KIND) if (document := load(world, name)) is not None]
    deleted = [document for document in known if document["deleted"] and document["id"].lower().startswith(prefix)]
    return Response(200, {"value": [deleted_view(document) for document in deleted]})


def get_deleted(world: World, request: Request, subscription: str, location: str, name: str) -> Response:
    """Vaults_GetDeleted."""
    return Response(200, deleted_view(_require(world, request, subscription, location, name)))


def purge_deleted(world: World, request: Request, subscription: str, location: str, name: str) -> Response:
    """Vaults_PurgeDeleted: 202, and a `Location` to ask until it is done."""
    document = _require(world, request, subscription, location, name)
    if document["properties"].get("enablePurgeProtection"):
        raise refusal(405, "MethodNotAllowed", 'The operation "DeletedVaultPurge" is not allowed.')
    purge(world, document)
    operation = operations.begin(world, document["location"])
    return Response(202, headers=_poll(request, subscription, document["location"], operation))


def purge_result(world: World, request: Request, subscription: str, location: str, operation: str) -> Response:
    """How far a purge is."""
    require_api_version(request.api_version)
    found = operations.find(world, operation)
    if found is None:
        raise refusal(404, "OperationNotFound", f"The operation '{operation}' was not found.")
    begun = {"createdDateTime": _second(found["begun"])}
    if operations.status(world, found) == "Running":
        return Response(202, begun | {"status": "NotStarted"}, _poll(request, subscription, location, operation))
    return Response(200, begun | {"lastActionDateTime": _second(found["ready"]), "status": "Succeeded"})


def _require(world: World, request: Request, subscription: str, location: str, name: str) -> JSON:
    require_api_version(request.api_version)
    document = load(world, name)
    if document is None or document["deleted"] is None or document["location"] != regions.normal(location):
        raise not_found(name)
    if ResourceId.parse(document["id"]).subscription.lower() != subscription.lower():
        raise not_found(name)
    return document


def _poll(request: Request, subscription: str, location: str, operation: str) -> dict[str, str]:
    place = f"https://management.azure.com/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{location}"
    return {"Location": f"{place}/operationResults/{operation}?api-version={request.api_version}", "Retry-After": "5"}


def _second(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%SZ}"
