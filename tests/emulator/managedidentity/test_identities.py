"""User-assigned identities, over HTTP and as deployments make them."""

from __future__ import annotations

import uuid

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import SUBSCRIPTION, TENANT, register_application
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from tests.emulator.managedidentity.lab import ALL, CREDENTIALS, FIRST, ONE, PLAIN, PROVIDER, credential
from tests.emulator.subscription.lab import DEPLOYMENTS, GROUP, THERE, Subscription, deployment

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"
FEDERATOR = "7e559ce2-48d7-4b27-9128-fa1b247f1308"
STRANGER = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", TENANT)


def assign(azure: Subscription, role: str, principal: str, *, typed: bool = True, scope: str = GROUP) -> JSON:
    """The body of the answer to a new role assignment, and its status."""
    definition = f"{THERE}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal}
    properties |= {"principalType": "ServicePrincipal"} if typed else {}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    answer = azure.call("PUT", path, {"properties": properties})
    return {"status": answer.status, **answer.body}


def test_an_identity_is_made_and_shown_as_recorded(azure: Subscription) -> None:
    made = azure.call("PUT", f"{ALL}/ide", PLAIN, version="2022-01-31-preview")
    properties = made.body["properties"]
    assert made.body == {
        "id": f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ide",
        "name": "ide",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": "westeurope",
        "tags": {},
        "properties": {
            "tenantId": TENANT, "principalId": properties["principalId"], "clientId": properties["clientId"],
        },
    }  # fmt: skip
    assert (made.status, made.headers["Location"]) == (201, made.body["id"])
    assert len({str(uuid.UUID(properties[name])) for name in ("principalId", "clientId")}) == 2
    assert azure.ok("GET", f"{ALL}/IDE", version="2022-01-31-preview") == made.body
    assert azure.ok("GET", f"{ALL}/ide")["properties"]["isolationScope"] == "None"


def test_an_identity_stays_who_it_is(azure: Subscription) -> None:
    who = azure.ok("GET", ONE)["properties"]
    again = azure.call("PUT", ONE, PLAIN | {"tags": {"a": "b"}})
    assert (again.status, again.body["properties"], again.body["tags"]) == (200, who, {"a": "b"})
    patched = azure.call("PATCH", ONE, {"tags": {"c": "d"}})
    assert (patched.status, patched.body["properties"], patched.body["tags"]) == (200, who, {"c": "d"})
    azure.ok("PATCH", ONE, {"properties": {"isolationScope": "Regional"}})
    shown = azure.ok("GET", ONE)
    assert (shown["properties"], shown["tags"]) == (who | {"isolationScope": "Regional"}, {"c": "d"})
    assert azure.ok("PUT", ONE, PLAIN)["tags"] == {}

    assert azure.call("DELETE", ONE).status == 200
    assert azure.call("DELETE", ONE).status == 204
    assert azure.refused("GET", ONE) == (404, "ResourceNotFound")
    assert azure.refused("PATCH", ONE, {"tags": {}}) == (404, "ResourceNotFound")
    anew = azure.ok("PUT", ONE, PLAIN)["properties"]
    assert anew["principalId"] != who["principalId"]
    assert anew["clientId"] != who["clientId"]


@pytest.mark.parametrize(
    ("name", "body", "refused"),
    [
        ("id", PLAIN, (400, "BadRequest")),
        ("-id-issuer", PLAIN, (400, "BadRequest")),
        ("id.issuer", PLAIN, (400, "BadRequest")),
        ("i" * 129, PLAIN, (400, "BadRequest")),
        ("id-issuer", {}, (400, "LocationRequired")),
        ("id-issuer", {"location": "mars"}, (400, "LocationNotAvailableForResourceType")),
        ("id-issuer", PLAIN | {"tags": {"a": 1}}, (400, "InvalidRequestContent")),
        ("id-issuer", PLAIN | {"properties": {"isolationScope": "Global"}}, (400, "BadRequest")),
        ("id-planner", {"location": "northeurope"}, (409, "InvalidResourceLocation")),
    ],
)
def test_an_identity_that_cannot_be(azure: Subscription, name: str, body: JSON, refused: tuple[int, str]) -> None:
    before = azure.ok("GET", ALL)
    assert azure.refused("PUT", f"{ALL}/{name}", body) == refused
    assert azure.ok("GET", ALL) == before


