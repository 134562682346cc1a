"""The API versions in which dpsops asks Resource Manager: those of the SDKs that are installed, of its own clients, and of the
template that it deploys. What a service's own host understands is listed nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dpsops.azure.clients import DPS_BY_IDENTITY, Clients
from dpsops.azure.deployments import template
from dpsops.azure.removals import LOCKS_VERSION
from dpsops.azure.resource_group import VERSIONS
from dpsops.model.logs import TYPE as DIAGNOSTIC_SETTINGS
from dpsops.model.roles import HUB, SERVICE, VAULT

_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


def api_versions(clients: Clients) -> dict[str, frozenset[str]]:
    """The API versions by the type of what is asked, spelt as dpsops spells it. No request.

    A DPS is read in a newer version too, which need not be there: then it is read in the older one.
    """
    authorization = clients.authorization.api_version
    pairs = {
        ("Microsoft.Resources/resourceGroups", _of(clients.groups)),
        ("Microsoft.Resources/deployments", _of(clients.deployments)),
        (VAULT, _of(clients.vaults)),
        (SERVICE, _of(clients.dps)),
        (HUB, _of(clients.hubs)),
        (_IDENTITIES, _of(clients.identities)),
        (f"{_IDENTITIES}/federatedIdentityCredentials", _of(clients.identities)),
        ("Microsoft.Authorization/roleAssignments", authorization),
        ("Microsoft.Authorization/roleDefinitions", authorization),
        ("Microsoft.Authorization/locks", LOCKS_VERSION),
        (DIAGNOSTIC_SETTINGS, clients.monitor.api_version),
        *VERSIONS.items(),
        *_of_template(template()),
    }
    if clients.environment.dps.link != "identity":
        pairs.discard((SERVICE, DPS_BY_IDENTITY))
    return {type_: frozenset(version for name, version in pairs if name == type_) for type_ in sorted(dict(pairs))}


def _of(client: Any) -> str:
    """The API version of an SDK's client: one that knows several names its default, any other keeps its only one."""
    default = getattr(client, "DEFAULT_API_VERSION", None)
    return str(default or client._config.api_version)


def _of_template(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The types and API versions of a template, and of those that are nested in it."""
    found = document["resources"]
    for each in found.values() if isinstance(found, dict) else found:
        yield each["type"], each["apiVersion"]
        if "template" in each.get("properties", {}):
            yield from _of_template(each["properties"]["template"])
