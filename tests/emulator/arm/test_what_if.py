"""What-if: what would change, with the noise that Azure's has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.arm.delta import differences
from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from tests.emulator.arm.contoso import (
    BOX,
    CONTRIBUTOR,
    DEPLOYMENT,
    GROUP,
    STRANGER,
    VERSION,
    Contoso,
    assignment,
    box,
    deploy,
    module,
    properties,
    template,
)


def what_if(contoso: Contoso, body: JSON, **settings: Any) -> JSON:
    """Asks, polls and returns the whole result."""
    body["properties"] |= {"whatIfSettings": settings} if settings else {}
    begun = contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", body)
    assert begun.status == 202, begun.body
    result: JSON = contoso.follow(begun.headers["Location"]).body
    return result


def changes(contoso: Contoso, *resources: JSON, mode: str = "Incremental") -> dict[str, JSON]:
    """The changes by the name of the resource."""
    found = what_if(contoso, properties(template(*resources), mode))
    assert found["status"] == "Succeeded", found
    return {each["resourceId"].rpartition("/")[2]: each for each in found["properties"]["changes"]}


def delta(change: JSON) -> dict[str, tuple[str, Any, Any]]:
    """The property changes by their path."""
    return {each["path"]: (each["propertyChangeType"], each.get("before"), each.get("after")) for each in change["delta"]}


def test_it_takes_time_and_changes_nothing(contoso: Contoso) -> None:
    contoso.slow_down(20)
    begun = contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", properties(template(box())))
    assert begun.status == 202
    waiting = contoso.follow(begun.headers["Location"])
    assert waiting.status == 202
    assert waiting.headers["Location"] == begun.headers["Location"]
    contoso.azure.clock.advance(20)
    assert contoso.follow(begun.headers["Location"]).body["status"] == "Succeeded"
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    assert contoso.call("GET", f"{GROUP}/providers/{BOX}/box", version=VERSION).status == 404


def test_a_new_resource_is_created(contoso: Contoso) -> None:
    change = changes(contoso, box(properties={"size": 2}))["box"]
    identifier = f"{GROUP}/providers/{BOX}/box"
    assert change["changeType"] == "Create"
    assert change.keys() == {"resourceId", "changeType", "after"}, "what does not apply is left out (recorded)"
    assert list(change["after"]) == sorted(change["after"])
    assert change["after"] == {
        "id": identifier,
        "name": "box",
        "type": BOX,
        "apiVersion": VERSION,
        "location": "westeurope",
        "properties": {"size": 2},
    }


def test_objects_with_nothing_in_them_are_shown_or_not(contoso: Contoso) -> None:
    after = changes(contoso, box(tags={}, properties={"lid": {}}))["box"]["after"]
    assert (after["tags"], after["properties"]) == ({}, {"lid": {}})
    contoso.azure.habits = Habits(what_if_empty_objects=False)
    assert not {"tags", "properties"} & changes(contoso, box(tags={}, properties={"lid": {}}))["box"]["after"].keys()


def test_defaults_that_the_template_leaves_out_are_carried_over(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box(tags={"a": "1"}, properties={"size": 2}))))
    same = changes(contoso, box(tags={"a": "1"}, properties={"size": 2}))["box"]
    assert (same["changeType"], same["delta"]) == ("NoChange", [])
    assert same["before"] == same["after"]
    change = changes(contoso, box(tags={"a": "1"}, properties={"size": 3}))["box"]
    assert delta(change) == {"properties.size": ("Modify", 2, 3)}
    assert change["after"]["properties"]["volume"] == 8


def test_defaults_may_look_created(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box(properties={"size": 2}))))
    contoso.azure.habits = Habits(what_if_defaults="created")
    found = delta(changes(contoso, box(properties={"size": 2}))["box"])
    assert found.pop("properties.made")[0] == "Create"
    assert found == {"properties.volume": ("Create", None, 8)}


def test_a_type_may_not_be_supported(contoso: Contoso) -> None:
    contoso.azure.habits = Habits(what_if_unsupported=frozenset({BOX}))
    change = changes(contoso, box())["box"]
    assert (change["changeType"], "after" in change) == ("Unsupported", False)
    assert BOX in change["unsupportedReason"]


def test_defaults_may_look_deleted(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box(tags={"a": "1"}, properties={"size": 2}))))
    contoso.azure.habits = Habits(what_if_defaults="deleted")
    change = changes(contoso, box(location="West Europe", tags={"a": "2", "b": "3"}, properties={"size": 2}))["box"]
    assert change["changeType"] == "Modify"
    found = delta(change)
    made = found.pop("properties.made")
    assert made[0] == "Delete"
    assert found == {
        "tags.a": ("Modify", "1", "2"),
        "tags.b": ("Create", None, "3"),
        "properties.volume": ("Delete", 8, None),
    }
    assert "etag" not in change["before"]


def test_values_that_only_a_run_could_tell_look_modified(contoso: Contoso) -> None:
    inner = [
        box("a"),
        box("b", properties={"size": "[reference('a').size]", "key": f"[listKeys('a', '{VERSION}').value[0].primaryKey]"}),
    ]
    deploy(contoso, properties(template(*inner)))
    found = delta(changes(contoso, *inner)["b"])
    asked = f"('{GROUP}/providers/{BOX}/a', '{VERSION}')"
    assert found["properties.size"] == ("Modify", 1, f"[reference{asked}.size]")
    assert found["properties.key"] == ("Modify", "key of a", f"[listKeys{asked}.value[0].primaryKey]")


def test_a_resource_outside_the_template_is_ignored_or_in_complete_mode_deleted(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("old"))))
    found = changes(contoso, box("new"))
    assert {name: each["changeType"] for name, each in found.items()} == {"new": "Create", "old": "Ignore"}
    assert found["old"]["before"] == found["old"]["after"]
    assert found["old"]["before"].keys() == {"id", "location", "name", "type"}
    complete = changes(contoso, box("new"), mode="Complete")["old"]
    assert (complete["changeType"], "after" in complete) == ("Delete", False)


def test_modules_are_looked_into(contoso: Contoso) -> None:
    inner = template(box("[parameters('n')]"), parameters={"n": {"type": "string"}})
    question = properties(template(module("m", inner, {"n": {"value": "[concat('in', 'side')]"}})))
    result = what_if(contoso, question)
    (change,) = result["properties"]["changes"]
    assert (change["changeType"], change["after"]["name"]) == ("Create", "inside")
    assert result["properties"].keys() == {"correlationId", "changes"}
    contoso.azure.habits = Habits(what_if_details=True)
    result = what_if(contoso, question)
    (change,) = result["properties"]["changes"]
    assert (change["deploymentId"], change["resourceType"]) == (f"{DEPLOYMENT}/m", BOX)
    assert (result["properties"]["potentialChanges"], result["properties"]["diagnostics"]) == ([], [])


def test_a_module_with_a_parameter_that_is_not_known_is_passed_over(contoso: Contoso) -> None:
    inner = template(box("never"), parameters={"n": {"type": "int"}})
    resources = [box("a"), module("m", inner, {"n": {"value": "[reference('a').size]"}})]
    found = what_if(contoso, properties(template(*resources)))["properties"]
    assert [each["after"]["name"] for each in found["changes"]] == ["a"]
    (warning,) = found["diagnostics"]
    assert (warning["level"], warning["code"]) == ("Warning", "NestedDeploymentShortCircuited")
    assert warning["target"] == f"{DEPLOYMENT}/m"
    contoso.azure.habits = Habits(what_if_short_circuits="silent")
    silent = what_if(contoso, properties(template(*resources)))["properties"]
    assert (silent["changes"], "diagnostics" in silent) == (found["changes"], False)


def test_an_assignment_that_is_there_does_not_change(contoso: Contoso) -> None:
    resources = [box(), assignment()]
    deploy(contoso, properties(template(*resources)))
    change = changes(contoso, *resources)["a0000000-0000-4000-8000-000000000001"]
    assert (change["changeType"], change["delta"]) == ("NoChange", [])


def test_ids_only(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("a"), box("c"))))
    body = properties(template(box("a"), box("b")))
    found = what_if(contoso, body, resultFormat="ResourceIdOnly")["properties"]["changes"]
    assert [(each["resourceId"].rpartition("/")[2], each["changeType"]) for each in found] == [
        ("a", "Deploy"),
        ("b", "Create"),
        ("c", "Ignore"),
    ]
    assert not any("before" in each or "delta" in each for each in found)
    body["properties"]["whatIfSettings"] = {"resultFormat": "Poem"}
    assert contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", body).body["error"]["code"] == "InvalidWhatIfResultFormat"


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ([box("[parameters('x')]")], "InvalidTemplate"),
        ([box(properties={"x": "[nonsense()]"})], "InvalidTemplate"),
        ([box(type="Contoso.Things/bags")], "InvalidResourceType"),
    ],
)
def test_a_wrong_template_is_told_by_the_result(contoso: Contoso, resources: list[JSON], code: str) -> None:
    result = what_if(contoso, properties(template(*resources)))
    assert result["status"] == "Failed"
    assert result["error"]["code"] == code
    assert "properties" not in result


def test_it_tells_what_may_not_be_written(contoso: Contoso) -> None:
    contoso.grant(STRANGER, CONTRIBUTOR)
    begun = contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", properties(template(box(), assignment())), caller=STRANGER)
    result = contoso.call("GET", begun.headers["Location"].split("azure.com")[1].split("?")[0], caller=STRANGER).body
    assert (result["status"], result["error"]["code"]) == ("Failed", "InvalidTemplateDeployment")


def test_arrays_are_compared_place_by_place() -> None:
    before = {"list": [1, {"a": 1, "b": 2}, [1], "gone"], "same": [1, {"a": []}]}
    after = {"list": [2, {"a": 1, "b": 3}, [1, 2]], "same": [1, {"a": []}]}
    (change,) = differences(before, after)
    assert (change["path"], change["propertyChangeType"]) == ("list", "Array")
    old, new, thing, inner, gone = change["children"]
    assert old == {"path": "0", "propertyChangeType": "Delete", "before": 1}
    assert new == {"path": "0", "propertyChangeType": "Create", "after": 2}
    assert [(each["path"], each["after"]) for each in thing["children"]] == [("b", 3)]
    assert (inner["propertyChangeType"], inner["children"][0]["propertyChangeType"]) == ("Array", "Create")
    assert (gone["path"], gone["propertyChangeType"], gone["before"]) == ("3", "Delete", "gone")


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
OBJECTS = st.dictionaries(
    st.sampled_from("xyz"),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)),
    max_size=3,
)


def without_nothing(value: Any) -> Any:
    """A value without the properties that have none: what is compared."""
    if isinstance(value, dict):
        kept = {key: without_nothing(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None and each != {}}
    return [without_nothing(each) for each in value] if isinstance(value, list) else value


@given(OBJECTS, OBJECTS)
def test_there_is_a_difference_exactly_where_things_differ(before: JSON, after: JSON) -> None:
    found = list(differences(before, after))
    equal = json.dumps(without_nothing(before), sort_keys=True) == json.dumps(without_nothing(after), sort_keys=True)
    assert (found == []) == equal
    assert all(each["path"][0] in "xyz" for each in found)