def test_a_patch_moves_nothing_and_names_no_other_scope(azure: Subscription) -> None:
    assert azure.refused("PATCH", ONE, {"location": "northeurope"}) == (409, "InvalidResourceLocation")
    assert azure.refused("PATCH", ONE, {"properties": {"isolationScope": "Global"}}) == (400, "BadRequest")
    azure.ok("PATCH", ONE, {"location": "West Europe"})


def test_identities_are_listed_by_group_and_subscription(azure: Subscription) -> None:
    other = f"{THERE}/resourceGroups/rg-other"
    azure.ok("PUT", other, PLAIN)
    azure.ok("PUT", ALL.replace(GROUP, other) + "/id-issuer", PLAIN)
    assert [each["name"] for each in azure.ok("GET", ALL)["value"]] == ["id-planner"]
    assert [each["name"] for each in azure.ok("GET", f"{PROVIDER}/userAssignedIdentities")["value"]] == [
        "id-issuer",
        "id-planner",
    ]
    # What a group lists has the gateway's own spelling (recorded 2026).
    assert [each["id"] for each in azure.ok("GET", f"{GROUP}/resources", version="2022-09-01")["value"]] == [ONE]


def test_a_subscription_registers_the_provider_first() -> None:
    azure = Subscription()
    assert azure.refused("PUT", ONE, PLAIN) == (409, "MissingSubscriptionRegistration")
    azure.azure.timings = Timings(registration=60)
    azure.ok("POST", f"{PROVIDER}/register", version="2022-09-01")
    assert azure.refused("PUT", ONE, PLAIN) == (409, "MissingSubscriptionRegistration")
    azure.azure.clock.advance(60)
    azure.ok("PUT", ONE, PLAIN)


def test_api_versions(azure: Subscription) -> None:
    assert azure.refused("GET", ONE, version="2023-01-30") == (400, "NoRegisteredProviderFound")
    azure.ok("GET", ONE, version="2018-11-30")
    assert azure.refused("GET", CREDENTIALS, version="2018-11-30") == (400, "NoRegisteredProviderFound")


def test_locks_and_policies_hold(azure: Subscription) -> None:
    lock = f"{ONE}/providers/Microsoft.Authorization/locks/keep"
    azure.ok("PUT", lock, {"properties": {"level": "CanNotDelete"}})
    assert azure.refused("DELETE", ONE) == (409, "ScopeLocked")
    azure.ok("PUT", FIRST, credential())
    assert azure.refused("DELETE", FIRST) == (409, "ScopeLocked")
    azure.ok("DELETE", lock)
    azure.ok("DELETE", ONE)
    definition = "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c"
    azure.ok(
        "PUT",
        f"{GROUP}/providers/Microsoft.Authorization/policyAssignments/regions",
        {"properties": {"policyDefinitionId": definition, "parameters": {"listOfAllowedLocations": {"value": ["northeurope"]}}}},
    )
    assert azure.refused("PUT", ONE, PLAIN) == (403, "RequestDisallowedByPolicy")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (READER, {"GET"}),
        (CONTRIBUTOR, {"GET", "PUT", "PATCH", "DELETE", "federation"}),
        (FEDERATOR, {"GET", "federation"}),
        ("", set()),
    ],
)
def test_rights(azure: Subscription, role: str, allowed: set[str]) -> None:
    with azure.world() as world:
        register_application(world, STRANGER)
    if role:
        assert assign(azure, role, STRANGER.object_id)["status"] == 201
    federation = {azure.call(method, FIRST, credential(), caller=STRANGER).status < 300 for method in ("PUT", "DELETE")}
    assert federation == {"federation" in allowed}
    assert (azure.call("GET", CREDENTIALS, caller=STRANGER).status == 200) == ("GET" in allowed)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = azure.call(method, ONE, None if method in ("GET", "DELETE") else PLAIN, caller=STRANGER)
        assert (answer.status < 300) == (method in allowed), method
        if method not in allowed:
            verb = {"GET": "read", "DELETE": "delete"}.get(method, "write")
            assert f"'Microsoft.ManagedIdentity/userAssignedIdentities/{verb}'" in answer.body["error"]["message"]


