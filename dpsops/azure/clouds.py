"""Which of Azure's clouds is meant. dpsops knows the hosts of the public one only, so it refuses the others by name.

Source: Microsoft Entra, "National clouds"; `az cloud list`; azure-core, `AzureClouds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from dpsops.errors import InvalidInput
from dpsops.settings import Environment

_PUBLIC = frozenset({"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "AzureCloud", "AZURE_PUBLIC_CLOUD"})
_OTHERS = {
    "login.microsoftonline.us": "Azure US Government",
    "AzureUSGovernment": "Azure US Government",
    "AZURE_US_GOVERNMENT": "Azure US Government",
    "login.chinacloudapi.cn": "Azure operated by 21Vianet (China)",
    "login.partner.microsoftonline.cn": "Azure operated by 21Vianet (China)",
    "AzureChinaCloud": "Azure operated by 21Vianet (China)",
    "AZURE_CHINA_CLOUD": "Azure operated by 21Vianet (China)",
    "login.microsoftonline.de": "Azure Germany",
    "AzureGermanCloud": "Azure Germany",
}
"""The clouds by the hosts that sign in there, by their names in `az`, and by their names in azure-core."""

_REGIONS = {r"us(gov|dod)\w+": "Azure US Government", r"china\w+": "Azure operated by 21Vianet (China)"}


def require_public(environment: Environment, variables: Mapping[str, str]) -> None:
    """Raises `InvalidInput` if the settings' regions, or the variables that Azure's SDKs read, are of another cloud."""
    for location in (environment.location, *(hub.location for hub in environment.hub)):
        if other := next((cloud for regions, cloud in _REGIONS.items() if re.fullmatch(regions, location)), ""):
            raise _unknown(f"the region {location} is one of {other}", f"use another region in infra/{environment.name}.toml")
    authority = variables.get("AZURE_AUTHORITY_HOST", "").strip()
    if authority:
        try:
            host = urlsplit(authority if "://" in authority else f"https://{authority}").hostname or authority
        except ValueError:
            host = authority
        require_public_name(host, f"AZURE_AUTHORITY_HOST is {authority}", "remove the variable")
    if cloud := variables.get("AZURE_SDK_CLOUD_CONF", ""):
        require_public_name(cloud, f"AZURE_SDK_CLOUD_CONF is {cloud}", "remove the variable")


def require_public_name(name: str, said: str, step: str) -> None:
    """Raises `InvalidInput` if a cloud's name, or the host that signs in there, is another one's. `said`: who says so."""
    if name not in _PUBLIC:
        other = _OTHERS.get(name)
        raise _unknown(f"{said}, which is {other}" if other else f"{said}, which is not Azure's public cloud", step)


def _unknown(what: str, step: str) -> InvalidInput:
    return InvalidInput(f"{what}: dpsops works in Azure's public cloud only", step)
