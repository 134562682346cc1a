"""What is named by the commands for the embedded Azure of a directory, and by those that make settings."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_an_empty_embedded_azure_is_shown(home: Person) -> None:
    home.types("dpsops status")
    said = home.types("dpsops local show")
    home.pastes("cli/contents.py", "nothing is in it")
    home.said = said
    home.pastes("cli/contents.py", "not served")
    assert "served at" in home.types("dpsops local show")
    home.types("dpsops local stop")


def test_more_is_in_it_than_is_shown(home: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    home.terminal.stand()
    home.types("dpsops device issue press-07 press-08 --individual")
    monkeypatch.setattr("dpsops.cli.contents._SHOWN", 1)
    home.types("dpsops local show")
    assert "press-08" in home.pastes("cli/contents.py", "more: dpsops --output json local show")


def test_there_is_none_to_keep(home: Person) -> None:
    home.types("dpsops local snapshot clean", 1)
    home.pastes("cli/controlled.py", "make one")
    home.types("dpsops local snapshot clean")


def test_none_is_served_that_could_fail(home: Person) -> None:
    home.types("dpsops local fault list", 1)
    home.pastes("cli/controlled.py", "start one")
    home.types("dpsops local fault list")
    home.types("dpsops local stop")


def test_there_is_no_snapshot(home: Person) -> None:
    home.types("dpsops status")
    home.types("dpsops local restore clean", 1)
    home.pastes("cli/controlled.py", "take it: ")
    home.types("dpsops local restore clean")


def test_a_snapshot_is_damaged(home: Person) -> None:
    home.types("dpsops status")
    home.types("dpsops local snapshot clean")
    next(Path(".dpsops", "snapshots").iterdir()).write_bytes(b"nothing")
    home.types("dpsops local restore clean", 1)
    home.pastes("cli/controlled.py", "take it again: ")
    home.types("dpsops local restore clean")


def test_one_takes_no_commands(home: Person) -> None:
    with served(Path()):
        Path(".dpsops", "control.sock").unlink()
        home.types("dpsops local clock", 1)
        home.pastes("cli/controlled.py", "stop it: dpsops local stop")
    home.types("dpsops local clock")


def test_one_of_another_version_is_served(home: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Path()), monkeypatch.context() as other:
        other.setattr("dpsops.cli.controlled._exchange", lambda _: {"refused": "it does not know this", "reason": "version"})
        home.types("dpsops local clock", 1)
        home.pastes("cli/controlled.py", "stop it, and serve it with this version")
    home.types("dpsops local clock")


def test_a_message_is_for_nobody(home: Person) -> None:
    home.terminal.stand()
    home.types("dpsops device issue press-07")
    home.types("dpsops local send press-07 hello", 1)
    home.pastes("cli/controlled.py", "see what is there")
