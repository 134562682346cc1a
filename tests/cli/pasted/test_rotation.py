"""What is named on the way from one root to the next."""

from __future__ import annotations

import pytest

from dpsops.errors import Unavailable
from dpsops.pki import chains
from tests.cli.pasted.person import Person
from tests.cli.pasted.states import issued, unverify
from tests.workflows.commands import issue_to
from tests.workflows.doing import PRESS
from tests.workflows.rotations import certificate_of, edit_group, enable_root, trusting

REPLACE = "rotate --replace root-g1"


def test_a_root_is_misspelt(person: Person) -> None:
    person.stands()
    person("rotate --replace g1", 2)
    assert "root-g1" in person.pastes("model/replacement.py", "a root has a name as root-g1")


def test_a_root_is_not_there(person: Person) -> None:
    person.stands()
    person("rotate --replace root-g4", 1)
    assert "root-g1" in person.pastes("model/replacement.py", "it has ")


def test_an_option_stands_before_the_command(person: Person) -> None:
    person.stands()
    person("rotate --yes undo", 2)
    assert "Usage" in person.pastes("cli/rotate.py", "put options after the command")


def test_no_rotation_is_due(person: Person) -> None:
    person.stands()
    person("rotate")
    assert "created" in person.pastes("workflows/rotation/rotate.py", "no rotation is due")


def test_the_next_step_is_named(person: Person) -> None:
    person.stands()
    person(REPLACE)
    assert "uploaded" in person.pastes("cli/rotation_report.py", "next    ")
    assert "trusts" in person.pastes("cli/rotation_report.py", "dpsops rotate --replace root-g1: ")
    person.as_step("rotate status")
    assert "trusts" in person.pastes("cli/rotation_report.py", "Next")
    person("status")
    person.pastes("model/next.py", "a rotation to ")


def test_a_device_is_waited_for(person: Person) -> None:
    issued(person)
    person(f"{REPLACE} --until draining")
    said = person("rotate status")
    person("device register press-07 --transport https")
    person.said = said
    person.pastes("cli/rotation_report.py", "        dpsops")
    assert "root-g1" in person("rotate status")


