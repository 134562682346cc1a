"""What can be asked about a hub in Resource Manager, beside the hub itself: keys, counts, price tiers, limits, message routes."""

from __future__ import annotations

from functools import partial

from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.iothub.consumer_groups import FindHub
from dpsops.emulator.iothub.identities import count_by_status
from dpsops.emulator.iothub.limits import quotas
from dpsops.emulator.iothub.routing import matching_routes, route_result
from dpsops.emulator.iothub.rules import SKUS
from dpsops.emulator.microsoft_devices.policies import find_policy
from dpsops.emulator.resource_provider.bodies import json_object, member
from dpsops.emulator.world import World


def _list_keys(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    return Response(200, {"value": named(world, subscription, group, name)["policies"]})


def _get_key(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str, key: str) -> Response:
    return Response(200, find_policy(world, named(world, subscription, group, name)["policies"], key))


def _get_stats(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    return Response(200, count_by_status(world, named(world, subscription, group, name)))


def _list_skus(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    """The SKUs that the hub can change to: those of its tier."""
    tier = named(world, subscription, group, name)["sku"]["tier"]
    skus = [
        {
            "resourceType": "Microsoft.Devices/IotHubs",
            "sku": {"name": each, "tier": tier},
            "capacity": {"minimum": 1, "maximum": sku.units, "default": 1, "scaleType": "Manual"},
        }
        for each, sku in SKUS.items()
        if sku.tier == tier
    ]
    return Response(200, {"value": skus})


def _list_quotas(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    return Response(200, {"value": quotas(world, named(world, subscription, group, name))})


def _list_jobs(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    named(world, subscription, group, name)
    return Response(200, {"value": []})


def _test_route(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    routing = named(world, subscription, group, name)["properties"]["routing"]
    return Response(200, route_result(world, routing, member(json_object(request), "route", dict) or {}))


def _test_routes(named: FindHub, world: World, request: Request, *, subscription: str, group: str, name: str) -> Response:
    routes = named(world, subscription, group, name)["properties"]["routing"]["routes"]
    return Response(200, matching_routes(world, routes, member(json_object(request), "routingSource", str) or ""))


def inquiry_routes(one: str, type_: str, named: FindHub) -> list[Route]:
    """The operations, below the path of one hub of this resource type."""
    return [
        Route("POST", one + "/listkeys", partial(_list_keys, named), f"{type_}/listkeys/Action"),
        Route("POST", one + "/IotHubKeys/{key}/listkeys", partial(_get_key, named), f"{type_}/iotHubKeys/listkeys/Action"),
        Route("GET", one + "/IotHubStats", partial(_get_stats, named), f"{type_}/iotHubStats/Read"),
        Route("GET", one + "/skus", partial(_list_skus, named), f"{type_}/skus/Read"),
        Route("GET", one + "/quotaMetrics", partial(_list_quotas, named), f"{type_}/quotaMetrics/Read"),
        Route("GET", one + "/jobs", partial(_list_jobs, named), f"{type_}/jobs/Read"),
        Route("POST", one + "/routing/routes/$testnew", partial(_test_route, named), f"{type_}/routing/$testnew/Action"),
        Route("POST", one + "/routing/routes/$testall", partial(_test_routes, named), f"{type_}/routing/$testall/Action"),
    ]
