"""What the API's description requires of a hub's properties: members, types, ranges. Source: `iothub-mgmt/2023-06-30`."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_network
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.microsoft_devices.errors import BAD_REQUEST, refusal
from dpsops.emulator.resource_provider.bodies import member, members
from dpsops.emulator.world import World

_DELIVERIES = range(1, 101)
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_AUTHENTICATIONS = ("keyBased", "identityBased")
_ENCODINGS = ("Avro", "AvroDeflate", "JSON")
_REQUIRED = {"storageContainers": ("containerName",), "cosmosDBSqlContainers": ("endpointUri", "databaseName", "containerName")}
"""What an endpoint of a kind must have beside its name."""
_RANGES = {"batchFrequencyInSeconds": range(60, 721), "maxChunkSizeInBytes": range(10_485_760, 524_288_001)}
_DURATIONS = ("lockDurationAsIso8601", "ttlAsIso8601", "defaultTtlAsIso8601", "sasTtlAsIso8601")


def check_queue(world: World, given: JSON) -> None:
    """A queue of cloud-to-device messages, of feedback or of notifications, or a storage endpoint: durations and deliveries."""
    count = member(given, "maxDeliveryCount", int)
    if count is not None and count not in _DELIVERIES:
        raise _invalid(world, "maxDeliveryCount", count)
    for name in _DURATIONS:
        text = member(given, name, str)
        if text is not None and not _DURATION.fullmatch(text):
            raise _invalid(world, name, text)


def check_storage(world: World, given: JSON) -> None:
    """The storage endpoint of file uploads."""
    check_queue(world, given)
    for name in ("connectionString", "containerName"):
        _require(world, given, name, str)


def check_filter(world: World, rules: list[JSON], actions: Collection[str]) -> None:
    """IP filter rules: each names itself, a network and what to do with it."""
    for rule in rules:
        _require(world, rule, "filterName", str)
        action, mask = member(rule, "action", str), _require(world, rule, "ipMask", str)
        if action not in actions:
            raise _invalid(world, "action", action)
        try:
            ip_network(mask, strict=False)
        except ValueError as unreadable:
            raise _invalid(world, "ipMask", mask) from unreadable


def check_network(world: World, given: JSON) -> None:
    """A network rule set."""
    action = member(given, "defaultAction", str)
    if action not in (None, "Allow", "Deny"):
        raise _invalid(world, "defaultAction", action)
    _require(world, given, "applyToBuiltInEventHubEndpoint", bool)
    rules = [{"action": "Allow"} | each for each in members(given, "ipRules", dict) or []]
    check_filter(world, rules, ("Allow",))
    _require(world, given, "ipRules", list)


def check_route(world: World, route: JSON, endpoints: Collection[str]) -> None:
    """A route, the fallback route among them, to one of these endpoints."""
    names = members(route, "endpointNames", str) or []
    if len(names) != 1 or names[0] not in endpoints:
        raise _invalid(world, "endpointNames", names)
    _require(world, route, "source", str)
    _require(world, route, "isEnabled", bool)
    member(route, "condition", str)


def check_fallback(world: World, route: JSON, endpoints: Collection[str]) -> None:
    """The fallback route, to one of these endpoints: it takes what devices send, and nothing else."""
    check_route(world, route, endpoints)
    if route["source"].lower() != "devicemessages":
        raise _invalid(world, "source", route["source"])


def check_endpoint(world: World, kind: str, given: JSON) -> None:
    """An endpoint of messages. What it may be in is spelled in any case, as Microsoft's CLI does it (recorded: `avro`)."""
    for name in _REQUIRED.get(kind, ()):
        _require(world, given, name, str)
    for name, known in (("authenticationType", _AUTHENTICATIONS), ("encoding", _ENCODINGS)):
        text = member(given, name, str)
        if text is not None and text.lower() not in map(str.lower, known):
            raise _invalid(world, name, text)
    for name, allowed in _RANGES.items():
        number = member(given, name, int)
        if number is not None and number not in allowed:
            raise _invalid(world, name, number)


def check_enrichment(world: World, enrichment: JSON) -> None:
    """An enrichment names its key, its value and at least one endpoint."""
    _require(world, enrichment, "key", str)
    _require(world, enrichment, "value", str)
    if not members(enrichment, "endpointNames", str):
        raise _invalid(world, "endpointNames", [])


def _require(world: World, given: JSON, name: str, kind: type[Any]) -> Any:
    value = member(given, name, kind)
    if value is None:
        raise _invalid(world, name, value)
    return value


def _invalid(world: World, name: str, value: Any) -> Refusal:
    return refusal(world, BAD_REQUEST, f"Invalid {name} '{value}'.", numeric=True)
