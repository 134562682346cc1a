"""Strings in templates are .NET's: UTF-16, letters with a culture, words in an order of their own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.emulator.arm.template import dotnet
from dpsops.emulator.arm.template.values import TemplateError
from tests.emulator.arm.expressions import evaluate

ROCKET = "\U0001f680"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # A letter never becomes two, and the Turkish ones keep to themselves.
        ("[toUpper('straße')]", "STRAßE"),
        ("[toLower('\u0130I')]", "\u0130i"),
        ("[toUpper('\u0131i')]", "\u0131I"),
        ("[toUpper('\ufb01')]", "\ufb01"),
        ("[toUpper('\u1fb3')]", "\u1fbc"),
        ("[toLower('\u0391\u03a3')]", "\u03b1\u03c3"),
        # A character beyond U+FFFF is two units.
        (f"[length('a{ROCKET}b')]", 4),
        (f"[substring('a{ROCKET}b', 1, 2)]", ROCKET),
        (f"[indexOf('a{ROCKET}b', 'B')]", 3),
        (f"[lastIndexOf('{ROCKET}bab', 'B')]", 4),
        (f"[take('{ROCKET}b', 2)]", ROCKET),
        (f"[skip('{ROCKET}b', 2)]", "b"),
        (f"[last('{ROCKET}b')]", "b"),
        (f"[padLeft('{ROCKET}', 3, '-')]", f"-{ROCKET}"),
        (f"[format('{{0,3}}|', '{ROCKET}')]", f" {ROCKET}|"),
        ("[indexOf('', '')]", 0),
        ("[lastIndexOf('ab', '')]", 1),
        ("[lastIndexOf('', '')]", 0),
        ("[lastIndexOf('ab', 'x')]", -1),
        ("[indexOf(createArray(1, true(), 'a'), 'a')]", 2),
        ("[indexOf(createArray(1), true())]", -1),
        ("[lastIndexOf(createArray('a', 'b', 'a'), 'a')]", 2),
        ("[startsWith('ßx', 'SS')]", False),
        ("[endsWith('xÄ', 'ä')]", True),
        ("[trim('\u3000\u2028a\x1c\u00a0')]", "a\x1c"),
        ("[replace('aAa', 'a', '')]", "A"),
        # Arrays and objects within a format have single quotes; as strings, double ones.
        ("[format('{0}', createArray('a', 1, true(), null(), createObject('b', createArray())))]", "['a',1,true,null,{'b':[]}]"),
        ("[format('{0}', createArray('it''s \"so\"'))]", "['it\\'s \"so\"']"),
        ("[format('{0}', createArray('a\\b\n'))]", "['a\\\\b\\n']"),
        ("[string(createArray('it''s \"so\"'))]", '["it\'s \\"so\\""]'),
        ("[string(createArray('\u2028\x85'))]", '["\\u2028\\u0085"]'),
        ("[format('{0}', null())]", ""),
        ("[uri('https://contoso.org/a/b', '../c?d=1')]", "https://contoso.org/c?d=1"),
        ("[uri('https://Contoso.org:443', '')]", "https://contoso.org/"),
        ("[uriComponent('a b/ü~')]", "a%20b%2F%C3%BC~"),
        ("[uriComponentToString('a%20b%2F%C3%BC')]", "a b/ü"),
        ("[dataUri('ü')]", "data:text/plain;charset=utf-8;base64,w7w="),
        ("[dataUriToString(dataUri('ü'))]", "ü"),
        ("[dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')]", "Hello, World!"),
        ("[int('+12')]", 12),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = evaluate(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[first('{ROCKET}')]", "'first'"),
        (f"[substring('{ROCKET}', 1)]", "'substring'"),
        ("[replace('abc', '', 'x')]", "must not be empty"),
        ("[split('abc', '')]", "a delimiter must be a string of one character at least"),
        ("[split('abc', createArray(1))]", "a delimiter must be a string of one character at least"),
        (f"[padLeft('a', 3, '{ROCKET}')]", "the padding must be one character"),
        ("[int('1_000')]", "the string '1_000' is no integer"),
        ("[int('٣')]", "is no integer"),
        ("[int('9223372036854775808')]", "does not fit into 64 bits"),
        ("[add(json('9223372036854775807'), 1)]", "does not fit into 64 bits"),
        ("[indexOf('1', 1)]", "must be a string"),
        ("[lastIndexOf('1', 1)]", "must be a string"),
        ("[uri('contoso', 'a')]", "is no absolute http or https URI"),
        ("[uri('https://contoso.org/ü', 'a')]", "not known here"),
        ("[uri('https://me@contoso.org/', 'a')]", "not known here"),
        ("[uriComponentToString('%FF')]", "'uriComponentToString'"),
        ("[dataUriToString('data:text/plain,abc')]", "not known here"),
        ("[less('a', '日')]", "the place of '日' (U+65E5) in the order of strings is not known here"),
        ("[greater('ß', 'ss')]", "(U+00DF)"),
        ("[fail('it is Friday')]", "Unable to evaluate template language function 'fail': it is Friday."),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        evaluate(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "B"),
        ("B", "c"),
        ("a", "A"),
        ("A", "b"),
        ("ab", "aB"),
        ("aB", "ac"),
        ("a", "ä"),
        ("ä", "b"),
        ("az", "bb"),
        ("côte", "cotéx"),
        ("e\u0301", "e\u0300"),
        ("a-b", "ab"),
        ("a_b", "a-b"),
        ("_", "-"),
        ("9", "a"),
        ("10", "9"),
        ("", " "),
        ("resume", "résumé"),
        ("résumé", "Résumé"),
        ("Resume", "résumé"),
    ],
)
def test_the_order_of_words(first: str, second: str) -> None:
    assert dotnet.compare(first, second) < 0
    assert dotnet.compare(second, first) > 0
    assert evaluate(f"[less('{first}', '{second}')]") is True
    assert evaluate(f"[greaterOrEquals('{first}', '{second}')]") is False


def test_words_of_the_same_letters_are_equal_however_they_are_written() -> None:
    assert dotnet.compare("ä", "a\u0308") == 0
    assert evaluate("[lessOrEquals('ä', 'a\u0308')]") is True
    assert evaluate("[equals('ä', 'a\u0308')]") is False
    assert dotnet.compare("日", "日") == 0


@given(st.text(max_size=12))
def test_units_are_utf_16(text: str) -> None:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert dotnet.length(text) == units
    assert dotnet.length(dotnet.upper(text)) == units
    assert dotnet.length(dotnet.lower(text)) == units
    assert dotnet.upper(dotnet.upper(text)) == dotnet.upper(text)


@given(st.text(max_size=6), st.text(max_size=6))
def test_what_was_put_together_is_found_and_taken_apart(before: str, after: str) -> None:
    whole = before + after
    assert dotnet.part(whole, 0, dotnet.length(before)) == before
    assert dotnet.part(whole, dotnet.length(before)) == after
    assert 0 <= dotnet.find(whole, dotnet.upper(before)) <= dotnet.length(before)
    if after:
        assert dotnet.find_last(whole, after) >= dotnet.length(before)


@given(*[st.text("aAbBzZ09-_ äéÖ", max_size=5)] * 3)
def test_the_order_of_words_is_an_order(one: str, two: str, three: str) -> None:
    assert dotnet.compare(one, two) == -dotnet.compare(two, one)
    if dotnet.compare(one, two) <= 0 and dotnet.compare(two, three) <= 0:
        assert dotnet.compare(one, three) <= 0
