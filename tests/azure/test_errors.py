"""Azure's errors, in all of their shapes, as dpsops reports them: Azure's message in one line, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsops.azure.errors import explain, reasons
from dpsops.errors import Changed, Denied, Error, Missing, NotAllowed, Throttled, Unavailable
from tests.azure.answers import (
    AGAIN,
    CONFLICT,
    DPS,
    GROUP,
    NAMESAKE,
    OWNER,
    PLAN,
    SUBSCRIPTION,
    VAULT,
    assert_explained,
    authorization_failed,
    gateway,
    raised,
)

TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL3ZhdWx0In0.c2ln-bmF0dXJl_"


def forbidden_by_rbac(action: str, resource: str) -> dict[str, Any]:
    """A vault's 403."""
    lines = [
        "Caller is not authorized to perform action on resource.",
        "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.",
        "Caller: appid=1950a258;oid=8f2d9a34;iss=https://sts.windows.net/72f988bf/",
        f"Action: '{action}'",
        f"Resource: '{resource}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: null ",
        "Vault: kv-dpsops-dev;location=westeurope\r\n",
    ]
    return gateway("Forbidden", "\r\n".join(lines), innererror={"code": "ForbiddenByRbac"})


DEVICES_404 = (
    "Certificate 'root-g1' not found. If you contact a support representative please include this correlation identifier: "
    "763e3b2c, timestamp: 2023-02-03 08:23:09Z, errorcode: IH404015."
)
CHANGED = "somebody else changed this at the same time: run the command again, it continues from the new state"
PENDING = "A new key vault certificate can not be created or imported while a pending certificate's status is inProgress."
TAKEN = "A secret with (name/id) device-press-02 is currently in a deleted but recoverable state, and its name cannot be reused."

