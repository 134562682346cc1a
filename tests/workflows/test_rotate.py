"""From one root to the next: every phase, with devices that register throughout."""

from __future__ import annotations

import pytest
from cryptography import x509

from dpsops.model.rotation import Keeping, Phase, Trust
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.steps.put_group import trust_roots
from tests.workflows.by_hand import strangers
from tests.workflows.commands import block, issue_to, members, status, unblock, up, view
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.rotations import BLOCKED, NONE, WAY, certificate_of, issued, observed, phase, step, waits
from tests.worlds import World, environment


def test_a_rotation_goes_from_stable_to_stable(world: World) -> None:
    up(world.connect())
    issue_to(world.connect(), PRESS, OTHER)
    assert phase(world.connect()) is Phase.STABLE

    seen = []
    for _ in WAY:
        assert step(world.connect(), grace=NONE)
        seen.append(phase(world.connect()))
    assert seen == WAY

    found = observed(world.connect())
    assert [(one.number, one.keeping, one.trust, one.leaves) for one in found.generations] == [
        (1, Keeping.RETIRED, Trust.ABSENT, 0),
        (2, Keeping.WHOLE, Trust.VERIFIED, 2),
    ]
    assert (found.primary, found.secondary) == (2, None)
    assert up(world.connect()) == []
    shown = status(world.connect())
    assert shown.root is not None
    assert (shown.root.name, shown.root.proven, shown.next) == ("root-g2", True, ())


@pytest.mark.usefixtures("unmeasured")
def test_devices_register_throughout(quick: World) -> None:
    """None that should succeed ever fails, and none that should fail ever succeeds."""
    issued(quick, PRESS, OTHER, BLOCKED)
    connection = quick.connect()
    over_mqtt, over_https = Device.fetched(connection, PRESS, "mqtt"), Device.fetched(connection, OTHER)
    blocked = Device.fetched(connection, BLOCKED)
    blocked.register(connection)
    block(connection, BLOCKED)
    stranger = Device(PRESS, strangers(connection))
    before = Device.fetched(connection, OTHER)  # never fetches anything again

    for expected in [Phase.STABLE, *WAY]:
        connection = quick.connect()
        assert phase(connection) is expected
        if expected is Phase.DRAINING:
            assert [one.device for one in waits(connection)] == [PRESS, OTHER]
            assert step(connection) == []
            over_mqtt.fetch(connection)
            over_https.fetch(connection)
        for one in (over_mqtt, over_https):
            one.register(connection)
        if expected in (Phase.RETIRED, WAY[-1]) and observed(connection).primary == 2:
            before.is_refused(connection)
        elif expected is not Phase.DRAINING:  # there it would take back the proof that its sibling has moved
            before.register(connection)
        blocked.is_refused(connection)
        stranger.is_refused(connection)
        if not (expected is Phase.STABLE and observed(connection).primary == 2):
            assert step(connection)
    assert [one.uses_newest_leaf for one in members(quick.connect()) if not one.leaf.blocked] == [True, True]


@pytest.mark.usefixtures("unmeasured")
def test_fifty_devices_end_under_the_new_root(quick: World) -> None:
    names = [device_id(f"press-{number:02}") for number in range(50)]
    issued(quick, *names)
    connection = quick.connect()
    devices = [Device.fetched(connection, name) for name in names]
    for one in devices:
        one.register(connection)

    step(quick.connect(), until=Phase.DRAINING)
    assert len(waits(quick.connect())) == 50
    assert step(quick.connect(), until=Phase.STABLE) == []
    connection = quick.connect()
    for one in devices:
        one.fetch(connection)
        one.register(connection)
    assert waits(quick.connect()) == ()
    step(quick.connect(), until=Phase.STABLE)

    connection = quick.connect()
    assert phase(connection) is Phase.STABLE
    authority = certificate_of(connection, "root-g2")
    for one in devices:
        leaf, presented = x509.load_pem_x509_certificates(one.credential.chain.encode())
        assert presented == authority
        chains.require_issued_by(leaf, authority, connection.run.now())
    assert [(one.leaf.generation, one.uses_newest_leaf) for one in members(connection)] == [(2, True)] * 50
    (dps,) = connection.stores
    assert list(dps.all()) == ["root-g2"]
    assert status(connection).next == ()


