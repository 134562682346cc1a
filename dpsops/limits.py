"""What Azure accepts: names, IDs, tags, desired properties, the units of a hub. What it refuses is refused when the settings are
read: Azure would refuse it in the middle of a run. Each function returns what it is given, or raises `ValueError`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

MOST_TAGS = 50
_TAG_NAME = 512
_TAG_VALUE = 256
_NOT_IN_A_TAG = re.compile(r"[<>%&\\?/\x00-\x1f\x7f]")

UNITS = {"F1": 1, "B3": 10, "S3": 10}
"""The most units of a hub, for the SKUs that have fewer than 200. Source: Azure IoT Hub, "Quotas and throttling"."""

_TWIN_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f.$ ]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME_BYTES = 1024
_STRING_BYTES = 4 * 1024
_PROPERTIES_BYTES = 32 * 1024
_DEPTH = 10
_INTEGERS = range(-(2**52), 2**52)


def vault_name(name: str) -> str:
    """Key Vault naming rules: 3-24 letters, digits and single hyphens; a letter first, a letter or a digit last."""
    if not re.fullmatch(r"(?=.{3,24}$)[a-zA-Z](?:-?[a-zA-Z0-9])*", name):
        raise ValueError(
            "a vault name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with a letter or digit"
        )
    return name


def _device_service_name(name: str) -> str:
    """Naming rules for Microsoft.Devices: 3-50 letters, digits and hyphens; no hyphen first or last."""
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]", name):
        raise ValueError("use letters, digits and hyphens, with a letter or digit first and last")
    return name


def dps_name(name: str) -> str:
    """The rules of `_device_service_name`, and what a DPS name check says besides: devices find all services at `global`."""
    if name.lower() == "global":
        raise ValueError("a DPS cannot have the name 'global', where devices find every DPS")
    return _device_service_name(name)


def hub_name(name: str) -> str:
    """The rules of `_device_service_name`, and of Azure IoT Hub resource API 2023-06-30, `Resource.name`: not only digits."""
    if re.fullmatch("[0-9]+", name):
        raise ValueError("the name of a hub has a letter or a hyphen: not only digits")
    return _device_service_name(name)


def namespace_name(name: str) -> str:
    """DPS service API 2026-11-01, `namespaceName`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]", name):
        raise ValueError("a namespace has 3 to 64 lower case letters, digits and hyphens, with no hyphen first or last")
    return name


def issuer_name(name: str) -> str:
    """DPS service API 2026-11-01, `certificateAuthorityName`, `certificatePolicyName`."""
    if not re.fullmatch(r"[0-9a-zA-Z][a-zA-Z0-9-]{2,62}", name):
        raise ValueError("use 3 to 63 letters, digits and hyphens, with a letter or digit first")
    return name


def resource_group_name(name: str) -> str:
    """ARM naming rules: 1-90 word characters, hyphens, parentheses and dots, no dot last."""
    if not re.fullmatch(r"[\w().-]{0,89}[\w()-]", name):
        raise ValueError("a resource group name has 1 to 90 letters, digits and ( ) - _ . and does not end with a dot")
    return name


def region_name(name: str) -> str:
    """A region by the name that `az account list-locations` shows. The display name has spaces and capitals."""
    if not re.fullmatch(r"[a-z0-9]+", name):
        short = re.sub(r"[^a-z0-9]", "", name.lower()) or "westeurope"
        raise ValueError(f"use the region's short name, in lower case and without spaces, as in {short}")
    return name


def subscription_id(name: str) -> str:
    """The ID of a subscription, a UUID. Its display name is not unique."""
    if not _UUID.fullmatch(name):
        raise ValueError("a subscription is given by its ID, as 'az account show --query id' prints it")
    return name


def object_id(name: str) -> str:
    """The object ID of an identity in Entra ID, a UUID. An application has another ID of the same shape, which no role takes."""
    if not _UUID.fullmatch(name):
        raise ValueError("an identity is given by its object ID, as 'az ad user show --id NAME --query id' prints it")
    return name


