"""The gateway: tokens, subscriptions, roles and groups before any provider is asked; and what there is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT
from dpsops.emulator.identity.tokens import LIFETIME, issue_token
from dpsops.emulator.world import World
from tests.emulator.arm.contoso import (
    BOX,
    CONTRIBUTOR,
    GROUP,
    READER,
    STRANGER,
    VERSION,
    Contoso,
    box,
    deploy,
    properties,
    template,
)

THERE = f"/subscriptions/{SUBSCRIPTION}"


def ask(contoso: Contoso, headers: Mapping[str, str], path: str = THERE) -> Response:
    """A GET with these headers and no others."""
    return contoso.azure.handle(Request("GET", "management.azure.com", path, {"api-version": "2022-12-01"}, headers))


def token(contoso: Contoso, audience: str) -> dict[str, str]:
    """The operator's token for an audience, as a header."""
    with contoso.world() as world:
        return {"authorization": f"Bearer {issue_token(world, OPERATOR, audience)}"}


@pytest.mark.parametrize("path", [THERE, "/subscriptions", "/tenants"])
def test_without_a_token_the_answer_is_a_challenge(contoso: Contoso, path: str) -> None:
    answer = ask(contoso, {}, path)
    assert answer.status == 401
    assert answer.body["error"]["code"] == "AuthenticationFailed"
    assert answer.body["error"]["message"] == "Authentication failed. The 'Authorization' header is missing."
    tenant = TENANT if path == THERE else ""
    assert answer.headers["WWW-Authenticate"].startswith(f'Bearer authorization_uri="https://login.windows.net/{tenant}", error=')


def test_a_token_must_be_a_token_for_resource_manager(contoso: Contoso) -> None:
    for audience in ("https://management.azure.com", "https://management.azure.com/", "https://management.core.windows.net/"):
        assert ask(contoso, token(contoso, audience)).status == 200
    wrong = ask(contoso, token(contoso, "https://vault.azure.net"))
    assert (wrong.status, wrong.body["error"]["code"]) == (401, "InvalidAuthenticationTokenAudience")
    assert ask(contoso, {"authorization": "Bearer nonsense"}).body["error"]["code"] == "InvalidAuthenticationToken"
    headers = token(contoso, "https://management.azure.com")
    contoso.azure.clock.advance(LIFETIME)
    assert ask(contoso, headers).body["error"]["code"] == "ExpiredAuthenticationToken"


@pytest.mark.parametrize(
    ("path", "version", "status", "code"),
    [
        (THERE, "", 400, "MissingApiVersionParameter"),
        (THERE, "1999-01-01", 400, "InvalidApiVersionParameter"),
        ("/subscriptions/nonsense", "2022-12-01", 400, "InvalidSubscriptionId"),
        ("/subscriptions/00000000-0000-0000-0000-000000000001", "2022-12-01", 404, "SubscriptionNotFound"),
        (f"{THERE}/resourceGroups/gone", "2022-09-01", 404, "ResourceGroupNotFound"),
        (f"{THERE}/resourceGroups/gone/providers/{BOX}/x", VERSION, 404, "ResourceGroupNotFound"),
        (f"{GROUP}/providers/{BOX}/x", VERSION, 404, "ResourceNotFound"),
        (f"{GROUP}/providers/Contoso.Things/bags/x", VERSION, 404, "InvalidResourceType"),
        (f"{GROUP}/providers/Contoso.Nothing/bags/x", VERSION, 404, "InvalidResourceNamespace"),
        ("/nonsense", VERSION, 404, "MissingSubscription"),
    ],
)
def test_a_path_that_does_not_exist(contoso: Contoso, path: str, version: str, status: int, code: str) -> None:
    answer = contoso.call("GET", path, version=version)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)


def test_an_operation_that_a_type_does_not_have(contoso: Contoso) -> None:
    answer = contoso.call("PATCH", f"{GROUP}/providers/{BOX}/x", {}, version=VERSION)
    assert (answer.status, answer.body) == (405, {"Message": "The requested resource does not support http method 'PATCH'."})


