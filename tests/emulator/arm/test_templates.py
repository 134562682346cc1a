"""Templates as they are deployed: parameters, variables, loops, modules, dependencies, outputs."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, LID, VERSION, Contoso, box, deploy, module, properties, template


def refused(contoso: Contoso, body: JSON, status: int = 400) -> JSON:
    """The error that a deployment is refused with, before anything happens."""
    answer = contoso.call("PUT", f"{DEPLOYMENT}/main", body)
    assert answer.status == status, answer.body
    assert contoso.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    error: JSON = answer.body["error"]
    return error


def outputs(contoso: Contoso, inner: JSON, **parameters: Any) -> JSON:
    """The values of a template's outputs."""
    found = deploy(contoso, properties(inner, **parameters))["properties"]
    assert found["provisioningState"] == "Succeeded", found["error"]
    return {name: each.get("value") for name, each in found["outputs"].items()}


def output(expression: Any, type_: str = "object", **sections: Any) -> JSON:
    """A template of no resource and one output."""
    return template(outputs={"found": {"type": type_, "value": expression}}, **sections)


def boxes(contoso: Contoso) -> list[str]:
    """The names of the boxes that there are."""
    return [each["name"] for each in contoso.call("GET", f"{GROUP}/providers/{BOX}", version=VERSION).body["value"]]


def box_of(contoso: Contoso, name: str = "box") -> JSON:
    """The properties of a box."""
    found: JSON = contoso.call("GET", f"{GROUP}/providers/{BOX}/{name}", version=VERSION).body["properties"]
    return found


# parameters


def test_a_parameter_has_its_value_or_its_default(contoso: Contoso) -> None:
    declared = {
        "name": {"type": "string"},
        "place": {"type": "string", "defaultValue": "[concat(parameters('name'), '-', resourceGroup().location)]"},
        "size": {"type": "int", "defaultValue": 4, "minValue": 1, "maxValue": 9},
        "tags": {"type": "object", "defaultValue": {}},
        "list": {"type": "array", "defaultValue": ["a"], "allowedValues": ["a", "b"]},
        "flag": {"type": "Bool", "defaultValue": False},
    }
    found = output("[createArray(parameters('place'), parameters('size'), parameters('LIST'), parameters('flag'))]", "array")
    assert outputs(contoso, found | {"parameters": declared}, name="x", size=9) == {"found": ["x-westeurope", 9, ["a"], False]}
    shown = contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["parameters"]
    assert shown["size"] == {"type": "Int", "value": 9}
    assert shown["tags"] == {"type": "Object", "value": {}}


