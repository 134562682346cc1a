"""What of the recorded traffic the embedded Azure is judged by, and what it leaves out for a stated reason."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import Enum
from typing import Any

from dpsops.emulator.http import Service
from tests.conformance.messages import MANAGEMENT, Exchange, Recording


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
    r"\w+ [^/]+\.azure-devices\.net/(?P<word>jobs|configurations|messages)(/.*)?": "hubs run no jobs, hold no messages",
    r"\w+ [^/]+\.azure-devices\.net/(devices|twins)/[^/]+/(?P<word>modules|methods|files|messages).*": "devices have no parts",
    r"POST .*/keys/[^/]+/[^/]*/(?P<word>release)|POST .*/rng": "dpsops only signs with keys",
    r"\w+ .*/keys/[^/]+/(?P<word>rotate|rotationpolicy)": "dpsops rotates roots, the vault never rotates their keys",
    r"GET .*/keys/[^/]+/[^/]*/(?P<word>attestation)": "there is no managed HSM",
    r"\w+ .*/providers/microsoft\.keyvault/(.*/)?(?P<word>managedhsms|deletedmanagedhsms|hsms).*": "there is no managed HSM",
    r"\w+ .*/certificates/(?P<word>issuers|contacts)(/.*)?": "no partner CA issues certificates, nobody is told of their expiry",
    r"\w+ .*\.vault\.azure\.net/(?P<word>storage).*": "storage account keys in vaults are retired",
    r"\w+ .*/(?P<word>privateEndpointConnections|privateLinkResources)(/.*)?": "there are no private networks",
    r"\w+ .*/IotHubs/[^/]+/(?P<word>routingEndpointsHealth|importDevices|exportDevices|jobs/.+)": "hubs hold no messages",
    r"GET .*/microsoft\.devices/(?P<word>usages)": "nothing is metered",
}
"""Operations that the embedded Azure does not have, as patterns of `METHOD HOST/PATH`, and why.

One that it comes to have is judged from then on: when its route spells the `word`, which sets it apart from
routes that take that for a name.
"""


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


def omission(method: str, host: str, path: str, services: Iterable[Service]) -> str | None:
    """Why the embedded Azure does not have this operation; the empty string where it should; None where it does."""
    text = f"{method} {host}{path}"
    matches = ((re.fullmatch(pattern, text, re.IGNORECASE), reason) for pattern, reason in OMISSIONS.items())
    found = next(((match, reason) for match, reason in matches if match), None)
    word = str(found[0].groupdict().get("word") or "") if found else ""
    for service in services:
        route = service.router.find(method, path) if service.host.fullmatch(host) else None
        if route and word.lower() in route[0].pattern.lower():
            return None
    return found[1] if found else ""


def foundation(exchange: Exchange) -> Exchange | None:
    """The request without which the answer could not be what it is, where the recording does not have it."""
    body = exchange.response.json()
    if exchange.path.endswith("/rotationpolicy") and exchange.method == "GET" and isinstance(body, dict) and "id" in body:
        return replace(exchange, method="PUT")  # only a policy that somebody has set has an ID
    return None


HANDSHAKE = "who a device is stands in its TLS handshake, which no recording shows"
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
