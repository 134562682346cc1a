"""How deployments are written and shown: as recordings have them, whatever the template."""

from __future__ import annotations

import json

import pytest

from dpsops.emulator.arm.deployment_records import camel_case
from dpsops.emulator.arm.template.json_text import Located, parse
from dpsops.emulator.arm.template.normal import minified, normal, template_hash
from dpsops.emulator.habits import Habits
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, Contoso, box, deploy, module, properties, template

SENT = """{"properties": {"mode": "Incremental", template:{
  // as its author wrote it
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0", /* and
  more */
  "parameters": {
    "size": {
      "type": "int", "metadata": {"description": "two
        lines"}
    }
  },
  "resources": [ ]
}}}"""


def test_a_body_is_taken_as_its_author_wrote_it_and_errors_have_its_places(contoso: Contoso) -> None:
    answer = contoso.call("POST", f"{DEPLOYMENT}/main/validate", SENT.encode())
    assert answer.status == 400
    assert (
        "The value for the template parameter 'size' at line '7' and column '13' is not provided."
        in answer.body["error"]["message"]
    )
    violation = {"lineNumber": 7, "linePosition": 13, "path": "properties.template.parameters.size"}
    assert answer.body["error"]["additionalInfo"] == [{"type": "TemplateViolation", "info": violation}]
    asked = contoso.call("POST", f"{DEPLOYMENT}/main/whatIf", SENT.encode())
    info = contoso.follow(asked.headers["Location"]).body["error"]["additionalInfo"][0]["info"]
    assert info["lineNumber"] == 1, "a what-if reads the body anew, without spaces"
    given = SENT.replace('"mode"', '"parameters": {"size": {"value": 3, "reference": null}}, "mode"')
    assert contoso.call("POST", f"{DEPLOYMENT}/main/validate", given.encode()).status == 200
    for wrong in (SENT[:-1], SENT + "x", SENT.replace("template:", "{template:"), SENT.replace('"int"', "int"), '{"a" 1}', "[1,"):
        refused = contoso.call("POST", f"{DEPLOYMENT}/main/validate", wrong.encode())
        assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidRequestContent")


def test_only_declarations_keep_their_place() -> None:
    found = parse(SENT)
    assert isinstance(found["properties"]["template"]["parameters"]["size"], Located)
    assert type(found["properties"]["template"]) is dict
    assert parse('[{"a": [1.5, -2e3, true, null, "\\u00e9"]}]') == [{"a": [1.5, -2000.0, True, None, "é"]}]
    with pytest.raises(ValueError, match="levels"):
        parse("[" * 70 + "]" * 70)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("NewNSG", "newNSG"),
        ("AZURE_STORAGE_ACCOUNT_ID", "azurE_STORAGE_ACCOUNT_ID"),
        ("STRING", "string"),
        ("ARRAY_INT", "arraY_INT"),
        ("vaultName", "vaultName"),
        ("ID", "id"),
        ("X", "x"),
        ("_X", "_X"),
    ],
)
def test_names_of_outputs(name: str, shown: str) -> None:
    assert camel_case(name) == shown


def test_what_was_made_is_listed_by_id_in_any_case(contoso: Contoso) -> None:
    found = deploy(contoso, properties(template(box("b"), box("C"), box("a"))))
    assert [each["id"] for each in found["properties"]["outputResources"]] == [
        f"{GROUP}/providers/{BOX}/{name}" for name in ("a", "b", "C")
    ]


def test_nulls_are_shown_by_the_put_and_left_out_by_the_get(contoso: Contoso) -> None:
    nothing = {"n": {"type": "object", "defaultValue": {}}}
    body = properties(template(parameters=nothing, outputs={"NEW_One": {"type": "object", "value": {}}}))
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", body)
    assert begun.body["properties"]["parameters"] == {"n": {"type": "Object", "value": {}}}
    assert contoso.call("GET", f"{DEPLOYMENT}/main").body["properties"]["outputs"] == {"neW_One": {"type": "Object", "value": {}}}
    bare = deploy(contoso, properties(template()), "bare")["properties"]
    assert not {"parameters", "outputs"} & bare.keys(), "a template without such sections shows none"