def test_many_devices_are_waited_for(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    issued(person, "press-07", "press-08")
    person(f"{REPLACE} --until draining")
    monkeypatch.setattr("dpsops.cli.rotation_report._SHOWN", 1)
    person("rotate status")
    assert "press-08" in person.pastes("cli/rotation_report.py", "more: dpsops rotate status --output json")
    monkeypatch.setattr("dpsops.cli.rotation_report.ROWS", 1)
    person.as_step("rotate status")
    assert "press-08" in person.pastes("cli/rotation_report.py", "dpsops rotate status --output json")


def test_a_device_would_be_left_behind(person: Person) -> None:
    issued(person)
    person(f"{REPLACE} --until draining")
    person.keyboard.is_terminal = False
    person(f"{REPLACE} --grace 0", 1)
    person.pastes("model/replacement.py", "or leave them behind")
    person(f"{REPLACE} --until stable --grace 0 --yes")
    person("rotate status")
    person.pastes("cli/rotation_report.py", "next    ")


def test_a_device_would_be_left_behind_within_another_grace(person: Person) -> None:
    issued(person)
    person(f"{REPLACE} --until draining")
    person.passes(8)
    person.keyboard.is_terminal = False
    person(f"{REPLACE} --grace 7", 1)
    assert "retired" in person.pastes("workflows/rotation/rotate.py", "dpsops rotate --replace root-g1«days»")


def test_a_device_was_left_behind(person: Person) -> None:
    issued(person)
    person(f"{REPLACE} --until draining")
    person(f"{REPLACE} --until stable --grace 0 --yes")
    person("status")
    assert "press-07" in person.pastes("model/next.py", "were left behind by the last rotation")


def test_the_status_after_a_step_cannot_be_read(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.stands()

    def lost(*_: object) -> None:
        raise Unavailable("the connection breaks", "run the command again")

    with monkeypatch.context() as broken:
        broken.setattr("dpsops.workflows.rotate_status.rotation_status", lost)
        person(REPLACE)
    assert "STAGED" in person.pastes("cli/rotate.py", "the state of the rotation could not be read")


def test_another_rotation_is_under_way(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until overlapping")
    person("rotate --replace root-g2", 1)
    person.pastes("model/replacement.py", "finish that first", either=True)


def test_another_root_signs(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until staged")
    pem = chains.pem(certificate_of(person.connect(), "root-g2"))
    person("rotate undo")
    person.connect().stores[0].upload("root-g2", pem)
    person("rotate --replace root-g2", 1)
    person.pastes("model/replacement.py", "to replace that one: ")
    assert "root-g3" in person("rotate status")


def test_a_rotation_cannot_be_undone(person: Person) -> None:
    issued(person)
    person(f"{REPLACE} --until draining")
    person("rotate undo", 1)
    person.pastes("workflows/rotation/rotate.py", "'dpsops rotate status' shows the state of the rotation«more»")
    person("rotate undo", 1)
    person.pastes("workflows/rotation/rotate.py", "; to go on: dpsops rotate --replace root-g1")


def test_an_undo_was_interrupted(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until proven")
    with person.refusing("DELETE", "/certificates/root-g2", 503, "Unavailable"):
        person("rotate undo", 1)
    person("status")
    person.pastes("model/next.py", "is retired, and the DPS or a hub still has it")
    assert "undo" not in person("status")


def test_a_device_gets_a_certificate_while_a_rotation_is_undone(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until promoted")
    person.beside("GET", "azure.net/secrets", lambda: issue_to(person.connect(), PRESS))
    person("rotate undo", 1)
    person.pastes("workflows/rotation/rotate.py", "state of the rotation; to go on: ")


def test_the_next_root_is_disabled(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until staged")
    enable_root(person.connect(), "root-g2", enabled=False)
    person(REPLACE, 1)
    person.pastes("model/rotation.py", ", or undo the rotation")
    enable_root(person.connect(), "root-g1", enabled=True)


def test_a_rotation_is_stuck(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until overlapping")
    enable_root(person.connect(), "root-g2", enabled=False)
    person("status")
    assert "stuck" in person.pastes("model/next.py", "«standing.trouble»")


def test_the_root_is_not_verified(person: Person) -> None:
    person.stands()
    unverify(person.connect())
    person(REPLACE, 1)
    person.pastes("workflows/rotation/planned.py", "it proves possession of the root")
    person(REPLACE)


def test_the_root_is_not_verified_says_its_page(person: Person) -> None:
    person.stands()
    unverify(person.connect())
    person("root show")
    person.pastes("cli/root.py", "no: dpsops root prove")
    unverify(person.connect())
    person.as_step("root show")
    person.pastes("cli/root.py", "DPS has not verified the root")
    assert "root prove" not in person("root show")


def test_status_says_that_the_root_is_not_verified(person: Person) -> None:
    person.stands()
    unverify(person.connect())
    person("status")
    person.pastes("model/next.py", "dpsops up")
    assert "device issue" in person("status")


def test_the_root_has_expired(person: Person) -> None:
    person.stands()
    person.passes(3_700)
    person(REPLACE, 1)
    person.pastes("workflows/rotation/planned.py", "a planned rotation is no longer possible")
    person("device issue press-07")


def test_the_root_expires_soon(person: Person) -> None:
    person.stands()
    person.passes(3_600)
    person("status")
    person.pastes("model/next.py", "the root expires in")


def test_somebody_else_changes_the_group(person: Person) -> None:
    person.stands()
    person(f"{REPLACE} --until proven")
    other = trusting("root-g2", "root-g1")
    person.beside("GET", "/enrollmentgroups/", lambda: edit_group(person.connect(), attestation=other))
    person(REPLACE, 1)
    person.pastes("steps/put_group.py", "shows the state of the rotation")
    person(REPLACE)


def test_a_retired_root_is_to_issue(person: Person) -> None:
    person.stands()
    pem = chains.pem(certificate_of(person.connect(), "root-g1"))
    person(f"{REPLACE} --until stable --grace 0")
    person.connect().stores[0].upload("root-g1", pem)
    edit_group(person.connect(), attestation={"type": "x509", "x509": {"caReferences": {"primary": "root-g1"}}})
    person("device issue press-07", 1)
    person.pastes("model/root.py", "shows which root has replaced it")
