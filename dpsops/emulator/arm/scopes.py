"""The scopes of deployments: a resource group, a subscription, a management group, the tenant; and who is deployed there."""

from __future__ import annotations

import re

from dpsops.emulator.arm import groups
from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.resource_provider.resources import DEPLOYMENTS, ResourceId
from dpsops.emulator.world import World

_MANAGEMENT_GROUP = "/providers/Microsoft.Management/managementGroups/"

PATHS = (
    "/subscriptions/{subscription}/resourceGroups/{group}",
    "/subscriptions/{subscription}",
    _MANAGEMENT_GROUP + "{management}",
    "",
)
"""The scopes as the paths of requests name them."""


def scope(world: World, where: dict[str, str]) -> str:
    """The ID of the scope that a path names, the group spelt as it was made. Refuses a group that does not exist."""
    if "group" in where:
        found = groups.require(world, where["subscription"], where["group"])
        return f"/subscriptions/{where['subscription']}/resourceGroups/{found['name']}"
    if "subscription" in where:
        return f"/subscriptions/{where['subscription']}"
    return _MANAGEMENT_GROUP + where["management"] if "management" in where else ""


def identify(world: World, where: dict[str, str], name: str) -> ResourceId:
    """The ID of a deployment, whose name has 1 to 64 word characters, hyphens, dots and parentheses."""
    if len(name) > 64:
        message = f"The provided deployment name '{name}' has a length of '{len(name)}' which exceeds the maximum length of '64'."
        raise refusal(400, "InvalidDeploymentName", message)
    if wrong := re.sub(r"[\w.()-]", "", name):
        message = (
            f"The provided deployment name '{name}' has these invalid characters: '{wrong}'. "
            "The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise refusal(400, "InvalidDeploymentName", message)
    return ResourceId.at(scope(world, where), DEPLOYMENTS, name)


def read_location(body: JSON, identifier: ResourceId) -> str:
    """Where the deployment itself is kept: nowhere in a group, which has a location of its own, else as the body says."""
    name, location = identifier.name, body.get("location")
    link = "Please see https://aka.ms/deploy-to-subscription for usage details."
    if identifier.group:
        if location:
            message = f"The 'location' property is not allowed for '{name}' at resource group scope. {link}"
            raise refusal(400, "InvalidDeployment", message)
        return ""
    if not isinstance(location, str) or not location:
        raise refusal(400, "InvalidDeployment", f"The 'location' property must be specified for '{name}'. {link}")
    return location.replace(" ", "").lower()


def results(identifier: ResourceId) -> str:
    """The path below which the result of an operation on a deployment is polled."""
    if identifier.subscription:
        return f"/subscriptions/{identifier.subscription}/operationresults"
    return "/providers/Microsoft.Resources/operationResults"
