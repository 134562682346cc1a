"""A failed deployment: the provider's error is nested deeply, and the answer to the poll has the status 200."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties

from dpsops.azure.errors import explain, failed_operation, reasons
from dpsops.errors import Denied, Error
from tests.azure.answers import (
    GROUP,
    PLAN,
    VAULT,
    Answer,
    Token,
    assert_explained,
    authorization_failed,
    gateway,
    raised,
    transport,
)

AT_LEAST_ONE = "At least one resource deployment operation failed. Please list deployment operations for details."


def deployment_failed(*details: dict[str, Any]) -> dict[str, Any]:
    """The answer to the last poll of a failed deployment."""
    return {"status": "Failed", **gateway("DeploymentFailed", AT_LEAST_ONE, target=GROUP, details=list(details))}


def failed_deployment(*answers: Answer) -> HttpResponseError:
    """The error that the SDK raises for a deployment with these answers to its polls."""
    polled = {"Azure-AsyncOperation": "https://management.azure.com/poll", "Retry-After": "0"}
    begun = (201, {"id": "x", "name": "x", "properties": {"provisioningState": "Accepted"}}, polled)
    client = DeploymentsMgmtClient(Token(), "5e0f7b3c", transport=transport(begun, *answers), polling_interval=0)
    deployment = Deployment(properties=DeploymentProperties(mode="Incremental", template={}))
    with pytest.raises(HttpResponseError) as failed:
        client.deployments.begin_create_or_update("rg", "dpsops-dev", deployment).result()
    assert failed.value.status_code == 200
    return failed.value


def quoted(body: dict[str, Any]) -> str:
    """A provider's error, as Resource Manager quotes it."""
    return json.dumps(body, indent=2).replace("\n", "\r\n")


def test_a_failed_deployment_is_reported_with_the_providers_message() -> None:
    running: Answer = (200, {"status": "Running"}, {})
    inner = {"code": "InvalidParameter", "message": "The SKU is not available in this region.", "target": "sku"}
    module = {"code": "DeploymentFailed", "message": AT_LEAST_ONE, "details": [inner]}
    failed = failed_deployment(running, (200, deployment_failed(module), {}))
    assert reasons(failed)[0].code == "InvalidParameter"
    assert_explained(failed, Error, "The SKU is not available in this region.", PLAN)


@pytest.mark.parametrize(
    ("provider", "code", "message", "hint"),
    [
        (
            {"code": 400305, "httpStatusCode": "BadRequest", "message": "Too short."}, "400305", "Too short.",
            "correct this name in the settings",
        ),
        (gateway("InvalidSku", "There is no SKU 'x'."), "InvalidSku", "There is no SKU 'x'.", PLAN),
        (
            {"status": "Failed", **gateway("ResourceDeploymentFailure", "The operation failed.", details=[
                {"code": "InternalServerError", "message": quoted({"Message": "An error has occurred."})},
            ])},
            "InternalServerError", "An error has occurred.", PLAN,
        ),
    ],
)  # fmt: skip
def test_an_error_that_is_quoted_as_json_is_unwrapped(provider: dict[str, Any], code: str, message: str, hint: str) -> None:
    failed = failed_deployment((200, deployment_failed({"code": "BadRequest", "message": quoted(provider)}), {}))
    assert reasons(failed)[0].code == code
    assert_explained(failed, Error, message, hint)


def test_json_that_is_not_an_error_is_not_changed() -> None:
    for text in ("{}", "[1]", "42", '{"a": 1}'):
        assert_explained(raised(400, gateway("BadRequest", text)), Error, text, PLAN)


def test_a_deployment_that_was_not_allowed_is_not_allowed() -> None:
    denied = authorization_failed("Microsoft.Authorization/roleAssignments/write", VAULT)["error"]
    failed = failed_deployment((200, deployment_failed(denied), {}))
    hint = f"assign the role 'Role Based Access Control Administrator' on {GROUP} and try again in a few minutes"
    assert_explained(failed, Denied, denied["message"], hint)


def test_a_deployment_while_the_vault_is_deleted() -> None:
    message = (
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault."
    )
    failed = failed_deployment((200, deployment_failed({"code": "ConflictError", "target": VAULT, "message": message}), {}))
    assert_explained(
        failed,
        Error,
        message,
        "recover the vault and what is in it: az keyvault recover --name kv-dpsops-dev --location LOCATION ('az keyvault "
        "list-deleted' shows where it was); or choose another vault name in the settings; 'az keyvault purge' would destroy both "
        "for ever",
    )


def test_details_without_a_message_are_skipped() -> None:
    failed = failed_deployment((200, deployment_failed({"code": "NotFound"}, {"code": "Other", "message": "The words."}), {}))
    assert_explained(failed, Error, "The words.", PLAN)
    without = failed_deployment((200, deployment_failed({"code": "NotFound"}), {}))
    assert_explained(without, Error, AT_LEAST_ONE, PLAN)
    assert reasons(without)[0].code == "DeploymentFailed"


def test_an_operation_that_ends_without_a_reason() -> None:
    assert_explained(
        failed_deployment((200, {"status": "Canceled"}, {})), Error, "the operation ended with the status Canceled", PLAN
    )


def test_an_error_among_the_properties() -> None:
    body = {"properties": {"provisioningState": "Failed", **gateway("InvalidName", "Not a name.")}}
    assert_explained(raised(400, body), Error, "Not a name.", PLAN)


