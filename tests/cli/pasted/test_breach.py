"""What is named while a root is compromised."""

from __future__ import annotations

from contextlib import suppress

from dpsops.errors import Error
from tests.cli.pasted.person import Person
from tests.cli.pasted.states import issued
from tests.workflows.commands import replace_compromised

COMPROMISED = "rotate --compromised --replace root-g1"


def test_another_root_is_compromised_too(person: Person) -> None:
    issued(person)
    person(f"{COMPROMISED} --yes")
    person("rotate --compromised --yes", 1)
    assert "root-g3" in person.pastes("cli/rotate.py", "is compromised too: ")


def test_two_roots_are_trusted(person: Person) -> None:
    person.stands()
    person("rotate --replace root-g1 --until overlapping")
    person("rotate --compromised --yes", 1)
    person.pastes("model/replacement.py", "name the one whose key others may use", either=True)


def test_a_breach_was_interrupted(person: Person) -> None:
    issued(person)
    with person.refusing("POST", "/certificates/root-g2/create", 503, "Unavailable"):
        person(f"{COMPROMISED} --yes", 1)
    said = person("status")
    person.pastes("model/next.py", "is compromised and is being replaced")
    person.said = said
    person.pastes("model/root.py", "dpsops rotate --compromised --replace root-g1")
    assert "compromised" not in person("status")


def test_a_device_has_not_come_back(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    person.passes(1)
    person(f"{COMPROMISED} --yes")
    person("status")
    assert "press-07" in person.pastes("model/next.py", "have not registered since the breach")


def test_a_root_is_compromised_before_a_device_gets_a_certificate(person: Person) -> None:
    person.stands()
    with person.refusing("PUT", "/enrollmentgroups/", 503, "Unavailable"):
        person(f"{COMPROMISED} --yes", 1)
    person("device issue press-07 press-08", 1)
    person.pastes("model/root.py", "to go on with that")
    person("device issue press-07 press-08")


def test_a_root_is_compromised_while_a_device_gets_a_certificate(person: Person) -> None:
    person.stands()

    def breaks_off() -> None:
        with person.refusing("POST", "/certificates/root-g2/create", 503, "Unavailable"), suppress(Error):
            replace_compromised(person.connect(), replace=1)

    person.beside("GET", "/secrets/device-press-07/versions", breaks_off)
    said = person("device issue press-07 press-08", 1)
    assert "disabled key" not in said
    person.pastes("model/root.py", "to go on with that")
    person("device issue press-07 press-08")


def test_a_root_is_replaced_while_a_device_gets_a_certificate(person: Person) -> None:
    person.stands()
    person.beside("GET", "/secrets/device-press-07/versions", lambda: replace_compromised(person.connect(), replace=1))
    said = person("device issue press-07 press-08", 1)
    assert "root-g1 does not sign any more: root-g2 does" in said
    person("device issue press-07 press-08")
