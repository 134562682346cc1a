"""`up`, from an empty subscription to a verified root and its first device, in each world."""

from __future__ import annotations

import pytest
from cryptography import x509

from dpsops.errors import Refused
from dpsops.model import proof
from dpsops.model.device import Issued, Unchanged
from dpsops.model.next import DeviceCounts
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.steps.use_root import finished_root
from tests.workflows.commands import issue_to, plan, status, up
from tests.worlds import World


def test_up_proves_a_root_from_nothing_and_then_rests(world: World) -> None:
    actions = up(world.connect())

    assert [action.target for action in actions if action.outcome == "verified"] == ["root-g1 in DPS dps-dpsops-test"]
    connection = world.connect()
    version = finished_root(connection.run, connection.roots, "root-g1")
    assert_is_root(version.certificate, "dpsops test root G1")
    (dps,) = world.connect().stores
    assert proof.has_verified(dps.get("root-g1"), version)

    assert up(world.connect()) == []
    assert [exchange for exchange in world.exchanges if exchange.writes] == []
    assert len(world.exchanges) <= 15


def test_up_then_issue_then_status(world: World) -> None:
    up(world.connect())

    first = issue_to(world.connect(), device_id("press-07"))
    assert len(world.exchanges) <= 5
    assert [type(result) for result in first] == [Issued]

    again = issue_to(world.connect(), device_id("press-07"))
    assert [type(one) for one in again] == [Unchanged]

    found = status(world.connect())
    assert found.root is not None
    assert found.root.verified
    assert not found.root.exportable
    assert found.devices == DeviceCounts(total=1, expiring=0, blocked=0)
    assert found.next == ()


def test_an_approved_plan_is_done_exactly_or_refused(world: World) -> None:
    approved = plan(world.connect())
    assert [action.outcome for action in approved.actions] == ["planned"] * len(approved.actions)

    assert up(world.connect(), approved)
    with pytest.raises(Refused, match="the environment has changed since the plan was made"):
        up(world.connect(), approved)


def assert_is_root(certificate: x509.Certificate, common_name: str) -> None:
    """Requires that a certificate is this root; `tests/pki` checks the profile with openssl and pkilint."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert chains.common_name(certificate.subject) == common_name
    certificate.verify_directly_issued_by(certificate)
