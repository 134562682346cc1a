"""What of the recorded traffic the embedded Azure is judged by, and what it leaves out for a stated reason."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from enum import Enum
from typing import Any

from tests.conformance.recordings import MANAGEMENT, Exchange, Recording


class Standing(Enum):
    """How an exchange is treated: it must match, it is only reported, or it is none of our business."""

    JUDGED = "in scope"
    OLDER = "older API"
    FOREIGN = "out of scope"


_SERVICES = re.compile(
    r"""/subscriptions/[^/]+(
          /resourcegroups(/[^/]+)?
        | /resources
        | (/resourcegroups/[^/]+)?/providers/microsoft\.(devices|keyvault)/.+
        | (/resourcegroups/[^/]+)?/providers/microsoft\.resources/deployments(/.*)?
        | (/resourcegroups/[^/]+)?/deployments/.+
        | (/.+)?/providers/microsoft\.authorization/roleassignments(/[^/]+)?
        )?/?""",
    re.IGNORECASE | re.VERBOSE,
)
_DATA_PLANES = re.compile(r".+\.(vault\.azure\.net|azure-devices-provisioning\.net|azure-devices\.net)")
_STILL_SENT = {"/resources": {"2015-11-01"}}
"""Old API versions of Resource Manager that today's `az` still sends, by the end of the path."""

OMISSIONS = {
    r"\w+ .*\.azure-devices-provisioning\.net/.*": "not built: the service data plane of DPS",
    r"\w+ .*\.azure-devices\.net/.*": "not built: the device registry of IoT Hub",
    r"POST .*/keys/[^/]+/[^/]*/(encrypt|decrypt|wrapkey|unwrapkey|verify|release)|POST .*/rng": "dpsops only signs with keys",
    r"(POST .*/keys/[^/]+/rotate)|(PUT .*/keys/[^/]+/rotationpolicy)": "dpsops rotates roots, the vault never rotates their keys",
    r"GET .*/keys/[^/]+/[^/]*/attestation": "there is no managed HSM",
    r"\w+ .*/providers/microsoft\.keyvault/(.*/)?(managedhsms|deletedmanagedhsms|hsms).*": "there is no managed HSM",
    r"\w+ .*/certificates/(issuers|contacts)(/.*)?": "no partner CA issues certificates, and nobody is told of their expiry",
    r"\w+ .*\.vault\.azure\.net/storage.*": "storage account keys in vaults are retired",
    r"\w+ .*/(privateEndpointConnections|privateLinkResources)(/.*)?": "there are no private networks",
    r"\w+ .*/IotHubs/[^/]+/(routing|eventHubEndpoints|routingEndpointsHealth)(/.*)?": "nothing routes messages",
    r"\w+ .*/IotHubs/[^/]+/(jobs|importDevices|exportDevices|failover)(/.*)?": "hubs are not moved",
    r"\w+ .*/IotHubs/[^/]+/(IotHubStats|quotaMetrics|skus)": "hubs are not metered",
}
"""Operations that the embedded Azure does not have, as patterns of `METHOD HOST/PATH`, and why. One that it
comes to have is judged from then on."""


def standing(exchange: Exchange) -> Standing:
    """How an exchange is treated."""
    path = exchange.path.rstrip("/")
    if exchange.host == MANAGEMENT:
        if not _SERVICES.fullmatch(path):
            return Standing.FOREIGN
        current = exchange.api_version >= "2021" or any(
            path.endswith(end) and exchange.api_version in versions for end, versions in _STILL_SENT.items()
        )
        return Standing.JUDGED if current else Standing.OLDER
    if not _DATA_PLANES.fullmatch(exchange.host):
        return Standing.FOREIGN
    current = exchange.api_version >= "2021" or exchange.api_version.startswith("7.")
    return Standing.JUDGED if current else Standing.OLDER


def omission(exchange: Exchange) -> str | None:
    """Why the embedded Azure does not have this operation; None where no reason is stated."""
    text = f"{exchange.method} {exchange.host}{exchange.path}"
    return next((reason for pattern, reason in OMISSIONS.items() if re.fullmatch(pattern, text, re.IGNORECASE)), None)


def foundation(exchange: Exchange) -> Exchange | None:
    """The request without which the answer could not be what it is, where the recording does not have it."""
    body = exchange.response.json()
    if exchange.path.endswith("/rotationpolicy") and exchange.method == "GET" and isinstance(body, dict) and "id" in body:
        return replace(exchange, method="PUT")  # only a policy that somebody has set has an ID
    return None


TROUBLE = "Azure had trouble that day"
FOREIGN_TEMPLATE = "the template deploys what only the real Azure has"
_DEPLOYMENT = re.compile(r"/subscriptions/.+/deployments/[^/]+", re.IGNORECASE)


def is_trouble(exchange: Exchange) -> bool:
    """Whether the answer tells of the service's state rather than of the request."""
    return exchange.status in (429, 500, 502, 503, 504)


def foreign_deployments(recording: Recording, offered: Collection[str]) -> set[str]:
    """The IDs, in lower case, of the deployments whose template has a resource of another type than `offered` (lower case),
    or is to be fetched from somewhere."""
    found = set()
    for exchange in recording.exchanges:
        match = _DEPLOYMENT.match(exchange.path)
        body = exchange.request.json()
        properties = body.get("properties", {}) if isinstance(body, dict) else {}
        if match and ("templateLink" in properties or not _types(properties.get("template")) <= set(offered)):
            found.add(match[0].lower())
    return found


def _types(template: Any) -> set[str]:
    resources = template.get("resources", []) if isinstance(template, dict) else []
    found = set()
    for each in resources.values() if isinstance(resources, dict) else resources:
        found |= {each["type"].lower()} | _types(each.get("properties", {}).get("template"))
    return found
