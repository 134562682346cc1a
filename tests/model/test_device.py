"""What a device needs: each row of the table, in a state to which no row above it applies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dpsops.model.device import (
    NEVER_ISSUED,
    Issue,
    Keep,
    Leaf,
    ObservedDevice,
    Order,
    Withhold,
    blocked_tags,
    need,
    read_leaf,
)
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.pki.names import device_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRESS = device_id("press-07")
BLOCKED = "it is blocked: dpsops device unblock press-07"
HOUR = timedelta(hours=1)
PARTIALLY = "it is partially blocked: dpsops device unblock press-07, or dpsops device block press-07"


def leaf(thumbprint: str = "A", generation: int = 1, days: float | None = 1, *, blocked: bool = False) -> Leaf:
    """A device certificate that expires in so many days; None: without an expiry date."""
    return Leaf(PRESS, thumbprint, generation, None if days is None else NOW + timedelta(days=days), blocked)


def enrollment(*pinned: str, enabled: bool = True) -> IndividualEnrollment:
    """An individual enrollment with these thumbprints."""
    return IndividualEnrollment(PRESS, enabled, pinned, is_block=False, etag="e")


NEVER = Withhold(NEVER_ISSUED)
OLD, NEW = leaf("A"), leaf("B")

TABLE: dict[str, tuple[ObservedDevice, Keep | Issue | Withhold, Keep | Issue | Withhold]] = {
    "nothing": (ObservedDevice(PRESS), Issue(), NEVER),
    "a valid certificate": (ObservedDevice(PRESS, (leaf(),)), Keep(), Issue()),
    "an expired certificate": (ObservedDevice(PRESS, (leaf(days=0),)), Issue(), Issue()),
    "a certificate without an expiry date": (ObservedDevice(PRESS, (leaf(days=None),)), Issue(), Issue()),
    "a certificate under another root": (ObservedDevice(PRESS, (leaf(generation=2),)), Issue(), Issue()),
    "the newest certificate is under another root": (
        ObservedDevice(PRESS, (leaf("B", generation=2), leaf("A"))), Issue(), Issue(),
    ),
    "the newest certificate is under this root": (
        ObservedDevice(PRESS, (leaf("A"), leaf("B", generation=2))), Keep(), Issue(),
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
    assert need(seen, 1, Order.ISSUE, NOW, HOUR) == to_issue
    assert need(seen, 1, Order.RENEW, NOW, HOUR) == to_renew
    assert need(seen, 1, Order.AGAIN, NOW, HOUR) == to_renew


def renewed(minutes: float, used: str | None, newest: Leaf = NEW) -> ObservedDevice:
    """A device whose newest certificate was stored so many minutes ago, and that last registered with `used`."""
    return ObservedDevice(PRESS, (newest, OLD), NOW - timedelta(minutes=minutes), used=used)


@pytest.mark.parametrize("used", ["A", "", "C"])
def test_a_fresh_certificate_that_is_not_used_yet_is_not_renewed(used: str) -> None:
    assert need(renewed(59, used), 1, Order.RENEW, NOW, HOUR) == Keep()
    assert need(renewed(59, used), 1, Order.AGAIN, NOW, HOUR) == Issue()
    for other in (renewed(60, used), renewed(59, used, leaf("B", generation=2)), renewed(59, used, leaf("B", days=0))):
        assert need(other, 1, Order.RENEW, NOW, HOUR) == Issue()
    assert need(renewed(59, used), 1, Order.RENEW, NOW, timedelta(0)) == Issue()


def test_a_used_certificate_is_renewed_and_one_of_which_nothing_is_known() -> None:
    assert need(renewed(1, "B"), 1, Order.RENEW, NOW, HOUR) == Issue()
    assert need(renewed(1, None), 1, Order.RENEW, NOW, HOUR) == Issue()


def test_a_certificate_expires_soon_within_thirty_days() -> None:
    assert [leaf(days=days).expires_soon(NOW) for days in (-1, 30, 30.1, None)] == [True, True, False, True]


def test_other_tags_describe_no_device_certificate() -> None:
    tags = {"dpsops": "device", "device": PRESS, "generation": "2", "thumbprint": "A"}
    assert read_leaf(tags, NOW) == Leaf(PRESS, "A", 2, NOW, blocked=False)
    assert read_leaf(tags | {"key": "device"}, NOW) == Leaf(PRESS, "A", 2, NOW, blocked=False, key_on_device=True)
    assert read_leaf(tags | {"generation": "x", "blocked": "yes"}, None) == Leaf(PRESS, "A", 0, None, blocked=True)
    for other in ({}, {"dpsops": "root", "device": PRESS}, {"dpsops": "device"}, {"device": PRESS}):
        assert read_leaf(other, NOW) is None


def test_a_block_changes_only_its_own_tag() -> None:
    tags = {"device": PRESS, "mine": "kept"}
    assert blocked_tags(tags, blocked=True) == tags | {"blocked": "yes"}
    assert blocked_tags(tags | {"blocked": "yes"}, blocked=False) == tags