def test_the_directory_knows_a_new_identity_after_a_while(azure: Subscription) -> None:
    azure.azure.timings = Timings(principal=30)
    principal = azure.ok("PUT", f"{ALL}/id-issuer", PLAIN)["properties"]["principalId"]
    assert assign(azure, READER, principal, typed=False)["error"]["code"] == "PrincipalNotFound"
    assert assign(azure, CONTRIBUTOR, principal)["status"] == 201
    azure.azure.clock.advance(30)
    assert assign(azure, READER, principal, typed=False)["properties"]["principalType"] == "ServicePrincipal"


def test_an_identity_goes_with_its_group_and_its_roles_stay(azure: Subscription) -> None:
    principal = azure.ok("GET", ONE)["properties"]["principalId"]
    assigned = assign(azure, READER, principal, scope=THERE)
    azure.ok("PUT", FIRST, credential())
    azure.ok("DELETE", GROUP)
    azure.azure.clock.advance(1)
    assert azure.ok("GET", f"{PROVIDER}/userAssignedIdentities")["value"] == []
    assert azure.ok("GET", assigned["id"])["properties"]["principalId"] == principal
    assert assign(azure, CONTRIBUTOR, principal, typed=False, scope=THERE)["error"]["code"] == "PrincipalNotFound"


def template(*names: str, serial: bool) -> list[JSON]:
    """An identity, and a federated credential for each name, each after the one before or all at once."""
    type_, version = "Microsoft.ManagedIdentity/userAssignedIdentities", {"apiVersion": "2023-01-31"}
    found: list[JSON] = [version | {"type": type_, "name": "id-issuer", "location": "westeurope"}]
    needs = [f"[resourceId('{type_}', 'id-issuer')]"]
    for name in names:
        child = {"type": f"{type_}/federatedIdentityCredentials", "name": f"id-issuer/{name}", "dependsOn": list(needs)}
        found.append(version | child | credential(subject=f"repo:acme/fleet:environment:{name}"))
        needs += [f"[resourceId('{type_}/federatedIdentityCredentials', 'id-issuer', '{name}')]"] if serial else []
    return found


def test_a_deployment_makes_identities_and_their_credentials(azure: Subscription) -> None:
    azure.azure.timings = Timings(operation=10)
    done = azure.deploy(*template("dev", "prod", serial=True))
    assert done["provisioningState"] == "Succeeded", done
    listed = azure.ok("GET", f"{ALL}/id-issuer/federatedIdentityCredentials")["value"]
    assert [each["name"] for each in listed] == ["dev", "prod"]
    again = azure.deploy(*template("dev", "prod", serial=True), name="again")
    assert again["provisioningState"] == "Succeeded", again


def test_a_deployment_that_writes_two_credentials_at_once_fails(azure: Subscription) -> None:
    azure.azure.timings = Timings(operation=10)
    done = azure.deploy(*template("dev", "prod", serial=False))
    assert done["provisioningState"] == "Failed"
    assert "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity" in str(done["error"])


def test_a_write_beside_a_deployment_is_refused(azure: Subscription) -> None:
    azure.azure.timings = Timings(operation=10)
    body = deployment(*template("dev", serial=True))
    assert azure.call("PUT", f"{GROUP}/{DEPLOYMENTS}/main", body).status == 201
    azure.azure.clock.advance(15)
    path = f"{ALL}/id-issuer/federatedIdentityCredentials/by-hand"
    refused = (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
    assert azure.refused("PUT", path, credential()) == refused
    assert azure.refused("DELETE", path) == refused
    azure.azure.clock.advance(5)
    azure.ok("PUT", path, credential())


def test_a_deployment_is_refused_by_the_preflight(azure: Subscription) -> None:
    body = deployment(
        {"type": ALL.partition("/providers/")[2], "apiVersion": "2023-01-31", "name": "id", "location": "westeurope"}
    )
    assert azure.refused("PUT", f"{GROUP}/{DEPLOYMENTS}/main", body) == (400, "InvalidTemplateDeployment")
