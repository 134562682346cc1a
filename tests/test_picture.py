"""The README's picture: it shows what the commands print today."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import pytest

from scripts import picture
from tests.pages import normal, same_order

pytestmark = pytest.mark.usefixtures("unmeasured")

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_shows_what_the_commands_print() -> None:
    committed = Xml.fromstring((picture.FOLDER / "terminal.svg").read_text(encoding="utf-8"))  # noqa: S314  # our own
    drawn = Xml.fromstring(picture.drawn(picture.ran(picture.STORY), picture.TITLE))  # noqa: S314
    assert same_order(_texts(committed)) == same_order(_texts(drawn)), "run: make picture"
    assert committed.attrib == drawn.attrib


def _texts(drawing: Xml.Element) -> list[str]:
    return [each.text or "" for each in drawing.iter(f"{SVG}text")]


def test_a_line_that_is_too_long_and_a_sign_of_markup_are_drawn() -> None:
    drawing = Xml.fromstring(picture.drawn([("a <b>", ["✓ c & d", "e"])], "f"))  # noqa: S314
    assert _texts(drawing) == ["$ a <b>", "✓ c & d", "e"]
    assert [each.get("class") for each in drawing.iter(f"{SVG}text")] == ["prompt", "done", None]
    description = drawing.find(f"{SVG}desc")
    assert description is not None
    assert normal(description.text or "") == "$ a <b> ✓ c & d e"


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    text = (picture.FOLDER / "terminal.svg").read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\"]*", text.partition("<text")[0].partition("<desc")[0]) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in text
    assert "href" not in text
