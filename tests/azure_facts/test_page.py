"""The page for whoever makes the first real run says what the program does, question by question."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from azure_facts import group
from azure_facts.command import app
from azure_facts.questions import QUESTIONS
from dpsops.emulator.habits import Habits
from dpsops.model.roles import ROLES
from tests.azure_facts.worlds import ONE, OTHER, ask_all
from tests.worlds import embedded_world, start_embedded

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "first-real-run.md").read_text(encoding="utf-8")
LABELS = ("Question.", "Believed today.", "Who saw it.", "What the answer changes.")
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_the_page_and_the_program_have_the_same_questions() -> None:
    assert list(SECTIONS) == [each.name for each in QUESTIONS]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_each_section_says_what_is_believed_who_saw_it_and_what_it_changes(question: object) -> None:
    name, text = getattr(question, "name", ""), getattr(question, "text", "")
    parts = re.findall(r"^\*\*(.+?)\*\* (.+?)(?=\n\n|\Z)", SECTIONS[name], re.MULTILINE | re.DOTALL)
    assert [label for label, _ in parts] == list(LABELS)
    assert parts[0][1] == text
    assert "`Habits." in parts[-1][1], "a guess of the embedded Azure is settled"
    assert re.search(r"`(dpsops|docs|bicep)/", parts[-1][1]), "a place in the code or the documents is named"


def test_what_the_page_names_exists() -> None:
    paths = re.findall(r"`((?:dpsops|docs|bicep|tests)/[\w./-]+)`", PAGE)
    assert len(paths) > 10
    assert [each for each in paths if not (ROOT / each).exists()] == []
    for name, path in re.findall(r"`(\w+)` in\s+`(dpsops/[\w./]+)`", PAGE):
        assert name in (ROOT / path).read_text(encoding="utf-8"), f"{name} in {path}"


def test_the_habits_that_the_page_settles_are_those_that_the_worlds_set_oppositely() -> None:
    named = set(re.findall(r"`Habits\.(\w+)`", PAGE))
    assert named == {each.name for each in fields(Habits) if getattr(ONE, each.name) != getattr(OTHER, each.name)} | {
        "identity_links"
    }
    emulator = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    shown = {"what_if_details", "policies_absent", "vault_put_absent"}  # the parity map tells of them without their name
    assert [each for each in sorted(named - shown) if each not in emulator] == []


def test_the_page_has_every_option() -> None:
    command = typer.main.get_command(app)
    options = {each for parameter in command.params for each in parameter.opts} - {"--help"}
    rows = re.findall(r"^\| `(--\w+)", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(options)


def test_the_page_names_what_is_needed() -> None:
    assert all(each in PAGE for each in group.PROVIDERS)
    own = group.environment("name", "westeurope")
    assert own.resource_group.replace("name", "NAME") in PAGE
    assert f"az keyvault purge --name {own.vault.name.replace('name', 'NAME')}" in PAGE
    assert sum(map(len, ROLES.values())) == 6, "the program says that it assigns six roles"


def test_the_sample_is_what_the_embedded_azure_answers(tmp_path: Path) -> None:
    with start_embedded(tmp_path) as azure:
        ran = ask_all(embedded_world(azure), tmp_path)
    width = max(len(each.name) for each in QUESTIONS)
    lines = [f"{each.question.name:<{width}}  {each.line}" for each in ran.results.answers]
    [sample] = re.findall(r"^```\n(second-what-if .*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert sample.splitlines() == lines
