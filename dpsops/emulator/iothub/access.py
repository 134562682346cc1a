"""What a hub's own API checks before every operation: host, network, credential, right and rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Request, Response, Route
from dpsops.emulator.identity.tokens import InvalidToken, read_token
from dpsops.emulator.iothub import limits
from dpsops.emulator.iothub.errors import refusal, throttled, unauthorized
from dpsops.emulator.iothub.limits import Limit
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.microsoft_devices.signatures import SCHEME, InvalidSignature, Signature
from dpsops.emulator.microsoft_devices.transitions import settled
from dpsops.emulator.resource_provider import networks
from dpsops.emulator.world import World

HOST = re.compile(r"(?P<hub>[a-z0-9-]+)(?:\.(?:device|service))?\.azure-devices\.net")
"""The three of a hub: for everyone, for its devices, for its service API ("IoT Hub endpoints")."""
_DEVICES_ALONE = re.compile(r"[a-z0-9-]+\.device\.azure-devices\.net")
API_VERSIONS = frozenset(
    {
        "2016-02-03",
        "2016-11-14",
        "2017-06-30",
        "2018-04-01",
        "2018-06-30",
        "2018-08-30-preview",
        "2019-03-30",
        "2019-07-01-preview",
        "2019-10-01",
        "2020-03-01",
        "2020-03-13",
        "2020-05-31-preview",
        "2020-09-30",
        "2021-04-12",
    }
)
"""Those of the service API and of devices alike."""
AUDIENCE = "https://iothubs.azure.net"
_NAMESPACE = "Microsoft.Devices/IotHubs/"


@dataclass(frozen=True, slots=True)
class Operation(Route):
    """A route of the API.

    `action` is what a role must grant below `Microsoft.Devices/IotHubs/`, of several separated by spaces each; `right`
    what a shared access policy must have; `limit` what the request counts towards, None where the handler counts.
    """

    right: str = ""
    limit: Limit | None = None


def reachable_hub(world: World, name: str) -> JSON | None:
    """The hub behind a host name; None where the DNS has none: never made, being deleted, or not yet active."""
    hub = load_hub(world, name)
    if hub is None or hub["state"] == "Deleting" or (hub["state"] == "Activating" and not settled(world, hub)):
        return None
    return hub


def require_hub(world: World, name: str) -> JSON:
    """The hub; a connection that outlived it is refused."""
    hub = reachable_hub(world, name)
    if hub is None:
        raise refusal(world, 404, "IotHubNotFound", name)
    return hub


def is_open(world: World, hub: JSON) -> bool:
    """Whether the hub's network is open to the client: to any public one, by its IP filter, and by its network rules.

    The embedded Azure has no private link.
    """
    properties = hub["properties"]
    if properties.get("publicNetworkAccess", "Enabled").lower() == "disabled":
        return False
    if not networks.is_accepted(world.client_address, properties.get("ipFilterRules", ())):
        return False
    rules = properties.get("networkRuleSets")
    if rules is None or rules.get("defaultAction", "Deny").lower() != "deny":
        return True
    return any(networks.is_within(world.client_address, rule["ipMask"]) for rule in rules["ipRules"])


def find_keys(hub: JSON, policy: str, right: str) -> list[str]:
    """The keys of a hub's shared access policy, none where there is no such policy or it has not the right."""
    for each in hub["policies"]:
        if each["keyName"] == policy and right in _rights(each):
            return [each["primaryKey"], each["secondaryKey"]]
    return []


def authorize(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Checks before every operation: network, credential, right, API version, media type, rate.

    A closed network answers like a wrong credential ("Use IP filters": 401, and no word of the rule). The host for
    devices has no service API (stricter guess).
    """
    assert isinstance(route, Operation), "the API has no other routes"
    if _DEVICES_ALONE.fullmatch(request.host):
        raise Refusal(unknown(world, request))
    hub = require_hub(world, named["hub"])
    if not is_open(world, hub):
        raise unauthorized(world)
    if request.headers.get("authorization", "").startswith(SCHEME):
        _require_right(world, hub, request, route)
    else:
        _require_roles(world, hub, request, route)
    if request.api_version not in API_VERSIONS:
        raise refusal(world, 400, "InvalidProtocolVersion", f"The API version '{request.api_version}' is not supported.")
    if request.body and request.media_type != "application/json":  # stricter guess, its words too
        raise refusal(world, 415, "UnsupportedMediaType", f"The media type '{request.media_type}' is not supported.")
    if route.limit is not None and not limits.take(world, hub, route.limit):
        raise throttled(world, route.limit.kind)


def unauthenticated(world: World, request: Request, reason: str) -> Response:
    """401."""
    return unauthorized(world).response


def unknown(world: World, request: Request) -> Response:
    """404: the path names no operation. That this bears an error code, and which, is a guess."""
    body = {"Message": f"No HTTP resource was found that matches the request URI '{request.url}'."}
    return Response(404, body, {"iothub-errorcode": "NotFound"})


def resolves(world: World, named: Mapping[str, str]) -> bool:
    """A hub's name is in the DNS from its activation to its deletion."""
    return reachable_hub(world, named["hub"]) is not None


def _require_right(world: World, hub: JSON, request: Request, operation: Operation) -> None:
    try:
        signature = Signature.parse(request.headers["authorization"])
    except InvalidSignature as unreadable:
        raise unauthorized(world) from unreadable
    keys = [] if hub["properties"].get("disableLocalAuth") else find_keys(hub, signature.policy, operation.right)
    if not signature.opens(f"{request.host}{request.path}", keys, world.now):
        raise unauthorized(world)


def _require_roles(world: World, hub: JSON, request: Request, operation: Operation) -> None:
    try:
        caller = read_token(world, request.headers.get("authorization", ""), AUDIENCE)
    except InvalidToken as invalid:
        raise unauthorized(world) from invalid
    for action in operation.action.split():
        if not rbac.allowed(world, caller, _NAMESPACE + action, hub["id"], data=True):
            message = (
                f"Principal {caller.object_id} is not authorized for {request.method} on {request.path} "
                "due to no assigned permissions"
            )
            raise refusal(world, 401, "IotHubUnauthorized", message)


def _rights(policy: JSON) -> set[str]:
    """The rights of a policy: `RegistryWrite` includes `RegistryRead`."""
    rights = {right.strip() for right in policy["rights"].split(",")}
    return rights | ({"RegistryRead"} if "RegistryWrite" in rights else set())
