"""Reading a file of devices: its three formats, its encodings, and its bad rows."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.fleet.roster import Roster
from dpsops.fleet.rows import fill
from dpsops.model.wanted import BadRow, Row, Wanted
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment
from tests import settings_texts

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the hubs iot-1 and iot-2."""
    return settings_texts.environment(tmp_path_factory.mktemp("infra"), settings_texts.COMPLETE)


def taken(environment: Environment, text: str | bytes) -> tuple[list[Wanted], list[BadRow]]:
    """The devices and the bad rows of a file."""
    with Roster() as roster:
        fill(roster, io.BytesIO(text.encode() if isinstance(text, str) else text), "fleet.txt", environment)
        return list(roster), list(roster.bad_rows())


def good(environment: Environment, text: str | bytes) -> list[Wanted]:
    """The devices of a file without a bad row."""
    devices, bad = taken(environment, text)
    assert bad == []
    return devices


def bad(environment: Environment, text: str) -> dict[int, str]:
    """Why each bad row of a file cannot be used, by its line."""
    return {each.line: each.reason for each in taken(environment, text)[1]}


A, B = Wanted(DeviceId("a")), Wanted(DeviceId("b"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n# nothing\n", []),
        ("a\nb\n", [A, B]),
        ("a\nb", [A, B]),
        ("a\r\nb\r\n", [A, B]),
        (f"{BOM}a\nb", [A, B]),
        ("# the press shop\n\n a \n#b\n\tb\n", [A, B]),
        ("null\n123\n", [Wanted(DeviceId("null")), Wanted(DeviceId("123"))]),
        ("device\na\nb\n", [A, B]),
        ("id\r\na\r\nb", [A, B]),
        (f"{BOM}Device_ID\na\nb", [A, B]),
        ('"device"\n"a"\nb', [A, B]),
        ("# exported\n\ndevice,hub\na,\n\nb,\n", [A, B]),
        (" ID , hub\na , iot-1\n", [Wanted(DeviceId("a"), hub="iot-1")]),
        ("reason,device\nno answer,a\n", [A]),
        ("device\n", []),
        (
            'individual,request,twin,hub,device\nyes,"in, out/a.csr","{""interval"":\n 30}",iot-2,a\nno,,,,b\n',
            [
                Wanted(DeviceId("a"), "iot-2", {"interval": 30}, True, "in, out/a.csr"),
                Wanted(DeviceId("b"), individual=False),
            ],
        ),
        ('{"device": "a"}\n{"id": "b"}\n', [A, B]),
        (f'{BOM}# exported\n\n{{"device_id":"a"}}\r\n\r\n{{"device":" b "}}', [A, B]),
        ('{"device": "a", "hub": null, "twin": null, "individual": null, "request": null, "reason": ["x"]}', [A]),
        (
            '{"device": "a", "hub": "iot-2", "twin": {"n": {"o": [1.5, null]}}, "individual": true, "request": "a.csr"}\n'
            '{"device": "b", "individual": "no"}',
            [
                Wanted(DeviceId("a"), "iot-2", {"n": {"o": [1.5, None]}}, True, "a.csr"),
                Wanted(DeviceId("b"), individual=False),
            ],
        ),
    ],
)
def test_a_file_is_read(environment: Environment, text: str, expected: list[Wanted]) -> None:
    assert good(environment, text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\nb".encode("utf-16"), "it is UTF-16 text"),
        ("a\nb".encode("utf-16-le"), "it is UTF-16 text"),
        (b"\xfe\xff\x00a", "it is UTF-16 text"),
        ("a\nbüro\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        (b"a\n" + b"x" * 300_000, "line 2 has more than 262144 bytes"),
        ("device,hup\na,b\n", "line 1: unknown column 'hup'"),
        ("\n# x\ndevice,hup\na,b\n", "line 3: unknown column 'hup'"),
        ("a,iot-1\nb,iot-1\n", "line 1: unknown column 'a'"),
        ("device,hub,\na,iot-1,\n", "line 1: unknown column ''"),
        ("device,hub,ID\na,iot-1,b\n", "line 1: the column 'device' is there twice"),
        ("hub,twin\niot-1,{}\n", "line 1: there is no column 'device'"),
        ("device;hub\na;iot-1\n", "line 1: the columns of CSV are separated by commas"),
        ("device\thub\na\tiot-1\n", "line 1: the columns of CSV are separated by commas"),
        ('device,hub\na,iot-1\nb,"iot-1\nc,iot-1\n', "the row that begins in line 3 is not CSV: unexpected end of data"),
        ('device,hub\na,"iot"-1\n', "the row that begins in line 2 is not CSV"),
        ('"device\n', "the row that begins in line 1 is not CSV"),
        ('[{"device": "a"}]', "it is one JSON document, and not JSON lines"),
        ('{\n  "device": "a"\n}', "it is one JSON document, and not JSON lines"),
    ],
)
def test_a_file_that_cannot_be_read_any_further_is_refused(environment: Environment, text: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"fleet.txt cannot be read: {words}")):
        taken(environment, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nPress-07\nb", {2: "the device ID 'Press-07' has upper case letters"}),
        (f"a\n\n# c\n{'x' * 65}\nb", {4: "the device ID 'xxxxxxxxxxxxxxxxxxxx'... has 65 characters"}),
        ("a\nb c\nd,e\nb", {2: "'b c' is not a valid device ID", 3: "'d,e' is not a valid device ID"}),
        ("a\nb\na\nc\na\n", {3: "a is there twice: first in line 1", 5: "a is there twice: first in line 1"}),
        ("device,hub\n,iot-1\n,\na,iot-3\n", {
            2: "the device ID is empty", 3: "the device ID is empty",
            4: "the environment has no hub 'iot-3': use one of: iot-1, iot-2",
        }),
        ("device,hub\na\nb,iot-1,x\n", {2: "it has 1 columns, and the header has 2", 3: "it has 3 columns"}),
        ('device,twin\na,"{\n\n}"\nb,"{\n,}"\nc,[]\n', {5: "the twin cannot be used", 7: "the twin is not a JSON object"}),
        ('device,twin\na,"{""x y"": 1}"', {2: "the twin cannot be used: 'x y' is not a valid name in a twin"}),
        ("device,individual\na,ja\n", {2: "'ja' does not say whether the device gets an individual enrollment"}),
        ('{"device": "a"}\n{"device": "b", "hup": "iot-1"}', {2: "unknown member 'hup'"}),
        ('{"device": "a", "id": "b"}', {1: "'id' is another name of a member that is there already"}),
        ('{"device": "a", "device": "b"}', {1: "the name 'device' is there twice"}),
        ('{"device": "a", "twin": {"x": 1, "x": 2}}', {1: "the name 'x' is there twice"}),
        ('{"device": "a", "twin": "{}"}', {1: "the twin is not a JSON object"}),
        ('{"device": "a", "twin": {"x": NaN}}', {1: "the twin cannot be used: JSON has no number nan"}),
        ('{"device": "a", "twin": {"x": ' + "9" * 5000 + "}}", {1: "Exceeds the limit"}),
        ('{"device": "a", "twin": ' + '{"x":' * 20000, {1: "maximum recursion depth exceeded"}),
        ('{"device": 7}\n{"device": true}', {1: "'device' is not text", 2: "'device' is not text"}),
        ('{"device": "a", "hub": true}', {1: "'hub' is not text"}),
        ('{"device": "a", "individual": 1}', {1: "'individual' is not text"}),
        ('{"device": "a", "request": "\\ud800"}', {1: "'request' is not text"}),
        ('{}\n{"device": null}', {1: "the device ID is empty", 2: "the device ID is empty"}),
        ('{"device": "a"}\nb\n"c"\n[]\n{"device": "d"\n{"device": "e"}', {
            2: "it is not JSON: Expecting value at character 1", 3: "it is not a JSON object", 4: "it is not a JSON object",
            5: "it is not JSON: Expecting ',' delimiter at character 16",
        }),
        ('{"device": "a"}\n{"device": "a"}', {2: "a is there twice: first in line 1"}),
    ],
)  # fmt: skip
def test_bad_rows_are_named_by_their_lines(environment: Environment, text: str, expected: dict[int, str]) -> None:
    found = bad(environment, text)
    assert found.keys() == expected.keys()
    for line, reason in expected.items():
        assert reason in found[line]


