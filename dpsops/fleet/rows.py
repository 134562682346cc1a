"""Reads a file of devices, row by row. What is in it says in which of three formats it is:

CSV with a header    device,hub,twin,individual,request    RFC 4180; the columns in any order, only the device is needed
JSON lines           {"device": "press-07", "hub": null}   one object a line, with members of the same names
plain lines          press-07                              one ID a line

`id` and `device_id` are other names of the column `device`. The column `reason` is ignored: a file of failures has it. Blank
lines are ignored; in plain lines, and before the first row, so are lines that begin with #. The text is UTF-8, with or without
a BOM.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from dpsops.errors import InvalidInput
from dpsops.fleet.roster import Roster
from dpsops.model.wanted import BadRow, Row, no_name_twice, wanted
from dpsops.settings import Environment

_LONGEST = 256 * 1024
"""The most bytes of a line, so that a file that is none of the three is not read into memory: eight times the largest twin."""

_NAMES = {"device": "device", "id": "device", "device_id": "device"} | {
    name: name for name in ("hub", "twin", "individual", "request", "reason")
}
_HINT = f"it is CSV with a header ({', '.join(Row._fields)}), JSON lines with these members, or one device ID a line, in UTF-8"

_Numbered = tuple[int, Row] | BadRow


def fill(roster: Roster, file: BinaryIO, name: str, environment: Environment) -> None:
    """Puts every row of a file into a roster, as a device or as a bad row. `name`: what a message calls the file.

    Raises `InvalidInput` if the rest of the file cannot be read, whatever is in the other rows: another encoding, an unknown
    column, quotes that do not end.
    """
    for each in _rows(_lines(file, name), name):
        if isinstance(each, BadRow):
            roster.refuse(each)
            continue
        line, row = each
        try:
            first = roster.add(line, wanted(row, environment))
        except InvalidInput as error:
            roster.refuse(BadRow(line, row, error.advice))
            continue
        if first is not None:
            roster.refuse(BadRow(line, row, f"{row.device} is there twice: first in line {first}"))


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, each with its end."""
    number = 0
    while data := file.readline(_LONGEST + 1):
        number += 1
        if number == 1:
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
                raise _unreadable(name, "it is UTF-16 text, and not UTF-8")
            data = data.removeprefix(codecs.BOM_UTF8)
        if len(data) > _LONGEST:
            raise _unreadable(name, f"line {number} has more than {_LONGEST} bytes")
        try:
            yield number, data.decode()
        except UnicodeDecodeError as cause:
            raise _unreadable(name, f"line {number} is not UTF-8 text") from cause


def _rows(lines: Iterator[tuple[int, str]], name: str) -> Iterator[_Numbered]:
    for number, text in lines:
        first = text.strip()
        if not first or first.startswith("#"):
            continue
        if first.startswith("[") or first == "{":
            hint = "write one object a line, as jq -c '.[]' does with a JSON array"
            raise InvalidInput(f"{name} cannot be read: it is one JSON document, and not JSON lines", hint)
        if first.startswith("{"):
            return _json_lines(chain([(number, text)], lines))
        if "," in first or '"' in first or first.lower() in _NAMES:
            return _csv_rows(number, chain([text], (text for _, text in lines)), name)
        if ";" in first or "\t" in first:
            raise _unreadable(name, f"line {number}: the columns of CSV are separated by commas")
        return _plain_lines(chain([(number, text)], lines))
    return iter(())


def _plain_lines(lines: Iterator[tuple[int, str]]) -> Iterator[_Numbered]:
    for number, text in lines:
        device = text.strip()
        if device and not device.startswith("#"):
            yield number, Row(device)


def _json_lines(lines: Iterator[tuple[int, str]]) -> Iterator[_Numbered]:
    for number, text in lines:
        if text.strip():
            try:
                yield number, _members(text)
            except (ValueError, RecursionError) as cause:  # RecursionError: brackets that are too deep
                yield _without_columns(number, text, str(cause))


def _members(text: str) -> Row:
    """The row of one line of JSON. Raises `ValueError`."""
    try:
        document: Any = json.loads(text, object_pairs_hook=no_name_twice)
    except json.JSONDecodeError as cause:
        raise ValueError(f"it is not JSON: {cause.msg} at character {cause.pos + 1}") from cause
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    columns = dict[str, str]()
    for member, value in document.items():
        column = _NAMES.get(member)
        if column is None:
            raise ValueError(f"unknown member {_short(member)}: {_HINT}")
        if column in columns:
            raise ValueError(f"{_short(member)} is another name of a member that is there already")
        columns[column] = _text(member, value) if column != "reason" else ""
    columns.pop("reason", "")
    return Row(**{"device": ""} | columns)


def _text(member: str, value: Any) -> str:
    """The value of a member as CSV has it. Raises `ValueError`."""
    match value:
        case None:
            return ""
        case _ if member == "twin":
            return json.dumps(value, separators=(",", ":"))
        case bool() if member == "individual":
            return "yes" if value else "no"
        case str() if value.isascii() or value == value.encode(errors="replace").decode():
            return value.strip()
        case _:
            raise ValueError(f"{member!r} is not text")


def _csv_rows(first: int, lines: Iterator[str], name: str) -> Iterator[_Numbered]:
    """`first`: the number of the first line, which is the header."""
    reader = csv.reader(lines, strict=True)
    columns: list[str] = []
    while True:
        number = first + reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as cause:
            raise _unreadable(name, f"the row that begins in line {number} is not CSV: {cause}") from cause
        if cells is None:
            return
        if not columns:
            columns = _header(number, cells, name)
        elif cells and len(cells) != len(columns):
            yield _without_columns(number, ",".join(cells), f"it has {len(cells)} columns, and the header has {len(columns)}")
        elif cells:
            row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True) if column != "reason"}
            yield number, Row(**row)


def _header(number: int, cells: list[str], name: str) -> list[str]:
    columns = list[str]()
    for cell in cells:
        column = _NAMES.get(cell.strip().lower())
        if column is None:
            raise _unreadable(name, f"line {number}: unknown column {_short(cell)}")
        if column in columns:
            raise _unreadable(name, f"line {number}: the column {column!r} is there twice")
        columns.append(column)
    if "device" not in columns:
        raise _unreadable(name, f"line {number}: there is no column 'device'")
    return columns


def _without_columns(line: int, text: str, reason: str) -> BadRow:
    """A row that has no columns. Its text is kept behind a mark that no valid ID has, so that nobody takes it for an ID when it
    is read from the file of failures."""
    return BadRow(line, Row(f"line {line}: {text.strip()}"), reason)


def _unreadable(name: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{name} cannot be read: {reason}", _HINT)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
