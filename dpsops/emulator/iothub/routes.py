"""Resource Manager operations on IoT hubs (`Microsoft.Devices/IotHubs`)."""

from __future__ import annotations

import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import NOTHING, Refusal, Request, Response, Route
from dpsops.emulator.iothub import monitoring, rules
from dpsops.emulator.iothub.consumer_groups import consumer_group_routes
from dpsops.emulator.iothub.etags import check_hub, hub_etag
from dpsops.emulator.iothub.inquiries import inquiry_routes
from dpsops.emulator.iothub.properties import read_properties, show_given, show_properties
from dpsops.emulator.iothub.routing import default_routes
from dpsops.emulator.iothub.state import empty_hub, find_hub, hubs_below, load_hub, save_hub, was_deleted
from dpsops.emulator.microsoft_devices.certificate_routes import certificate_routes, certificate_type
from dpsops.emulator.microsoft_devices.certificates import Holder
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, CONFLICT, refusal
from dpsops.emulator.microsoft_devices.etags import row_version
from dpsops.emulator.microsoft_devices.managed_identities import read_identity
from dpsops.emulator.microsoft_devices.policies import MASKED, after_put
from dpsops.emulator.microsoft_devices.regions import REGIONS
from dpsops.emulator.microsoft_devices.transitions import Tracking, enter, poll, refuse_busy, settled
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider import operations
from dpsops.emulator.resource_provider.bodies import json_object, member, members, tags
from dpsops.emulator.resource_provider.errors import resource_not_found
from dpsops.emulator.resource_provider.locations import read_location
from dpsops.emulator.resource_provider.regions import normal
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.versions import behind
from dpsops.emulator.times import timestamp
from dpsops.emulator.world import World

TYPE = "Microsoft.Devices/IotHubs"
_TRACKING = Tracking("operationResults", "&operationSource=os_ih", former=True)
_CERTIFICATES = Holder(TYPE, find_hub, "2021-03-31", (500_019, "Internal Error."))
_MONITORED_UNTIL = "2019"
"""The first API version without operations monitoring (recorded: 2017-07-01 with, 2019-03-22 without)."""

_IDENTITY_SINCE = "2020-03-01"
_SYSTEM_DATA_SINCE = "2021-07-02"


def _write(world: World, identifier: ResourceId, body: JSON, caller: Principal) -> JSON:
    """Creates the hub or replaces what can be set of it, and returns its document.

    What a PUT does not speak of goes back to its default (specification); of policies see `Habits.policies_absent`.
    """
    existing = find_hub(world, identifier)
    if existing is not None:
        refuse_busy(world, existing)
    else:
        fault = rules.name_fault(identifier.name)
        if fault is not None:
            raise refusal(world, BAD_REQUEST, fault, numeric=True)
        if load_hub(world, identifier.name) is not None:
            raise refusal(world, CONFLICT, f"{rules.name_taken(identifier.name)}.", numeric=True)
    location = read_location(body.get("location"), TYPE, existing, identifier.group, REGIONS)
    sku = rules.read_sku(world, body)
    hubs = hubs_below(world, f"/subscriptions/{identifier.subscription}")
    free = sum(each["sku"]["tier"] == "Free" and each["id"].lower() != identifier.key for each in hubs)
    rules.check_tier(world, sku["tier"], None if existing is None else existing["sku"]["tier"], free, identifier.subscription)
    given = member(body, "properties", dict) or {}
    before = None if existing is None else existing["properties"]
    properties = read_properties(world, given, rules.SKUS[sku["name"]], before)
    rules.check_properties(world, properties, rules.SKUS[sku["name"]], location, before)
    if default_routes(properties["routing"]) != (default_routes(before["routing"]) if before else set()):
        raise rules.RoutesChanged(world)
    hub = (existing or _new(world, identifier, location, residency=bool(properties.get("enableDataResidency")))) | {
        "location": location,
        "sku": sku,
        "tags": tags(body) or {},
        "identity": read_identity(body, None if existing is None else existing["identity"], str(identifier), caller),
        "etag": row_version(),
        "passingEtag": row_version(),
        "properties": properties,
    }
    hub["policies"] = after_put(
        world,
        members(given, "authorizationPolicies", dict),
        [] if existing is None else existing["policies"],
        rules.RIGHTS,
        rules.POLICIES,
        keep=existing is not None and world.habits.policies_absent == "kept",
    )
    enter(world, hub, "Activating" if existing is None else "Transitioning")
    save_hub(world, hub)
    return hub


