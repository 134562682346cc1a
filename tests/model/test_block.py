"""The changes that block and unblock a device: each row of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.model.block import (
    CreateBlock,
    EnrollmentChange,
    ObservedAccess,
    PutIdentity,
    RemoveEnrollment,
    RemoveRegistration,
    SetEnrollment,
    block_access,
    block_enrollment,
    unblock_access,
    unblock_enrollment,
)
from dpsops.model.device import Leaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import HubIdentity
from dpsops.model.registration import Registration
from dpsops.pki.names import device_id

PRESS = device_id("press-07")
HUB = "iot-dpsops-test.azure-devices.net"


def enrollment(*, enabled: bool, is_block: bool = False) -> IndividualEnrollment:
    """An individual enrollment."""
    return IndividualEnrollment(PRESS, enabled, ("A",), is_block, "e")


def leaf(thumbprint: str) -> Leaf:
    """A certificate in the vault."""
    return Leaf(PRESS, thumbprint, 1, None, blocked=False)


def identity(status: str, thumbprint: str = "A", kind: str = "selfSigned") -> HubIdentity:
    """A device identity in a hub."""
    return HubIdentity(PRESS, status, "", kind, (thumbprint, thumbprint), "e", {})


REGISTRATION = Registration(PRESS, "assigned", HUB, PRESS, "", "", "e")
ENABLED, DISABLED = enrollment(enabled=True), enrollment(enabled=False)
OF_A_BLOCK = enrollment(enabled=False, is_block=True)


@pytest.mark.parametrize(
    ("seen", "to_block", "to_unblock"),
    [
        (None, [CreateBlock(("A",))], []),
        (ENABLED, [SetEnrollment(ENABLED, enabled=False, certificates=("A",))], []),
        (DISABLED, [], [SetEnrollment(DISABLED, enabled=True, certificates=("A",))]),
        (OF_A_BLOCK, [], [RemoveEnrollment(OF_A_BLOCK)]),
    ],
    ids=["none", "enabled", "disabled", "of a block"],
)
def test_the_enrollment(
    seen: IndividualEnrollment | None, to_block: list[EnrollmentChange], to_unblock: list[EnrollmentChange]
) -> None:
    for used in (None, "", "A"):
        assert list(block_enrollment(seen, [leaf("A")], used)) == to_block
    assert list(unblock_enrollment(seen, [leaf("A")])) == to_unblock


def test_a_block_adds_the_newest_certificate_as_soon_as_it_is_known_which_one_the_device_uses() -> None:
    """A renewal at the same time may have stored it; and the enrollment has two places."""
    leaves = [leaf("C"), leaf("B"), leaf("A")]
    both = replace(ENABLED, pinned=("B", "A"))
    assert list(block_enrollment(both, leaves, None)) == [SetEnrollment(both, enabled=False, certificates=("B", "A"))]
    disabled = replace(both, enabled=False)
    assert list(block_enrollment(disabled, leaves, None)) == []
    assert list(block_enrollment(disabled, leaves, "A")) == [SetEnrollment(disabled, enabled=False, certificates=("C", "A"))]
    assert list(block_enrollment(OF_A_BLOCK, leaves, "")) == [SetEnrollment(OF_A_BLOCK, enabled=False, certificates=("C", "A"))]
    assert list(unblock_enrollment(disabled, leaves)) == [SetEnrollment(disabled, enabled=True, certificates=("C", "B"))]
    assert list(unblock_enrollment(OF_A_BLOCK, leaves)) == [RemoveEnrollment(OF_A_BLOCK)]
    by_key = replace(DISABLED, pinned=())
    assert list(block_enrollment(by_key, leaves, "A")) == []


def test_the_certificate_in_use_is_that_of_the_hub_that_the_registration_names() -> None:
    identities = {"another": identity("enabled", "X"), HUB: identity("enabled", "A")}
    assert ObservedAccess(REGISTRATION, identities, complete=True).used() == "A"
    assert ObservedAccess(None, identities, complete=True).used() == "X"
    assert ObservedAccess(REGISTRATION, {}, complete=True).used() == ""


def access(*identities: HubIdentity, registered: bool = False, complete: bool = True) -> ObservedAccess:
    """The state of the device in DPS and in the hubs."""
    hubs = {f"hub-{number}": each for number, each in enumerate(identities)}
    return ObservedAccess(REGISTRATION if registered else None, hubs, complete)


def test_identities_are_disabled_before_the_registration_is_removed() -> None:
    seen = access(identity("enabled"), identity("disabled"), registered=True)
    assert list(block_access(seen)) == [PutIdentity("hub-0", identity("disabled")), RemoveRegistration(REGISTRATION)]


def test_the_registration_stays_if_a_hub_could_not_be_asked() -> None:
    assert list(block_access(access(registered=True, complete=False))) == []


def test_only_a_disabled_identity_is_enabled_and_with_the_newest_certificate() -> None:
    seen = access(identity("disabled", "FORGED"), identity("enabled", "FORGED"), registered=True)
    assert list(unblock_access(seen, "NEWEST")) == [PutIdentity("hub-0", identity("enabled", "NEWEST"))]


def test_a_ca_signed_identity_is_enabled_without_a_thumbprint() -> None:
    seen = access(identity("disabled", "", "certificateAuthority"))
    assert list(unblock_access(seen, "NEWEST")) == [PutIdentity("hub-0", identity("enabled", "", "certificateAuthority"))]


def test_nothing_is_done_twice() -> None:
    assert list(block_access(access(identity("disabled")))) == []
    assert list(unblock_access(access(identity("enabled")), "A")) == []
    assert list(unblock_access(access(), "A")) == []
