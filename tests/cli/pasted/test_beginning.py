"""What is named before an environment is whole."""

from __future__ import annotations

from pathlib import Path

from tests.cli.pasted.person import Person
from tests.workflows.rotations import delete_group


def test_a_host_that_is_not_there(person: Person) -> None:
    person("root show", 1)
    person.pastes("azure/errors.py", "shows what exists")
    person("root show")


def test_nothing_stands(person: Person) -> None:
    person("status")
    person.pastes("workflows/status.py", "dpsops up")
    person("status")
    person.pastes("model/next.py", "dpsops device issue ID", {"ID": "press-07"})


def test_nobody_is_at_the_terminal(person: Person) -> None:
    person.keyboard.is_terminal = False
    person("up", 2)
    person.pastes("cli/up.py", "pass --yes", {"FILE": "prod.plan"})
    person("root show")


def test_no_plan_is_there(person: Person) -> None:
    person("up --plan prod.plan", 2)
    person.pastes("cli/up.py", "make one", {"FILE": "prod.plan"})
    person("up --plan prod.plan")


def test_a_file_is_no_plan(person: Person) -> None:
    Path("prod.plan").write_text("[]")
    person("up --plan prod.plan", 2)
    person.pastes("model/plan.py", "make one: ", {"FILE": "prod.plan"})
    Path("prod.plan").write_text('{"schema_version": 2}')
    person("up --plan prod.plan", 2)
    person.pastes("model/plan.py", "make a new one: ", {"FILE": "prod.plan"})
    person("up --plan prod.plan")


def test_a_plan_is_of_yesterday(person: Person) -> None:
    person("plan --out prod.plan")
    person.stands()
    person("up --plan prod.plan", 1)
    person.pastes("workflows/up.py", "make a new plan", {"FILE": "prod.plan"})
    assert "Nothing changed" in person("up --plan prod.plan")


def test_the_group_is_gone(person: Person) -> None:
    person.stands()
    delete_group(person.connect())
    person("rotate status", 1)
    person.pastes("steps/observe_generations.py", "dpsops up")
    person("rotate status")
