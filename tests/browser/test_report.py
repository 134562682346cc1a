"""The report in a real browser: at two widths, in two schemes, and for every scene. `make browser` runs these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.cli.report.page import render
from tests.browser import looking
from tests.browser.chromium import Chromium
from tests.reports import NOW, SCENES

PROGRAM = os.environ.get("DPSOPS_TEST_CHROMIUM", "")
if not PROGRAM:
    pytest.skip("needs a Chromium: make browser", allow_module_level=True)

WIDTHS = (390, 1280)

each_scene = pytest.mark.parametrize("scene", SCENES)
each_width = pytest.mark.parametrize("width", WIDTHS)
each_scheme = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser with a profile of its own."""
    with Chromium(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page for each scene."""
    directory = tmp_path_factory.mktemp("pages")
    found = {name: directory / f"{name.replace(' ', '-')}.html" for name in SCENES}
    for name, path in found.items():
        path.write_text(render(SCENES[name](), NOW), encoding="utf-8")
    return found


@each_scene
@each_width
@each_scheme
def test_everything_can_be_read(browser: Chromium, pages: dict[str, Path], scene: str, width: int, dark: bool) -> None:
    browser.show(pages[scene], width, dark=dark)
    for _ in ("folded", "unfolded"):
        assert browser.evaluate(looking.WIDTH) == width
        assert browser.evaluate(looking.CUT) == []
        assert browser.evaluate(looking.COVERED) == []
        assert browser.evaluate(looking.PALE) == []
        assert browser.evaluate(looking.FAINT) == []
        browser.evaluate(looking.UNFOLD)


@each_scene
def test_the_page_asks_for_nothing_and_runs_nothing(browser: Chromium, pages: dict[str, Path], scene: str) -> None:
    browser.show(pages[scene], 1280)
    assert browser.requests == [pages[scene].as_uri()]
    assert browser.complaints == []
    assert browser.evaluate(looking.RAN) == 0


def test_what_the_page_may_not_do_is_noticed(browser: Chromium, pages: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "changed.html"
    page.write_text(pages["hostile"].read_text().replace("&lt;script&gt;", "<script>").replace("&lt;/script&gt;", "</script>"))
    browser.show(page, 1280)
    assert "Content Security Policy" in "".join(browser.complaints)


@each_scene
def test_the_pictures_have_names_and_words(browser: Chromium, pages: dict[str, Path], scene: str) -> None:
    browser.show(pages[scene], 1280)
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    pictures = [node for node in nodes if node.get("role", {}).get("value") in ("img", "image", "graphics-document")]
    drawn = browser.evaluate("document.querySelectorAll('[role=img]').length")
    assert len(pictures) == drawn
    for each in pictures:
        assert len(each["name"]["value"]) > 20


def test_dark_is_dark(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["healthy"], 1280)
    light, drawn = browser.evaluate(looking.BACKGROUND), browser.picture()
    browser.show(pages["healthy"], 1280, dark=True)
    assert (light, browser.evaluate(looking.BACKGROUND)) == ("rgb(251, 250, 248)", "rgb(20, 23, 27)")
    assert browser.picture() != drawn


def test_on_paper_nothing_is_folded(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["left behind"], 1280, dark=True)
    assert browser.evaluate(looking.HIDDEN_NAMES) > 0
    browser.show(pages["left behind"], 1280, dark=True, media="print")
    assert browser.evaluate(looking.HIDDEN_NAMES) == 0
    assert browser.evaluate(looking.BACKGROUND) == "rgb(255, 255, 255)"
    assert browser.evaluate(looking.PALE) == []


def test_what_is_folded_is_reached_by_the_keyboard(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["left behind"], 1280)
    before = browser.evaluate(looking.HIDDEN_NAMES)
    for key, code in (("Tab", 9), ("Enter", 13)):
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code} | ({"text": "\r"} if key == "Enter" else {})
        browser.send("Input.dispatchKeyEvent", type="keyDown", **pressed)
        browser.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)
    assert browser.evaluate(looking.FOCUSED) == "SUMMARY"
    assert browser.evaluate(looking.HIDDEN_NAMES) < before
