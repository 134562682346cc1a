"""Arrays, objects and lambdas in templates: keys without case, and nothing guessed where Azure's answer is not known."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.arm.template.place import Place, deferred
from dpsops.emulator.arm.template.values import TemplateError, shown
from tests.emulator.arm.expressions import evaluate


def double(name: str = "x") -> str:
    """A lambda."""
    return f"lambda('{name}', mul(lambdaVariables('{name}'), 2))"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[union(createObject('a', 1), createObject('A', 2, 'b', 3))]", {"A": 2, "b": 3}),
        ("[union(createObject('a', createObject('X', 1)), createObject('A', createObject('x', 2)))]", {"A": {"x": 2}}),
        ("[union(createObject('a', 1), createObject('a', null(), 'b', null()))]", {"a": 1, "b": None}),
        ("[union(createObject('a', null()), createObject('a', createObject('b', 1)))]", {"a": {"b": 1}}),
        ("[shallowMerge(createArray(createObject('a', 1, 'b', 2), createObject('A', null())))]", {"A": None, "b": 2}),
        ("[intersection(createArray(3, 1, 3), createArray(3, 3, 1), createArray(1, 3))]", [3, 1]),
        ("[contains(createObject('Größe', 1), 'GRÖßE')]", True),
        ("[tryGet(createObject('Ä', 7), 'ä')]", 7),
        ("[createObject('Ä', 7)['ä']]", 7),
        ("[flatten(createArray(createArray(1, createArray(2)), createArray()))]", [1, [2]]),
        ("[objectKeys(createObject('b', 1, 'a', 2))]", ["a", "b"]),
        ("[items(createObject('b', 1, 'a', 2))]", [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ("[map(createArray('a', 'b'), lambda('x', 'i', concat(lambdaVariables('x'), lambdaVariables('i'))))]", ["a0", "b1"]),
        ("[filter(createArray('a', 'b', 'c'), lambda('x', 'i', greater(lambdaVariables('i'), 0)))]", ["b", "c"]),
        ("[reduce(createArray(1, 2, 3), 10, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))]", 16),
        (
            "[reduce(createArray('a', 'b'), '', lambda('a', 'b', 'i', concat(lambdaVariables('a'), lambdaVariables('b'), "
            "lambdaVariables('i'))))]",
            "a0b1",
        ),
        ("[reduce(createArray(), 'start', lambda('a', 'b', lambdaVariables('b')))]", "start"),
        ("[sort(createArray('b', 'A', 'a'), lambda('x', 'y', less(lambdaVariables('x'), lambdaVariables('y'))))]", list("aAb")),
        ("[sort(createArray(1, 3, 2, 3), lambda('x', 'y', greater(lambdaVariables('x'), lambdaVariables('y'))))]", [3, 3, 2, 1]),
        ("[sort(createArray(2, 1, 2), lambda('x', 'y', lessOrEquals(lambdaVariables('x'), lambdaVariables('y'))))]", [1, 2, 2]),
        ("[groupBy(createArray(11, 25, 12), lambda('x', string(div(lambdaVariables('x'), 10))))]", {"1": [11, 12], "2": [25]}),
        (f"[mapValues(createObject('a', 1, 'b', 2), {double()})]", {"a": 2, "b": 4}),
        (f"[map(createArray(createArray(1, 2)), lambda('l', map(lambdaVariables('l'), {double()})))]", [[2, 4]]),
        ("[map(createArray(), lambda('x', div(1, 0)))]", []),
        ("[toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')))]", {"a": "a", "b": "b"}),
        ("[parseCidr('fdad:3236:5555::/48')]", {
            "network": "fdad:3236:5555::",
            "netmask": "ffff:ffff:ffff::",
            "firstUsable": "fdad:3236:5555::",
            "lastUsable": "fdad:3236:5555:ffff:ffff:ffff:ffff:ffff",
            "cidr": 48,
        }),
        ("[parseCidr('192.168.1.0/24').lastUsable]", "192.168.1.254"),
        ("[cidrSubnet('10.144.0.0/20', 24, 4)]", "10.144.4.0/24"),
        ("[cidrSubnet('fdad:3236:5555::/48', 52, 1)]", "fdad:3236:5555:1000::/52"),
        ("[cidrHost('10.144.3.0/24', 0)]", "10.144.3.1"),
        ("[cidrHost('fdad:3236:5555:3000::/52', 4)]", "fdad:3236:5555:3000::5"),
        ("[dateTimeAdd('2023-01-01 00:00:00Z', 'P1Y')]", "2024-01-01T00:00:00Z"),
        ("[dateTimeAdd('2024-01-01 00:00:00Z', 'P1Y')]", "2024-12-31T00:00:00Z"),
        ("[dateTimeAdd('2024-02-01T00:00:00Z', 'P1M')]", "2024-03-02T00:00:00Z"),
        ("[dateTimeAdd('2020-04-07 14:53:14Z', '-P9DT1H1M1S', 'u')]", "2020-03-29 13:52:13Z"),
        ("[dateTimeAdd('2020-04-07 14:03:04Z', 'PT0S', 'M/d yy h:m:s tt')]", "4/7 20 2:3:4 PM"),
        ("[dateTimeFromEpoch(0)]", "1970-01-01T00:00:00Z"),
        ("[dateTimeToEpoch('1970-01-01T01:00:01+01:00')]", 1),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    found = evaluate(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # Keys that are the same but for their case.
        ("[createObject('a', 1, 'A', 2)]", "keys that are the same but for their case"),
        ("[equals(createObject('a', 1), createObject('A', 1))]", "keys that are the same but for their case"),
        ("[equals(createArray(createObject('a', 1)), createArray(createObject('A', 1)))]", "but for their case"),
        ("[intersection(createObject('a', 1), createObject('A', 1))]", "keys that are the same but for their case"),
        ("[toObject(createArray('a', 'A'), lambda('x', lambdaVariables('x')))]", "keys that are the same but for their case"),
        ("[toObject(createArray('a', 'a'), lambda('x', lambdaVariables('x')))]", "keys that are the same but for their case"),
        ("[groupBy(createArray('a', 'A'), lambda('x', lambdaVariables('x')))]", "keys that are the same but for their case"),
        ("[items(createObject('B', 1, 'a', 2))]", "the order of these keys is not known here: 'B, a'"),
        ("[objectKeys(createObject('a_b', 1, 'ab', 2))]", "the order of these keys is not known here"),
        # Lambdas.
        ("[map(createArray(1), lambda('a', 'b', 'c', 1))]", "The lambda function has 3 variable(s); 1 to 2 are expected."),
        ("[reduce(createArray(1), 0, lambda('a', 1))]", "The lambda function has 1 variable(s); 2 to 3 are expected."),
        ("[sort(createArray(1), lambda('a', true()))]", "The lambda function has 1 variable(s); 2 are expected."),
        ("[map(createArray(1), 'x')]", "expects a lambda function"),
        ("[map(createArray(1))]", "function requires 2 argument(s) while 1 were provided"),
        ("[map('abc', lambda('x', 1))]", "argument 1 is of type 'String'; it must be of type 'Array'"),
        ("[mapValues(createArray(), lambda('x', 1))]", "argument 1 is of type 'Array'; it must be of type 'Object'"),
        ("[filter(createArray(1), lambda('x', 1))]", "the lambda must give a boolean, not a value of type 'Integer'"),
        ("[groupBy(createArray(1), lambda('x', 1))]", "the lambda must give a string as the key"),
        ("[sort(createArray(1, 2), lambda('x', 'y', true()))]", "the lambda must not put two elements before each other"),
        ("[lambda('x', 1)]", "The template function 'lambda' is not expected at this location."),
        ("[concat(lambda('x', 1))]", "The template function 'lambda' is not expected at this location."),
        ("[flatten(createArray(1))]", "the elements must be arrays"),
        ("[shallowMerge(createArray(1))]", "the elements must be objects"),
        # Ranges of addresses and times.
        ("[parseCidr('10.144.0.1/20')]", "has host bits set"),
        ("[parseCidr('10.144.0.0')]", "no range of IP addresses"),
        ("[parseCidr('10.144.0.0/31')]", "is not known here"),
        ("[cidrSubnet('10.144.0.0/20', 19, 0)]", "has no subnets of the length '19'"),
        ("[cidrSubnet('10.144.0.0/20', 24, 16)]", "has no subnet '16'"),
        ("[cidrHost('10.144.3.0/24', 254)]", "has no host '254'"),
        ("[cidrHost('10.144.3.0/24', -1)]", "has no host '-1'"),
        ("[dateTimeAdd('2020-04-07', 'P1D')]", "not known here"),
        ("[dateTimeAdd('2020-04-07T14:53:14+02:00', 'P1D')]", "the offset"),
        ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P')]", "is no duration of ISO 8601"),
        ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P1DT')]", "is no duration of ISO 8601"),
        ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P9999Y')]", "'dateTimeAdd'"),
        ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P1D', 'dddd')]", "the part 'dddd' in the format of a time is not known here"),
        ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P1D', 'F')]", "the format of a time 'F' is not known here"),
        ("[dateTimeToEpoch('2023-02-30T00:00:00Z')]", "'dateTimeToEpoch'"),
    ],
)  # fmt: skip
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        evaluate(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "[filter(createArray('a'), lambda('x', contains(reference('y').list, lambdaVariables('x'))))]",
            "[filter(createArray('a'), lambda('x', contains(reference('y').list, lambdaVariables('x'))))]",
        ),
        (
            "[groupBy(createArray('a'), lambda('x', reference('y').kind))]",
            "[groupBy(createArray('a'), lambda('x', reference('y').kind))]",
        ),
        ("[map(createArray('a'), lambda('x', reference('y').z))]", ["[reference('y').z]"]),
        (
            "[if(reference('y').flag, createArray()[0], 'b')]",
            "[if(reference('y').flag, createArray()[0], 'b')]",
        ),
    ],
)
def test_what_only_a_run_could_tell_is_left(text: str, left: Any) -> None:
    assert shown(evaluate(text, Place(runtime=deferred))) == left


def test_a_lambda_may_not_name_a_resource_by_its_variable() -> None:
    text = "[map(createArray('a'), lambda('x', reference(lambdaVariables('x'))))]"
    with pytest.raises(TemplateError, match="The template function 'reference' does not support the variables of a lambda"):
        evaluate(text, Place(runtime=deferred))