def group_id(name: str) -> str:
    """DPS service API 2021-10-01, `enrollmentGroupId`; in lower case, because DPS ignores case."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._:-]{0,126}[a-z0-9-])?", name):
        raise ValueError(
            "use up to 128 lower case letters, digits and - . _ : with a letter or digit first, and a letter, a digit or - last"
        )
    return name


def workspace_id(name: str) -> str:
    """The resource ID of a Log Analytics workspace. Source: Azure naming rules, `Microsoft.OperationalInsights/workspaces`: 4-63
    letters, digits and hyphens, no hyphen first or last."""
    workspace = r"/subscriptions/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/([^/]+)/providers/"
    workspace += r"Microsoft\.OperationalInsights/workspaces/[a-z0-9][a-z0-9-]{2,61}[a-z0-9]"
    found = re.fullmatch(workspace, name, re.IGNORECASE)
    if found is None:
        raise ValueError(
            "a Log Analytics workspace is given by its resource ID, as 'az monitor log-analytics workspace show "
            "--resource-group GROUP --workspace-name NAME --query id' prints it"
        )
    resource_group_name(found[1])
    return name


def resource_tags(given: dict[str, str]) -> dict[str, str]:
    """Tags, unchanged. Raises `ValueError` for what Resource Manager refuses.

    Source: Azure Resource Manager, "Use tags to organize your Azure resources", Limitations.
    """
    if len(given) > MOST_TAGS:
        raise ValueError(f"a resource has at most {MOST_TAGS} tags, and these are {len(given)}")
    known = dict[str, str]()
    for name, value in given.items():
        if not name or _NOT_IN_A_TAG.search(name):
            raise ValueError(f"{_short(name)} is not a valid name of a tag: use no < > % & \\ ? / or control characters")
        if len(name) > _TAG_NAME:
            raise ValueError(f"the name of a tag has at most {_TAG_NAME} characters, and {_short(name)} has {len(name)}")
        if len(value) > _TAG_VALUE:
            raise ValueError(
                f"the value of a tag has at most {_TAG_VALUE} characters, and that of {_short(name)} has {len(value)}"
            )
        if (other := known.setdefault(name.lower(), name)) != name:
            raise ValueError(f"{_short(other)} and {_short(name)} are one tag: the names of tags have no case")
    return given


def desired_properties(value: Any) -> Any:
    """The initial desired properties of a twin, unchanged. Raises `ValueError` for what a hub refuses: what is no JSON, names
    that a twin does not allow, and what is too long, too large or too deep.

    Source: Azure IoT Hub, "Understand and use device twins". A name that begins with $ is reserved for the hub.
    """
    _check(value, 0)
    if (size := max(_size(value), len(_json(value)))) > _PROPERTIES_BYTES:
        raise ValueError(f"the desired properties of a twin have at most {_PROPERTIES_BYTES} bytes, and these are {size}")
    return value


def _check(value: Any, depth: int) -> None:
    """`depth`: the number of objects around the value."""
    match value:
        case dict():
            if depth == _DEPTH:
                raise ValueError(f"objects in a twin are nested at most {_DEPTH} deep")
            for name, each in value.items():
                if not _TWIN_NAME.fullmatch(name):
                    shown = _short(name)
                    raise ValueError(f"{shown} is not a valid name in a twin: use no dots, spaces, $ or control characters")
                if len(name.encode()) > _NAME_BYTES:
                    raise ValueError(f"a name in a twin has at most {_NAME_BYTES} bytes: {_short(name)} is longer")
                _check(each, depth + 1)
        case list():
            for each in value:
                _check(each, depth)
        case float() if not math.isfinite(value):
            raise ValueError(f"JSON has no number {value}")
        case str() if len(value.encode()) > _STRING_BYTES:
            raise ValueError(f"a string in a twin has at most {_STRING_BYTES} bytes: {_short(value)} is longer")
        case bool() | str() | float() | None:
            pass
        case int() if value not in _INTEGERS:
            raise ValueError(f"an integer in a twin is between {_INTEGERS.start} and {_INTEGERS.stop - 1}")
        case int():
            pass
        case _:
            raise ValueError(f"JSON has no dates and times: write {value} as a string")


def _size(value: Any) -> int:
    """The size as the hub counts it: keys and strings without control characters, 8 bytes for a number, 4 for a boolean. What
    it counts for a list nobody says: here, the sum of what is in it; the size of the JSON is the other limit."""
    match value:
        case Mapping():
            return sum(_size(name) + _size(each) for name, each in value.items())
        case list():
            return sum(map(_size, value))
        case str():
            return len(_CONTROL.sub("", value).encode())
        case bool():
            return 4
        case None:
            return 0
        case _:
            return 8


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _short(text: str) -> str:
    """A text as a message quotes it: not all of one that is far too long."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
