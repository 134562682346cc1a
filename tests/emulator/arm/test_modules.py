"""Modules: deployments inside a deployment, and resources by symbolic name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.arm.contoso import (
    BOX,
    DEPLOYMENT,
    GROUP,
    VERSION,
    Contoso,
    box,
    boxes,
    deploy,
    module,
    outputs,
    properties,
    refused,
    template,
)


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


@pytest.mark.parametrize("options", [[1], "inner", {"scope": ["inner"]}, {"scope": "[reference('x').y]"}])
def test_the_options_of_a_module_are_known_beforehand(contoso: Contoso, options: Any) -> None:
    one = module("m", template())
    one["properties"]["expressionEvaluationOptions"] = options
    error = refused(contoso, properties(template(one)))
    assert (error["code"], "'expressionEvaluationOptions'" in error["message"]) == ("InvalidRequestContent", True)
