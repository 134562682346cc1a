"""`up`, from an empty subscription to a proven root and its first device, in each world."""

from __future__ import annotations

import pytest
from cryptography import x509

from dpsops.errors import Refused
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.workflows import device, prove, root, status
from dpsops.workflows.up import plan
from tests.workflows.doing import converge
from tests.worlds import World


def test_up_proves_a_root_from_nothing_and_then_rests(world: World) -> None:
    actions = converge(world.run())

    assert [action.target for action in actions if action.outcome == "verified"] == ["root-g1 in DPS dps-dpsops-test"]
    version = root.require(world.run(), "root-g1")
    assert_is_root(version.certificate, "dpsops test root G1")
    (dps,) = world.run().cloud.registries
    assert prove.is_proven(dps.get("root-g1"), version)

    assert converge(world.run()) == []
    assert [exchange for exchange in world.exchanges if exchange.writes] == []
    assert len(world.exchanges) <= 15


def test_up_then_issue_then_status(world: World) -> None:
    converge(world.run())

    first = list(device.issue(world.run(), [device_id("press-07")]))
    assert len(world.exchanges) <= 5
    assert [type(result) for result in first] == [device.Issued]

    again = list(device.issue(world.run(), [device_id("press-07")]))
    assert again == [device.Unchanged(device_id("press-07"))]

    found = status.observe(world.run())
    assert found.root is not None
    assert found.root.proven
    assert not found.root.exportable
    assert found.fleet == status.Fleet(total=1, expiring=0, blocked=0)
    assert found.next == ()


def test_an_approved_plan_is_done_exactly_or_refused(world: World) -> None:
    approved = plan(world.run())
    assert [action.outcome for action in approved.actions] == ["planned"] * len(approved.actions)

    assert converge(world.run(), approved)
    with pytest.raises(Refused, match="the environment has changed since the plan was made"):
        converge(world.run(), approved)


def assert_is_root(certificate: x509.Certificate, common_name: str) -> None:
    """The shape of a root, once; openssl and pkilint judge the profile itself in `tests/pki`."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert chains.common_name(certificate.subject) == common_name
    certificate.verify_directly_issued_by(certificate)
