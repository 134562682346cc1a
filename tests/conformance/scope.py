"""What of the recorded traffic the embedded Azure is judged by, and what it leaves out for a stated reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from dpsops.emulator.http import Service
from tests.conformance.messages import MANAGEMENT, Exchange


class Standing(Enum):
    """How an exchange is treated: it must match, it is only reported, or it is none of our business."""

    JUDGED = "in scope"
    OLDER = "older API"
    FOREIGN = "out of scope"


_DATA_PLANES = re.compile(r".+\.(vault\.azure\.net|azure-devices-provisioning\.net|azure-devices\.net)")
_OWN = {"microsoft.authorization", "microsoft.devices", "microsoft.keyvault", "microsoft.managedidentity", "microsoft.resources"}
"""Namespaces of what the embedded Azure has."""

_OF_A_PROVIDER = re.compile(r".*/providers/(?P<namespace>[\w.-]+)/(?!(un)?register$).+", re.IGNORECASE)
"""What is asked of a provider; that a subscription registers it is Resource Manager's own affair."""

_DEVICES = re.compile(r".*/providers/microsoft\.devices/.+", re.IGNORECASE)

OMISSIONS = {
    r"\w+ [^/]+\.azure-devices\.net/(?P<word>jobs|configurations|messages)(/.*)?": "hubs run no jobs, hold no messages",
    r"\w+ [^/]+\.azure-devices\.net/(devices|twins)/[^/]+/(?P<word>modules|methods|files|messages).*": "devices have no parts",
    r"POST .*/keys/[^/]+/[^/]*/(?P<word>release)|POST .*/rng": "dpsops only signs with keys",
    r"\w+ .*/keys/[^/]+/(?P<word>rotate|rotationpolicy)": "dpsops rotates roots, the vault never rotates their keys",
    r"GET .*/keys/[^/]+/[^/]*/(?P<word>attestation)": "there is no managed HSM",
    r"\w+ .*/providers/microsoft\.keyvault/(.*/)?(?P<word>managedhsms|deletedmanagedhsms|hsms).*": "there is no managed HSM",
    r"\w+ .*\.vault\.azure\.net/(?P<word>storage).*": "storage account keys in vaults are retired",
    r"\w+ .*/(?P<word>privateEndpointConnections|privateLinkResources)(/.*)?": "there are no private networks",
    r"\w+ .*/IotHubs/[^/]+/(?P<word>routingEndpointsHealth|importDevices|exportDevices|jobs/.+)": "hubs hold no messages",
    r"GET .*/microsoft\.devices/(?P<word>usages)": "nothing is metered",
    r"\w+ .*/microsoft\.resources/(.+/)?(?P<word>deploymentStacks?)\w*(/.*)?": "there are no deployment stacks",
    r"\w+ [^/]+/providers/microsoft\.management/(?P<word>managementGroups|operationResults)/[^/]+(/managementGroups/[^/]+)?": (
        "management groups are there, but nobody makes or moves them"
    ),
    r"\w+ .*/microsoft\.keyvault/vaults/[^/]+/(?P<word>keys|secrets)(/.*)?": "what is in a vault is made in the vault",
}
"""Operations that the embedded Azure does not have, as patterns of `METHOD HOST/PATH`, and why.

One that it comes to have is judged from then on: when its route spells the `word`, which sets it apart from
routes that take that for a name.
"""


def standing(exchange: Exchange) -> Standing:
    """How an exchange is treated."""
    if exchange.host == MANAGEMENT:
        devices = _DEVICES.fullmatch(exchange.path) and "/microsoft.authorization/" not in exchange.path.lower()
        return Standing.OLDER if devices and exchange.api_version < "2021" else Standing.JUDGED
    if not _DATA_PLANES.fullmatch(exchange.host):
        return Standing.FOREIGN
    # The newest recordings of a hub's device registry are of 2020-03-13.
    current = exchange.api_version >= "2020" or exchange.api_version.startswith("7.")
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
LANGUAGE = "the template language here has not all of Azure's: {}"
_LACKING = re.compile(r"The template function '\w+' is not valid|has an invalid type '\w+'|Could not find member '\w+' on object")

DIFFERENT = {
    r"GET .*/microsoft\.authorization/roledefinitions/?": "only a few of Azure's built-in roles are there, and it adds to them",
}
"""Operations that the embedded Azure has, but not with the same content, as patterns of `METHOD HOST/PATH`, and why."""

FORMER = {
    r"\w+ [^/]+\.vault\.azure\.net/(deleted)?certificates/.* 2016-10-01": (
        "a vault of 2016 need not keep what is deleted, and spelt its recoverylevel in another way"
    ),
    r"POST .*/provisioningservices/[^/]+/keys/[^/]+/listkeys 2017-11-15": "a policy's rights had another order",
}
"""Operations in API versions that count no more, which differ here, as patterns of `METHOD HOST/PATH VERSION`, and in what."""

STAND_IN = "the resource is another provider's, and something stands in for it: only the gateway's refusals are judged"


def is_stand_in(exchange: Exchange) -> bool:
    """Whether the answer is that of a provider which the embedded Azure does not have."""
    if exchange.host != MANAGEMENT or exchange.response.headers.get("x-ms-failure-cause") == "gateway":
        return False
    found = _OF_A_PROVIDER.fullmatch(exchange.path)
    return found is not None and found["namespace"].lower() not in {*_OWN, "microsoft.management"}


def former(exchange: Exchange) -> str | None:
    """In what the answer of a former API version is another one here."""
    return _named(FORMER, exchange, f" {exchange.api_version}")


def different(exchange: Exchange) -> str | None:
    """Why the content of an answer is another one here."""
    return _named(DIFFERENT, exchange)


def lacking(answer: Any) -> str | None:
    """What of the template language is missing, where an answer says that it is."""
    found = _LACKING.search(str(answer))
    return LANGUAGE.format(found[0]) if found else None


def _named(table: Mapping[str, str], exchange: Exchange, more: str = "") -> str | None:
    text = f"{exchange.method} {exchange.host}{exchange.path}{more}"
    return next((reason for pattern, reason in table.items() if re.fullmatch(pattern, text, re.IGNORECASE)), None)


def is_trouble(exchange: Exchange) -> bool:
    """Whether the answer tells of the service's state rather than of the request."""
    return exchange.status in (429, 500, 502, 503, 504)