def test_roles_hold_at_their_scope_and_below(contoso: Contoso) -> None:
    denied = contoso.call("GET", GROUP, caller=STRANGER)
    assert (denied.status, denied.body["error"]["code"]) == (403, "AuthorizationFailed")
    action = "'Microsoft.Resources/subscriptions/resourceGroups/read' over scope"
    assert f"'{STRANGER.app_id}' with object id '{STRANGER.object_id}'" in denied.body["error"]["message"]
    assert action in denied.body["error"]["message"]
    contoso.grant(STRANGER, READER)
    assert contoso.call("GET", GROUP, caller=STRANGER).status == 200
    assert contoso.call("GET", f"{GROUP}/providers/{BOX}", caller=STRANGER, version=VERSION).status == 200
    assert contoso.call("GET", GROUP + "-2", caller=STRANGER).status == 403
    assert contoso.call("DELETE", GROUP, caller=STRANGER).status == 403
    contoso.grant(STRANGER, CONTRIBUTOR)
    assert contoso.call("PATCH", GROUP, {"tags": {}}, caller=STRANGER).status == 200


def test_subscriptions_and_tenants(contoso: Contoso) -> None:
    (found,) = contoso.call("GET", "/subscriptions").body["value"]
    assert (found["subscriptionId"], found["tenantId"], found["state"]) == (SUBSCRIPTION, TENANT, "Enabled")
    assert contoso.call("GET", THERE.upper().replace("SUBSCRIPTIONS", "subscriptions")).body == found
    assert contoso.call("GET", "/subscriptions", caller=STRANGER).body["value"] == []
    contoso.grant(STRANGER, READER, f"{GROUP}/providers/{BOX}/x")
    assert contoso.call("GET", "/subscriptions", caller=STRANGER).body["value"] == [found]
    assert contoso.call("GET", "/tenants").body["value"][0]["tenantId"] == TENANT
    regions = {each["name"]: each["displayName"] for each in contoso.call("GET", f"{THERE}/locations").body["value"]}
    assert regions["westus2"] == "West US 2"


def test_providers(contoso: Contoso) -> None:
    found = contoso.call("GET", f"{THERE}/providers/contoso.things").body
    assert (found["namespace"], found["registrationState"]) == ("Contoso.Things", "Registered")
    assert [each["resourceType"] for each in found["resourceTypes"]] == ["boxes", "boxes/lids"]
    assert contoso.call("POST", f"{THERE}/providers/Contoso.Things/register").body == found
    names = [each["namespace"] for each in contoso.call("GET", f"{THERE}/providers").body["value"]]
    assert names == ["Contoso.Things", "Microsoft.Authorization", "Microsoft.Resources"]
    assert contoso.call("GET", f"{THERE}/providers/Contoso.Nothing").body["error"]["code"] == "InvalidResourceNamespace"


def test_a_group_is_made_changed_and_listed(contoso: Contoso) -> None:
    path = f"{THERE}/resourcegroups/Second.Group"
    assert contoso.call("HEAD", path).status == 404
    made = contoso.call("PUT", path, {"location": "West US 2", "tags": {"a": "1"}, "managedBy": "/x"})
    assert made.status == 201
    assert made.body == {
        "id": f"{THERE}/resourceGroups/Second.Group",
        "name": "Second.Group",
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westus2",
        "managedBy": "/x",
        "tags": {"a": "1"},
        "properties": {"provisioningState": "Succeeded"},
    }
    again = contoso.call("PUT", path.lower(), {"location": "westus2", "tags": {"b": "2"}})
    assert (again.status, again.body["name"], again.body["tags"]) == (200, "Second.Group", {"b": "2"})
    assert contoso.call("PATCH", path, {"tags": {"c": "3"}}).body["tags"] == {"c": "3"}
    assert contoso.call("PATCH", path, {}).body["tags"] == {"c": "3"}
    assert contoso.call("GET", path).body["tags"] == {"c": "3"}
    assert contoso.call("HEAD", path).status == 204
    base = f"{THERE}/resourceGroups"
    assert [each["name"] for each in contoso.call("GET", base).body["value"]] == ["rg", "Second.Group"]
    for text, count in (("tagName eq 'c'", 1), ("tagName eq 'c' and tagValue eq '4'", 0), ("tagValue eq '3'", 1)):
        found = contoso.call("GET", base, query={"$filter": text}).body["value"]
        assert [each["name"] for each in found] == ["Second.Group"][:count]
    assert contoso.call("GET", base, query={"$filter": "name gt 'a'"}).body["error"]["code"] == "InvalidFilterInQueryString"


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("new", {}, 400, "LocationRequired"),
        ("new", {"location": 5}, 400, "LocationRequired"),
        ("new", [], 400, "InvalidRequestContent"),
        ("new", {"location": "atlantis"}, 400, "LocationNotAvailableForResourceGroup"),
        ("rg", {"location": "eastus"}, 409, "InvalidResourceGroupLocation"),
        ("a" * 91, {"location": "eastus"}, 400, "InvalidResourceGroupName"),
        ("ends.", {"location": "eastus"}, 400, "InvalidResourceGroup"),
        ("with space", {"location": "eastus"}, 400, "InvalidResourceGroup"),
    ],
)
def test_a_group_that_cannot_be(contoso: Contoso, name: str, body: object, status: int, code: str) -> None:
    answer = contoso.call("PUT", f"{THERE}/resourceGroups/{name}", body)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)