def _new(world: World, identifier: ResourceId, location: str, *, residency: bool) -> JSON:
    region = normal(location)
    return {
        "id": str(identifier),
        "name": identifier.name,
        "subscription": identifier.subscription,
        "group": identifier.group,
        "created": world.now,
        "namespace": _namespace(identifier.name),
        "regions": [region] if residency else [region, normal(REGIONS[region][1])],
        "internalPolicies": monitoring.internal_policies(),
    }


def _namespace(name: str) -> str:
    return f"{name.lower()[:10]}-{10_000_000 + secrets.randbelow(90_000_000)}-{secrets.token_hex(5)}"


def _show(world: World, hub: JSON, version: str) -> JSON:
    properties = show_properties(hub, version, complete=settled(world, hub))
    if version < _MONITORED_UNTIL:
        properties = monitoring.with_remains(properties, hub, keys=False)
    shown = _envelope(hub, {"etag": hub_etag(world, hub)}, properties)
    if version >= _IDENTITY_SINCE:
        shown["identity"] = hub["identity"] or {"type": "None"}
    if version >= _SYSTEM_DATA_SINCE:
        shown["systemData"] = {"createdAt": timestamp(hub["created"])}
    return shown


def _show_accepted(world: World, hub: JSON, before: JSON | None, body: JSON, version: str) -> JSON:
    """The hub in the answer to the PUT itself: little but what the PUT said. Keys that it left out are null."""
    properties = show_given(member(body, "properties", dict) or {}, version, complete=world.habits.hub_defaults_answered)
    if properties.get("authorizationPolicies") is not None:
        keys = {"primaryKey": None, "secondaryKey": None}
        given = [keys | each for each in properties["authorizationPolicies"]]
        properties["authorizationPolicies"] = [each | MASKED for each in given] if world.habits.puts_mask_keys else given
    if world.habits.hub_defaults_answered:
        properties = {"state": hub["state"]} | monitoring.with_defaults(properties)
        if member(properties, "routing", dict) is not None:  # recorded 2018
            properties["routing"] = show_properties(hub, version, complete=True)["routing"]
    elif before is not None:
        properties = monitoring.with_remains(properties, before)
    given_etag = member(body, "etag", str)
    etag = {} if given_etag is None else {"etag": given_etag}
    identity = {"identity": hub["identity"] or {"type": "None"}} if "identity" in body else {}
    return _envelope(hub, etag, properties) | identity


def _envelope(hub: JSON, etag: JSON, properties: JSON) -> JSON:
    return {
        "id": hub["id"],
        "name": hub["name"],
        "type": TYPE,
        "location": hub["location"],
        "tags": hub["tags"],
        "subscriptionid": hub["subscription"],
        "resourcegroup": hub["group"],
        **etag,
        "properties": properties,
        "sku": hub["sku"],
    }


def _named(world: World, subscription: str, group: str, name: str) -> JSON:
    """The hub. Refuses one that is not there: the gateway does, but of a deleted one Microsoft.Devices itself (recorded 2023)."""
    identifier = ResourceId(subscription, group, TYPE, (name,))
    hub = find_hub(world, identifier)
    if hub is not None:
        return hub
    if was_deleted(world, identifier):
        message = f"IotHub '{name}' not found under ResourceGroup '{group}' and Subscription '{subscription}'."
        raise refusal(world, 404_002, message)
    raise resource_not_found(TYPE, name, group)


