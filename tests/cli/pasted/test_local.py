"""What is named by the commands for the embedded Azure of a directory, and by those that make settings."""

from __future__ import annotations

from pathlib import Path

from tests.cli.pasted.person import Person
from tests.cli.terminal import served


def test_an_option_has_no_value(person: Person) -> None:
    person.types("dpsops status --env", 2)
    assert "The environment: infra/NAME.toml" in person.pastes("cli/arguments.py", "dpsops --help")


def test_a_command_does_not_exist(person: Person) -> None:
    person.types("dpsops statuss", 2)
    assert "status" in person.pastes("cli/main.py", "dpsops --help")


def test_an_environment_does_not_exist(person: Person) -> None:
    person.types("dpsops --env test status", 2)
    person.pastes("settings.py", "for a new one")
    person.pastes("cli/init.py", "choose location and names")
    person.types("dpsops --env test status")


def test_settings_are_wrong(person: Person) -> None:
    person.edits('location = "westeurope"', "location = 7")
    person("status", 2)
    person.pastes("settings.py", "for a complete example")
    assert Path("infra", "example.toml").exists()


def test_names_are_those_of_the_samples(home: Person) -> None:
    home.edits("kv-dpsops-local", "kv-dpsops-prod")
    home("status", 2)
    home.pastes("cli/destination.py", "to try it without Azure")


def test_nothing_is_served(home: Person) -> None:
    home.types("dpsops local env", 1)
    home.pastes("cli/local.py", "start one")
    said = home.said
    home.types("dpsops local env")
    home.said = said
    home.pastes("cli/local.py", "stop it: dpsops local stop")
    home.types("dpsops local env", 1)


def test_one_is_served_already(home: Person) -> None:
    with served(Path()):
        home.types("dpsops local serve", 1)
        home.pastes("cli/embedded.py", "use it: ")
    home.types("dpsops local env", 1)


def test_one_that_is_served_is_to_be_deleted(home: Person) -> None:
    with served(Path()):
        home.types("dpsops local reset", 1)
        home.pastes("cli/embedded.py", "stop it: dpsops local stop")
    home.types("dpsops local reset")


def test_the_state_is_spoilt(home: Person) -> None:
    home.types("dpsops status")
    Path(".dpsops", "azure.sqlite").write_bytes(b"not a database" * 100)
    home.types("dpsops status", 1)
    home.pastes("cli/embedded.py", "if the state is no longer needed")
    home.types("dpsops status")


def test_a_vault_is_soft_deleted(home: Person) -> None:
    home.terminal.stand()
    home.types("dpsops down")
    home.types("dpsops up", 1)
    home.pastes("model/hints.py", "; or begin anew")
    home.types("dpsops up")
