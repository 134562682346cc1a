"""The template language: what is read, what it evaluates to, and what is refused in which words."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.arm.template.evaluator import Names
from dpsops.emulator.arm.template.hashing import guid, hash64, unique_string
from dpsops.emulator.arm.template.parser import Call, Expression, InvalidExpression, Item, Literal, Member, parse, read, render
from dpsops.emulator.arm.template.place import Place, deferred
from dpsops.emulator.arm.template.values import Deferred, TemplateError, as_expression, composite, shown
from tests.emulator.arm.expressions import GROUP, SUBSCRIPTION, evaluate, evaluator

NAMES = st.from_regex(r"[A-Za-z_$][A-Za-z0-9_$]{0,8}", fullmatch=True)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.builds(Literal, st.text(max_size=8) | st.integers(-99, 99)),
    lambda inner: (
        st.builds(Call, NAMES, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Member, inner, NAMES)
        | st.builds(Item, inner, inner)
    ),
    max_leaves=8,
)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_an_expression_written_down_is_read_as_itself(expression: Expression) -> None:
    assert parse(render(expression)) == expression
    assert read(f"[{render(expression)}]") == expression


@given(st.text())
def test_text_that_is_no_expression_is_itself_and_can_always_be_written(text: str) -> None:
    bracketed = text.startswith("[") and text.endswith("]")
    assert read(f"[{text}" if bracketed else text) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[", "["),
        ("[abc", "[abc"),
        ("[[abc", "[[abc"),
        ("[[abc]", "[abc]"),
        ("abc]", "abc]"),
        ("[[]", "[]"),
    ],
)
def test_brackets(text: str, wanted: str) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted", "actual"),
    [
        ("concat('a'", "Comma", "EndOfData"),
        ("parameters", "LeftParenthesis", "EndOfData"),
        ("", "Identifier", "EndOfData"),
        ("f(1,)", "Identifier", "RightParenthesis"),
        ("f()[0", "RightSquareBracket", "EndOfData"),
        ("f().", "Identifier", "EndOfData"),
        ("1 2", "EndOfData", "Integer"),
    ],
)
def test_an_invalid_expression_is_refused_in_azures_words(text: str, wanted: str, actual: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        parse(text)
    expected = f"Unable to parse language expression '{text}': expected token '{wanted}' and actual '{actual}'."
    assert str(refused.value) == expected


@pytest.mark.parametrize("text", ["f(#)", "'open", "a b()", 'f("x")'])
def test_an_invalid_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression, match="Unable to parse language expression"):
        parse(text)


def test_unique_string_vectors() -> None:
    assert unique_string(["/subscriptions/00000000-0000-0000-0000-000000000000", "resource-id"]) == "cwvxuqg24sifi"
    machine = (
        "/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/rg-modm201-20230913120256"
        "/providers/Microsoft.Compute/virtualMachines/bobjacmodm201"
    )
    assert unique_string([machine]) == "yvjxno3je5on2"


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_names_made_by_hashing_are_stable_and_well_formed(parts: list[str]) -> None:
    name = unique_string(parts)
    assert len(name) == 13
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert name == unique_string(["-".join(parts)])
    assert guid(parts) == guid(["-".join(parts)])
    assert guid(parts)[14] == "5"
    assert 0 <= hash64(parts[0].encode()) < 1 << 64


def test_guid_is_a_uuid5_in_resource_managers_namespace() -> None:
    assert (
        evaluate("[guid('a', 'b')]")
        == str(uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b"))
        == "2d796349-8c7e-55ec-9624-54ece82ed031"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[concat('a', 'b', 1)]", "ab1"),
        ("[concat(createArray(1), createArray(2, 3))]", [1, 2, 3]),
        ("[format('{0}-{1}-{0}', 'x', 7)]", "x-7-x"),
        ("[format('{0:D3}|{1,4}|{1,-4}|{{}}', 7, 'ab')]", "007|  ab|ab  |{}"),
        ("[format('{0}', true())]", "True"),
        ("[string(createObject('a', 1))]", '{"a":1}'),
        (f"[{'string(' * 63}1{')' * 63}]", "1"),
        ("[toLower('AbC')]", "abc"),
        ("[toUpper('AbC')]", "ABC"),
        ("[trim('  a ')]", "a"),
        ("[replace('banana', 'an', 'o')]", "booa"),
        ("[substring('abcdef', 2, 3)]", "cde"),
        ("[substring('abcdef', 2)]", "cdef"),
        ("[split('a,b;c', createArray(',', ';'))]", ["a", "b", "c"]),
        ("[join(createArray('a', 1), '-')]", "a-1"),
        ("[padLeft(7, 3, '0')]", "007"),
        ("[startsWith('Abc', 'aB')]", True),
        ("[endsWith('Abc', 'BC')]", True),
        ("[indexOf('aBc', 'b')]", 1),
        ("[lastIndexOf('abab', 'B')]", 3),
        ("[base64('å')]", "w6U="),
        ("[base64ToString('w6U=')]", "å"),
        ("[base64ToJson('eyJhIjoxfQ==').a]", 1),
        ("[json('{\"a\": [1, null]}')]", {"a": [1, None]}),
        ("[int('12')]", 12),
        ("[bool('True')]", True),
        ("[bool(0)]", False),
        ("[and(true(), true(), false())]", False),
        ("[or(false(), true())]", True),
        ("[not(false())]", True),
        ("[equals(createObject('a', 1), createObject('a', 1))]", True),
        ("[equals(1, true())]", False),
        ("[greater(2, 1)]", True),
        ("[greaterOrEquals('a', 'b')]", False),
        ("[less(1, 1)]", False),
        ("[lessOrEquals(1, 1)]", True),
        ("[coalesce(null(), 'x')]", "x"),
        ("[coalesce(null(), null())]", None),
        ("[empty(createArray())]", True),
        ("[empty(parameters('nothing'))]", True),
        ("[contains('abc', 'B')]", False),
        ("[contains(createArray(1, 2), 2)]", True),
        ("[contains(parameters('map'), 'KEY')]", True),
        ("[length(parameters('items'))]", 2),
        ("[first('abc')]", "a"),
        ("[last(createArray(1, 2))]", 2),
        ("[take(createArray(1, 2, 3), 2)]", [1, 2]),
        ("[skip('abc', 1)]", "bc"),
        ("[range(2, 3)]", [2, 3, 4]),
        ("[array('a')]", ["a"]),
        ("[createObject('a', 1, 'b', createArray())]", {"a": 1, "b": []}),
        ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
        ("[union(createObject('a', createObject('x', 1)), createObject('a', createObject('y', 2)))]", {"a": {"x": 1, "y": 2}}),
        ("[shallowMerge(createArray(createObject('a', createObject('x', 1)), createObject('a', 2)))]", {"a": 2}),
        ("[intersection(createArray(1, 2, 3), createArray(3, 2))]", [2, 3]),
        ("[intersection(createObject('a', 1, 'b', 2), createObject('a', 1, 'b', 3))]", {"a": 1}),
        ("[items(createObject('b', 1, 'a', 2))[0]]", {"key": "a", "value": 2}),
        ("[tryGet(parameters('map'), 'other', 'deep')]", 7),
        ("[tryGet(parameters('map'), 'missing', 'deep')]", None),
        ("[min(3, 1, 2)]", 1),
        ("[max(createArray(3, 1))]", 3),
        ("[add(1, 2)]", 3),
        ("[sub(1, 2)]", -1),
        ("[mul(3, -2)]", -6),
        ("[div(-7, 2)]", -3),
        ("[mod(-7, 2)]", -1),
        ("[if(parameters('flag'), 'yes', div(1, 0))]", "yes"),
        ("[parameters('ITEMS')[1].NAME]", "b"),
        ("[parameters('map')['key']]", "value"),
        ("[copyIndex()]", 1),
        ("[copyIndex(10)]", 11),
        ("[copyIndex('lids', 2)]", 6),
        ("[map(parameters('items'), lambda('each', lambdaVariables('each').name))]", ["a", "b"]),
        ("[filter(parameters('items'), lambda('each', greater(lambdaVariables('each').size, 1)))]", [{"name": "b", "size": 2}]),
        (
            "[toObject(parameters('items'), lambda('i', lambdaVariables('i').name), lambda('i', lambdaVariables('i').size))]",
            {"a": 1, "b": 2},
        ),
        ("[resourceId('Microsoft.KeyVault/vaults', 'kv')]", f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"),
        (
            "[resourceId('other', 'A.B/c/d', 'e', 'f')]",
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other/providers/A.B/c/e/d/f",
        ),
        ("[resourceId('sub', 'other', 'A.B/c', 'e')]", "/subscriptions/sub/resourceGroups/other/providers/A.B/c/e"),
        ("[subscriptionResourceId('A.B/c', 'd')]", f"/subscriptions/{SUBSCRIPTION}/providers/A.B/c/d"),
        ("[subscriptionResourceId('sub', 'A.B/c', 'd')]", "/subscriptions/sub/providers/A.B/c/d"),
        ("[tenantResourceId('A.B/c', 'd')]", "/providers/A.B/c/d"),
        ("[extensionResourceId('/x/y', 'A.B/c', 'd')]", "/x/y/providers/A.B/c/d"),
        ("[subscription().tenantId]", "tenant"),
        ("[resourceGroup().location]", "westeurope"),
        ("[tenant().tenantId]", "tenant"),
        ("[deployment().name]", "main"),
        ("[deployer().objectId]", "object"),
        ("[environment().suffixes.keyvaultDns]", ".vault.azure.net"),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = evaluate(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[frobnicate(1)]", "The template function 'frobnicate' is not valid. Please see https://aka.ms/arm-functions"),
        ("[parameters('x')]", "The template parameter 'x' is not found."),
        ("[variables('x')]", "The template variable 'x' is not found."),
        (
            "[parameters('map').nope]",
            "The language expression property 'nope' doesn't exist, available properties are 'Key, other'.",
        ),
        ("[parameters('items')[2]]", "The language expression property array index '2' is out of bounds."),
        ("[parameters('name').length]", "property name can only be used on an object"),
        ("[parameters('items')['a']]", "property name must be a string on an object or an integer on an array"),
        ("[toLower(1)]", "Unable to evaluate template language function 'toLower': argument 1 is of type 'Integer'"),
        ("[toLower()]", "function requires 1 argument(s) while 0 were provided"),
        ("[toLower('a', 'b')]", "function requires 1 argument(s) while 2 were provided"),
        ("[add(1, true())]", "argument 2 is of type 'Boolean'"),
        ("[concat('a', createArray())]", "the arguments must be all arrays or all strings"),
        ("[union(createArray(), createObject())]", "the arguments must be all arrays or all objects"),
        ("[intersection(createArray(), createObject())]", "the arguments must be all arrays or all objects"),
        ("[createObject('a')]", "pairs of a key and a value"),
        ("[less(1, 'a')]", "of the same type"),
        ("[div(1, 0)]", "Unable to evaluate template language function 'div'"),
        ("[substring('abc', 2, 5)]", "within the string"),
        ("[int('x')]", "Unable to evaluate template language function 'int'"),
        ("[bool('x')]", "the string 'x' is no boolean"),
        ("[json('{')]", "Unable to evaluate template language function 'json'"),
        ("[base64ToString('å')]", "Unable to evaluate template language function 'base64ToString'"),
        ("[format('{1}', 'a')]", "Unable to evaluate template language function 'format'"),
        ("[format('{', 'a')]", "Unable to evaluate template language function 'format'"),
        ("[format('{0:Q}', 1)]", "the format string 'Q' is not valid"),
        ("[min()]", "Unable to evaluate template language function 'min'"),
        ("[max(createArray())]", "integers"),
        ("[range(0, 10001)]", "between 0 and 10000"),
        ("[padLeft('a', 3, '00')]", "the padding must be one character"),
        ("[if('x', 1, 2)]", "expects its first parameter to be a boolean"),
        ("[reference('x')]", "The template function 'reference' is not expected at this location."),
        ("[listKeys('x', '2024-01-01')]", "The template function 'listKeys' is not expected at this location."),
        ("[utcNow()]", "The template function 'utcNow' is not expected at this location."),
        ("[newGuid()]", "The template function 'newGuid' is not expected at this location."),
        ("[copyIndex('none')]", "The template function 'copyIndex' is not expected at this location."),
        ("[lambdaVariables('x')]", "The template function 'lambdaVariables' is not expected at this location."),
        ("[map(parameters('items'), 'x')]", "expects a lambda function"),
        ("[resourceId('vaults', 'kv')]", "function requires exactly one multi-segmented argument"),
        ("[resourceId('A.B/c', 'd', 'e')]", "function requires exactly one multi-segmented argument"),
        ("[subscription('x')]", "function requires 0 argument(s) while 1 were provided"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        evaluate(text)
    assert words in str(refused.value)


def test_defaults_of_parameters_know_the_time_but_no_variables() -> None:
    place = Place(default=True)
    assert evaluate("[utcNow()]", place) == "20260301T120000Z"
    assert evaluate("[utcNow('yyyy-MM-dd')]", place) == "2026-03-01"
    assert evaluate("[utcNow('u')]", place) == "2026-03-01 12:00:00Z"
    assert evaluate("[utcNow('d')]", place) == "03/01/2026"
    with pytest.raises(TemplateError, match="'utcNow': the format of a time 'F' is not known here"):
        evaluate("[utcNow('F')]", place)
    assert evaluate("[newGuid()]", place) != evaluate("[newGuid()]", place)
    with pytest.raises(TemplateError, match="The template function 'variables' is not expected at this location"):
        evaluate("[variables('x')]", place)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[reference(parameters('name')).host]", "[reference('kv').host]"),
        (
            "[parameters('items')[reference('x').n].name]",
            "[createArray(createObject('name', 'a', 'size', 1), createObject('name', 'b', 'size', 2))[reference('x').n].name]",
        ),
        ("[concat('a', reference('x').y[parameters('count')])]", "[concat('a', reference('x').y[3])]"),
        ("[if(reference('x').flag, parameters('flag'), null())]", "[if(reference('x').flag, true(), null())]"),
        ("[if(parameters('flag'), 'known', reference('x').y)]", "known"),
        ("[createObject('a', reference('x').y).a]", "[createObject('a', reference('x').y).a]"),
        ("[length(listKeys('x', '1').value)]", "[length(listKeys('x', '1').value)]"),
        (
            "[map(reference('x').list, lambda('i', lambdaVariables('i').n))]",
            "[map(reference('x').list, lambda('i', lambdaVariables('i').n))]",
        ),
    ],
)
def test_a_value_that_only_the_deployment_knows_stays_an_expression(text: str, left: str) -> None:
    assert shown(evaluate(text, Place(runtime=deferred))) == left


@given(JSON_VALUES)
def test_any_value_can_be_written_as_an_expression(value: Any) -> None:
    assert evaluator().expression(parse(render(as_expression(value))), Place()) == value


def test_a_deferred_value_is_written_as_what_is_left_of_it() -> None:
    assert as_expression([Deferred(Call("reference", (Literal("x"),)))]) == Call(
        "createArray", (Call("reference", (Literal("x"),)),)
    )


@given(st.text(st.characters(exclude_characters="{}")), st.text(), st.integers())
def test_format_fills_in_and_keeps_the_rest(around: str, first: str, second: int) -> None:
    assert composite(f"{around}{{0}}{{{{{around}}}}}{{1}}", (first, second)) == f"{around}{first}{{{around}}}{second}"


def test_objects_have_computed_keys_and_property_loops() -> None:
    source = {
        "[concat('k', 1)]": "[[literal]",
        "copy": [{"name": "boxes", "count": 2, "input": {"index": "[copyIndex('boxes')]"}}],
        "nested": {"copy": "plain data"},
    }
    assert evaluator().value(source, Place()) == {
        "k1": "[literal]",
        "boxes": [{"index": 0}, {"index": 1}],
        "nested": {"copy": "plain data"},
    }


@pytest.mark.parametrize("count", [-1, 801, "[true()]", "2"])
def test_loops_have_a_limit(count: Any) -> None:
    with pytest.raises(TemplateError, match="copy count"):
        evaluator().value({"copy": [{"name": "x", "count": count, "input": 1}]}, Place())


def test_names_that_need_each_other_are_refused() -> None:
    names = Names("variable", {"a": lambda: names["b"], "b": lambda: names["A"]})
    with pytest.raises(TemplateError, match="Circular dependency detected on variable: 'a -> b -> a'"):
        names["a"]
