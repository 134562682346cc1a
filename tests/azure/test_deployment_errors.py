"""A failed deployment: the provider's error is nested deeply, and the answer to the poll has the status 200."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties

from dpsops.azure.errors import words
from dpsops.errors import Denied, Error
from tests.azure.answers import (
    DELETED,
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
    assert words(failed)[0] == "InvalidParameter"
    assert_explained(failed, Error, "The SKU is not available in this region.", PLAN)


@pytest.mark.parametrize(
    ("provider", "code", "message"),
    [
        ({"code": 400305, "httpStatusCode": "BadRequest", "message": "Name taken."}, "400305", "Name taken."),
        (gateway("VaultNameNotValid", "The vault name 'x' is invalid."), "VaultNameNotValid", "The vault name 'x' is invalid."),
        (
            {"status": "Failed", **gateway("ResourceDeploymentFailure", "The operation failed.", details=[
                {"code": "InternalServerError", "message": quoted({"Message": "An error has occurred."})},
            ])},
            "InternalServerError", "An error has occurred.",
        ),
    ],
)  # fmt: skip
def test_an_error_that_is_quoted_as_json_is_unwrapped(provider: dict[str, Any], code: str, message: str) -> None:
    failed = failed_deployment((200, deployment_failed({"code": "BadRequest", "message": quoted(provider)}), {}))
    assert words(failed)[0] == code
    assert_explained(failed, Error, message, PLAN)


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
    failed = failed_deployment((200, deployment_failed({"code": "ConflictError", "message": message}), {}))
    assert_explained(failed, Error, message, DELETED)


def test_details_without_a_message_are_skipped() -> None:
    failed = failed_deployment((200, deployment_failed({"code": "NotFound"}, {"code": "Other", "message": "The words."}), {}))
    assert_explained(failed, Error, "The words.", PLAN)
    without = failed_deployment((200, deployment_failed({"code": "NotFound"}), {}))
    assert_explained(without, Error, AT_LEAST_ONE, PLAN)
    assert words(without)[0] == "DeploymentFailed"


def test_an_operation_that_ends_without_a_reason() -> None:
    assert_explained(
        failed_deployment((200, {"status": "Canceled"}, {})), Error, "the operation ended with the status Canceled", PLAN
    )


def test_an_error_among_the_properties() -> None:
    body = {"properties": {"provisioningState": "Failed", **gateway("InvalidName", "Not a name.")}}
    assert_explained(raised(400, body), Error, "Not a name.", PLAN)
