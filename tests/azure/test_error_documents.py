"""Azure's error documents, and the reasons that are read from them: their code, their words, and nothing around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dpsops.azure.error_documents import read, without_secrets
from dpsops.model.failure import Policy
from tests.azure.answers import DPS, GROUP, SUBSCRIPTION, VAULT, gateway
from tests.conformance.recordings import ABSENT, FOLDERS, read_all

FAILED = "At least one resource deployment operation failed. Please list deployment operations for details."
ENDED = "The resource operation completed with terminal provisioning state 'Failed'."
NOT_VALID = "The template deployment 'dpsops-dev' is not valid according to the validation procedure. The tracking id is '0f7c'."
HUB = f"{GROUP}/providers/Microsoft.Devices/IotHubs/iot-dpsops-dev"
FOR_SUPPORT = " If you contact a support representative please include this correlation identifier: 763e, timestamp: 08:23, "
ASSIGNMENT = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments/76ee"


def reason(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error without its wrapper."""
    return {"code": code, "message": message, **more}


def text(document: dict[str, Any]) -> str:
    """A document as it is quoted in a message."""
    return json.dumps(document, indent=2).replace("\n", "\r\n")


LOCATED = reason("NoRegisteredProviderFound", "No registered resource provider found for location 'moon'.")
REGISTER = reason("MissingSubscriptionRegistration", "The subscription is not registered to use namespace 'Microsoft.Devices'.")
TAKEN = f"IotHub name 'iot' not available.{FOR_SUPPORT}errorcode: IH409004."
OF_DEVICES = {"code": 409004, "httpStatusCode": "Conflict", "message": TAKEN}
NESTED = gateway("ResourceDeploymentFailure", ENDED, details=[
    reason("DeploymentFailed", FAILED, details=[reason("BadRequest", text({"error": LOCATED}))]),
])  # fmt: skip

DOCUMENTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    # what: the document -> code and message of each reason
    "one refusal": (gateway("ScopeLocked", "It is locked."), [("ScopeLocked", "It is locked.")]),
    "a provider's refusal, as text (to 2022)": (
        {"status": "Failed", **gateway("DeploymentFailed", FAILED, details=[
            reason("BadRequest", text(gateway("BadRequest", "It may not be set.", details=[]))),
        ])},
        [("BadRequest", "It may not be set.")],
    ),
    "a provider's refusal, as data (2024)": (
        {"status": "Failed", **gateway("DeploymentFailed", FAILED, target=GROUP, details=[
            reason("InvalidParameter", "It is missing.", target="count"),
        ])},
        [("InvalidParameter", "It is missing.")],
    ),
    "nested: text inside text (2016)": (
        gateway("DeploymentFailed", FAILED, details=[reason("Conflict", text({"status": "Failed", **NESTED}))]),
        [("NoRegisteredProviderFound", "No registered resource provider found for location 'moon'.")],
    ),
    "a failed deployment as it is read later": (
        {"id": GROUP, "properties": {"provisioningState": "Failed", **gateway("DeploymentFailed", FAILED, details=[LOCATED])}},
        [("NoRegisteredProviderFound", "No registered resource provider found for location 'moon'.")],
    ),
    "a template that is invalid": (
        gateway("InvalidTemplate", "'x' is not provided.", additionalInfo=[
            {"type": "TemplateViolation", "info": {"lineNumber": 18, "path": "properties.template.parameters.x"}},
        ]),
        [("InvalidTemplate", "'x' is not provided.")],
    ),
    "the preflight": (
        gateway("InvalidTemplateDeployment", NOT_VALID, details=[reason("InvalidLabel", "The label is invalid.", details=[])]),
        [("InvalidLabel", "The label is invalid.")],
    ),
    "the preflight, through one level more": (
        gateway("InvalidTemplateDeployment", NOT_VALID, details=[reason("PreflightValidationCheckFailed", "See below.", details=[
            reason("NameInvalid", "The name is invalid.", target="x"), reason("InvalidSku", "There is no such SKU."),
        ])]),
        [("NameInvalid", "The name is invalid."), ("InvalidSku", "There is no such SKU.")],
    ),
    "the same once more in a detail": (
        gateway(REGISTER["code"], REGISTER["message"], details=[REGISTER | {"target": "Microsoft.Devices"}, REGISTER]),
        [(REGISTER["code"], REGISTER["message"])],
    ),
    "one that says nothing beside one that does": (
        gateway("DeploymentFailed", FAILED, details=[reason("ResourceDeploymentFailure", ENDED), LOCATED]),
        [("NoRegisteredProviderFound", "No registered resource provider found for location 'moon'.")],
    ),
    "nothing but what surrounds a reason": (
        gateway("DeploymentFailed", FAILED, details=[reason("ResourceDeploymentFailure", ENDED)]),
        [("ResourceDeploymentFailure", ENDED)],
    ),
    "Microsoft.Devices": (OF_DEVICES, [("409004", "IotHub name 'iot' not available. (IH409004)")]),
    "Microsoft.Devices, as text": (
        gateway("DeploymentFailed", FAILED, details=[reason("Conflict", text(OF_DEVICES))]),
        [("409004", "IotHub name 'iot' not available. (IH409004)")],
    ),
    "Microsoft.Devices, by its words alone": (
        gateway("DeploymentFailed", FAILED, details=[reason("Conflict", TAKEN)]),
        [("409004", "IotHub name 'iot' not available. (IH409004)")],
    ),
    "the same from two times": (
        gateway("DeploymentFailed", FAILED, details=[OF_DEVICES, OF_DEVICES | {"message": TAKEN.replace("08:23", "08:24")}]),
        [("409004", "IotHub name 'iot' not available. (IH409004)")],
    ),
    "a support's sentence without a code": (
        {"message": f"Internal error.{FOR_SUPPORT}"}, [("", "Internal error.")],
    ),
    "no role for two resources": (
        gateway("InvalidTemplateDeployment", (
            "Deployment failed with multiple errors: 'Authorization failed for template resource 'a' of type 'x/y'."
            ":Authorization failed for template resource 'b' of type 'x/y'.'."
        )),
        [
            ("InvalidTemplateDeployment", f"Authorization failed for template resource '{each}' of type 'x/y'.")
            for each in ("a", "b")
        ],
    ),
    "no role for one": (
        gateway("InvalidTemplateDeployment", (
            "The template deployment failed with error: 'Authorization failed for template resource 'a' of type 'x/y'.'."
        )),
        [("InvalidTemplateDeployment", "Authorization failed for template resource 'a' of type 'x/y'.")],
    ),
    "capitals": (
        {"Code": "Conflict", "Message": "See below.", "Details": [{"Message": "It exists."}]}, [("Conflict", "It exists.")],
    ),
    "a tracking id": (gateway("Bad", f"{NOT_VALID} See below."), [("Bad", f"{NOT_VALID.partition(' The t')[0]} See below.")]),
    "Key Vault": (
        gateway("Forbidden", "No.\r\nNever.", innererror={"code": "ForbiddenByRbac"}), [("ForbiddenByRbac", "No. Never.")],
    ),
    "Entra ID": (
        {"error": "invalid_client", "error_description": "AADSTS70002: No.\r\nTrace"}, [("invalid_client", "AADSTS70002: No.")],
    ),
    "no words": (gateway("NotFound", "", details=[{"code": "x"}, None, 7, "y"]), []),
}  # fmt: skip