@pytest.mark.parametrize(
    ("declaration", "given", "words"),
    [
        ({"type": "string"}, {}, "The value for the template parameter 'p' at line '1' and column '150' is not provided."),
        ({"type": "string"}, {"p": 1}, "Expected 'String, Uri'. Actual 'Integer'."),
        ({"type": "string"}, {"p": None}, "Expected 'String, Uri'. Actual 'Null'."),
        ({"type": "int"}, {"p": True}, "Expected 'Integer'. Actual 'Boolean'."),
        ({"type": "array"}, {"p": {}}, "Expected 'Array'. Actual 'Object'."),
        ({"type": "bool"}, {"p": "true"}, "Expected 'Boolean'. Actual 'String'."),
        ({"type": "string", "allowedValues": ["a", "b"]}, {"p": "A"}, "not part of the allowed value(s): 'a,b'."),
        ({"type": "array", "allowedValues": ["a"]}, {"p": ["a", "c"]}, "not part of the allowed value(s): 'a'."),
        ({"type": "string", "maxLength": 2}, {"p": "abc"}, "Length of the value should be less than or equal to '2'."),
        ({"type": "array", "minLength": 1}, {"p": []}, "Length of the value should be greater than or equal to '1'."),
        ({"type": "int"}, {"p": 2**63}, "is no 64-bit integer."),
        ({"type": "int", "minValue": 7}, {"p": 6}, "The value should be greater than or equal to '7'."),
        ({"type": "int", "maxValue": 7}, {"p": 8}, "The value should be less than or equal to '7'."),
        ({"type": "string", "minLength": 3, "defaultValue": "ab"}, {}, "greater than or equal to '3'."),
        ({"type": "string"}, {"p": "x", "q": 1}, "The template parameters 'q' in the parameters file are not valid"),
        ({"type": "text"}, {"p": "x"}, "has an invalid type 'text'"),
        ({"type": "string", "defaultValue": "[parameters('p')]"}, {}, "Circular dependency detected on parameter: 'p -> p'."),
        ({"type": "string", "defaultValue": "[reference('x')]"}, {}, "'reference' is not expected at this location"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(contoso: Contoso, declaration: JSON, given: JSON, words: str) -> None:
    error = refused(contoso, properties(template(parameters={"p": declaration}), **given))
    assert error["code"] == "InvalidTemplate"
    assert error["message"].startswith("Deployment template ")
    assert words in error["message"]


def test_secure_values_are_never_shown(contoso: Contoso) -> None:
    inner = template(
        box(properties={"note": "[parameters('secret')]"}),
        parameters={"secret": {"type": "secureString"}, "both": {"type": "secureObject", "defaultValue": {}}},
        outputs={"secret": {"type": "securestring", "value": "[parameters('secret')]"}},
    )
    found = deploy(contoso, properties(inner, secret="hush"))["properties"]
    assert found["parameters"] == {"secret": {"type": "SecureString"}, "both": {"type": "SecureObject"}}
    assert found["outputs"] == {"secret": {"type": "SecureString"}}
    assert box_of(contoso)["note"] == "hush"


def test_a_secret_of_a_vault_cannot_be_a_parameter(contoso: Contoso) -> None:
    body = properties(template(parameters={"p": {"type": "securestring"}}))
    body["properties"]["parameters"] = {"p": {"reference": {"keyVault": {"id": "/x"}, "secretName": "s"}}}
    assert refused(contoso, body)["code"] == "KeyVaultParameterReferenceSecretRetrieveFailed"
    body["properties"]["parameters"] = {"p": "hush"}
    assert refused(contoso, body)["code"] == "InvalidRequestContent"


# variables, loops, conditions


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


# dependencies and references


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
            {"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"},
            "subscriptionDeploymentTemplate.json#' is not supported.",
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
def test_what_is_wrong_is_refused_before_anything_is_made(contoso: Contoso, sections: JSON, words: str) -> None:
    assert words in refused(contoso, properties(template(box("new"), **sections)))["message"]
    assert boxes(contoso) == []


def test_a_template_without_its_sections_is_refused(contoso: Contoso) -> None:
    for section in ("$schema", "contentVersion", "resources"):
        inner = {key: each for key, each in template().items() if key != section}
        message = f"Required property '{section}' not found in JSON. Path '', line 1, position 2."
        assert refused(contoso, properties(inner))["message"] == f"Deployment template parse failed: '{message}'."


def test_reference_and_listings_ask_the_provider(contoso: Contoso) -> None:
    deploy(contoso, properties(template(box("there", properties={"size": 2}))), "before")
    there = "resourceId('Contoso.Things/boxes', 'there')"
    inner = template(
        box("new", properties={"size": 3}),
        outputs={
            "old": {"type": "int", "value": f"[reference({there}, '{VERSION}').volume]"},
            "full": {"type": "string", "value": f"[reference({there}, '{VERSION}', 'Full').location]"},
            "new": {"type": "int", "value": "[reference(resourceId('Contoso.Things/boxes', 'new')).volume]"},
            "key": {"type": "string", "value": f"[listKeys({there}, '{VERSION}').value[0].primaryKey]"},
        },
    )
    assert outputs(contoso, inner) == {"old": 8, "full": "westeurope", "new": 27, "key": "key of there"}


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("reference('there').volume", "The resource 'there' is not defined in the template."),
        (f"reference('there', '{VERSION}').volume", "The resource 'there' is not defined in the template."),
        ("reference(resourceId('Contoso.Things/boxes', 'there')).volume", "is not defined in the template."),
        (
            f"reference(resourceId('Contoso.Things/boxes', 'gone'), '{VERSION}')",
            "'Contoso.Things/boxes/gone' under resource group",
        ),
        ("reference(resourceId('Contoso.Things/boxes', 'new'), '1999-01-01')", "No registered resource provider found"),
        (
            f"reference(resourceId('Contoso.Other/boxes', 'new'), '{VERSION}')",
            "The resource namespace 'Contoso.Other' is invalid.",
        ),
        (
            f"listKeys(resourceId('Contoso.Things/boxes', 'gone'), '{VERSION}')",
            "'Contoso.Things/boxes/gone' under resource group",
        ),
        (f"listSecrets(resourceId('Contoso.Things/boxes', 'new'), '{VERSION}')", "does not support the operation 'listSecrets'"),
        (f"reference(subscriptionResourceId('A.B/c', 'd'), '{VERSION}')", "does not support the resource"),
        ("reference('new').nope", "The language expression property 'nope' doesn't exist"),
    ],
)
def test_what_cannot_be_asked_fails_the_outputs(contoso: Contoso, expression: str, words: str) -> None:
    found = deploy(contoso, properties(template(box("new"), outputs={"found": {"type": "object", "value": f"[{expression}]"}})))
    error = found["properties"]["error"]
    assert error["code"] == "DeploymentFailed"
    assert error["details"][0]["code"] == "DeploymentOutputEvaluationFailed"
    assert error["details"][0]["details"][0]["message"].startswith("The template output 'found' is not valid: ")
    assert words in error["details"][0]["details"][0]["message"]
    assert "outputs" not in found["properties"]
    assert boxes(contoso) == ["new"]


def test_an_output_has_its_type(contoso: Contoso) -> None:
    error = deploy(contoso, properties(output("text", "int")))["properties"]["error"]
    assert "Expected 'Integer'. Actual 'String'." in error["details"][0]["details"][0]["message"]


# modules


def test_a_module_has_its_own_parameters_and_gives_its_outputs(contoso: Contoso) -> None:
    inner = template(
        box("[parameters('name')]", properties={"size": 2}),
        parameters={"name": {"type": "string"}},
        outputs={"volume": {"type": "int", "value": "[reference(parameters('name')).volume]"}},
    )
    outer = template(
        module("second", inner, {"name": {"value": "[concat('b', string(reference('first').outputs.volume.value))]"}}),
        module("first", inner, {"name": {"value": "[parameters('name')]"}}),
        parameters={"name": {"type": "string"}},
        outputs={"all": {"type": "object", "value": "[reference('second').outputs]"}},
    )
    assert outputs(contoso, outer, name="a") == {"all": {"volume": {"type": "Int", "value": 8}}}
    assert boxes(contoso) == ["a", "b8"]
    inside_any_case = module("third", inner, {"name": {"value": "c"}}, type="microsoft.resources/DEPLOYMENTS")
    deploy(contoso, properties(template(inside_any_case)))
    assert "c" in boxes(contoso)
    nested = contoso.call("GET", f"{DEPLOYMENT}/first").body["properties"]
    assert nested["parameters"] == {"name": {"type": "String", "value": "a"}}
    beside = contoso.call("GET", f"{DEPLOYMENT}/second").body["properties"]
    assert nested["correlationId"] == beside["correlationId"]


def test_an_outer_module_uses_the_parameters_around_it(contoso: Contoso) -> None:
    inner = template(
        box("[concat(parameters('name'), variables('end'))]", copy={"name": "x", "count": 1}, tags={"turn": "[copyIndex()]"}),
        variables={"end": "inner"},
    )
    outer = template(module("m", inner, scope="outer"), parameters={"name": {"type": "string"}}, variables={"end": "outer"})
    deploy(contoso, properties(outer, name="a-"))
    assert boxes(contoso) == ["a-outer"]


def test_an_inner_module_does_not_see_what_is_around_it(contoso: Contoso) -> None:
    outer = template(module("m", template(box("[parameters('name')]"))), parameters={"name": {"type": "string"}})
    assert "The template parameter 'name' is not found." in refused(contoso, properties(outer, name="x"))["message"]


def test_modules_in_a_loop_and_in_another_group(contoso: Contoso) -> None:
    other = GROUP + "-2"
    contoso.call("PUT", other, {"location": "northeurope"})
    inner = template(box("[concat(parameters('name'), '-', resourceGroup().name)]"), parameters={"name": {"type": "string"}})
    one = module(
        "[format('m{0}', copyIndex())]",
        inner,
        {"name": {"value": "[parameters('names')[copyIndex()]]"}},
        copy={"name": "all", "count": "[length(parameters('names'))]"},
        resourceGroup="rg-2",
    )
    deploy(contoso, properties(template(one, parameters={"names": {"type": "array"}}), names=["a", "b"]))
    assert boxes(contoso) == []
    found = contoso.call("GET", f"{other}/providers/{BOX}", version=VERSION).body["value"]
    assert [each["name"] for each in found] == ["a-rg-2", "b-rg-2"]


def test_a_module_in_a_group_that_does_not_exist_is_refused(contoso: Contoso) -> None:
    body = properties(template(module("m", template(), resourceGroup="gone")))
    assert refused(contoso, body, 404)["code"] == "ResourceGroupNotFound"


def test_resources_by_symbolic_name(contoso: Contoso) -> None:
    inner = template(
        languageVersion="2.0",
        outputs={"volume": {"type": "int", "value": "[reference('mine').volume]"}},
    )
    inner["resources"] = {
        "other": box("b", dependsOn=["mine"]),
        "mine": box("a", properties={"size": 2}),
        "old": box("gone", existing=True),
    }
    assert outputs(contoso, inner) == {"volume": 8}
    assert boxes(contoso) == ["a", "b"]
