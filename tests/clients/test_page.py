"""The programs of the page for device code are those that `make clients` types, over the versions that it installs."""

from __future__ import annotations

import re

import pytest

from tests.clients.page import LANGUAGES, PAGE, Language, program, section, typed
from tests.pages import blocks


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: each.name)
def test_a_language_has_a_program_that_is_typed_under_its_name(language: Language) -> None:
    assert language.file in typed(language)
    assert "press-07" in program(language)
    assert "ID_SCOPE" in program(language)


def test_the_table_says_tried_of_just_these() -> None:
    rows = re.findall(r"^\| \[(\S+)\]\(#\S+\) \|.*\| (\S+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, tried in rows if tried == "yes"] == [each.name for each in LANGUAGES]


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each.environment], ids=lambda each: each.name)
def test_what_the_page_installs_is_installed_in_the_pinned_versions(language: Language) -> None:
    assert language.environment is not None
    found = [each.text for each in blocks(section(language.name)) if each.untyped == "it downloads from the internet"]
    words = " ".join(found).replace("\\\n", " ").split()
    packages = [each for each in words if each not in {"pip", "npm", "mvn", "install", "--quiet", "dependency:copy-dependencies"}]
    pinned = re.findall(r"<artifactId>([\w-]+)</artifactId> <version>([\d.]+)</version> </dependency>", section(language.name))
    assert packages or pinned
    for name in packages:
        assert language.environment.version(name)
    for name, version in pinned:
        assert language.environment.version(name) == version
