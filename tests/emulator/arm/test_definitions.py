"""Types and functions that a template defines itself, and parameters that may be null: version 2.0 of the language."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.arm.contoso import DEPLOYMENT, Contoso, deploy, output, outputs, properties, refused

STRING, INT = {"type": "string"}, {"type": "int"}
HUB: JSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3},
        "sku": {"type": "string", "allowedValues": ["F1", "S1"]},
        "capacity": {"type": "int", "nullable": True, "minValue": 1},
    },
    "additionalProperties": STRING,
}
TAGGED: JSON = {
    "type": "object",
    "discriminator": {
        "propertyName": "type",
        "mapping": {
            "ints": {"type": "object", "additionalProperties": False, "properties": {"type": STRING, "n": INT}},
            "strings": {"$ref": "#/definitions/strings"},
        },
    },
}
STRINGS: JSON = {"type": "object", "additionalProperties": STRING}
REF = "#/definitions"
TREE: JSON = {"type": "object", "properties": {"inner": {"$ref": "#/definitions/tree", "nullable": True}}}


def typed(declaration: JSON, **definitions: JSON) -> JSON:
    """A template of version 2.0 with one parameter `p`, which it shows."""
    found = output("[createObject('p', parameters('p'))]", parameters={"p": declaration}, languageVersion="2.0")
    return found | {"definitions": definitions, "resources": {}}


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ({"$ref": "#/definitions/hub"}, {"name": "hub", "sku": "S1"}),
        ({"$ref": "#/definitions/hub"}, {"name": "hub", "sku": "S1", "capacity": None, "owner": "me"}),
        ({"type": "array", "items": {"$ref": "#/definitions/hub"}}, [{"name": "hub", "sku": "F1", "capacity": 1}]),
        ({"type": "array", "items": {"$ref": "#/definitions/hub"}}, []),
        ({"$ref": "#/definitions/hub", "nullable": True}, None),
        ({"type": "array", "prefixItems": [INT, {"type": "bool"}]}, [1, True, "any"]),
        ({"type": "array", "prefixItems": [INT], "items": INT}, [1, 2]),
        ({"type": "array", "prefixItems": [INT], "items": False}, [1]),
        ({"$ref": "#/definitions/tagged"}, {"type": "ints", "n": 1}),
        ({"$ref": "#/definitions/tagged"}, {"type": "strings", "other": "x"}),
        ({"$ref": "#/definitions/tree"}, {"inner": {"inner": {}}}),
        ({"type": "string", "maxLength": 2}, "\U0001f680"),
    ],
)
def test_a_value_as_its_type_wants_it(contoso: Contoso, declaration: JSON, value: Any) -> None:
    inner = typed(declaration, hub=HUB, tagged=TAGGED, strings=STRINGS, tree=TREE)
    assert outputs(contoso, inner, p=value) == {"found": {"p": value}}


@pytest.mark.parametrize(
    ("declaration", "value", "words"),
    [
        ({"$ref": "#/definitions/hub"}, "hub", "Expected a value of type 'Object', but received a value of type 'String'."),
        ({"$ref": "#/definitions/hub"}, {"sku": "S1"}, "'p' is not valid. The value is missing the required property 'name'."),
        ({"$ref": "#/definitions/hub"}, {"Name": "hub", "sku": "S1"}, "missing the required property 'name'"),
        ({"$ref": "#/definitions/hub"}, {"name": "ab", "sku": "S1"}, "'p.name'"),
        ({"$ref": "#/definitions/hub"}, {"name": "hub", "sku": "s1"}, "'p.sku'"),
        ({"$ref": "#/definitions/hub"}, {"name": "hub", "sku": "S1", "capacity": 0}, "'p.capacity'"),
        ({"$ref": "#/definitions/hub"}, {"name": "hub", "sku": "S1", "owner": 1}, "'p.owner' is not valid. Expected a value"),
        ({"type": "array", "items": {"$ref": "#/definitions/hub"}}, [{"name": "hub"}], "'p[0]'"),
        ({"type": "string"}, None, "but received a value of type 'Null'"),
        ({"type": "array", "prefixItems": [INT, {"type": "bool"}]}, [1, "x"], "'p[1]'"),
        ({"type": "array", "prefixItems": [INT, {"type": "bool"}]}, [1], "Expected an array of '2' elements"),
        ({"type": "array", "prefixItems": [INT], "items": INT}, [1, "x"], "'p[1]'"),
        ({"type": "array", "prefixItems": [INT], "items": False}, [1, 2], "Expected an array of '1' elements"),
        ({"$ref": "#/definitions/tagged"}, {"type": "ints", "fizz": "buzz", "n": 1}, "The property 'fizz' is not permitted."),
        ({"$ref": "#/definitions/tagged"}, {"type": "strings", "n": 1}, "'p.n'"),
        ({"$ref": "#/definitions/tagged"}, {"type": "other"}, "The property 'type' must be one of 'ints,strings'."),
        ({"$ref": "#/definitions/tagged"}, {}, "The property 'type' must be one of 'ints,strings'."),
        ({"$ref": "#/definitions/tree"}, {"inner": {"inner": 1}}, "'p.inner.inner'"),
        ({"type": "string", "maxLength": 1}, "\U0001f680", "less than or equal to '1'"),
    ],
)  # fmt: skip
def test_a_value_as_its_type_does_not_want_it(contoso: Contoso, declaration: JSON, value: Any, words: str) -> None:
    inner = typed(declaration, hub=HUB, tagged=TAGGED, strings=STRINGS, tree=TREE)
    assert words in refused(contoso, properties(inner, p=value))["message"]


@pytest.mark.parametrize(
    ("declaration", "definitions", "words"),
    [
        ({"$ref": "#/definitions/none"}, {}, "The type definition '#/definitions/none' is not found in the template."),
        ({"$ref": "other.json#/definitions/a"}, {"a": STRING}, "is not found in the template"),
        ({"$ref": f"{REF}/a"}, {"a": {"$ref": f"{REF}/b"}, "b": {"$ref": f"{REF}/a"}}, "Circular dependency detected on type"),
        ({"type": "string", "sealed": True}, {}, "Could not find member 'sealed' on object of type 'TemplateInputParameter'."),
        (STRING, {"a": {"type": "string", "validate": []}}, "Could not find member 'validate'"),
        (STRING, {"a": {"type": "object", "properties": {"x": STRING | {"odd": 1}}}}, "Path 'definitions.a.properties.x.odd'"),
        ({"type": "string", "minLength": "3"}, {}, "at path 'parameters.p': its 'minLength' has the wrong type"),
        ({"type": "string", "nullable": "yes"}, {}, "at path 'parameters.p': its 'nullable' has the wrong type"),
        (STRING, {"a": {"type": "object", "properties": {"x": 1}}}, "at path 'definitions.a.properties.x' is not a JSON object"),
        (STRING, {"a": {"type": "object", "properties": 1}}, "at path 'definitions.a.properties' is not a JSON object"),
        (STRING, {"a": {"type": "array", "prefixItems": {}}}, "at path 'definitions.a.prefixItems' is not a JSON array"),
        (STRING, {"a": {"type": "array", "items": 1}}, "at path 'definitions.a.items' is not a JSON object"),
        (STRING, {"a": {"type": "object", "discriminator": {"propertyName": "x"}}}, "'definitions.a.discriminator' is not valid"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused(contoso: Contoso, declaration: JSON, definitions: JSON, words: str) -> None:
    assert words in refused(contoso, properties(typed(declaration, **definitions), p="x"))["message"]


@pytest.mark.parametrize("section", ["definitions", "parameters", "outputs"])
def test_before_version_2_there_are_no_types(contoso: Contoso, section: str) -> None:
    inner = output("[createObject()]", parameters={"p": {"type": "string", "defaultValue": "x"}})
    if section == "definitions":
        inner[section] = {"a": STRING}
        name = "definitions"
    else:
        next(iter(inner[section].values()))["nullable"] = True
        name = "nullable"
    assert f"Could not find member '{name}' on object of type" in refused(contoso, properties(inner))["message"]


def test_a_nullable_parameter_may_be_left_out(contoso: Contoso) -> None:
    assert outputs(contoso, typed({"type": "string", "nullable": True})) == {"found": {"p": None}}
    shown = contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["parameters"]
    assert shown == {"p": {"type": "String"}}  # a null is shown in the answer to the PUT alone
    assert outputs(contoso, typed({"type": "string", "nullable": True, "defaultValue": "x"})) == {"found": {"p": "x"}}


def test_an_output_has_its_type(contoso: Contoso) -> None:
    inner = typed({"type": "array", "nullable": True})
    inner["outputs"] = {"list": {"type": "array", "items": STRING, "nullable": True, "value": "[parameters('p')]"}}
    assert outputs(contoso, inner) == {"list": None}
    assert outputs(contoso, inner, p=["x"]) == {"list": ["x"]}
    found = deploy(contoso, properties(inner, p=[1]))["properties"]
    assert found["provisioningState"] == "Failed"
    assert "'list[0]'" in str(found["error"])


def test_what_holds_a_secret_is_not_shown(contoso: Contoso) -> None:
    inner = typed({"type": "object", "properties": {"key": {"type": "securestring", "nullable": True}}})
    deploy(contoso, properties(inner | {"outputs": {}}, p={"key": "s3cr3t"}))
    assert contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["parameters"] == {"p": {"type": "Object"}}
    deploy(contoso, properties(inner | {"outputs": {}}, p={"other": "x"}))
    assert contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["parameters"]["p"]["value"] == {"other": "x"}


# functions


def functions(**members: JSON) -> list[JSON]:
    """The functions of a template, in the namespace `contoso`."""
    return [{"namespace": "contoso", "members": members}]


def function(value: Any, *names: str, type_: str = "string") -> JSON:
    """A function of strings."""
    return {"parameters": [{"name": each, "type": "string"} for each in names], "output": {"type": type_, "value": value}}


GREET = function("[concat('Hello ', parameters('name'), resourceGroup().location)]", "name")


def test_a_template_has_functions_of_its_own(contoso: Contoso) -> None:
    inner = output("[Contoso.GREET(parameters('p'))]", "string", functions=functions(greet=GREET), parameters={"p": STRING})
    assert outputs(contoso, inner, p="you in ") == {"found": "Hello you in westeurope"}


@pytest.mark.parametrize(
    ("call", "members", "words"),
    [
        ("contoso.none()", {}, "The template function 'contoso.none' is not valid."),
        ("contoso.greet()", {"greet": GREET}, "'contoso.greet' requires 1 argument(s) while 0 were provided."),
        ("contoso.greet(1)", {"greet": GREET}, "Expected 'String, Uri'. Actual 'Integer'."),
        ("contoso.f()", {"f": function("[variables('v')]")}, "The template variable 'v' is not found."),
        ("contoso.f()", {"f": function("[parameters('q')]")}, "The template parameter 'q' is not found."),
        ("contoso.f()", {"f": function("[reference('x').y]")}, "'reference' is not expected at this location"),
        ("contoso.f()", {"f": function("[contoso.greet('x')]"), "greet": GREET}, "function 'contoso.greet' is not valid."),
        ("contoso.f()", {"f": function("[createArray()]")}, "Expected 'String, Uri'. Actual 'Array'."),
        ("contoso.f()", {"f": function("x"), "F": function("y")}, "'contoso.F' is defined multiple times"),
        ("contoso.f()", {"f": {"output": STRING}}, "'value' not found in JSON. Path 'functions[0].members.f.output'"),
        ("contoso.f()", {"f": {"parameters": []}}, "its 'output' has the wrong type"),
        ("contoso.f()", {"f": {"output": STRING, "odd": 1}}, "Could not find member 'odd' on object of type 'TemplateFunction'."),
        ("contoso.f()", {"f": 1}, "The template function at path 'functions[0].members.f' is not valid."),
        (
            "contoso.f()",
            {"f": {"parameters": [STRING | {"name": "a", "defaultValue": "x"}], "output": STRING | {"value": "x"}}},
            "Could not find member 'defaultValue' on object of type 'TemplateFunctionParameter'.",
        ),
    ],
)  # fmt: skip
def test_what_a_function_may_not_do(contoso: Contoso, call: str, members: JSON, words: str) -> None:
    inner = output(f"[{call}]", "string", functions=functions(**members), parameters={"q": STRING}, variables={"v": "x"})
    assert words in refused(contoso, properties(inner, q="x"))["message"]


def test_in_version_2_a_function_may_call_another_and_no_circle(contoso: Contoso) -> None:
    twice = function("[concat(contoso.greet(parameters('name')), contoso.greet('me '))]", "name")
    inner = output("[contoso.twice('you ')]", "string", functions=functions(greet=GREET, twice=twice), languageVersion="2.0")
    inner["resources"] = {}
    assert outputs(contoso, inner) == {"found": "Hello you westeuropeHello me westeurope"}
    circle = functions(f=function("[contoso.g()]"), g=function("[contoso.f()]"))
    inner = output("[contoso.f()]", "string", functions=circle, languageVersion="2.0") | {"resources": {}}
    assert "nested too deeply" in contoso.call("PUT", f"{DEPLOYMENT}/other", properties(inner)).body["error"]["message"]
