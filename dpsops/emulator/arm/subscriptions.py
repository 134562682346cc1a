"""Subscriptions and tenants: what a client may see of them."""

from __future__ import annotations

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider import operations, regions
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

_KIND = "subscription"
"""Key: the ID in lower case. {"subscriptionId", "tenantId", "displayName", "tags" (absent: none)}."""


def require(world: World, subscription: str) -> JSON:
    """The subscription's document. Refuses where there is none."""
    document = world.state.get(_KIND, subscription.lower())
    if document is None:
        raise refusal(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
    return document


def tag(world: World, subscription: str, tags: dict[str, str]) -> None:
    """Replaces the tags of the subscription."""
    world.state.put(_KIND, subscription.lower(), require(world, subscription) | {"tags": tags})


def _show(document: JSON) -> JSON:
    tags = {"tags": document["tags"]} if document.get("tags") else {}
    return {
        "id": f"/subscriptions/{document['subscriptionId']}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": document["subscriptionId"],
        "tenantId": document["tenantId"],
        "displayName": document["displayName"],
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        **tags,
    }


def _list(world: World, request: Request) -> Response:
    """The subscriptions in which the caller has a role, be it on a single resource."""
    held = [each["scope"] for _, each in world.state.list(rbac.ASSIGNMENT) if each["principal"] == request.principal.object_id]
    found = []
    for _, document in world.state.list(_KIND):
        scope = f"/subscriptions/{document['subscriptionId'].lower()}"
        if any(each == "/" or (each.rstrip("/") + "/").startswith(scope + "/") for each in held):
            found.append(_show(document))
    return Response(200, {"value": found, "count": {"type": "Total", "value": len(found)}})


def _get(world: World, request: Request, subscription: str) -> Response:
    return Response(200, _show(require(world, subscription)))


def _locations(world: World, request: Request, subscription: str) -> Response:
    return Response(200, {"value": regions.show(subscription)})


def _tenants(world: World, request: Request) -> Response:
    """The tenant of the caller's token: a service principal lives in no other."""
    tenant = request.principal.tenant_id
    value = {"id": f"/tenants/{tenant}", "tenantId": tenant, "tenantCategory": "Home", "tenantType": "AAD"}
    return Response(200, {"value": [value]})


ROUTES = [
    Route("GET", "/tenants", _tenants),
    Route("GET", "/subscriptions", _list),
    Route("GET", "/subscriptions/{subscription}", _get, "Microsoft.Resources/subscriptions/read"),
    Route("GET", "/subscriptions/{subscription}/locations", _locations, "Microsoft.Resources/subscriptions/locations/read"),
    # The caller that began an operation may ask how it goes, though with a role on one group only.
    Route("GET", "/subscriptions/{subscription}/operationresults/{operation}", operations.poll),
    Route("GET", "/providers/Microsoft.Resources/operationResults/{operation}", operations.poll),
]
