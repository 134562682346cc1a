"""What is missing until a device is out, or in again: each row of the table."""

from __future__ import annotations

import pytest

from dpsops.model.block import (
    Change,
    ForgetRegistration,
    MakeBlock,
    ObservedAccess,
    PutIdentity,
    RemoveEnrollment,
    SetEnrollment,
    open_access,
    open_enrollment,
    shut_access,
    shut_enrollment,
)
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.identity import HubIdentity
from dpsops.model.member import Registration
from dpsops.pki.names import device_id

PRESS = device_id("press-07")
HUB = "iot-dpsops-test.azure-devices.net"


def own(*, enabled: bool, is_block: bool = False) -> IndividualEnrollment:
    """An individual enrollment."""
    return IndividualEnrollment(PRESS, enabled, ("A",), is_block, "e")


def identity(status: str, thumbprint: str = "A", kind: str = "selfSigned") -> HubIdentity:
    """An identity in the hub."""
    return HubIdentity(PRESS, status, "", kind, (thumbprint, thumbprint), "e", {})


REGISTRATION = Registration(PRESS, "assigned", HUB, PRESS, "", "", "e")
ENABLED, DISABLED = own(enabled=True), own(enabled=False)
OF_A_BLOCK = own(enabled=False, is_block=True)


@pytest.mark.parametrize(
    ("seen", "shut", "opened"),
    [
        (None, [MakeBlock()], []),
        (ENABLED, [SetEnrollment(ENABLED, enabled=False)], []),
        (DISABLED, [], [SetEnrollment(DISABLED, enabled=True)]),
        (OF_A_BLOCK, [], [RemoveEnrollment(OF_A_BLOCK)]),
    ],
    ids=["none", "enabled", "disabled", "of a block"],
)
def test_the_enrollment(seen: IndividualEnrollment | None, shut: list[Change], opened: list[Change]) -> None:
    assert list(shut_enrollment(seen)) == shut
    assert list(open_enrollment(seen)) == opened


def access(*identities: HubIdentity, registered: bool = False, complete: bool = True) -> ObservedAccess:
    """What DPS and hubs show of the device."""
    hubs = {f"hub-{number}": each for number, each in enumerate(identities)}
    return ObservedAccess(REGISTRATION if registered else None, hubs, complete)


def test_identities_are_disabled_before_the_registration_is_forgotten() -> None:
    seen = access(identity("enabled"), identity("disabled"), registered=True)
    assert list(shut_access(seen)) == [PutIdentity("hub-0", identity("disabled")), ForgetRegistration(REGISTRATION)]


def test_a_registration_is_kept_while_a_hub_could_not_be_asked() -> None:
    assert list(shut_access(access(registered=True, complete=False))) == []


def test_an_identity_is_enabled_with_the_newest_leaf_and_none_that_is_enabled_is_touched() -> None:
    seen = access(identity("disabled", "FORGED"), identity("enabled", "FORGED"), registered=True)
    assert list(open_access(seen, "NEWEST")) == [PutIdentity("hub-0", identity("enabled", "NEWEST"))]


def test_an_identity_that_a_root_lets_in_has_no_thumbprint_to_set() -> None:
    seen = access(identity("disabled", "", "certificateAuthority"))
    assert list(open_access(seen, "NEWEST")) == [PutIdentity("hub-0", identity("enabled", "", "certificateAuthority"))]


def test_what_is_done_is_not_done_again() -> None:
    assert list(shut_access(access(identity("disabled")))) == []
    assert list(open_access(access(identity("enabled")), "A")) == []
    assert list(open_access(access(), "A")) == []
