"""A few of the built-in policy definitions: those that deny what a fleet's resources are made of.

Source: "Azure Policy built-in policy definitions" for identifiers, names and parameters; "Azure Policy definition structure". The
rule of 672d56b3, and all descriptions, are from memory.
"""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.resource_provider.errors import refusal

TYPE = "Microsoft.Authorization/policyDefinitions"
_GROUP = "Microsoft.Resources/subscriptions/resourceGroups"
_TAG = {"tagName": {"type": "String", "metadata": {"displayName": "Tag Name", "description": "Name of the tag."}}}
_TAG_FIELD = "[concat('tags[', parameters('tagName'), ']')]"
_EFFECT = {
    "effect": {
        "type": "String",
        "metadata": {"displayName": "Effect", "description": "Enable or disable the execution of the policy."},
        "allowedValues": ["Audit", "Deny", "Disabled"],
        "defaultValue": "Audit",
    }
}


def _definition(name: str, category: str, mode: str, parameters: JSON, condition: JSON, effect: str = "deny") -> JSON:
    return {
        "displayName": name,
        "policyType": "BuiltIn",
        "mode": mode,
        "description": name,
        "metadata": {"version": "1.0.0", "category": category},
        "version": "1.0.0",
        "parameters": parameters,
        "policyRule": {"if": condition, "then": {"effect": effect}},
        "versions": ["1.0.0"],
    }


BUILT_IN: dict[str, JSON] = {
    "e56962a6-4747-49cd-b67b-bf8b01975c4c": _definition(
        "Allowed locations",
        "General",
        "Indexed",
        {
            "listOfAllowedLocations": {
                "type": "Array",
                "metadata": {
                    "displayName": "Allowed locations",
                    "description": "The list of locations that can be specified when deploying resources.",
                    "strongType": "location",
                },
            }
        },
        {
            "allOf": [
                {"field": "location", "notIn": "[parameters('listOfAllowedLocations')]"},
                {"field": "location", "notEquals": "global"},
                {"field": "type", "notEquals": "Microsoft.AzureActiveDirectory/b2cDirectories"},
            ]
        },
    ),
    "871b6d14-10aa-478d-b590-94f262ecfa99": _definition(
        "Require a tag on resources", "Tags", "Indexed", _TAG, {"field": _TAG_FIELD, "exists": "false"}
    ),
    "96670d01-0a4d-4649-9c89-2d3abc0a5025": _definition(
        "Require a tag on resource groups",
        "Tags",
        "All",
        _TAG,
        {"allOf": [{"field": "type", "equals": _GROUP}, {"field": _TAG_FIELD, "exists": "false"}]},
    ),
    "672d56b3-23a7-4a3c-a233-b77ed7777518": _definition(
        "Azure IoT Hub should have local authentication methods disabled for Service Apis",
        "Internet of Things",
        "Indexed",
        _EFFECT,
        {
            "allOf": [
                {"field": "type", "equals": "Microsoft.Devices/IotHubs"},
                {"field": "Microsoft.Devices/IotHubs/disableLocalAuth", "notEquals": "true"},
            ]
        },
        "[parameters('effect')]",
    ),
}
"""By name, a GUID: the `properties` of each."""


def identifier_of(name: str) -> str:
    """The ID of a built-in definition, which is in no subscription."""
    return f"/providers/{TYPE}/{name}"


def show(name: str) -> JSON:
    """A definition as a GET shows it."""
    return {"properties": BUILT_IN[name], "id": identifier_of(name), "type": TYPE, "name": name}


def not_found(name: str) -> Refusal:
    """404: there is no such definition."""
    return refusal(404, "PolicyDefinitionNotFound", f"The policy definition '{name}' could not be found.")
