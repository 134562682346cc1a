"""Parameters of templates: their values, what is refused, and what is never shown."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.arm.contoso import (
    DEPLOYMENT,
    Contoso,
    box,
    box_of,
    deploy,
    output,
    outputs,
    properties,
    refused,
    template,
)


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
        ({"type": "string"}, {}, "The value for the template parameter 'p' at line '1' and column '213' is not provided."),
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
