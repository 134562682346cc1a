"""Templates as they are deployed: variables, loops, conditions and children."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
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
    output,
    outputs,
    properties,
    refused,
    template,
)


def test_variables_use_each_other_and_have_loops(contoso: Contoso) -> None:
    variables = {
        "all": "[concat(variables('names'), createArray('last'))]",
        "copy": [{"name": "names", "count": 2, "input": "[format('n{0}', copyIndex('names'))]"}],
        "nested": {"copy": [{"name": "squares", "count": 3, "input": "[mul(copyIndex('squares'), copyIndex('squares'))]"}]},
    }
    found = outputs(contoso, output("[createArray(variables('all'), variables('nested').squares)]", "array", variables=variables))
    assert found == {"found": [["n0", "n1", "last"], [0, 1, 4]]}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"a": "[variables('b')]", "b": "[variables('a')]"}, "Circular dependency detected on variable: 'a -> b -> a'."),
        ({"a": "[reference('x')]"}, "The template function 'reference' is not expected at this location."),
        ({"a": "[nonsense()]"}, "The template function 'nonsense' is not valid."),
    ],
)
def test_variables_that_cannot_be_are_refused(contoso: Contoso, variables: JSON, words: str) -> None:
    error = refused(contoso, properties(template(box("[variables('a')]"), variables=variables)))
    assert error["code"] == "InvalidTemplate"
    assert words in error["message"]


def test_a_loop_makes_resources_and_outputs(contoso: Contoso) -> None:
    inner = template(
        box(
            "[format('box-{0}', parameters('sizes')[copyIndex()])]",
            copy={"name": "all", "count": "[length(parameters('sizes'))]"},
            properties={
                "size": "[parameters('sizes')[copyIndex()]]",
                "copy": [{"name": "sides", "count": 2, "input": "[add(copyIndex('all'), copyIndex('sides', 10))]"}],
            },
        ),
        box("last", dependsOn=["all"]),
        parameters={"sizes": {"type": "array"}},
        outputs={
            "ids": {"type": "array", "copy": {"count": 2, "input": "[resourceId('Contoso.Things/boxes', string(copyIndex(1)))]"}},
            "left": {"type": "string", "value": "x", "condition": "[equals(1, 2)]"},
        },
    )
    found = outputs(contoso, inner, sizes=[3, 5])
    assert found == {"ids": [f"{GROUP}/providers/{BOX}/1", f"{GROUP}/providers/{BOX}/2"]}
    assert boxes(contoso) == ["box-3", "box-5", "last"]
    assert box_of(contoso, "box-5")["sides"] == [11, 12]
    needed = contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["dependencies"]
    assert [(each["resourceName"], [one["resourceName"] for one in each["dependsOn"]]) for each in needed] == [
        ("last", ["box-3", "box-5"])
    ]


def test_an_empty_loop_makes_nothing_and_may_be_depended_on(contoso: Contoso) -> None:
    inner = template(box("a", copy={"name": "none", "count": 0}), box("b", dependsOn=["none"]))
    assert deploy(contoso, properties(inner))["properties"]["provisioningState"] == "Succeeded"
    assert boxes(contoso) == ["b"]


@pytest.mark.parametrize("count", [-1, 801, "two"])
def test_a_loop_has_limits(contoso: Contoso, count: Any) -> None:
    error = refused(contoso, properties(template(box("[string(copyIndex())]", copy={"name": "all", "count": count}))))
    assert "The copy count for 'all'" in error["message"]


def test_a_condition_decides(contoso: Contoso) -> None:
    inner = template(
        box("no", condition="[equals(parameters('make'), 'no')]"),
        box("yes", condition=True, dependsOn=["no"]),
        parameters={"make": {"type": "string"}},
    )
    deploy(contoso, properties(inner, make="yes"))
    assert boxes(contoso) == ["yes"]


def test_a_child_may_be_written_inside_its_parent(contoso: Contoso) -> None:
    lid = {"type": "lids", "apiVersion": VERSION, "name": "top", "dependsOn": ["[resourceId('Contoso.Things/boxes', 'box')]"]}
    found = deploy(contoso, properties(template(box(resources=[lid]))))["properties"]
    assert [each["id"] for each in found["outputResources"]] == [
        f"{GROUP}/providers/{BOX}/box",
        f"{GROUP}/providers/{BOX}/box/lids/top",
    ]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (template(outputs={"o": {"type": "array", "copy": {"count": 1}}}), "output 'o' is not valid: its 'copy' is no loop."),
        (template(outputs={"o": {"type": "array", "copy": []}}), "its 'copy' is no loop"),
        (template(variables={"copy": [{"name": [], "count": 1, "input": 1}]}), "its 'name' is not a string"),
        (template(box(properties={"copy": [{"name": 1, "count": 1, "input": 1}]})), "its 'name' is not a string"),
    ],
)  # fmt: skip
def test_what_is_no_loop_is_refused(contoso: Contoso, inner: JSON, words: str) -> None:
    answer = contoso.call("POST", f"{DEPLOYMENT}/main/validate", properties(inner))
    assert answer.status == 400
    assert words in answer.body["error"]["message"]
