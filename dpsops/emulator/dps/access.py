"""What the service API of DPS checks before every operation: host, network, credential, right and rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dpsops.emulator import rbac
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps import limits, rules
from dpsops.emulator.dps.errors import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_ALLOWED,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    refusal,
    unauthorized,
)
from dpsops.emulator.dps.state import reachable_service
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.identity.tokens import InvalidToken, read_token
from dpsops.emulator.microsoft_devices.signatures import SCHEME, InvalidSignature, Signature
from dpsops.emulator.resource_provider import networks
from dpsops.emulator.world import World

HOST = re.compile(r"(?P<service>(?!global\.)[a-z0-9-]+)\.azure-devices-provisioning\.net")
AUDIENCE = "https://azure-devices-provisioning.net"
_API_VERSIONS = frozenset({"2019-03-31", "2021-06-01", "2021-10-01", "2026-11-01"})
_NAMESPACE = "Microsoft.Devices/provisioningServices/"


@dataclass(frozen=True, slots=True)
class Operation(Route):
    """A route of the service API.

    `action` is what a role must grant below `Microsoft.Devices/provisioningServices/`, of several separated by spaces each;
    `right` what a shared access policy must have.
    """

    right: str = ""


def require_service(world: World, name: str) -> JSON:
    """The service behind a host; a connection that outlived it is refused."""
    service = reachable_service(world, name)
    if service is None:
        raise refusal(world, NOT_FOUND, "Not Found")
    return service


def is_open(world: World, service: JSON, api: str) -> bool:
    """Whether the service's network is open to the client for an API (`IpFilterTargetType`): to any public one, and by the
    IP filter rules for that API or for all. The embedded Azure has no private link."""
    properties = service["properties"]
    if properties.get("publicNetworkAccess", "Enabled").lower() == "disabled":
        return False
    rules = [rule for rule in properties.get("ipFilterRules", ()) if (rule.get("target") or "all") in ("all", api)]
    return networks.is_accepted(world.client_address, rules)


def authorize(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Checks before every operation: network, credential, right, API version, media type, rate.

    The routes of devices are not checked here: the device certificate decides, behind them.
    """
    if not isinstance(route, Operation):
        return
    service = require_service(world, named["service"])
    if not is_open(world, service, "serviceApi"):
        raise unauthorized(world)
    if request.headers.get("authorization", "").startswith(SCHEME):
        _require_right(world, service, request, route)
    else:
        _require_roles(world, service, request, route)
    if request.api_version not in _API_VERSIONS:
        raise refusal(world, BAD_REQUEST, f"The API version '{request.api_version}' is not supported.")
    if request.body and request.media_type != "application/json":  # stricter guess
        raise refusal(world, UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
    limits.take(world, service, limits.OPERATIONS)


def unauthenticated(world: World, request: Request, reason: str) -> Response:
    """401."""
    return unauthorized(world).response


def unknown(world: World, request: Request) -> Response:
    """405: method and path name no operation, as where a path lacks its ID ("Troubleshoot device provisioning")."""
    return refusal(world, NOT_ALLOWED, "Method Not Allowed").response


def resolves(world: World, named: Mapping[str, str]) -> bool:
    """A service's name is in the DNS from its activation to its deletion."""
    return reachable_service(world, named["service"]) is not None


def _require_right(world: World, service: JSON, request: Request, operation: Operation) -> None:
    try:
        signature = Signature.parse(request.headers["authorization"])
    except InvalidSignature as unreadable:
        raise unauthorized(world) from unreadable
    keys = [] if service["properties"].get("disableLocalAuth") else _keys(service, signature.policy, operation.right)
    if not signature.opens(f"{request.host}{request.path}", keys, world.now):
        raise unauthorized(world)


def _require_roles(world: World, service: JSON, request: Request, operation: Operation) -> None:
    try:
        caller = read_token(world, request.headers.get("authorization", ""), AUDIENCE)
    except InvalidToken as invalid:
        raise unauthorized(world) from invalid
    for action in operation.action.split():
        if not rbac.allowed(world, caller, _NAMESPACE + action, service["id"], data=True):
            message = (
                f"Principal {caller.object_id} is not authorized for {request.method} on {request.path} "
                "due to no assigned permissions"
            )
            raise refusal(world, FORBIDDEN, message)


def _keys(service: JSON, policy: str, right: str) -> list[str]:
    """The keys of a shared access policy, none where there is no such policy or it has not the right."""
    for each in service["policies"]:
        if each["keyName"] == policy and right in rules.split(each["rights"]):
            return [each["primaryKey"], each["secondaryKey"]]
    return []
