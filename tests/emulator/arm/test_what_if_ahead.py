"""What a what-if leaves as it is written: what is secret, and what each run makes anew."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, VERSION, Contoso, box, deploy, module, properties, template
from tests.emulator.arm.test_what_if import delta, what_if

SECRET = {"key": {"type": "securestring"}, "hidden": {"type": "secureObject", "defaultValue": {}}}
TIME = {"until": {"type": "string", "defaultValue": "[dateTimeAdd(utcNow('o'), 'PT1H')]"}}
TAGS = {"key": "[parameters('key')]", "until": "[parameters('until')]", "hidden": "[string(parameters('hidden'))]"}


def changes(contoso: Contoso, inner: JSON, **parameters: Any) -> list[JSON]:
    """The changes that a what-if foresees."""
    found = what_if(contoso, properties(inner, **parameters))
    assert found["status"] == "Succeeded", found
    changes: list[JSON] = found["properties"]["changes"]
    return changes


def test_secrets_and_times_stay_expressions_and_look_modified(contoso: Contoso) -> None:
    asked = template(box(tags=TAGS), parameters=SECRET | TIME)
    (created,) = changes(contoso, asked, key="s3cr3t")
    expected = {"hidden": "{}", "key": "[parameters('key')]", "until": "[dateTimeAdd(utcNow('o'), 'PT1H')]"}
    assert created["after"]["tags"] == expected, "a secure default is no secret (recorded)"
    deploy(contoso, properties(asked, key="s3cr3t"))
    (again,) = changes(contoso, asked, key="s3cr3t")
    assert again["changeType"] == "Modify"
    assert delta(again)["tags.key"] == ("Modify", "s3cr3t", "[parameters('key')]")
    assert delta(again)["tags.until"] == ("Modify", again["before"]["tags"]["until"], expected["until"])
    assert delta(again).keys() == {"tags.key", "tags.until"}


def test_a_tag_without_a_value_is_not_said_to_be_there(contoso: Contoso) -> None:
    asked = template(box(tags={"a": "b", "key": "[parameters('key')]"}), parameters={"key": SECRET["key"]})
    deploy(contoso, properties(asked, key=""))
    (again,) = changes(contoso, asked, key="")
    assert delta(again)["tags.key"] == ("Create", None, "[parameters('key')]")


def test_a_module_is_given_the_expression_and_looked_into(contoso: Contoso) -> None:
    inner = template(box(tags=TAGS), parameters=SECRET | {"until": {"type": "string"}})
    passed = {"key": {"value": "[parameters('key')]"}, "until": {"value": "[parameters('until')]"}}
    outer = template(module("m", inner, passed), parameters=SECRET | TIME)
    (created,) = changes(contoso, outer, key="s3cr3t")
    assert created["after"]["tags"]["key"] == "[parameters('key')]"
    assert created["after"]["tags"]["until"] == "[dateTimeAdd(utcNow('o'), 'PT1H')]"


@pytest.mark.parametrize("scope", ["inner", "outer"])
def test_a_resource_whose_name_is_made_anew_cannot_be_foreseen(contoso: Contoso, scope: str) -> None:
    """The words are observed."""
    name = {"n": {"type": "string", "defaultValue": "[newGuid()]"}}
    inner = template(box("[parameters('n')]"), parameters=name)
    outer = template(box("known"), module("m", inner, scope=scope), parameters=name)
    unknown, known = sorted(changes(contoso, outer), key=lambda each: str(each["changeType"]), reverse=True)
    assert (known["changeType"], unknown["changeType"]) == ("Create", "Unsupported")
    assert unknown["resourceId"] == f"[concat('{GROUP}/providers/{BOX}/', newGuid())]"
    reason = unknown["unsupportedReason"]
    place = "properties.template.resources[1].properties.template.resources[0]"
    assert reason.startswith(f"Changes to the resource declared at '{place}' on line 1 and column ")
    assert reason.endswith("Please see https://aka.ms/WhatIfUnidentifiableResource for more guidance.")
    assert unknown["after"]["name"] == "[newGuid()]"


def test_a_run_knows_what_a_what_if_does_not(contoso: Contoso) -> None:
    asked = template(box(tags=TAGS), parameters=SECRET | TIME)
    deploy(contoso, properties(asked, key="s3cr3t"))
    found = contoso.call("GET", f"{GROUP}/providers/{BOX}/box", version=VERSION).body["tags"]
    assert (found["key"], found["until"][:4]) == ("s3cr3t", "2026")


def test_what_a_resource_asks_of_another_by_its_id_is_a_dependency_with_a_version(contoso: Contoso) -> None:
    """`reference` of what the template does not declare is recorded, `list*` observed."""
    deploy(contoso, properties(template(box("there"))))
    there, here = f"{GROUP}/providers/{BOX}/there", f"{GROUP}/providers/{BOX}/here"
    asks = {
        "size": f"[reference('{there}', '{VERSION}').size]",
        "again": f"[reference('{there}', '{VERSION}').size]",
        "key": f"[listKeys('{here}', '{VERSION}').value[0].primaryKey]",
        "not": f"[if(equals(1, 2), reference('{GROUP}/providers/{BOX}/nowhere', '{VERSION}').size, 1)]",
    }
    body = properties(template(box("here"), box("asking", properties=asks, dependsOn=["here"])))
    shown = contoso.call("PUT", f"{DEPLOYMENT}/asks", body).body["properties"]["dependencies"]
    assert [(each["resourceName"], each["dependsOn"]) for each in shown] == [
        (
            "asking",
            [
                {"id": here, "resourceType": BOX, "resourceName": "here"},
                {"id": there, "resourceType": BOX, "resourceName": "there", "apiVersion": VERSION},
                {"id": here, "resourceType": BOX, "resourceName": "here", "apiVersion": VERSION, "actionName": "listKeys"},
            ],
        )
    ]


def test_providers_are_listed_in_the_templates_order(contoso: Contoso) -> None:
    lid = {"type": f"{BOX}/lids", "apiVersion": VERSION, "name": "last/top", "dependsOn": ["last"], "properties": {}}
    body = properties(template(lid, box("last")))
    shown = contoso.call("PUT", f"{DEPLOYMENT}/ordered", body).body["properties"]["providers"]
    assert [each["resourceType"] for each in shown[0]["resourceTypes"]] == ["boxes/lids", "boxes"]
