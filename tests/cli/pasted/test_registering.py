"""What is named when a device cannot register, or cannot reach its hub."""

from __future__ import annotations

import pytest

from tests.cli.pasted.person import Person
from tests.cli.pasted.states import issued, renew_the_keys, unverify
from tests.cli.test_csr_renewal import POLICY
from tests.planes import device_registry
from tests.workflows.by_hand import unlink_hubs
from tests.workflows.rotations import disable_group, edit_group, identity

HUB = "iot-dpsops-local.azure-devices.net"
ID = {"ID": "press-07"}


def test_dps_fails(person: Person) -> None:
    issued(person)
    with person.refusing("PUT", "/registrations/press-07/register", 500, "InternalError"):
        person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "run the command again; 'dpsops status'")
    person("device register press-07 --transport https")


def test_the_group_is_disabled(person: Person) -> None:
    issued(person)
    disable_group(person.world())
    person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "'dpsops device show ID' shows whether the device", ID)


def test_no_hub_is_linked(person: Person) -> None:
    issued(person)
    unlink_hubs(person.connect())
    person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "a hub of the enrollment is not linked", ID)
    person("device register press-07 --transport https")


def test_the_scope_is_of_nobody(person: Person) -> None:
    issued(person)
    person("device register press-07 --id-scope 0ne00000000 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "there is no such ID scope")


def test_mqtt_gives_no_reason(person: Person) -> None:
    issued(person)
    person("device register press-07 --id-scope 0ne00000000", 1)
    person.pastes("azure/registration_refusals.py", "DPS gives no reason over MQTT")


def test_a_bundle_needs_the_scope(person: Person) -> None:
    issued(person)
    person("device export press-07 --to .")
    person("device register press-07 --bundle press-07.pem", 2)
    person.pastes("cli/admission.py", "add --id-scope")


def test_the_hub_refuses(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    found = identity(person.connect(), "press-07", HUB)
    device_registry(person.connect().clients, HUB).put("/devices/press-07", found | {"status": "disabled"}, f'"{found["etag"]}"')
    person("device register press-07", 1)
    assert "disabled" in person.pastes("azure/provisioning.py", "the device identity may be disabled")


def test_dps_does_not_accept_the_certificate(person: Person) -> None:
    issued(person)
    unverify(person.connect())
    person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "DPS does not accept this certificate", ID)


def test_the_key_of_a_hub_was_regenerated(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    renew_the_keys(person)
    person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "the key with which the DPS is linked to a hub is not valid any more")
    person("device register press-07 --transport https")


def test_status_counts_whom_a_dead_link_refuses(person: Person) -> None:
    issued(person)
    renew_the_keys(person)
    person("device register press-07 --transport https", 1)
    person("status")
    person.pastes("model/next.py", "because a hub does not take the key of its link")
    person("device register press-07 --transport https")
    assert "relink" not in person("status")


def test_the_group_names_no_hub(person: Person) -> None:
    person.stands()
    edit_group(person.connect(), iotHubs=[])
    person("status")
    person.pastes("model/next.py", "the enrollment group names no hub")
    assert "names no hub" not in person("status")


def test_the_enrollment_names_no_certificate_policy(person: Person) -> None:
    issued(person)
    person("device register press-07 --csr-renewal --transport https", 1)
    person.edits("[vault]", f"{POLICY}[vault]")
    person.pastes("workflows/register.py", "an individual enrollment needs it too")
    person("device register press-07 --csr-renewal --transport https")


def test_the_hub_refuses_a_certificate_of_azures(person: Person) -> None:
    person.edits("[vault]", f"{POLICY}[vault]")
    person("up")
    person("device issue press-07")
    with person.refusing("CONNECT", HUB, 503, "Unavailable"):
        person("device register press-07 --csr-renewal", 1)
    assert "enabled" in person.pastes("azure/renewal.py", "the device identity may be disabled: ")
    person("device register press-07 --csr-renewal")


def test_no_subscription_is_granted(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes the answer which grants one for that which does not: the embedded Azure grants each of these."""
    person.edits("[vault]", f"{POLICY}[vault]")
    person("up")
    person("device issue press-07")
    with monkeypatch.context() as wrong:
        wrong.setattr("dpsops.azure.device_mqtt._NOT_GRANTED", 1)
        person("device register press-07 --csr-renewal", 1)
    person.pastes("azure/device_mqtt.py", "shows the state of the environment")
    person("device register press-07 --csr-renewal")