def test_resources_are_listed(contoso: Contoso) -> None:
    other = GROUP + "-2"
    contoso.call("PUT", other, {"location": "westeurope"})
    deploy(contoso, properties(template(box("a", tags={"x": "y"}), box("b"))))
    contoso.call("PUT", f"{other}/providers/{BOX}/c", {"location": "westeurope"}, version=VERSION)

    def names(path: str, text: str = "") -> list[str]:
        found = contoso.call("GET", f"{path}/resources", query={"$filter": text} if text else {}).body["value"]
        return [each["name"] for each in found]

    assert names(GROUP) == ["a", "b"]
    assert names(THERE) == ["a", "b", "c"]
    assert names(THERE, f"resourceType eq '{BOX}' and name eq 'C'") == ["c"]
    assert names(THERE, "resourceGroup eq 'rg-2'") == ["c"]
    assert names(THERE, "tagName eq 'x' and tagValue eq 'y'") == ["a"]
    assert names(THERE, "resourceType eq 'Contoso.Things/bags'") == []
    shown = contoso.call("GET", f"{GROUP}/resources").body["value"][0]
    assert shown == {"id": f"{GROUP}/providers/{BOX}/a", "name": "a", "type": BOX, "location": "westeurope", "tags": {"x": "y"}}


def test_a_group_takes_everything_with_it(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box())))
    contoso.grant(STRANGER, READER, f"{GROUP}/providers/{BOX}/box")
    contoso.slow_down(60)
    begun = contoso.call("DELETE", GROUP)
    assert begun.status == 202
    assert begun.headers["Retry-After"] == "15"
    poll = begun.headers["Location"]
    assert contoso.follow(poll).headers == begun.headers
    assert contoso.call("GET", GROUP).body["properties"]["provisioningState"] == "Deleting"
    for method, path in (("PUT", GROUP), ("PATCH", GROUP), ("PUT", f"{GROUP}/providers/{BOX}/x")):
        answer = contoso.call(method, path, {"location": "westeurope"})
        assert (answer.status, answer.body["error"]["code"]) == (409, "ResourceGroupBeingDeleted")
    assert contoso.call("DELETE", GROUP).status == 202
    contoso.azure.clock.advance(60)
    assert contoso.follow(poll).status == 200
    assert contoso.call("HEAD", GROUP).status == 404
    assert contoso.call("DELETE", GROUP).status == 404
    below = contoso.call("DELETE", f"{GROUP}/providers/{BOX}/box", version=VERSION)
    assert (below.status, below.body["error"]["code"]) == (404, "ResourceGroupNotFound")
    assert contoso.call("GET", f"{THERE}/resourceGroups").body["value"] == []
    assert contoso.call("PUT", GROUP, {"location": "eastus"}).status == 201
    assert contoso.call("GET", f"{GROUP}/resources").body["value"] == []
    assert contoso.call("GET", f"{GROUP}/providers/Microsoft.Resources/deployments").body["value"] == []
    assert contoso.call("GET", f"{GROUP}/providers/{BOX}", caller=STRANGER, version=VERSION).status == 403


def test_a_resource_takes_its_role_assignments_with_it(contoso: Contoso) -> None:
    path = f"{GROUP}/providers/{BOX}/box"
    deploy(contoso, properties(template(box(), box("box2"))))
    contoso.grant(STRANGER, READER, path)
    contoso.grant(STRANGER, READER, path + "2")
    contoso.call("DELETE", path, version=VERSION)
    deploy(contoso, properties(template(box())))
    assert contoso.call("GET", path, caller=STRANGER, version=VERSION).status == 403
    assert contoso.call("GET", path + "2", caller=STRANGER, version=VERSION).status == 200


