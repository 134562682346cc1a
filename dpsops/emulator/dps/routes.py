"""Resource Manager operations on provisioning services (`Microsoft.Devices/provisioningServices`)."""

from __future__ import annotations

import secrets

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps import rules
from dpsops.emulator.dps.deletion import empty_service
from dpsops.emulator.dps.links import read_links, show_given, show_links
from dpsops.emulator.dps.state import DOMAIN, find_service, load_service, save_service, services_below
from dpsops.emulator.http import NOTHING, Request, Response, Route
from dpsops.emulator.microsoft_devices.certificate_routes import certificate_routes, certificate_type
from dpsops.emulator.microsoft_devices.certificates import Holder
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, CONFLICT, refusal
from dpsops.emulator.microsoft_devices.etags import check_condition, row_version
from dpsops.emulator.microsoft_devices.managed_identities import read_identity
from dpsops.emulator.microsoft_devices.policies import MASKED, after_put, find_policy
from dpsops.emulator.microsoft_devices.regions import SERVICES
from dpsops.emulator.microsoft_devices.transitions import Tracking, enter, poll, refuse_busy, settled
from dpsops.emulator.principal import Principal
from dpsops.emulator.resource_provider.bodies import json_object, member, members, tags
from dpsops.emulator.resource_provider.errors import resource_not_found
from dpsops.emulator.resource_provider.locations import read_location
from dpsops.emulator.resource_provider.resources import ResourceId, ResourceType
from dpsops.emulator.resource_provider.versions import behind
from dpsops.emulator.world import World

TYPE = "Microsoft.Devices/provisioningServices"
_TRACKING = Tracking("provisioningserviceoperationresults")
_CERTIFICATES = Holder(TYPE, find_service, "2022-02-05", (BAD_REQUEST, "The certificate is not valid."))
_PROVISIONING_STATE_SINCE = "2018"
"""The first API version in which a service shows it once it is made (recorded: 2017-11-15 without, 2018-01-22 with)."""

_PORTAL_SINCE = "2022-12-12"
_IDENTITY_SINCE = "2023-03-01-preview"
_RIGHTS_EXPANDED_SINCE = "2023-03-01-preview"


def _write(world: World, identifier: ResourceId, body: JSON, version: str, caller: Principal) -> JSON:
    """Creates the service or replaces what can be set of it, and returns its document.

    What a PUT does not speak of goes or stays (`Habits.dps_put_absent`, `policies_absent`).
    """
    existing = find_service(world, identifier)
    if existing is not None:
        refuse_busy(world, existing)
    else:
        rules.check_name(world, identifier.name)
        if load_service(world, identifier.name) is not None:
            raise refusal(world, CONFLICT, f"{rules.name_taken(identifier.name)}.")
    location = read_location(body.get("location"), TYPE, existing, identifier.group, SERVICES)
    capacity = rules.read_capacity(world, body)
    given = member(body, "properties", dict)
    if given is None:
        raise refusal(world, BAD_REQUEST, "The properties of the provisioning service are missing.")
    kept = existing if world.habits.dps_put_absent == "kept" else None
    identity = read_identity(body, None if existing is None else existing["identity"], str(identifier), caller)
    if kept is not None and body.get("identity") is None:
        identity = kept["identity"]
    linked = [] if existing is None else existing["hubs"]
    links = members(given, "iotHubs", dict)
    policies = after_put(
        world,
        members(given, "authorizationPolicies", dict),
        [] if existing is None else existing["policies"],
        rules.RIGHTS,
        [rules.OWNER_POLICY],
        keep=existing is not None and world.habits.policies_absent == "kept",
    )
    service = (existing or _new(identifier)) | {
        "location": location,
        "capacity": capacity,
        "tags": tags(body) or ({} if kept is None or body.get("tags") is not None else kept["tags"]),
        "identity": identity,
        "etag": row_version(),
        "properties": rules.read_properties(world, given, location, kept and kept["properties"]),
        "hubs": linked if kept and links is None else read_links(world, links or [], version, linked, identity),
        "policies": [each | {"rights": rules.condense(each["rights"])} for each in policies],
    }
    enter(world, service, "Activating" if existing is None else "Transitioning")
    save_service(world, service)
    return service


