"""What a device needs: each row of the table, in a state to which no row above it applies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dpsops.model.device import (
    Issue,
    Keep,
    Leaf,
    ObservedDevice,
    Order,
    Withhold,
    blocked_tags,
    is_newest_unknown,
    need,
    read_leaf,
    stays_pinned,
)
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.pki.names import device_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRESS = device_id("press-07")
BLOCKED = "it is blocked: dpsops device unblock press-07"
PARTIALLY = "it is partially blocked: dpsops device unblock press-07, or dpsops device block press-07"


def leaf(thumbprint: str = "A", generation: int = 1, days: float | None = 1, *, blocked: bool = False) -> Leaf:
    """A device certificate that expires in so many days; None: without an expiry date."""
    return Leaf(PRESS, thumbprint, generation, None if days is None else NOW + timedelta(days=days), blocked)


def enrollment(*pinned: str, enabled: bool = True) -> IndividualEnrollment:
    """An individual enrollment with these thumbprints."""
    return IndividualEnrollment(PRESS, enabled, pinned, is_block=False, etag="e")


TABLE: dict[str, tuple[ObservedDevice, Keep | Issue | Withhold, Keep | Issue | Withhold]] = {
    "nothing": (ObservedDevice(PRESS), Issue(), Issue()),
    "a valid certificate": (ObservedDevice(PRESS, (leaf(),)), Keep(), Issue()),
    "an expired certificate": (ObservedDevice(PRESS, (leaf(days=0),)), Issue(), Issue()),
    "a certificate without an expiry date": (ObservedDevice(PRESS, (leaf(days=None),)), Issue(), Issue()),
    "a certificate under another root": (ObservedDevice(PRESS, (leaf(generation=2),)), Issue(), Issue()),
    "the newest certificate is under another root": (
        ObservedDevice(PRESS, (leaf("A"), leaf("B", generation=2)), newest="B"), Issue(), Issue(),
    ),
    "the newest certificate is under this root": (
        ObservedDevice(PRESS, (leaf("A"), leaf("B", generation=2)), newest="A"), Keep(), Issue(),
    ),
    "an enrollment without certificates": (ObservedDevice(PRESS, (leaf(days=0),), enrollment=enrollment()), Issue(), Issue()),
    "an enrollment with a certificate": (
        ObservedDevice(PRESS, (leaf(days=0),), enrollment=enrollment("A")), Issue(pin=True), Issue(pin=True),
    ),
    "a disabled enrollment": (
        ObservedDevice(PRESS, (leaf(days=0),), enrollment=enrollment("A", enabled=False)),
        Withhold(PARTIALLY),
        Withhold(PARTIALLY),
    ),
    "a disabled enrollment and a valid certificate": (
        ObservedDevice(PRESS, (leaf(),), enrollment=enrollment("A", enabled=False)), Keep(), Withhold(PARTIALLY),
    ),
    "a block": (ObservedDevice(PRESS, (leaf(), leaf("B", blocked=True))), Withhold(BLOCKED), Withhold(BLOCKED)),
    "a block, and nothing valid": (ObservedDevice(PRESS, (leaf(days=0, blocked=True),)), Withhold(BLOCKED), Withhold(BLOCKED)),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "to_issue", "to_renew"), TABLE.values(), ids=TABLE)
def test_the_table(seen: ObservedDevice, to_issue: Any, to_renew: Any) -> None:
    assert need(seen, 1, Order.ISSUE, NOW) == to_issue
    assert need(seen, 1, Order.RENEW, NOW) == to_renew


def test_the_newest_certificate_is_read_only_if_several_generations_are_possible() -> None:
    assert is_newest_unknown((leaf("A"), leaf("B", generation=2)), 1, NOW)
    assert is_newest_unknown((leaf("A"), leaf("B", days=0)), 1, NOW)
    for leaves in ((), (leaf("A"),), (leaf("A"), leaf("B")), (leaf("B", generation=2),), (leaf("A", days=0),)):
        assert not is_newest_unknown(leaves, 1, NOW)


def test_a_certificate_stays_in_an_enrollment_while_its_root_is_trusted() -> None:
    leaves = (leaf("A", 1), leaf("B", 2))
    assert stays_pinned("A", leaves, (1, 2))
    assert not stays_pinned("A", leaves, (2,))
    assert not stays_pinned("C", leaves, (1, 2))


def test_a_certificate_expires_soon_within_thirty_days() -> None:
    assert [leaf(days=days).expires_soon(NOW) for days in (-1, 30, 30.1, None)] == [True, True, False, True]


def test_other_tags_describe_no_device_certificate() -> None:
    tags = {"dpsops": "device", "device": PRESS, "generation": "2", "thumbprint": "A"}
    assert read_leaf(tags, NOW) == Leaf(PRESS, "A", 2, NOW, blocked=False)
    assert read_leaf(tags | {"generation": "x", "blocked": "yes"}, None) == Leaf(PRESS, "A", 0, None, blocked=True)
    for other in ({}, {"dpsops": "root", "device": PRESS}, {"dpsops": "device"}, {"device": PRESS}):
        assert read_leaf(other, NOW) is None


def test_a_block_changes_only_its_own_tag() -> None:
    tags = {"device": PRESS, "mine": "kept"}
    assert blocked_tags(tags, blocked=True) == tags | {"blocked": "yes"}
    assert blocked_tags(tags | {"blocked": "yes"}, blocked=False) == tags
