"""What a template may need, compiled by our compiler and by the real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bicep import real
from tests.bicep import syntax as s
from tests.bicep.compiler import compile_file, sources

REFUSED = {
    "resource-derived-type": "the type resourceInput<>",
    "resource-input-type": "the type resourceInput<>",
}
"""Constructs that our compiler does not know: for these two it would have to know the types of all of Azure."""

PARAMETERS = "param word string\nparam emoji string\nparam number int\nparam list array\nparam thing object\nvar names = []\n"


@pytest.mark.parametrize("name", real.constructs())
def test_it_is_made_to_the_letter_or_refused_by_name(name: str, record_property: Any) -> None:
    files = sources(real.FOLDER / "constructs")
    if name in REFUSED:
        with pytest.raises(s.Refused, match=REFUSED[name]):
            compile_file(f"{name}.bicep", files)
        record_property(real.PROPERTY, f"{name}: {REFUSED[name]}")
        return
    made = json.dumps(real.unsigned(compile_file(f"{name}.bicep", files)), indent=2)
    assert made == real.compiled(real.FOLDER / "constructs" / f"{name}.json")
    record_property(real.PROPERTY, real.MADE)


@real.needed
def test_there_are_as_many_as_we_think() -> None:
    names = real.constructs()
    assert len(names) == 40
    assert set(names) >= REFUSED.keys()


@real.needed
def test_every_expression_is_made_to_the_letter() -> None:
    known = json.loads((real.FOLDER / "expressions.json").read_text(encoding="utf-8"))["expressions"]
    assert len(known) == 159
    ours = {each["bicep"]: _expression(each["bicep"]) for each in known}
    assert ours == {each["bicep"]: each["arm"] for each in known}


def _expression(text: str) -> Any:
    return compile_file("a", {"a": f"{PARAMETERS}var x = {text}\n"})["variables"]["x"]


def test_what_is_waited_for_is_sorted_by_name() -> None:
    others = "".join(f"resource {name} 'Microsoft.Devices/IotHubs@2023-06-30' = {{ name: 'h{name}' }}\n" for name in "bAc")
    text = f"{others}{HUB} = {{\n  name: 'h'\n  tags: {{ c: c.id, b: b.name, a: A.id }}\n  dependsOn: [ c ]\n}}\n"
    found = compile_file("a", {"a": text})["resources"][-1]["dependsOn"]
    assert found == [f"[resourceId('Microsoft.Devices/IotHubs', 'h{name}')]" for name in "Abc"]


def test_a_loop_is_waited_for_turn_by_turn_where_it_can_be() -> None:
    turn = "[resourceId('Microsoft.Devices/IotHubs', parameters('names')[copyIndex()])]"
    each = "resource each 'Microsoft.Devices/IotHubs@2023-06-30' = [for (n, i) in names:"
    by_turn = compile_file("a", {"a": f"{MANY}{each} {{ name: '${{n}}2', tags: {{ of: hub[i].id }} }}]\n"})
    assert by_turn["resources"][-1]["dependsOn"] == [turn]
    inside = "[for (n, i) in names: hub[i].id]"
    at_once = compile_file(
        "a", {"a": f"{MANY}{HUB.replace('hub', 'one')} = {{\n  name: 'x'\n  properties: {{ of: {inside} }}\n}}\n"}
    )
    assert at_once["resources"][-1]["dependsOn"] == ["hub"]


def test_a_secure_output_of_a_module_makes_resources_symbolic() -> None:
    files = {"a": "module m 'b' = { name: 'm' }", "b": "@secure()\noutput key string = 'x'\n"}
    assert compile_file("a", files)["languageVersion"] == "2.0"
    assert "languageVersion" not in compile_file("a", files | {"b": "output key string = 'x'\n"})


HUB = "resource hub 'Microsoft.Devices/IotHubs@2023-06-30'"
MANY = f"param names array\n{HUB} = [for name in names: {{ name: name }}]\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("assert a = true", "the declaration 'assert'"),
        ("extension kubernetes", "the declaration 'extension'"),
        ("import * as all from 'b.bicep'", "an import of everything"),
        ("import { a } from 'c.bicep'", "the file 'c.bicep'"),
        ("import { a } from 'b.bicep'\nparam x a", "the import of 'a', which is no exported type"),
        ("import { c } from 'b.bicep'\nparam x c", "the import of a type that names another"),
        ("targetScope = 'tenant'", "targetScope 'tenant'"),
        ("var a string = 'x'", "a variable with a type"),
        ("@export()\nvar a = 'x'", "the decorator @export()"),
        ("@sealed()\ntype a = { b: string }", "the decorator @sealed()"),
        ("@discriminator('kind')\ntype a = { kind: 'x' } | { kind: 'y' }", "the decorator @discriminator()"),
        ("@retryOn(['x'])\n" + HUB + " = { name: 'h' }", "the decorator @retryOn()"),
        ("param a [string, int]", "a tuple type"),
        ("param a resourceInput<'Microsoft.Devices/IotHubs@2023-06-30'>", "the type resourceInput<>"),
        ("type a = { b: string }\nparam c a.b", "a type that is part of another"),
        ("param a missing", "the type 'missing'"),
        ("param a ('x' | 'y')[]", "an array of a union"),
        ("param a 'x' | 1", "a union of other things than texts or numbers"),
        ("@secure()\nparam a int", "@secure() of another type than string and object"),
        ("param a -1 | 1", "a type that is an expression"),
        ("var a = loadTextContent('x.txt')", "the function loadTextContent()"),
        ("var a = nameof(1)", "the function nameof()"),
        ("var a = missing", "the name 'missing'"),
        ("var a = '[x'", "a text that begins with [ and does not end with ]"),
        ("var a = {\n  b: [\n    [for i in range(0, 2): i]\n  ]\n}", "a loop inside a value"),
        (f"{HUB} existing = {{ name: 'h' }}\nvar a = hub.properties.x",
         "the variable 'a', which needs what a resource says at run time"),
        (f"{HUB} existing = {{ name: 'h' }}\noutput a string = hub.getSecret()", "the method getSecret()"),
        (f"{HUB} = {{\n  ...{{}}\n  name: 'h'\n}}", "hub: a spread in a resource's body"),
        (f"{MANY}output all array = map(hub, each => each.id)", "hub: all that a loop makes, at once"),
        ("resource c 'Microsoft.Devices/IotHubs/x@2023-06-30' = { name: 'h/c' }", "c: a child resource without a parent"),
        (f"param t string?\n{HUB} = {{\n  name: 'h'\n  resource c 'x' = {{ name: 'c' }}\n}}",
         "hub::c: a nested resource, in languageVersion 2.0"),
        ("module m 'd.bicep' = { scope: subscription() }", "m: a resource or module in another scope"),
        ("targetScope = 'subscription'\nmodule m 'd.bicep' = { name: 'm' }", "m: a module without a scope, in a subscription"),
        ("module m 'd.bicep' = { params: { a: [for i in range(0, 2): i] } }", "m: a loop or a spread as a module's parameter"),
        ("param a string = 'x", "line 1: a text without an end"),
        ("param a string = ~", "line 1: '~'"),
        ("param a = 'x'", "line 1: '=' where a name is expected"),
        ("output a int = 1 +", "line 1: 'end' where a name is expected"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_name(text: str, why: str) -> None:
    others = {"b.bicep": "type a = string\n@export()\ntype c = { of: a }\n", "d.bicep": "param a array = []\n"}
    with pytest.raises(s.Refused) as refused:
        compile_file("a.bicep", {"a.bicep": text, **others})
    assert str(refused.value) == why