def _new(identifier: ResourceId) -> JSON:
    return {
        "id": str(identifier),
        "name": identifier.name,
        "subscription": identifier.subscription,
        "group": identifier.group,
        "idScope": f"0ne{secrets.randbelow(1 << 24):08X}",
    }


def _show(world: World, service: JSON, version: str) -> JSON:
    """The service as a GET shows it; until it has settled it has no ID scope."""
    complete = settled(world, service)
    kept, links = dict(service["properties"]), service["hubs"]
    if world.habits.shuffled:
        links = world.chances.shuffled(links, service["id"], world.now)
    allocation, portal = kept.pop("allocationPolicy"), kept.pop("portalOperationsHostName", None)
    properties = {
        "state": "Active" if complete else service["state"],
        **({"provisioningState": "Succeeded" if complete else "Accepted"} if version >= _PROVISIONING_STATE_SINCE else {}),
        "iotHubs": show_links(world, links, version),
        "allocationPolicy": allocation,
        "serviceOperationsHostName": service["name"] + DOMAIN,
        "deviceProvisioningHostName": f"global{DOMAIN}",
        "idScope": service["idScope"] if complete else None,
        **kept,
    }
    if version >= _PORTAL_SINCE:
        properties["portalOperationsHostName"] = portal or f"{service['name']}.services{DOMAIN}"
    shown = {"etag": service["etag"]} | _envelope(service, properties)
    return shown | {"identity": service["identity"] or {"type": "None"}} if version >= _IDENTITY_SINCE else shown


def _show_accepted(world: World, service: JSON, body: JSON, version: str) -> JSON:
    """The service in the answer to the PUT itself: little but what the PUT said, its etag included."""
    given = member(body, "properties", dict) or {}
    properties: JSON = {"state": service["state"], "provisioningState": "Accepted"}
    if given.get("iotHubs") is not None:
        pairs = zip(given["iotHubs"], service["hubs"], strict=True)
        properties["iotHubs"] = [show_given(world, *pair, version) for pair in pairs]
    properties |= {"allocationPolicy": service["properties"]["allocationPolicy"], "idScope": None}
    if given.get("authorizationPolicies") is not None:
        policies = service["policies"]
        properties["authorizationPolicies"] = [each | MASKED for each in policies] if world.habits.puts_mask_keys else policies
    given_etag = member(body, "etag", str)
    etag = {} if given_etag is None else {"etag": given_etag}
    identity = {"identity": service["identity"] or {"type": "None"}} if "identity" in body else {}
    return etag | _envelope(service, service["properties"] | properties) | identity


def _envelope(service: JSON, properties: JSON) -> JSON:
    return {
        "name": service["name"],
        "location": service["location"],
        "properties": properties,
        "resourcegroup": service["group"],
        "type": TYPE,
        "id": service["id"],
        "subscriptionid": service["subscription"],
        "tags": service["tags"],
        "sku": {"name": "S1", "tier": "Standard", "capacity": service["capacity"]},
    }


def _named(world: World, subscription: str, group: str, name: str) -> JSON:
    service = find_service(world, ResourceId(subscription, group, TYPE, (name,)))
    if service is None:
        raise resource_not_found(TYPE, name, group)
    return service