def test_until_a_phase_goes_no_further(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.PROVEN)
    assert phase(quick.connect()) is Phase.PROVEN
    for reached in (Phase.STAGED, Phase.PROVEN):
        assert step(quick.connect(), until=reached) == []
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert (phase(quick.connect()), observed(quick.connect()).primary) == (Phase.STABLE, 2)


def test_the_group_decides_which_root_issues(quick: World) -> None:
    """A leaf of a root that the group does not trust yet would be of no use; one of the old root would soon be."""
    expected = dict.fromkeys((Phase.STABLE, Phase.STAGED, Phase.PROVEN), 1)
    for number, name in enumerate([Phase.STABLE, *WAY[:-1]]):
        wanted = device_id(f"press-{number}")
        issued(quick, wanted)
        (made,) = quick.connect().leaves.leaves(wanted)
        assert made.generation == expected.get(name, 2)
        Device.fetched(quick.connect(), wanted).register(quick.connect())
        step(quick.connect(), grace=NONE)


def test_up_disturbs_no_phase(quick: World) -> None:
    issued(quick, PRESS)
    changed = environment(root={"key": "EC-P256"}, group={"reprovisioning": "never"})
    for number, _ in enumerate(WAY):
        before = observed(quick.connect())
        settings = changed if number % 2 else quick.environment
        assert [action.target for action in up(quick.connect(settings))] in ([], ["enrollment group devices"])
        assert observed(quick.connect()) == before
        step(quick.connect(), grace=NONE)


def test_the_old_root_leaves_the_group_then_the_dps_then_the_vault(quick: World) -> None:
    """The group first: while it trusts a root, the DPS must have that root, or its devices are refused without a word."""
    step(quick.connect(), until=Phase.DRAINING)
    done = [(action.action, action.target) for action in step(quick.connect(), grace=NONE)]
    assert done == [
        ("modify", "enrollment group devices"),
        ("remove", "root-g1 in DPS dps-dpsops-test"),
        ("retire", "root root-g1"),
    ]


def test_another_kind_of_key_comes_with_the_next_root(quick: World) -> None:
    issued(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P384"})
    assert status(quick.connect()).next == (
        "the settings ask for a root key of the kind EC-P384: dpsops rotate makes the next root so",
    )
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    shown = status(quick.connect())
    assert shown.root is not None
    assert (shown.root.key, shown.next) == ("EC-P384", ())


def test_a_leaf_of_a_retired_root_is_named_by_status(quick: World) -> None:
    issued(quick, PRESS)
    block(quick.connect(), PRESS)
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    unblock(quick.connect(), PRESS)
    assert status(quick.connect()).next == ("1 device(s) have a leaf of a root that is not trusted: dpsops device issue ID",)
    issued(quick, PRESS)
    assert status(quick.connect()).next == ()


def test_the_hubs_move_too_where_the_environment_asks_for_it(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256", "prove_to_hubs": True})
    up(quick.connect())
    step(quick.connect(), until=Phase.PROVEN)
    _, hub = quick.connect().stores
    hub.delete("root-g2", hub.all()["root-g2"].etag)
    assert phase(quick.connect()) is Phase.STAGED  # the least of what they say
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert [list(store.all()) for store in quick.connect().stores] == [["root-g2"], ["root-g2"]]


def test_two_that_do_the_same_both_end_well(quick: World) -> None:
    """The second one's etag is stale, but the group is what it wanted it to be."""
    step(quick.connect(), until=Phase.PROVEN)
    seen = view(quick.connect())
    step(quick.connect())
    connection = quick.connect()
    assert list(trust_roots(connection.run, connection.dps, seen.group, 1, 2)) == []
    assert phase(quick.connect()) is Phase.OVERLAPPING
