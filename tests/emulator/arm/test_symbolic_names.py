"""Resources by symbolic name: what is there already, loops, and what a resource is before it is written."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from tests.emulator.arm.contoso import (
    BOX,
    DEPLOYMENT,
    GROUP,
    VERSION,
    Contoso,
    box,
    box_of,
    boxes,
    deploy,
    module,
    outputs,
    properties,
    refused,
    template,
)

NEWER = "2025-01-01-preview"
ID = f"{GROUP}/providers/{BOX}"


def symbolic(resources: JSON, **sections: Any) -> JSON:
    """A template of version 2.0."""
    return template(languageVersion="2.0", **sections) | {"resources": resources}


def shows(**values: Any) -> JSON:
    """Outputs with these values."""
    return {name: {"type": "object", "value": {"v": each}} for name, each in values.items()}


def loop(count: int = 2, **more: Any) -> JSON:
    """A loop of boxes `b0`, `b1` ..."""
    return box("[format('b{0}', copyIndex())]", copy={"name": "anything", "count": count}, **more)


def order(contoso: Contoso) -> list[str]:
    """What was deployed, the first first."""
    found = contoso.call("GET", f"{DEPLOYMENT}/main/operations").body["value"]
    steps = [each["properties"]["targetResource"]["resourceName"] for each in found if "targetResource" in each["properties"]]
    return list(reversed(steps))


def test_a_resource_of_a_loop_has_its_turn_in_its_name(contoso: Contoso) -> None:
    resources = {
        "last": box("z", properties={"size": "[reference(format('many[{0}]', 1)).size]"}, dependsOn=["many"]),
        "many": loop(properties={"size": "[add(copyIndex(), 2)]"}),
    }
    keys = f"[listKeys('many[0]', '{VERSION}').value[0].primaryKey]"
    inner = symbolic(resources, outputs=shows(volume="[reference('last').volume]", key=keys))
    assert outputs(contoso, inner) == {"volume": {"v": 27}, "key": {"v": "key of b0"}}
    assert order(contoso)[-1] == "z"


def test_what_depends_on_a_loop_waits_for_all_of_it(contoso: Contoso) -> None:
    contoso.slow_down(10)
    resources = {"last": box("z", dependsOn=["many"]), "one": box("y", dependsOn=["many[1]"]), "many": loop()}
    found = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(symbolic(resources))).body["properties"]
    needs = {each["resourceName"]: [need["resourceName"] for need in each["dependsOn"]] for each in found["dependencies"]}
    assert needs == {"z": ["b0", "b1"], "y": ["b1"]}


def test_what_is_asked_for_by_symbolic_name_comes_first(contoso: Contoso) -> None:
    resources = {"first": box("a", properties={"size": "[reference('second').size]"}), "second": box("b", properties={"size": 3})}
    deploy(contoso, properties(symbolic(resources)))
    assert order(contoso) == ["b", "a"]
    assert box_of(contoso, "a")["size"] == 3


def test_what_is_there_is_read_and_not_written(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("old", properties={"size": 4}), box("o1", properties={"size": 2}))))
    resources = {
        "old": box("old", existing=True),
        "others": box("[format('o{0}', add(copyIndex(), 1))]", existing=True, copy={"name": "others", "count": 1}),
        "new": box("new", properties={"size": "[reference('old').size]"}, dependsOn=["old", "others"]),
    }
    found = outputs(contoso, symbolic(resources, outputs=shows(one="[reference('others[0]').volume]")))
    assert found == {"one": {"v": 8}}
    assert box_of(contoso, "new")["size"] == 4
    assert order(contoso) == ["new"]


def test_what_is_not_there_fails_only_if_it_is_asked_for(contoso: Contoso) -> None:
    resources = {"gone": box("gone", existing=True)}
    assert outputs(contoso, symbolic(resources)) == {}
    found = deploy(contoso, properties(symbolic(resources, outputs=shows(v="[reference('gone').size]"))))["properties"]
    assert found["provisioningState"] == "Failed"
    assert "ResourceNotFound" in str(found["error"]) or "was not found" in str(found["error"])


@pytest.mark.parametrize("make", [True, False])
def test_one_resource_may_be_made_under_a_condition_and_be_there(contoso: Contoso, make: bool) -> None:
    deploy(contoso, properties(template(box("a", properties={"size": 2}))))
    resources = {
        "make": box("a", condition=make, properties={"size": 3}),
        "there": box("a", existing=True, dependsOn=["make"]),
        "last": box("b", dependsOn=["there"]),
    }
    found = outputs(contoso, symbolic(resources, outputs=shows(size="[reference('there').size]")))
    assert found == {"size": {"v": 3 if make else 2}}
    assert order(contoso) == (["a", "b"] if make else ["b"])


def test_what_depends_on_something_there_waits_for_what_that_waits_for(contoso: Contoso) -> None:
    contoso.slow_down(10)
    resources = {
        "last": box("b", dependsOn=["there"], properties={"size": 13}),
        "there": box("x", existing=True, dependsOn=["first"]),
        "first": box("a", properties={"size": 99}),
    }
    found = deploy(contoso, properties(symbolic(resources)))["properties"]
    assert order(contoso) == ["a"], "the second is not tried"
    assert [each["target"] for each in found["error"]["details"]] == [f"{ID}/a"]
    resources["first"]["properties"]["size"] = 1
    contoso.call("PUT", f"{DEPLOYMENT}/again", properties(symbolic(resources)))
    contoso.azure.clock.advance(15)
    assert contoso.call("GET", f"{DEPLOYMENT}/again").body["properties"]["provisioningState"] == "Running"
    contoso.azure.clock.advance(5)
    assert contoso.call("GET", f"{DEPLOYMENT}/again").body["properties"]["provisioningState"] == "Failed"


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"a": box("x"), "b": box("y", dependsOn=["x"])}, "The resource 'x' is not defined in the template."),
        ({"a": box("x"), "b": box("y", dependsOn=["A"])}, "The resource 'A' is not defined in the template."),
        ({"a": loop(), "b": box("y", dependsOn=["anything"])}, "The resource 'anything' is not defined in the template."),
        ({"a": loop(), "b": box("y", dependsOn=["a[2]"])}, "The resource 'a[2]' is not defined in the template."),
        ({"a": box("x", dependsOn=["a"])}, "Circular dependency detected"),
        ({"a": box("x"), "b": box("x")}, "is defined multiple times in a template"),
        ({"a-b": box("x")}, "The symbolic name 'a-b' of a template resource may only have letters, digits and '_'."),
        ({"a": box("x", existing="yes")}, "its 'existing' has the wrong type"),
        ({"a": {"type": BOX}}, "Required property 'apiVersion' not found in JSON. Path 'resources.a'"),
        ({"a": module("m", template()) | {"apiVersion": "2020-06-01"}}, "The API version '2020-06-01' of the template"),
        ({"a": box("x") | {"@options": {"retryOn": []}}}, "Could not find member 'retryOn'"),
        ({"a": box("x") | {"@options": {"onlyIfNotExists": [1]}}}, "its 'onlyIfNotExists' takes nothing"),
        ({"a": module("m", template()) | {"@options": {"onlyIfNotExists": []}}}, "a deployment takes no '@options'"),
        ({"a": box("x", properties={"p": "[target()]"})}, "'target' is only known with the argument 'full'"),
        ({"a": box("x", tags="[target('full').tags]")}, "'target' is not expected at this location"),
    ],
)  # fmt: skip
def test_what_is_refused(contoso: Contoso, resources: JSON, words: str) -> None:
    answer = contoso.call("POST", f"{DEPLOYMENT}/main/validate", properties(symbolic(resources)))
    assert answer.status == 400, answer.body
    assert words in answer.body["error"]["message"]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (template() | {"resources": {}}, "The template section 'resources' is not valid."),
        (template(languageVersion="2.0"), "The template section 'resources' is not valid."),
        (template(languageVersion="2.1-experimental"), "The template language version '2.1-experimental' is not supported."),
        (template(box(existing=True)), "Could not find member 'existing' on object of type 'TemplateResource'."),
        (template(box() | {"@options": {}}), "Could not find member '@options' on object of type 'TemplateResource'."),
        (template(outputs=shows(v="[target('full')]")), "'target' is not expected at this location"),
    ],
)
def test_symbolic_names_are_of_version_2(contoso: Contoso, inner: JSON, words: str) -> None:
    assert words in refused(contoso, properties(inner))["message"]


@pytest.mark.parametrize("name", ["a", "many"])
def test_a_name_or_a_whole_loop_is_no_resource_to_ask(contoso: Contoso, name: str) -> None:
    resources = {"box": box("a"), "many": loop()}
    found = deploy(contoso, properties(symbolic(resources, outputs=shows(v=f"[reference('{name}').size]"))))["properties"]
    assert found["provisioningState"] == "Failed"
    assert f"The resource '{name}' is not defined in the template." in str(found["error"])


def test_a_loop_of_nothing_may_be_depended_on(contoso: Contoso) -> None:
    deploy(contoso, properties(symbolic({"none": loop(0), "b": box("b", dependsOn=["none"])})))
    assert boxes(contoso) == ["b"]


CARRIED = "[if(not(empty(target('full'))), target('full').properties.size, 2)]"


def test_a_resource_knows_what_it_was(contoso: Contoso) -> None:
    inner = symbolic({"a": box("a", properties={"size": CARRIED})})
    deploy(contoso, properties(inner))
    assert box_of(contoso, "a")["size"] == 2
    deploy(contoso, properties(template(box("a", properties={"size": 5}))))
    deploy(contoso, properties(inner))
    assert box_of(contoso, "a")["size"] == 5


def test_a_resource_may_be_made_only_if_there_is_none(contoso: Contoso) -> None:
    inner = symbolic({"a": box("a", properties={"size": 5}) | {"@options": {"onlyIfNotExists": []}}})
    deploy(contoso, properties(inner))
    assert box_of(contoso, "a")["size"] == 5
    deploy(contoso, properties(template(box("a", properties={"size": 6}))))
    assert deploy(contoso, properties(inner))["properties"]["provisioningState"] == "Succeeded"
    assert box_of(contoso, "a")["size"] == 6


def test_what_if_shows_what_would_be_asked_of_which_resource(contoso: Contoso) -> None:
    size = f"[add(reference(format('many[{{0}}]', 1)).size, reference('there', '{NEWER}', 'full').properties.size)]"
    resources = {
        "there": box("t", existing=True),
        "many": loop(existing=True),
        "a": box("a", properties={"size": size, "was": CARRIED}),
    }
    contoso.azure.habits = Habits(what_if_details=True)
    begun = contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", properties(symbolic(resources)))
    (change,) = contoso.follow(begun.headers["Location"]).body["properties"]["changes"]
    assert change["symbolicName"] == "a"
    assert change["after"]["properties"] == {
        "size": f"[add(reference('{ID}/b1', '{VERSION}').size, reference('{ID}/t', '{NEWER}', 'full').properties.size)]",
        "was": CARRIED,
    }


def test_a_module_has_names_of_its_own(contoso: Contoso) -> None:
    inner = symbolic({"a": box("inside", properties={"size": 2})}, outputs=shows(volume="[reference('a').volume]"))
    outer = symbolic({"a": module("m", inner)}, outputs=shows(inner="[reference('a').outputs.volume.value.v]"))
    assert outputs(contoso, outer) == {"inner": {"v": 8}}