def test_an_operation_that_never_was(contoso: Contoso) -> None:
    answer = contoso.call("GET", f"{THERE}/operationresults/nothing")
    assert (answer.status, answer.body["error"]["code"]) == (404, "NotFound")


def test_work_that_is_refused_leaves_nothing_but_the_rest_stays(contoso: Contoso) -> None:
    class Wrong(Exception):
        pass

    def write(world: World, name: str) -> None:
        world.state.put("note", name, {})

    def fail(world: World) -> None:
        with world.state.attempt():
            write(world, "within")
            with world.state.attempt():
                write(world, "further within")
            raise Wrong

    with contoso.world() as world:
        write(world, "before")
        with pytest.raises(Wrong):
            fail(world)
        with world.state.attempt():
            write(world, "after")
    with contoso.world() as world:
        assert [name for name, _ in world.state.list("note")] == ["after", "before"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/merge-patch+json"])
def test_only_json_is_read(contoso: Contoso, content_type: str) -> None:
    answer = contoso.call("PUT", f"{THERE}/resourceGroups/new", {"location": "eastus"}, content_type=content_type)
    assert (answer.status, answer.body["error"]["code"]) == (415, "UnsupportedMediaType")
    assert f"'{content_type or '<null>'}' is not supported" in answer.body["error"]["message"]
    assert contoso.call("GET", f"{THERE}/resourceGroups/rg", content_type=content_type).status == 200


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b'{"location": NaN}', b"[" * 100_000, b'{"location": ' + b"[" * 64 + b"]" * 64 + b"}", b'{"\\ud800": 1}'],
    ids=["cut", "bytes", "NaN", "endless", "deep", "half a character"],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_invalid_json_body_is_refused(contoso: Contoso, method: str, content: bytes) -> None:
    answer = contoso.call(method, f"{THERE}/resourceGroups/rg", content)
    assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidRequestContent")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([], "InvalidRequestContent"),
        ({"a": 1}, "InvalidRequestContent"),
        ({str(number): "" for number in range(51)}, "InvalidNumberOfTags"),
        ({"a<b": ""}, "InvalidTagNameCharacters"),
        ({"": ""}, "InvalidTagNameCharacters"),
        ({"a" * 513: ""}, "InvalidTagNameLength"),
        ({"a": "b" * 257}, "InvalidTagValueLength"),
    ],
)
def test_tags_have_limits(contoso: Contoso, tags: object, code: str) -> None:
    for method, path in (("PUT", "new"), ("PATCH", "rg")):
        answer = contoso.call(method, f"{THERE}/resourceGroups/{path}", {"location": "eastus", "tags": tags})
        assert (answer.status, answer.body["error"]["code"]) == (400, code)


def test_a_patch_keeps_the_tags_that_it_does_not_speak_of(contoso: Contoso) -> None:
    path = f"{THERE}/resourceGroups/rg"
    assert contoso.call("PATCH", path, {"tags": {"a": "b" * 256}}).body["tags"] == {"a": "b" * 256}
    assert contoso.call("PATCH", path, {}).body["tags"] == {"a": "b" * 256}
    assert contoso.call("PATCH", path, {"tags": {}}).body["tags"] == {}, "shown as they were sent (recorded)"


def test_the_gateways_own_refusals_say_so(contoso: Contoso) -> None:
    gateways = [
        contoso.call("GET", f"{GROUP}-gone"),
        contoso.call("GET", f"{GROUP}/providers/{BOX}/gone", version=VERSION),
        contoso.call("PUT", f"{GROUP}-gone/providers/{BOX}/x", {}, version=VERSION),
        contoso.call("POST", f"{GROUP}/providers/Microsoft.Resources/deployments/x/validate", {}),
        contoso.call("GET", GROUP, version="1999-01-01"),
    ]
    assert {each.headers.get("x-ms-failure-cause") for each in gateways} == {"gateway"}
    providers = [
        contoso.call("PUT", f"{GROUP}/providers/{BOX}/x", {"properties": {"size": 12}}, version=VERSION),
        contoso.call("GET", f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/x", version="2022-04-01"),
    ]
    assert [each.status for each in providers] == [400, 404]
    assert not any("x-ms-failure-cause" in each.headers for each in providers)
