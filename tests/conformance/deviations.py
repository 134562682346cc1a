"""Where the real Azure departs from its own OpenAPI files, and what those files leave out.

Each deviation was seen in recorded traffic, and a test holds the list against the recordings; those few that
no recording shows name their other witness. Nothing else is excused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.conformance.openapi import Operation, Violation


@dataclass(frozen=True, slots=True)
class Deviation:
    """Violations of one kind that are Azure's own: `service`, `where` and `rule` are patterns of the whole text.

    `witness`: what shows it where no recording does.
    """

    service: str
    where: str
    rule: str
    reason: str
    witness: str = ""

    def excuses(self, operation: Operation, violation: Violation) -> bool:
        """Whether this is the violation meant."""
        return (
            re.fullmatch(self.rule, violation.rule) is not None
            and re.fullmatch(self.service, operation.service) is not None
            and re.fullmatch(self.where, violation.where) is not None
        )


_DPS = "deviceprovisioningservices-mgmt"
_DPS_SERVICE = "deviceprovisioningservices-service"
_DPS_DEVICE = "deviceprovisioningservices-device"
_ENTRY = r"(request|response)\.body(\[\]|\.enrollment(Group)?s\[\])?"
_HUB = "iothub-mgmt"
_ROLES = "authorization"
_DEPLOYMENTS = "resources-deployments"
_VAULT = "keyvault-(certificates|keys|secrets)"

_NEWER = "the specification of 2026-11-01, which is not among the files"

DEVIATIONS = (
    Deviation(
        _DPS_SERVICE,
        _ENTRY + r"\.(namespaceName|certificateAuthorityName|certificatePolicyName)",
        "declared",
        "an enrollment says who signs what its devices ask for",
        _NEWER,
    ),
    Deviation(_DPS_DEVICE, r"request\.body\.csr", "declared", "a device asks for a certificate", _NEWER),
    Deviation(
        _DPS_DEVICE,
        r"response\.body\.registrationState\.issuedCertificateChain",
        "declared",
        "the certificate that a device has asked for",
        _NEWER,
    ),
    Deviation(_VAULT, r"response\.body\.nextLink", "type", "the last page says null"),
    Deviation(
        "keyvault-certificates",
        r"response\.body(\.policy)?\.x509_props\.basic_constraints",
        "declared",
        "a field for Azure's internal use, in every policy",
    ),
    Deviation(
        "keyvault-certificates",
        r"response\.body\.org_details\.zip",
        "declared",
        "a postal code of 0 in the organization of every issuer",
        "recordings of Microsoft's CLI and client for JavaScript, 2020 and 2021, which are not among those here",
    ),
    Deviation("keyvault-certificates", r"response\.body\.pending", "declared", "the link to the operation that made it"),
    Deviation("keyvault-certificates", r"response\.body\.value\[\]\.subject", "declared", "always empty, in every list"),
    Deviation(_DPS, r"response\.body(\.value\[\])?\.properties\.certificate", "type", "null unless asked for"),
    Deviation(_DPS, r"response\.body\.properties\.idScope", "type", "null until the service is active"),
    Deviation(f"{_DPS}|{_HUB}", r"response\.body\.message", "type", "a free name needs no message"),
    Deviation(
        _DPS,
        r"(request|response)\.body(\.value\[\]|\.properties\.authorizationPolicies\[\])?\.rights",
        "enum",
        "rights are a list in one string; the file has some lists and not others",
    ),
    Deviation(
        _HUB,
        r"response\.body(\.value\[\])?\.(resourcegroup|subscriptionid)",
        "declared",
        "of every resource of Microsoft.Devices",
    ),
    Deviation(
        _HUB, r"(request|response)\.body(\.value\[\])?\.properties\.features", "enum", "RootCertificateV2 is in none of the files"
    ),
    Deviation(
        _HUB,
        r"response\.body\.properties\.(operationsMonitoringProperties"
        r"|eventHubEndpoints\.[^.]+\.(internalA|a)uthorizationPolicies)",
        "declared",
        "what is left of operations monitoring, in the answer to a change",
        "a recording of 2023 in an older version",
    ),
    Deviation(_HUB, r"response\.body\.(code|httpStatusCode)", "type", "numbers in the errors of Microsoft.Devices"),
    Deviation(_HUB, r"response\.body", "missing", "an accepted deletion has no body"),
    Deviation(_HUB, r"response\.body", "type", "an accepted deletion has the body null"),
    Deviation(
        _ROLES,
        r"response\.body(\.value\[\])?\.properties\.(condition|conditionVersion|description|createdBy|updatedBy"
        r"|delegatedManagedIdentityResourceId)",
        "type",
        "what is not set is null, and in the answer to a PUT who made it",
    ),
    Deviation(
        _DEPLOYMENTS,
        r"response\.body(\.value\[\])?\.properties\.trackingId",
        "declared",
        "of every operation of a deployment",
    ),
    Deviation(
        _DEPLOYMENTS,
        r"response\.body(\.value\[\])?\.properties\.dependencies\[\]\.dependsOn\[\]\.(apiVersion|actionName)",
        "declared",
        "of what a template calls, such as listKeys",
        "observed",
    ),
    Deviation(
        _DEPLOYMENTS,
        r"response\.body(\.value\[\])?\.properties\.providers\[\]\.resourceTypes\[\]\.locations\[\]",
        "type",
        "null for a type that has no location, such as a nested deployment",
    ),
    Deviation(_DPS_SERVICE, rf"{_ENTRY}\.provisioningStatus", "(type|enum)", "null where it is not set", "observed"),
    Deviation(_DPS_SERVICE, rf"{_ENTRY}\.allocationPolicy", "enum", "clients write it in any case", "the clients"),
    Deviation(
        _DPS_SERVICE,
        rf"{_ENTRY}\.(initialTwin\.(tags|properties\.desired)|optionalDeviceInformation)\..+",
        "type",
        "the file has twins with objects for values, but a value is of any kind",
        "documentation of device twins",
    ),
    Deviation(
        _DPS_DEVICE,
        r"response\.body\.operationId",
        "minLength",
        "empty where the enrollment is disabled",
        "tests of Microsoft's CLI",
    ),
)

UNDESCRIBED = {
    r"(GET|PUT|PATCH|DELETE|POST) /(devices|twins)(/.*)?": "the file of the hubs' device registry is not at hand",
    r"GET .*/(operationstatuses|(provisioningservice)?operationresults)/.*": "no file describes the polls of operations",
    r"(GET|HEAD|PUT|PATCH|DELETE) /subscriptions/[^/]+/resourcegroups(/[^/]+)?": "the file of resource groups is not at hand",
    r"GET /subscriptions/[^/]+/resourcegroups/[^/]+/resources": "the same",
    r"GET /subscriptions/[^/]+/providers/[^/]+": "the file of resource providers is not at hand",
    r"POST /subscriptions/[^/]+/providers/[^/]+/register": "the same",
    r"GET /subscriptions(/[^/]+)?(/resources|/locations)?": "the file of subscriptions is not at hand",
    r".*/providers/Microsoft\.Authorization/(locks|permissions|policyAssignments|roleDefinitions)(/.*)?": "these are not at hand",
    r"GET .*/providers/Microsoft\.Authorization/denyAssignments": "the same",
    r".*/providers/Microsoft\.EventGrid(/.*)?": "that of Event Grid is not at hand",
    r"GET /": "whoever asks for this only wants to know whether somebody answers",
    r".*/providers/Microsoft\.ManagedIdentity/.*": "that of managed identities is not at hand",
    r".*/providers/Microsoft\.Insights/diagnosticSettings.*": "that of Azure Monitor is not at hand",
}
"""Requests to the services judged that none of the files describe: a pattern of `METHOD PATH`, and why."""


def is_gateway_error(answer: Any) -> bool:
    """Whether this is an error of Resource Manager itself, which has one shape whatever provider was meant.

    The files describe the errors of the providers, and leave this one out.
    """
    match answer:
        case {"error": {"code": str(), "message": str()}}:
            return len(answer) == 1
        case _:
            return False


def excused(operation: Operation, violation: Violation) -> bool:
    """Whether Azure itself departs from its files in this way."""
    return any(deviation.excuses(operation, violation) for deviation in DEVIATIONS)


def undescribed(method: str, path: str) -> bool:
    """Whether it is known that no file describes the request."""
    return any(re.fullmatch(pattern, f"{method} {path}", re.IGNORECASE) for pattern in UNDESCRIBED)
