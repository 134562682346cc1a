"""Which templates are deployed, in which order, and which are refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.arm.contoso import (
    BOX,
    GROUP,
    LID,
    VERSION,
    Contoso,
    box,
    box_of,
    boxes,
    deploy,
    properties,
    refused,
    template,
)


def test_resources_are_made_in_the_order_of_their_dependencies(contoso: Contoso) -> None:
    inner = template(
        box("third", dependsOn=["second"]),
        box("second", properties={"of": "[reference('first').volume]"}),
        box("first", properties={"size": 3}),
        {"type": LID, "apiVersion": VERSION, "name": "third/lid", "dependsOn": [f"{BOX}/third"]},
    )
    contoso.slow_down(10)
    found = deploy(contoso, properties(inner))["properties"]
    made = {name: box_of(contoso, name)["made"] for name in ("first", "second", "third")}
    assert made["second"] - made["first"] == made["third"] - made["second"] == 10
    assert box_of(contoso, "second")["of"] == 27
    assert found["duration"] == "PT40S"


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([box(dependsOn=["other"])], "The resource 'other' is not defined in the template."),
        (
            [box("a", dependsOn=["b"]), box("b", dependsOn=["a"])],
            f"Circular dependency detected on resource: '{GROUP}/providers/{BOX}/a'.",
        ),
        ([box("a", properties={"x": "[reference('b').y]"}), box("b", dependsOn=["a"])], "Circular dependency detected"),
        ([box("a", dependsOn=["a"])], f"Circular dependency detected on resource: '{GROUP}/providers/{BOX}/a'."),
        ([box(), box("BOX")], "is defined multiple times in a template."),
        ([box("a/b")], "has incorrect segment lengths."),
        ([box("[reference('x').name]")], "The template function 'reference' is not expected at this location."),
        ([box(condition="yes")], "is not a boolean"),
        ([box("")], "The 'name' of the template resource"),
        ([box(name="[concat('a']")], "Unable to parse language expression 'concat('a'': expected token 'Comma'"),
        ([box(scope="nonsense")], "The scope 'nonsense' of the template resource 'box' is not valid."),
        ([{"type": BOX, "name": "box"}], "Required property 'apiVersion' not found in JSON."),
        ([box(colour="red")], "Could not find member 'colour' on object of type 'TemplateResource'."),
        (["box"], "is not a JSON object"),
        ([box(dependsOn="box")], "its 'dependsOn' has the wrong type"),
        ([box(dependsOn=[""])], "The resource '' is not defined in the template."),
        ([box(tags={"x": "[reference('box').size]"})], "The template function 'reference' is not expected at this location."),
        ([box(properties={"x": "[nonsense()]"})], "Unable to process template language expressions for resource"),
        ([box(properties={"x": "[concat(]"})], "Unable to parse language expression 'concat(': expected token"),
    ],
)
def test_a_template_that_cannot_be_deployed_is_refused(contoso: Contoso, resources: list[Any], words: str) -> None:
    error = refused(contoso, properties(template(*resources)))
    assert error["code"] == "InvalidTemplate"
    assert words in error["message"]
    assert boxes(contoso) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resources": None}, "The template section 'resources' is not valid."),
        ({"parameters": []}, "The template section 'parameters' is not valid."),
        ({"outputs": {"x": 1}}, "The template section 'outputs' is not valid."),
        (
            {"$schema": "https://schema.management.azure.com/schemas/2018-05-01/anotherTemplate.json#"},
            "anotherTemplate.json#' is not supported.",
        ),
        ({"$schema": 1}, "The template schema '1' is not supported."),
        (
            {"parameters": {f"p{number}": {"type": "int", "defaultValue": 1} for number in range(257)}},
            "The number of template parameters limit exceeded. Limit: '256' and actual: '257'.",
        ),
        (
            {"variables": {f"v{number}": 1 for number in range(513)}},
            "The number of template variables limit exceeded. Limit: '512' and actual: '513'.",
        ),
        (
            {"outputs": {f"o{number}": {"type": "int", "value": 1} for number in range(65)}},
            "The number of template outputs limit exceeded. Limit: '64' and actual: '65'.",
        ),
        ({"surprise": 1}, "Could not find member 'surprise' on object of type 'Template'. Path 'surprise', line 1, position 12."),
    ],
)
def test_a_template_with_other_sections_is_refused(contoso: Contoso, change: JSON, words: str) -> None:
    assert words in refused(contoso, properties(template() | change))["message"]


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (
            {"variables": {"unused": "[nonsense()]"}},
            "The template variable 'unused' is not valid: The template function 'nonsense'",
        ),
        (
            {"variables": {"unused": "[parameters('p')]"}},
            "The template variable 'unused' is not valid: The template parameter 'p'",
        ),
        ({"variables": {"unused": "[reference('x')]"}}, "'reference' is not expected at this location"),
        (
            {"outputs": {"o": {"type": "string", "value": "[nonsense()]"}}},
            "The template output 'o' is not valid: The template fun",
        ),
        (
            {"outputs": {"o": {"type": "int", "value": "[variables('v')]"}}},
            "The template output 'o' is not valid: The template var",
        ),
        ({"outputs": {"o": {"value": 1}}}, "has an invalid type ''"),
        ({"outputs": {"o": {"type": "bool", "value": f"[{'not(' * 3000}true{')' * 3000}]"}}}, "is nested too deeply"),
        ({"variables": {"deep": f"[{'string(' * 64}1{')' * 64}]"}}, "is nested too deeply"),
        ({"variables": {"deep": f"[createObject(){'.a' * 64}]"}}, "is nested too deeply"),
        ({"variables": {f"v{n}": f"[variables('v{n + 1}')]" for n in range(500)} | {"v500": "x"}}, "is nested too deeply"),
        ({"variables": {"deep": f"[json('{'[' * 3000}{']' * 3000}')]"}}, "has more than 64 levels"),
        ({"outputs": {"o": {"type": "string", "value": f"['{'x' * 24_573}']"}}}, "length limit exceeded. Limit: '24576'"),
    ],
)
def test_a_wrong_template_is_refused_before_anything_is_made(contoso: Contoso, sections: JSON, words: str) -> None:
    assert words in refused(contoso, properties(template(box("new"), **sections)))["message"]
    assert boxes(contoso) == []


def test_a_template_without_its_sections_is_refused(contoso: Contoso) -> None:
    for section in ("$schema", "contentVersion", "resources"):
        inner = {key: each for key, each in template().items() if key != section}
        message = f"Required property '{section}' not found in JSON. Path '', line 1, position 2."
        assert refused(contoso, properties(inner))["message"] == f"Deployment template parse failed: '{message}'."