def test_a_template_is_known_by_its_compilers_hash_or_by_its_text(contoso: Contoso) -> None:
    plain = template(box(dependsOn=[]), parameters={"p": {"type": "string", "defaultValue": "x"}})
    compiled = plain | {"metadata": {"_generator": {"name": "bicep", "templateHash": "12345"}}}
    assert deploy(contoso, properties(compiled))["properties"]["templateHash"] == "12345"
    shown = contoso.call("POST", f"{DEPLOYMENT}/main/exportTemplate").body["template"]
    assert list(shown) == ["$schema", "contentVersion", "parameters", "resources", "metadata"]
    assert list(shown["resources"][0]) == ["type", "apiVersion", "name", "location", "dependsOn"]
    assert shown["parameters"] == {"p": {"defaultValue": "x", "type": "String"}}
    answer = contoso.call("POST", "/providers/Microsoft.Resources/calculateTemplateHash", plain)
    assert answer.body == {
        "minifiedTemplate": minified(normal(plain)),
        "templateHash": template_hash(plain, as_sent=False),
    }
    assert contoso.call("POST", "/providers/Microsoft.Resources/calculateTemplateHash", []).status == 400


def test_the_order_of_members_changes_the_hash_only_of_what_was_sent() -> None:
    one, other = ({"type": "A.B/c", "name": "x"}, {"name": "x", "type": "A.B/c"})
    hashes = {as_sent: [template_hash(template(each), as_sent=as_sent) for each in (one, other)] for as_sent in (True, False)}
    assert len(set(hashes[False])) == 1
    assert len(set(hashes[True])) == 2
    assert template_hash(template(one | {"type": "a.b/C"}), as_sent=False) == hashes[False][0], "it is taken of capitals"


def test_how_a_refusal_is_quoted(contoso: Contoso) -> None:
    body = properties(template(module("m", template(box(properties={"size": 12}))), outputs={}))
    data = deploy(contoso, body)["properties"]["error"]
    (nested,) = data["details"]
    assert (data["target"], nested["code"]) == (f"{DEPLOYMENT}/main", "ResourceDeploymentFailure")
    assert nested["details"][0]["details"][0] == {
        "code": "BoxTooLarge",
        "message": "The size 12 is too large.",
        "target": f"{GROUP}/providers/{BOX}/box",
    }
    contoso.azure.habits = Habits(quoted_refusals=True)
    quoted = deploy(contoso, body)["properties"]["error"]
    assert "target" not in quoted
    (conflict,) = quoted["details"]
    assert conflict["code"] == "Conflict"
    inside = json.loads(conflict["message"])
    assert (inside["status"], inside["error"]["code"]) == ("Failed", "ResourceDeploymentFailure")
    innermost = inside["error"]["details"][0]["details"][0]
    assert innermost["code"] == "BadRequest"
    assert json.loads(innermost["message"]) == {"error": {"code": "BoxTooLarge", "message": "The size 12 is too large."}}
    assert "\r\n" in conflict["message"]
    (operation,) = contoso.call("GET", f"{GROUP}/deployments/main/operations").body["value"]
    assert operation["properties"]["statusMessage"] == inside, "in the operation it is data"


def test_a_late_cancellation_tells_why(contoso: Contoso) -> None:
    deploy(contoso, properties(template()))
    late = contoso.call("POST", f"{DEPLOYMENT}/main/cancel")
    assert (late.status, late.body["error"]["message"]) == (
        409,
        "The deployment 'main' cannot be cancelled because it has provisioning state 'Succeeded' or it has already expired "
        "(expiration time is '3/8/2026 12:00:00 PM').",
    )


def test_the_evaluation_of_the_outputs_comes_last_under_the_number_that_is_polled(contoso: Contoso) -> None:
    begun = contoso.call("PUT", f"{DEPLOYMENT}/main", properties(template(box("a"), box("b"))))
    number = begun.headers["Azure-AsyncOperation"].rpartition("/")[2].partition("?")[0]
    assert number == f"{2**63 - 1 - (62_135_596_800 + 1_772_366_400) * 10**7:020d}"
    operations = contoso.call("GET", f"{GROUP}/deployments/main/operations").body["value"]
    assert [each["operationId"] for each in operations][-1] == number
    assert operations[0]["properties"].keys() >= {"trackingId", "serviceRequestId", "targetResource"}


def test_what_is_validated_is_listed_as_the_template_has_it(contoso: Contoso) -> None:
    inner = template(box("d", dependsOn=[f"{BOX}/c"]), box("c"))
    body = properties(template(box("b", dependsOn=[f"{BOX}/a"]), module("m", inner), box("a")))
    found = contoso.call("POST", f"{DEPLOYMENT}/main/validate", body).body["properties"]["validatedResources"]
    assert [each["id"].rpartition("/")[2] for each in found] == ["b", "m", "d", "c", "a"]