TAG = "Resource '{}' was disallowed by policy. Reasons: 'Add the tag 'team''."
TAKEN = "IotHub name 'iot-dpsops-dev' not available."


def test_several_reasons_are_numbered_and_each_hint_names_its_reasons() -> None:
    policy = {"code": "RequestDisallowedByPolicy", "additionalInfo": [
        {"type": "PolicyViolation", "info": {"policyAssignmentDisplayName": "Company"}},
    ]}  # fmt: skip
    for_support = " If you contact a support representative please include this correlation identifier: 0f, errorcode: IH409004."
    details = (
        policy | {"message": f"{TAG.format('kv')} See error details for policy resource IDs."},
        {"code": 409004, "httpStatusCode": "Conflict", "message": TAKEN + for_support},
        policy | {"message": f"{TAG.format('dps')} See error details for policy resource IDs."},
    )
    refused = raised(400, gateway("InvalidTemplateDeployment", "See details.", details=list(details)))
    for error in (failed_deployment((200, deployment_failed(*details), {})), refused):
        assert_explained(
            error,
            Error,
            f"Azure gives 3 reasons:\n1. {TAG.format('kv')}\n2. {TAKEN} (IH409004)\n3. {TAG.format('dps')}",
            "1, 3. the policy 'Company' does not allow this: set the tags that it wants in the settings, under [tags], then run "
            "the command again\n"
            "2. the name iot-dpsops-dev is already in use, perhaps by somebody else: choose another one in the settings, or "
            "remove what has it",
        )
        assert explain(error).line.startswith(f"Azure gives 3 reasons: 1. {TAG.format('kv')} 2. {TAKEN} (IH409004) 3. Resource")


def test_a_policy_denies_everybody_and_is_told_alike_wherever_it_does() -> None:
    """With 403 for a single request, in a detail for a deployment: no role helps against either."""
    denied = {"code": "RequestDisallowedByPolicy", "message": TAG.format("rg")}
    for error in (raised(403, {"error": denied}), failed_deployment((200, deployment_failed(denied), {}))):
        explained = explain(error)
        assert (type(explained), explained.message) == (Error, TAG.format("rg"))
        assert explained.hint.startswith("a policy does not allow this: set the tags")


def test_a_missing_role_among_other_reasons() -> None:
    linked = {"code": "LinkedAuthorizationFailed", "message": (
        f"It may perform action 'x/write' on scope '{VAULT}'; however, it does not have permission to perform action(s) "
        f"'y/join/action' on the linked scope(s) '{GROUP}' (respectively) or the linked scope(s) are invalid."
    )}  # fmt: skip
    denied = authorization_failed("Microsoft.Authorization/roleAssignments/write", VAULT)["error"]
    alone = explain(failed_deployment((200, deployment_failed(denied, linked), {})))
    mixed = explain(failed_deployment((200, deployment_failed({"code": "Other", "message": "No."}, linked), {})))
    assert isinstance(alone, Denied)
    assert isinstance(mixed, Denied)
    assert (alone.role_missing, mixed.role_missing) == (True, False)  # a role alone would not be enough
    assert alone.hint.splitlines() == [
        f"1. assign the role 'Role Based Access Control Administrator' on {GROUP} and try again in a few minutes",
        f"2. assign the role 'Contributor', or a custom one that allows y/join/action, on {GROUP} and try again in a few minutes",
    ]
    assert mixed.hint == alone.hint.splitlines()[1]


def test_a_what_if_that_failed_is_told_like_a_deployment() -> None:
    """Its error is data, in an answer of 200. What nobody has a hint for is in the settings."""
    settings = "correct the settings, then run the command again"

    def told(**error: Any) -> Error:
        return failed_operation({"code": "InvalidTemplateDeployment", "message": "See.", **error}, "it would fail", settings)

    one = told(details=[{"code": "InvalidSku", "message": "There is no such SKU."}])
    assert (type(one), one.message, one.hint) == (Error, "it would fail: There is no such SKU.", settings)
    role = f"Authorization failed for template resource 'x' of type 'y': no action 'z/write' at scope '{GROUP}'."
    no_role = told(message=f"The template deployment failed with error: '{role}'.")
    assert isinstance(no_role, Denied)
    assert (no_role.message, no_role.role_missing) == (role, True)
    assert f"assign the role 'Contributor', or a custom one that allows z/write, on {GROUP}" in no_role.hint
    mixed = told(details=[{"code": "AuthorizationFailed", "message": role}, {"code": "InvalidSku", "message": "No."}])
    assert isinstance(mixed, Denied)
    assert not mixed.role_missing
    assert failed_operation({}, "it would fail", settings).message == "it would fail: Azure gave no reason"


def test_azures_words_in_full_are_logged_without_keys(caplog: pytest.LogCaptureFixture) -> None:
    """`--verbose` shows them."""
    words = "No. If you contact a support representative please include this correlation identifier: 0f, errorcode: IH400123."
    with caplog.at_level("INFO", logger="dpsops"):
        explain(failed_deployment((200, deployment_failed({"code": 400123, "message": words}), {})))
        failed_operation({"code": "Bad", "message": "SharedAccessKey=q83v"}, "it would fail", PLAN)
    assert [record.getMessage() for record in caplog.records if record.name == "dpsops.reasons"] == [
        f"400123: {words}",
        "Bad: SharedAccessKey=(a key)",
    ]
