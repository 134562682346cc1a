"""What is named when a device does not get what it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.cli.summary import Few
from tests.cli.pasted.person import Person
from tests.cli.pasted.states import issued
from tests.workflows.by_hand import begin_block
from tests.workflows.doing import PRESS


def test_a_device_has_no_certificate(person: Person) -> None:
    issued(person)
    person("device register press-08 --transport https", 1)
    person.pastes("azure/leaf_vault.py", "dpsops device issue")
    person("device register press-08 --transport https")
    person("device show press-09", 1)
    person.pastes("fleet/inventory.py", "dpsops device issue")
    person("device show press-09")


def test_a_name_is_mistyped(person: Person) -> None:
    issued(person)
    person("device renew pres-07", 1)
    person.pastes("workflows/issue.py", "issues the first one")
    person("device renew pres-07 --again")


def test_a_secret_has_no_certificate(person: Person) -> None:
    issued(person)
    person.spoils("press-07", "nothing")
    person("device show press-07", 1)
    person.pastes("azure/leaf_vault.py", "dpsops device renew")
    person("device show press-07")


def test_a_certificate_was_just_renewed(person: Person) -> None:
    issued(person)
    person("device renew press-07")
    person("device renew press-07")
    assert "valid until" in person.pastes("cli/gathering.py", "has not used its newest certificate yet")


def test_a_certificate_expires(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    person.passes(350)
    person("device show press-07")
    person.pastes("cli/device.py", "(renew it: ")
    assert "renew it" not in person("device show press-07")


def test_a_certificate_expires_says_the_page(person: Person) -> None:
    issued(person)
    person.passes(350)
    person("status")
    person.pastes("model/next.py", "device(s) have a certificate that has expired", {"ID": "press-07"})
    assert "expires" not in person("status")


def test_a_certificate_expires_says_the_summary(person: Person) -> None:
    issued(person)
    person.passes(350)
    person.as_step("device show press-07")
    person.pastes("cli/device.py", "expires soon, or has expired")
    assert "renew" not in person.as_step("device show press-07")


def test_a_certificate_has_expired(person: Person) -> None:
    issued(person)
    person("device export press-07 --to .")
    person.passes(400)
    person("device register press-07 --transport https", 1)
    person.pastes("workflows/register.py", "the certificate expired on")
    person("device register press-07 --transport https")


def test_a_device_is_blocked(person: Person) -> None:
    issued(person)
    person("device block press-07")
    person("device show press-07")
    person.pastes("cli/device.py", "yes: ")
    person("device register press-07 --transport https")


def test_a_blocked_device_is_to_get_a_certificate(person: Person) -> None:
    issued(person)
    person("device block press-07")
    person("device renew press-07", 1)
    person.pastes("model/device.py", "it is blocked")
    person("device renew press-07")


def test_a_block_lacks_its_tag(person: Person) -> None:
    issued(person)
    person("device block press-07")
    for each in person.connect().clients.secrets.list_properties_of_secret_versions("device-press-07"):
        tags = {name: value for name, value in (each.tags or {}).items() if name != "blocked"}
        person.connect().clients.secrets.update_secret_properties("device-press-07", each.version, tags=tags)
    person("device renew press-07", 1)
    person.pastes("model/device.py", "it is partially blocked", either=True)


def test_a_blocked_device_is_to_be_enrolled(person: Person) -> None:
    issued(person)
    person("device block press-07")
    person("device issue press-07 --individual", 1)
    person.pastes("steps/enroll_device.py", "dpsops device unblock")
    person("device issue press-07 --individual")


def test_a_device_is_blocked_while_it_gets_a_certificate(person: Person) -> None:
    issued(person)
    person.beside("PUT", "/secrets/device-press-07", lambda: begin_block(person.connect(), PRESS, 2))
    person("device renew press-07 --again", 1)
    person.pastes("steps/issue_leaf.py", "it was blocked while")
    person("device register press-07 --transport https")


def test_an_enrollment_does_not_accept_the_newest_certificate(person: Person) -> None:
    issued(person, "press-07", "press-08")
    person("device issue press-07 press-08 --individual")
    enrollments = person.connect().clients.enrollments
    before = {path: enrollments.get(path) for path in ("/enrollments/press-07", "/enrollments/press-08")}
    person("device renew press-07 press-08 --again")
    for path, document in before.items():
        assert document is not None
        enrollments.put(path, document, "*")
    person("status")
    person.pastes("model/next.py", "does not accept their newest certificate")
    assert "does not accept" not in person("status")


def test_a_blocked_device_is_exported(person: Person) -> None:
    issued(person)
    person("device block press-07")
    person("device export press-07 --to there --remove-key", 1)
    person.pastes("workflows/export.py", "dpsops device unblock")
    person("device export press-07 --to there --remove-key")


def test_a_blocked_device_registers(person: Person) -> None:
    issued(person)
    person("device block press-07")
    person("device register press-07 --transport https", 1)
    person.pastes("azure/registration_refusals.py", "unblocks it", {"ID": "press-07"})
    person("device register press-07 --transport https")


def test_a_device_is_blocked_in_part(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    begin_block(person.connect(), PRESS)
    person("device show press-07")
    person.pastes("cli/device.py", "partially: ", either=True)


def test_the_list_has_one_that_is_blocked_in_part(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    begin_block(person.connect(), PRESS)
    person("device list")
    assert "press-07" in person.pastes("cli/device.py", "partially blocked: ")
    person.as_step("device show press-07")
    person.pastes("cli/device.py", "is blocked only in part", either=True)


def test_status_counts_one_that_is_blocked_in_part(person: Person) -> None:
    issued(person)
    person("device register press-07 --transport https")
    begin_block(person.connect(), PRESS)
    person("status")
    person.pastes("model/next.py", "are blocked only in part", either=True)


def test_many_devices_are_listed(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    issued(person, "press-07", "press-08")
    monkeypatch.setattr("dpsops.cli.device.Few", lambda: Few(1))
    person.as_step("device list")
    assert "press-08" in person.pastes("cli/device.py", "device list --output csv")


def test_a_key_is_only_on_the_device(person: Person) -> None:
    issued(person)
    person("device export press-07 --to there --remove-key")
    Path("password").write_text("a long password")
    person("device export press-07 --to other --pfx --password-file password", 1)
    person.pastes("pki/exports.py", "dpsops device export", {"DIR": "other"})
    assert Path("other", "press-07.pem").exists()


def test_a_device_without_a_certificate_is_to_be_blocked(person: Person) -> None:
    issued(person)
    person("device block press-08", 1)
    assert "press-07" in person.pastes("workflows/block.py", "shows the devices in the vault")


def test_a_key_is_of_another_kind(person: Person) -> None:
    issued(person)
    key, now = ed25519.Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "press-07")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=9)).sign(key, None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    person.spoils("press-07", pem.decode())
    Path("password").write_text("a long password")
    person("device export press-07 --to there --pfx --password-file password", 1)
    person.pastes("pki/exports.py", "dpsops device renew press-07 --again")
    person("device export press-07 --to there --pfx --password-file password")


def test_a_secret_is_removed_while_its_key_is_to_go(person: Person) -> None:
    issued(person)
    secrets = person.connect().clients.secrets
    person.beside("GET", "/secrets/device-press-07/", lambda: secrets.begin_delete_secret("device-press-07").result())
    person("device export press-07 --to there --remove-key", 1)
    assert "No device" in person.pastes("workflows/export.py", "'dpsops device list' shows what is there")
