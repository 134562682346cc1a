"""docs/reference: it is what `make reference` writes, and nothing that dpsops has lacks its entry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsops.cli.exits import Exit
from reference import commands, markdown, meanings, pages
from reference.documents import SCHEMAS
from reference.settings import settings

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (pages.FOLDER / name).read_text(encoding="utf-8") == pages.PAGES[name](), "run: make reference"


def test_every_page_is_written_from_the_code() -> None:
    assert sorted(path.name for path in pages.FOLDER.iterdir()) == sorted(pages.PAGES)


def test_every_setting_exit_code_and_variable_has_its_meaning() -> None:
    assert sorted(meanings.SETTINGS) == sorted(place for place, _ in settings())
    assert list(meanings.EXITS) == list(Exit)
    assert set(meanings.VARIABLES) == set(_variables()) - NO_VARIABLES


NO_VARIABLES = {"AZURE_PUBLIC_CLOUD", "AZURE_CHINA_CLOUD", "AZURE_US_GOVERNMENT", "DEFAULT_API_VERSION"}
"""Names of clouds, the values of a variable; and an attribute of the SDKs' clients."""


def _variables() -> Iterator[str]:
    """The names of variables in the code: a text in capitals with an underscore, and whatever the process is asked for."""
    for path in (ROOT / "dpsops").rglob("*.py"):
        if "emulator" in path.parts or path.name == "pytest_plugin.py":  # they read none
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)+", node.value):
                    yield node.value
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
                yield ast.literal_eval(node.args[0]).upper()  # https_proxy is a spelling of HTTPS_PROXY
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                yield ast.literal_eval(node.slice).upper()


def test_the_embedded_azure_reads_no_variable() -> None:
    for path in (ROOT / "dpsops" / "emulator").rglob("*.py"):
        assert not re.search(r"\bos\.(environ|getenv)\b", path.read_text(encoding="utf-8")), path


def test_every_command_is_on_its_page_with_its_options_and_its_document() -> None:
    page = (pages.FOLDER / "commands.md").read_text(encoding="utf-8")
    for words, command in commands.commands().items():
        section = re.search(rf"^## dpsops {re.escape(words)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section, words
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert f"`{parameter.opts[0]}" in section[1], (words, parameter.name)
        name = f"{words.replace(' ', '-')}.json"
        assert f"(documents.md#{markdown.anchor(name)})" in section[1] or name not in SCHEMAS


def test_every_link_in_the_reference_leads_to_a_heading() -> None:
    for name in pages.PAGES:
        text = (pages.FOLDER / name).read_text(encoding="utf-8")
        for file, target in re.findall(r"\]\(([\w-]+\.md)?#([\w-]+)\)", text):
            there = (pages.FOLDER / (file or name)).read_text(encoding="utf-8")
            assert target in {markdown.anchor(each) for each in re.findall(r"^#+ (.*)$", there, re.MULTILINE)}, (name, target)