def test_the_other_rows_are_taken(environment: Environment) -> None:
    devices, _ = taken(environment, "a\nPress-07\n\nb\na\nc d\n")
    assert devices == [A, B]


def test_a_bad_row_keeps_what_is_written(environment: Environment) -> None:
    text = 'device,hub,twin,individual,request,reason\nA,iot-1,"{""n"": 1}",yes,a.csr,no answer\n'
    (found,) = taken(environment, text)[1]
    assert found.row == Row("A", "iot-1", '{"n": 1}', "yes", "a.csr")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("device,hub\na\n", "line 2: a"),
        ("device,hub\na,iot-1,b\n", "line 2: a,iot-1,b"),
        ('{"device": "b"}\na\n', "line 2: a"),
        ('{"device": "b"}\n123\n', "line 2: 123"),
        ('{"device": "b"}\n{"device": "a", "hup": "iot-1"}\n', 'line 2: {"device": "a", "hup": "iot-1"}'),
    ],
)
def test_what_has_no_columns_never_becomes_a_device(environment: Environment, text: str, kept: str) -> None:
    (found,) = taken(environment, text)[1]
    assert found.row == Row(kept)
    again = io.StringIO()
    csv.writer(again).writerows([Row._fields, found.row])
    assert taken(environment, again.getvalue())[0] == []


@given(st.lists(st.sampled_from(["a", "b", "press-07", ".7"]), max_size=6, unique=True), st.sampled_from(["\n", "\r\n"]))
def test_every_format_says_the_same(environment: Environment, devices: list[str], end: str) -> None:
    plain = "".join(f"{device}{end}" for device in devices)
    lines = "".join(f"{json.dumps({'device': device})}{end}" for device in devices)
    expected = [Wanted(DeviceId(device)) for device in devices]
    assert good(environment, plain) == good(environment, lines) == good(environment, f"device{end}{plain}") == expected


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(environment: Environment, data: bytes) -> None:
    try:
        devices, bad = taken(environment, data)
    except InvalidInput:
        return
    assert all(each.device for each in devices)
    assert all(each.reason for each in bad)