def _check_name(world: World, request: Request, *, subscription: str) -> Response:
    name = member(json_object(request), "name", str)
    if name is None:
        raise refusal(world, BAD_REQUEST, "The name is missing.")
    fault = rules.name_fault(name)
    if fault is not None:
        return Response(200, {"nameAvailable": False, "reason": "Invalid", "message": fault})
    if load_service(world, name) is not None:
        return Response(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": rules.name_taken(name)})
    return Response(200, {"nameAvailable": True, "reason": "Invalid", "message": None})


def _put(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    identifier = ResourceId(subscription, group, TYPE, (name,))
    existing = find_service(world, identifier)
    check_condition(world, request, None if existing is None else existing["etag"])
    body = json_object(request)
    service = _write(world, identifier, body, request.api_version, request.principal)
    return Response(201, _show_accepted(world, service, body, request.api_version), _TRACKING.begin(world, request, service))


def _get(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    service = _named(world, subscription, group, name)
    return Response(200, _show(world, service, request.api_version))


def _list(world: World, request: Request, *, subscription: str, group: str = "") -> Response:
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    services = services_below(world, scope)
    return Response(200, {"value": [_show(world, each, request.api_version) for each in services]})


def _patch(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """Only tags can be patched; the answer's etag is empty, as recorded."""
    service = _named(world, subscription, group, name)
    refuse_busy(world, service)
    check_condition(world, request, service["etag"])
    given = tags(json_object(request))
    service |= {"etag": row_version(), "tags": service["tags"] if given is None else given}
    save_service(world, service)
    return Response(200, _show(world, service, request.api_version) | {"etag": ""})


def _delete(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """A service can be deleted in any state, as a whole group can."""
    service = _named(world, subscription, group, name)
    check_condition(world, request, service["etag"])
    empty_service(world, service)
    enter(world, service, "Deleting")
    save_service(world, service)
    return Response(
        202,
        NOTHING if world.habits.deletion_answers_null is False else None,
        _TRACKING.begin(world, request, service, location_too=True),
    )


def _list_keys(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    policies = _named(world, subscription, group, name)["policies"]
    return Response(200, {"value": [_show_policy(each, request.api_version) for each in policies]})


def _show_policy(policy: JSON, version: str) -> JSON:
    """A policy as `listkeys` shows it: since 2023 with the rights that its rights imply."""
    return policy if version < _RIGHTS_EXPANDED_SINCE else policy | {"rights": rules.expand(policy["rights"])}


def _get_key(world: World, request: Request, *, subscription: str, group: str, name: str, key: str) -> Response:
    policy = find_policy(world, _named(world, subscription, group, name)["policies"], key)
    return Response(200, _show_policy(policy, request.api_version))


def _list_skus(world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    _named(world, subscription, group, name)
    return Response(200, {"value": [{"name": "S1"}]})


def _put_resource(world: World, identifier: ResourceId, body: JSON, version: str, caller: Principal) -> JSON:
    return _show(world, _write(world, identifier, body, version, caller), version)


def _get_resource(world: World, identifier: ResourceId, version: str) -> JSON | None:
    service = find_service(world, identifier)
    return None if service is None else _show(world, service, version)


def _list_resource_keys(world: World, identifier: ResourceId) -> JSON:
    return {"value": _named(world, identifier.subscription, identifier.group, identifier.name)["policies"]}


_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Devices"
_ALL = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{TYPE}"
_ONE = _ALL + "/{name}"

ARM_ROUTES: list[Route] = behind(
    [
        Route(
            "POST",
            f"{_SUBSCRIPTION}/checkProvisioningServiceNameAvailability",
            _check_name,
            "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
        ),
        Route("GET", f"{_SUBSCRIPTION}/provisioningServices", _list, f"{TYPE}/Read"),
        Route("GET", _ALL, _list, f"{TYPE}/Read"),
        Route("GET", _ONE, _get, f"{TYPE}/Read"),
        Route("PUT", _ONE, _put, f"{TYPE}/Write"),
        Route("PATCH", _ONE, _patch, f"{TYPE}/Write"),
        Route("DELETE", _ONE, _delete, f"{TYPE}/Delete"),
        Route("POST", _ONE + "/listkeys", _list_keys, f"{TYPE}/listkeys/Action"),
        Route("POST", _ONE + "/keys/{key}/listkeys", _get_key, f"{TYPE}/keys/listkeys/Action"),
        Route("GET", _ONE + "/skus", _list_skus, f"{TYPE}/skus/Read"),
        Route("GET", _ONE + "/operationresults/{operation}", poll, f"{TYPE}/operationResults/Read"),
        *(Route("GET", each, poll) for each in _TRACKING.patterns(_ONE)),  # no action: the URL itself is the permission
        *certificate_routes(_CERTIFICATES),
    ],
    "provisioningServices",
    rules.API_VERSIONS,
)

RESOURCE_TYPES: list[ResourceType] = [
    ResourceType(TYPE, rules.API_VERSIONS, _put_resource, _get_resource, {"listKeys": _list_resource_keys}, locations=SERVICES),
    certificate_type(_CERTIFICATES, rules.API_VERSIONS),
]
