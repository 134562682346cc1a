"""Where a resource may be. Source: the gateway's refusals, recorded and quoted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.regions import normal


def read_location(given: Any, kind: str, existing: JSON | None, group: str, offered: Iterable[str]) -> str:
    """The location that a PUT names, as it is spelled there. Refuses, as the gateway does, one that is missing,
    that is not among those `offered` to the type, or that differs from that of the existing resource."""
    if not isinstance(given, str) or not given:
        raise refusal(400, "LocationRequired", "The location property is required for this definition.")
    regions = list(offered)
    if normal(given) not in regions:
        message = (
            f"The provided location '{given}' is not available for resource type '{kind}'. "
            f"List of available regions for the resource type is '{','.join(regions)}'."
        )
        raise refusal(400, "LocationNotAvailableForResourceType", message)
    if existing is not None:
        require_same(existing, given, group)
    return given


def require_same(existing: JSON, location: str, group: str) -> None:
    """Refuses to move a resource ({"name", "location" ...}) of the group to another location."""
    if normal(existing["location"]) == normal(location):
        return
    message = (
        f"The resource '{existing['name']}' already exists in location '{existing['location']}' in resource group '{group}'. "
        f"A resource with the same name cannot be created in location '{location}'. Please select a new resource name."
    )
    raise refusal(409, "InvalidResourceLocation", message)