def _check_name(world: World, request: Request, *, subscription: str) -> Response:
    body = json_object(request)
    name = member(body, "name", str) or member(body, "Name", str)
    if name is None:
        raise refusal(world, BAD_REQUEST, "The name is missing.", numeric=True)
    fault = rules.name_fault(name)
    if fault is not None:
        return Response(200, {"nameAvailable": False, "reason": "Invalid", "message": fault})
    if load_hub(world, name) is not None:
        return Response(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": rules.name_taken(name)})
    return Response(200, {"nameAvailable": True, "reason": "Invalid", "message": None})


def _put(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    identifier = ResourceId(subscription, group, TYPE, (name,))
    before = find_hub(world, identifier)
    check_hub(world, request, before)
    body = json_object(request)
    try:
        hub, error = _write(world, identifier, body, request.principal), None
    except rules.RoutesChanged as failed:
        if before is None:
            raise Refusal(Response(400, failed.error)) from failed
        hub, error = before, {name: failed.error[name] for name in ("code", "message")}
    headers = _TRACKING.begin(world, request, hub, error=error)
    return Response(201, _show_accepted(world, hub, before, body, request.api_version), headers)


def _get(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    hub = _named(world, subscription, group, name)
    return Response(200, _show(world, hub, request.api_version))


def _list(world: World, request: Request, *, subscription: str, group: str = "") -> Response:
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    hubs = hubs_below(world, scope)
    return Response(200, {"value": [_show(world, each, request.api_version) for each in hubs]})


def _patch(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """Only tags can be patched."""
    hub = _named(world, subscription, group, name)
    refuse_busy(world, hub)
    check_hub(world, request, hub)
    given = tags(json_object(request))
    hub |= {"etag": row_version(), "tags": hub["tags"] if given is None else given}
    save_hub(world, hub)
    return Response(200, _show(world, hub, request.api_version))


def _delete(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """A hub can be deleted in any state, as a whole group can."""
    hub = _named(world, subscription, group, name)
    check_hub(world, request, hub)
    empty_hub(world, hub)
    enter(world, hub, "Deleting")
    save_hub(world, hub)
    null = request.api_version < "2023" if world.habits.deletion_answers_null is None else world.habits.deletion_answers_null
    headers = _TRACKING.begin(world, request, hub, location_too=True) | operations.retry_after(world)  # recorded 2023
    return Response(202, None if null else NOTHING, headers)


def _fail_over(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """Swaps the regions; any but the secondary one is refused (stricter guess)."""
    hub = _named(world, subscription, group, name)
    refuse_busy(world, hub)
    region = member(json_object(request), "failoverRegion", str) or ""
    if normal(region) not in hub["regions"][1:]:
        raise refusal(world, BAD_REQUEST, f"The hub cannot fail over to '{region}'.", numeric=True)
    hub |= {"regions": hub["regions"][::-1], "namespace": _namespace(hub["name"]), "etag": row_version()}
    enter(world, hub, "Transitioning")
    save_hub(world, hub)
    return Response(202, NOTHING, _TRACKING.begin(world, request, hub, location_too=True))


def _put_resource(world: World, identifier: ResourceId, body: JSON, version: str, caller: Principal) -> JSON:
    return _show(world, _write(world, identifier, body, caller), version)


def _get_resource(world: World, identifier: ResourceId, version: str) -> JSON | None:
    hub = find_hub(world, identifier)
    return None if hub is None else _show(world, hub, version)


def _list_resource_keys(world: World, identifier: ResourceId) -> JSON:
    return {"value": _named(world, identifier.subscription, identifier.group, identifier.name)["policies"]}


_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Devices"
_ALL = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{TYPE}"
_ONE = _ALL + "/{name}"

ARM_ROUTES: list[Route] = behind(
    [
        Route("POST", f"{_SUBSCRIPTION}/checkNameAvailability", _check_name, "Microsoft.Devices/checkNameAvailability/Action"),
        Route("GET", f"{_SUBSCRIPTION}/IotHubs", _list, f"{TYPE}/Read"),
        Route("GET", _ALL, _list, f"{TYPE}/Read"),
        Route("GET", _ONE, _get, f"{TYPE}/Read"),
        Route("PUT", _ONE, _put, f"{TYPE}/Write"),
        Route("PATCH", _ONE, _patch, f"{TYPE}/Write"),
        Route("DELETE", _ONE, _delete, f"{TYPE}/Delete"),
        Route("POST", _ONE + "/failover", _fail_over, f"{TYPE}/failover/Action"),
        *(Route("GET", each, poll) for each in _TRACKING.patterns(_ONE)),  # no action: the URL itself is the permission
        *inquiry_routes(_ONE, TYPE, _named),
        *consumer_group_routes(_ONE, _named),
        *certificate_routes(_CERTIFICATES),
    ],
    "IotHubs",
    rules.API_VERSIONS,
)

RESOURCE_TYPES: list[ResourceType] = [
    ResourceType(
        TYPE, rules.API_VERSIONS, _put_resource, _get_resource, {"listKeys": _list_resource_keys}, locations=frozenset(REGIONS)
    ),
    certificate_type(_CERTIFICATES, rules.API_VERSIONS),
]