@pytest.mark.parametrize(("document", "reasons"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_innermost_reasons(document: dict[str, Any], reasons: list[tuple[str, str]]) -> None:
    assert [(found.code, found.message) for found in read(document)] == reasons


def test_azures_words_in_full_are_kept_beside_what_is_shown() -> None:
    (found,) = read(OF_DEVICES)
    assert found.original == TAKEN


def test_a_reason_has_the_target_of_what_is_nearest_around_it() -> None:
    detail = reason("Conflict", text({"error": reason("X", "No.")}), target=HUB)
    assert [found.target for found in read(gateway("DeploymentFailed", FAILED, target=GROUP, details=[detail, LOCATED]))] == [
        HUB,
        GROUP,
    ]


DENIED = "Resource 'kv-dpsops-dev' was disallowed by policy."
JUDGED = [
    {"expressionKind": "Field", "expression": "type", "path": "type"},
    {"expressionKind": "Field", "expression": "tags['team']", "path": "tags[team]"},
    {"expressionKind": "Field", "expression": "tags['team']", "path": "tags[team]"},
    {"expressionKind": "Value", "expression": "[length('x')]"},
]
VIOLATION = {
    "policyDefinitionDisplayName": "Require a tag", "policyDefinitionName": "871b", "policyAssignmentId": ASSIGNMENT,
    "policyAssignmentName": "76ee", "policyAssignmentDisplayName": "Tags of the company", "policyDefinitionEffect": "Deny",
    "evaluationDetails": {"evaluatedExpressions": JUDGED},
}  # fmt: skip
VIOLATED = {"type": "PolicyViolation", "info": VIOLATION}
IDENTIFIERS = [
    {"policyAssignment": {"name": "Tags, the company's", "id": ASSIGNMENT}, "policyDefinition": {"name": "x", "id": "/y"}}
]
ONLY_IDS = [{"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/e569", "policyAssignmentId": ASSIGNMENT}]


@pytest.mark.parametrize(
    ("message", "more", "policies"),
    [
        (
            f"{DENIED} Reasons: 'Add the tag 'team''. See error details for policy resource IDs.",
            {"additionalInfo": [{"type": "Other", "info": {"policyAssignmentName": "no"}}, VIOLATED]},
            (Policy("Tags of the company", ASSIGNMENT, ("tags[team]",)),),
        ),
        (f"{DENIED} Policy identifiers: '{json.dumps(IDENTIFIERS)}'.", {}, (Policy("Tags, the company's", ASSIGNMENT),)),
        (f"{DENIED} Policy identifiers: '{json.dumps(ONLY_IDS)}'.", {}, (Policy("76ee", ASSIGNMENT),)),
        (
            f"{DENIED} Policy identifiers: '{json.dumps(ONLY_IDS)}'.",
            {"innererror": {"policyInfo": [{"policyDefinitionDisplayName": "Places"}] * 2}},
            (Policy("Places"),),
        ),
        (f"{DENIED} Policy identifiers: '[{{\"policyAss", {}, ()),
        (DENIED, {"additionalInfo": [{"type": "PolicyViolation"}], "innererror": {"policyInfo": "x"}}, ()),
    ],
    ids=["data", "JSON in the message", "IDs only", "2018", "cut off", "of another shape"],
)  # fmt: skip
def test_a_policy_is_named_wherever_it_is_and_its_json_is_not_shown(
    message: str, more: dict[str, Any], policies: tuple[Policy, ...]
) -> None:
    (found,) = read(
        gateway("InvalidTemplateDeployment", NOT_VALID, details=[reason("RequestDisallowedByPolicy", message, **more)])
    )
    assert (found.code, found.policies) == ("RequestDisallowedByPolicy", policies)
    assert found.message.removesuffix(" Reasons: 'Add the tag 'team''.") == DENIED


def test_a_document_that_is_too_deep_to_be_one_has_no_reason() -> None:
    document: dict[str, Any] = {"message": "The words."}
    for _ in range(10_000):
        document = {"error": document}
    assert read(document) == ()


KEY = "q83vEjRWeJA+/abc="


@pytest.mark.parametrize(
    "leak",
    [
        f"HostName=iot.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}",
        f"AccountName=x;AccountKey={KEY};EndpointSuffix=core.windows.net",
        json.dumps({"keyName": "iothubowner", "primaryKey": KEY, "secondaryKey": KEY}),
        json.dumps(json.dumps({"primaryKey": KEY})),
        f"SharedAccessSignature sr=iot.azure-devices.net&sig={KEY}&se=1",
        f"SharedAccessSignature={KEY}",
    ],
)
def test_a_key_is_never_shown(leak: str) -> None:
    assert KEY not in without_secrets(leak)
    (found,) = read(gateway("Bad", "See below.", details=[reason(leak, f"Invalid: {leak}", target=leak)]))
    assert KEY not in repr(found)
    assert found.message.startswith("Invalid: ")


def test_an_address_in_a_message_is_not_taken_for_a_key() -> None:
    words = f"The scope '{DPS}' and '{VAULT}' are locked; see https://aka.ms/x?design=7."
    assert without_secrets(words) == words


def _state(body: dict[str, Any]) -> object:
    properties = body.get("properties")
    return properties.get("provisioningState") if isinstance(properties, dict) and "error" in properties else None


def _recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """The error documents of the recordings, each with where it is."""
    for recording in read_all():
        for exchange in recording.exchanges:
            body = exchange.response.json()
            if isinstance(body, dict) and (exchange.status >= 400 or "Failed" in (body.get("status"), _state(body))):
                yield f"{recording.name}#{exchange.index}", body


@pytest.mark.skipif(not FOLDERS, reason=ABSENT)
def test_every_recorded_error_is_read() -> None:
    seen = dict(_recorded())
    assert len(seen) > 100
    for place, document in seen.items():
        found = read(document)
        assert found, place
        for one in found:
            assert one.code, place
            assert "\n" not in one.message, place
            for noise in (FAILED, ENDED, "correlation identifier", "tracking id", "See inner errors", '"error"'):
                assert noise not in one.message, place
