"""The table of clients in the manual is one that `make clients` makes, of clients that have a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.catalogue import HERE, PROGRAMS, Client, Environment, Program, Way
from tests.clients.operations import Operation, Said, Wish, read_line
from tests.clients.table import BEGIN, COLUMNS, DONE, END, FAILED, HEADER, MANUAL, NOT_OFFERED, NOT_RUN, Row, rows, table

IOT = PROGRAMS[0].environment
DEVICE, HUB = Client("azure-iot-device", "Python"), Client("azure-iot-hub", "Python")
PAIR = Program("devices", IOT, ["python"], [DEVICE, HUB], Way.PROXY)
ALONE = Program("amqp", IOT, ["python"], [HUB], Way.DOOR)


def cell(row: Row, column: str) -> str:
    """What a row says in a column."""
    return row.cells[HEADER.index(column)]


def test_the_manual_has_a_row_for_each_client_and_for_no_other() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    shown = manual.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    cells = [[each.strip() for each in line.strip("|").split("|")] for line in shown]
    assert cells[0] == HEADER
    assert {len(line) for line in cells} == {len(HEADER)}
    assert [line[:2] for line in cells[2:]] == [row.cells[:2] for row in rows(PROGRAMS, [], {})]
    assert {word for line in cells[2:] for word in line[2:]} <= {DONE, NOT_OFFERED, FAILED, NOT_RUN}
    assert all(DONE in line for line in cells[2:])


def test_every_operation_has_its_column() -> None:
    assert sorted(each for column in COLUMNS.values() for each in column) == sorted(Operation)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.name)
def test_every_program_is_there_with_its_versions_pinned(program: Program) -> None:
    assert any((HERE / program.environment.folder).rglob(f"{program.name}.*"))
    for client in program.clients:
        assert program.environment.version(client.package or client.name)


def test_programs_share_no_name_and_no_device() -> None:
    names = [each.name for each in PROGRAMS]
    assert len(set(names)) == len(names)


def test_an_unpinned_version_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="pins no azure-iot"):
        IOT.version("azure-iot")


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ("requirements.txt", "frob-device==1.2.3\nfrob==2.0.0b1\n"),
        ("package.json", '{"dependencies": {"@azure/frob-device": "1.2.3", "@azure/frob": "2.0.0b1"}}'),
        ("pom.xml", "<artifactId>frob</artifactId>\n  <version>2.0.0b1</version>"),
        ("go.mod", "require (\n\texample.com/sdk/frob v2.0.0b1\n)"),
    ],
)
def test_a_version_is_read_from_any_manifest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manifest: str, text: str) -> None:
    monkeypatch.setattr("tests.clients.catalogue.HERE", tmp_path)
    place = Environment("here", [manifest], [])
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / manifest).write_text(text)
    assert place.version("frob") == "2.0.0b1"


def test_a_client_can_do_what_all_of_its_programs_have_done() -> None:
    said = [
        Said("azure-iot-device", Operation.TWIN_READ, True),
        Said("azure-iot-device", Operation.TWIN_REPORTED, False, "Empty"),
        Said("azure-iot-hub", Operation.METHOD, True),
        Said("azure-iot-hub", Operation.AMQP_REFUSED, True),
    ]
    device, hub = rows([PAIR, ALONE], said, {})
    assert (cell(device, "twin"), cell(device, "method"), cell(device, "way")) == (FAILED, NOT_OFFERED, "proxy")
    assert (cell(hub, "method"), cell(hub, "AMQP refused"), cell(hub, "way")) == (DONE, DONE, "proxy")
    assert [each.words for each in device.failed] == ["Empty"]


def test_a_registry_that_is_not_reached_costs_its_rows_alone() -> None:
    other = Program("by_hand", IOT, ["python"], [Client("azure-iot-deviceprovisioning", "Python")], Way.DOOR)
    missing, there = rows(
        [PAIR, other], [Said("azure-iot-deviceprovisioning", Operation.ENROLLMENT_READ, True)], {"devices": "x"}
    )[::2]
    assert cell(missing, "sign in") == NOT_RUN
    assert cell(there, "enrollments") == DONE
    assert table([missing, there]).count("\n") == 3


def test_a_program_that_speaks_of_a_client_which_it_has_not_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no program has these clients: frob"):
        rows([PAIR], [Said("frob", Operation.CONNECT, True)], {})


def test_a_line_is_of_an_operation_or_asks_for_a_message() -> None:
    line = {"client": "c", "operation": "twin read", "ok": False, "words": "two\nlines"}
    assert read_line(json.dumps(line)) == Said("c", Operation.TWIN_READ, False, "two lines")
    assert read_line('{"message for": "press-07"}') == Wish("press-07")


@pytest.mark.parametrize(
    "line", ["Connecting…", "[]", '{"client": "c"}', '{"client": "c", "operation": "frob", "ok": true, "words": ""}']
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_line(line)