ANSWERS: dict[str, tuple[int, Any, Mapping[str, str], str, str, str]] = {
    # what: status, body, headers -> code, message, hint
    "gateway": (
        404,
        gateway("ResourceNotFound", "The Resource 'Microsoft.Devices/IotHubs/x' under resource group 'rg' was not found."),
        {}, "ResourceNotFound", "The Resource 'Microsoft.Devices/IotHubs/x' under resource group 'rg' was not found.", PLAN,
    ),
    "Microsoft.Devices, integer code": (
        404, {"code": 404015, "httpStatusCode": "NotFound", "message": DEVICES_404}, {},
        "404015", "Certificate 'root-g1' not found. (IH404015)", PLAN,
    ),
    "Microsoft.Devices, integer status": (
        400, {"code": 400305, "httpStatusCode": 400, "message": "Invalid name"}, {}, "400305", "Invalid name",
        "correct this name in the settings",
    ),
    "a stale etag": (
        412, {"code": 412001, "httpStatusCode": "PreconditionFailed", "message": "Invalid ETag supplied."},
        {}, "412001", "Invalid ETag supplied.", CHANGED,
    ),
    "only a Message": (500, {"Message": "An error has occurred."}, {}, "", "An error has occurred.", AGAIN),
    "DPS, data plane": (
        400,
        {"errorCode": 400000, "trackingId": "b2b5", "message": "Bad Request", "timestampUtc": "2019-03-05T20:16:24Z"},
        {}, "400000", "Bad Request", PLAN,
    ),
    "Key Vault": (
        400, gateway("BadParameter", "Property key_size is invalid\r\n"), {},
        "BadParameter", "Property key_size is invalid", PLAN,
    ),
    "a name that is soft-deleted": (
        409, gateway("Conflict", TAKEN, innererror={"code": "ObjectIsDeletedButRecoverable"}), {},
        "ObjectIsDeletedButRecoverable", TAKEN,
        "recover it (az keyvault secret recover --vault-name VAULT --name device-press-02), then run the command again; to purge "
        "it would destroy it for ever",
    ),
    "a name that is being deleted": (
        409, gateway("Conflict", "Secret x is currently being deleted.", innererror={"code": "ObjectIsBeingDeleted"}), {},
        "ObjectIsBeingDeleted", "Secret x is currently being deleted.",
        "an object of this name is still being deleted: wait a minute and run the command again",
    ),
    "two deployments at the same time": (
        409, gateway("DeploymentActive", "The deployment with resource id '...' cannot be saved"), {},
        "DeploymentActive", "The deployment with resource id '...' cannot be saved",
        "another deployment of this environment is running: wait until it has finished, then run the command again",
    ),
    "two runs that create a root": (
        409, gateway("Conflict", PENDING), {}, "Conflict", PENDING,
        "another run is creating this certificate: wait until it has finished, then run the command again",
    ),
    "an unknown subscription": (
        404, gateway("SubscriptionNotFound", "The subscription 'x' could not be found."), {},
        "SubscriptionNotFound", "The subscription 'x' could not be found.",
        "check the subscription in the settings or AZURE_SUBSCRIPTION_ID: 'az account list' shows yours",
    ),
    "a name in use": (409, gateway("Conflict", "Name taken."), {}, "Conflict", "Name taken.", NAMESAKE),
    "another conflict": (409, gateway("Conflict", "No."), {}, "Conflict", "No.", CONFLICT),
    "a conflict without its status": (400, gateway("ConflictError", "No."), {}, "ConflictError", "No.", CONFLICT),
    "a provider that is not registered": (
        409,
        gateway(
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.Devices'. See https://aka.ms/rps-not-found",
            details=[{
                "code": "MissingSubscriptionRegistration", "target": "Microsoft.Devices",
                "message": "The subscription is not registered to use namespace 'Microsoft.Devices'. See the portal",
            }],
        ),
        {}, "MissingSubscriptionRegistration",
        "The subscription is not registered to use namespace 'Microsoft.Devices'. See the portal",
        "register the namespace once in the subscription (minutes): az provider register --namespace Microsoft.Devices --wait",
    ),
    "throttled": (
        429, gateway("Throttled", "Request was not processed because too many requests were received."), {"Retry-After": "17"},
        "Throttled", "Request was not processed because too many requests were received.",
        "Azure is throttling: wait 17 seconds and run the command again; it continues",
    ),
    "throttled without Retry-After": (
        429, gateway("Throttled", "Slow down."), {}, "Throttled", "Slow down.",
        "Azure is throttling: wait a few seconds and run the command again; it continues",
    ),
    "throttled until a date": (
        429, gateway("Throttled", "Slow down."), {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Throttled", "Slow down.",
        "Azure is throttling: wait a few seconds and run the command again; it continues",
    ),
    "a page of HTML": (502, "<html>Bad gateway</html>", {}, "", "Operation returned an invalid status 'Bad Gateway'", AGAIN),
    "an empty body": (504, "", {}, "", "Operation returned an invalid status 'Gateway Timeout'", AGAIN),
    "a JSON list": (500, [], {}, "", "Operation returned an invalid status 'Internal Server Error'", AGAIN),
    "null everywhere": (
        500, {"error": None, "code": None, "message": None, "details": None, "innererror": None, "properties": None}, {},
        "", "Operation returned an invalid status 'Internal Server Error'", AGAIN,
    ),
}  # fmt: skip


KINDS = {400: Error, 404: Missing, 409: Error, 412: Changed, 429: Throttled, 500: Unavailable, 502: Unavailable, 504: Unavailable}


@pytest.mark.parametrize(("status", "body", "headers", "code", "message", "hint"), ANSWERS.values(), ids=ANSWERS)
def test_every_shape_of_answer(status: int, body: Any, headers: Mapping[str, str], code: str, message: str, hint: str) -> None:
    error = raised(status, body, headers)
    assert reasons(error)[0].code == code
    assert_explained(error, KINDS[status], message, hint)


@pytest.mark.parametrize(
    ("action", "resource", "hint"),
    [
        ("Microsoft.KeyVault/vaults/certificates/create/action", VAULT, f"'Key Vault Certificates Officer' on {VAULT}"),
        ("Microsoft.KeyVault/vaults/keys/sign/action", f"{VAULT}/keys/root-g1", f"'Key Vault Crypto User' on {VAULT}"),
        (
            "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            f"{VAULT}/secrets/device-press-07".lower(),
            f"'Key Vault Secrets Officer' on {VAULT.lower()}",
        ),
    ],
)
def test_a_vaults_403_names_the_role_and_the_vault_to_assign_it_on(action: str, resource: str, hint: str) -> None:
    error = raised(403, forbidden_by_rbac(action, resource))
    assert reasons(error)[0].code == "ForbiddenByRbac"
    explained = explain(error)
    assert isinstance(explained, NotAllowed)
    assert explained.message.startswith("Caller is not authorized to perform action on resource. If role assignments, ")
    assert f"Action: '{action}' Resource: '{resource}'" in explained.message
    assert explained.message.endswith("Vault: kv-dpsops-dev;location=westeurope")
    assert explained.hint == f"assign the role {hint} and try again in a few minutes"


@pytest.mark.parametrize(
    ("action", "scope", "hint"),
    [
        (
            "Microsoft.Devices/provisioningServices/enrollmentGroups/write",
            f"{DPS}/enrollmentGroups/fleet",
            f"'Device Provisioning Service Data Contributor' on {DPS}",
        ),
        ("Microsoft.Devices/provisioningServices/certificates/write", f"{DPS}/certificates/root-g1",
         f"'Contributor', or a custom one that allows Microsoft.Devices/provisioningServices/certificates/write, on {GROUP}"),
        ("Microsoft.Resources/deployments/whatIf/action", f"{GROUP}/providers/Microsoft.Resources/deployments/dpsops-dev",
         f"'Contributor', or a custom one that allows Microsoft.Resources/deployments/whatIf/action, on {GROUP}"),
        ("Microsoft.Resources/subscriptions/resourceGroups/read", GROUP, f"'Reader' on {GROUP}"),
        ("Microsoft.KeyVault/locations/deletedVaults/read", f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope",
         f"'Reader' on {SUBSCRIPTION}"),
        ("Microsoft.Authorization/roleAssignments/write", f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/0f7c",
         f"'Role Based Access Control Administrator' on {GROUP}"),
        ("Microsoft.Authorization/roleAssignments/read", f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/0f7c",
         f"'Reader' on {GROUP}"),
        ("Microsoft.Management/managementGroups/write", "/",
         "'Contributor', or a custom one that allows Microsoft.Management/managementGroups/write, on /"),
    ],
)  # fmt: skip
def test_resource_managers_403_names_the_narrowest_role_that_dpsops_needs(action: str, scope: str, hint: str) -> None:
    body = authorization_failed(action, scope)
    message = body["error"]["message"]
    assert_explained(raised(403, body), Denied, message, f"assign the role {hint} and try again in a few minutes")


def test_the_403_of_a_preflight_is_read_too() -> None:
    message = (
        "Authorization failed for template resource '0f7c' of type 'Microsoft.Authorization/roleAssignments'. "
        "The client 'x' with object id 'y' does not have permission to perform action "
        "'Microsoft.Authorization/roleAssignments/write' at scope "
        f"'{VAULT}/providers/Microsoft.Authorization/roleAssignments/0f7c'."
    )
    hint = f"assign the role 'Role Based Access Control Administrator' on {GROUP} and try again in a few minutes"
    assert_explained(raised(403, gateway("InvalidTemplateDeployment", message)), Denied, message, hint)


@pytest.mark.parametrize("code", ["ForbiddenByFirewall", "ForbiddenByConnection"])
def test_a_vaults_firewall_that_denies_this_address(code: str) -> None:
    body = gateway("Forbidden", "Client address is not authorized.\r\nClient address: 198.51.100.7", innererror={"code": code})
    hint = "the vault's firewall denies this address: allow it on the vault, or run from an allowed network"
    assert_explained(raised(403, body), Denied, "Client address is not authorized. Client address: 198.51.100.7", hint)


@pytest.mark.parametrize("body", ["", gateway("Forbidden", "No."), gateway("Forbidden", "No.", innererror="odd")])
def test_a_403_without_an_action_is_not_allowed_too(body: Any) -> None:
    explained = explain(raised(403, body))
    assert isinstance(explained, NotAllowed)
    assert explained.hint == OWNER


def test_a_401() -> None:
    message = "AKV10000: Request is missing a Bearer or PoP token."
    hint = "sign in with 'az login', or check the pipeline's federated credential"
    assert_explained(raised(401, gateway("Unauthorized", message)), Denied, message, hint)


# Any error and any answer.


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ServiceRequestError(f"Invalid return character in header value: 'Bearer {TOKEN}'"), id="requests"),
        pytest.param(raised(400, gateway("Bad", f"Bearer {TOKEN}, and {TOKEN}.")), id="an echo"),
        pytest.param(raised(403, gateway("Forbidden", f"x\n{TOKEN}")), id="403"),
    ],
)
def test_a_token_is_never_shown(error: AzureError) -> None:
    explained = explain(error)
    assert "(a token)" in explained.message
    for part in TOKEN.split("."):
        assert part not in explained.message + explained.hint


_KEYS = st.sampled_from(
    ["error", "code", "message", "Message", "details", "innererror", "properties", "status", "errorCode", "error_description"]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["Forbidden", '{"message": "x"}'])
_BODIES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


@given(status=st.sampled_from([400, 401, 403, 404, 409, 412, 429, 500, 503]), body=_BODIES)
@settings(max_examples=300)
def test_any_answer_gets_a_clear_error(status: int, body: Any) -> None:
    explained = explain(raised(status, body))
    assert explained.message.strip()
    assert len(explained.message.splitlines()) == 1
    assert explained.hint
    assert isinstance(explained, NotAllowed) or status not in (401, 403)


def test_the_line_with_a_code_of_entra_id_is_not_cut_off() -> None:
    several = """DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: Authentication failed: AADSTS700027: The certificate is not registered. Trace ID: t
To mitigate this issue, please refer to the troubleshooting guidelines here."""
    refused = explain(ClientAuthenticationError(several))
    assert type(refused) is NotAllowed
    assert refused.message == (
        "DefaultAzureCredential failed to retrieve a token from the included credentials. "
        "EnvironmentCredential: Authentication failed: AADSTS700027: The certificate is not registered. Trace ID: t"
    )
