"""Locks: made, shown, listed, removed; and what they stop."""

from __future__ import annotations

import pytest

from dpsops.emulator.http import Response
from dpsops.emulator.identity.state import SUBSCRIPTION
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, VERSION, Contoso, box, deploy, properties, template

THERE = f"/subscriptions/{SUBSCRIPTION}"
ONE = f"{GROUP}/providers/{BOX}/box"


def lock(contoso: Contoso, scope: str, level: str = "CanNotDelete", **more: str) -> Response:
    """Locks a scope."""
    path = f"{scope}/providers/Microsoft.Authorization/locks/mine"
    return contoso.call("PUT", path, {"properties": {"level": level} | more}, version="2016-09-01")


def test_a_lock_is_made_changed_listed_and_removed(contoso: Contoso) -> None:
    made = lock(contoso, GROUP)
    path = f"{GROUP}/providers/Microsoft.Authorization/locks/mine"
    assert (made.status, made.body) == (
        201,
        {"properties": {"level": "CanNotDelete"}, "id": path, "type": "Microsoft.Authorization/locks", "name": "mine"},
    )
    again = lock(contoso, GROUP, "readonly", notes="because")
    assert (again.status, again.body["properties"]) == (200, {"level": "ReadOnly", "notes": "because"})
    assert contoso.call("GET", path, version="2016-09-01").body == again.body
    for scope in (GROUP, THERE):
        listed = contoso.call("GET", f"{scope}/providers/Microsoft.Authorization/locks", version="2016-09-01")
        assert listed.body == {"value": [again.body]}
    removed = contoso.call("DELETE", path, version="2016-09-01")
    assert (removed.status, removed.content()) == (200, b"")
    assert contoso.call("DELETE", path, version="2016-09-01").status == 204
    assert contoso.call("GET", path, version="2016-09-01").status == 404
    wrong = lock(contoso, GROUP, "Sometimes")
    assert (wrong.status, wrong.body["error"]["code"]) == (400, "InvalidLockLevel")
    assert lock(contoso, f"{GROUP}-gone").body["error"]["code"] == "ResourceGroupNotFound"
    assert lock(contoso, ONE).body["error"]["code"] == "ResourceNotFound"


@pytest.mark.parametrize("scope", [THERE, GROUP, ONE])
def test_a_group_is_not_deleted_where_a_lock_is_above_at_or_below_it(contoso: Contoso, scope: str) -> None:
    contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    lock(contoso, scope)
    spelt = GROUP.replace("resourceGroups", "resourcegroups")
    answer = contoso.call("DELETE", spelt)
    assert (answer.status, answer.body["error"]) == (
        409,
        {
            "code": "ScopeLocked",
            "message": f"The scope '{spelt}' cannot perform delete operation because following scope(s) are locked: '{scope}'. "
            "Please remove the lock and try again.",
        },
    )
    assert contoso.call("DELETE", ONE, version=VERSION).status == 409
    assert contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION).status == 200


def test_a_lock_on_writing_stops_a_deployment_of_what_is_below_it(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box())))
    lock(contoso, ONE, "ReadOnly")
    refused = contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    assert (refused.status, refused.body["error"]["code"]) == (409, "ScopeLocked")
    assert "cannot perform write operation" in refused.body["error"]["message"]
    found = deploy(contoso, properties(template(box(), box("other"))), "second")["properties"]
    assert found["provisioningState"] == "Failed"
    assert [each["code"] for each in found["error"]["details"]] == ["ScopeLocked"]
    lock(contoso, GROUP, "ReadOnly")
    assert contoso.call("PUT", f"{DEPLOYMENT}/third", properties(template())).status == 409
    assert contoso.call("POST", f"{DEPLOYMENT}/third/validate", properties(template())).status == 200


def test_a_lock_goes_with_what_it_was_on(contoso: Contoso) -> None:
    contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    lock(contoso, ONE)
    with contoso.world() as world:
        (key,) = (key for key, _ in world.state.list("lock"))
    contoso.call("DELETE", f"{ONE}/providers/Microsoft.Authorization/locks/mine", version="2016-09-01")
    assert contoso.call("DELETE", ONE, version=VERSION).status == 200
    with contoso.world() as world:
        assert world.state.get("lock", key) is None


LISTING = {"keys": {"type": "object", "value": f"[listKeys('{ONE}', '{VERSION}')]"}}


def test_a_lock_on_writing_stops_a_deployment_that_lists_keys(contoso: Contoso) -> None:
    """To list keys is a POST, which such a lock refuses ("Lock your resources")."""
    contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    assert deploy(contoso, properties(template(outputs=LISTING)))["properties"]["provisioningState"] == "Succeeded"
    lock(contoso, ONE)
    assert deploy(contoso, properties(template(outputs=LISTING)))["properties"]["provisioningState"] == "Succeeded"
    lock(contoso, ONE, "ReadOnly")
    found = deploy(contoso, properties(template(outputs=LISTING)))["properties"]
    assert found["provisioningState"] == "Failed"
    assert "cannot perform write operation" in str(found["error"])


def test_a_locked_resource_outlives_a_complete_deployment(contoso: Contoso) -> None:
    contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    lock(contoso, ONE)
    found = deploy(contoso, properties(template(), mode="Complete"))["properties"]
    assert [each["code"] for each in found["error"]["details"]] == ["ScopeLocked"]
    assert contoso.call("GET", ONE, version=VERSION).status == 200


def test_a_deployment_makes_a_lock(contoso: Contoso) -> None:
    contoso.call("PUT", ONE, {"location": "westeurope"}, version=VERSION)
    made = {
        "type": "Microsoft.Authorization/locks",
        "apiVersion": "2020-05-01",
        "name": "keep",
        "scope": f"{BOX}/box",
        "properties": {"level": "CanNotDelete"},
    }
    found = deploy(contoso, properties(template(made)))["properties"]
    assert found["provisioningState"] == "Succeeded", found
    assert contoso.call("DELETE", ONE, version=VERSION).body["error"]["code"] == "ScopeLocked"
    wrong = deploy(contoso, properties(template(made | {"properties": {"level": "Never"}})))["properties"]
    assert [each["code"] for each in wrong["error"]["details"]] == ["InvalidLockLevel"]
    removed = contoso.call("DELETE", f"{ONE}/providers/Microsoft.Authorization/locks/keep", version="2020-05-01")
    assert removed.status == 200
    assert contoso.call("DELETE", ONE, version=VERSION).status == 200
