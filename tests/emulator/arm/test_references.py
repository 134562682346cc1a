"""What a template asks of resources, in references, listings and outputs."""

from __future__ import annotations

import pytest

from tests.emulator.arm.contoso import (
    VERSION,
    Contoso,
    box,
    boxes,
    deploy,
    module,
    output,
    outputs,
    properties,
    refused,
    template,
)


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
        (f"reference(subscriptionResourceId('A.B/c', 'd'), '{VERSION}')", "The resource namespace 'A.B' is invalid."),
        (f"reference('/subscriptions/x', '{VERSION}')", "does not support the resource"),
        ("reference('new').nope", "The language expression property 'nope' doesn't exist"),
    ],
)
def test_an_impossible_reference_fails_the_outputs(contoso: Contoso, expression: str, words: str) -> None:
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


def test_providers_tells_what_is_offered_for_a_type(contoso: Contoso) -> None:
    found = outputs(contoso, output("[providers('contoso.things', 'Boxes')]"))
    assert found["found"].keys() == {"resourceType", "locations", "apiVersions"}
    assert (found["found"]["resourceType"], found["found"]["apiVersions"]) == ("boxes", ["2025-01-01-preview", VERSION])
    assert "West Europe" in found["found"]["locations"]


def test_providers_is_known_to_modules(contoso: Contoso) -> None:
    inner = output("[providers('Contoso.Things', 'boxes').apiVersions[1]]", "string")
    asked = "[reference('m').outputs.found.value]"
    assert outputs(contoso, output(asked, "string") | {"resources": [module("m", inner)]}) == {"found": VERSION}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'Contoso.Things', 'crates'", "there is no resource type 'crates' in the namespace 'Contoso.Things'"),
        ("'Contoso.Things'", "only a namespace and a resource type are known"),
    ],
)
def test_what_providers_does_not_tell(contoso: Contoso, arguments: str, words: str) -> None:
    assert words in refused(contoso, properties(output(f"[providers({arguments})]")))["message"]
