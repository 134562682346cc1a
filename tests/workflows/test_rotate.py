"""From one root to the next: every phase, with devices that register throughout."""

from __future__ import annotations

import pytest
from cryptography import x509

from dpsops.model.rotation import Phase, Trust, VaultState
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.steps.put_group import trust_roots
from tests.workflows.by_hand import under_unknown_root
from tests.workflows.commands import block, issue_to, members, status, unblock, up, view
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.rotations import BLOCKED, NONE, PHASES, certificate_of, issued, observed, phase, step, waits
from tests.worlds import World, environment, waited


def test_a_rotation_goes_from_stable_to_stable(world: World) -> None:
    up(world.connect())
    issue_to(world.connect(), PRESS, OTHER)
    assert phase(world.connect()) is Phase.STABLE

    seen = []
    for _ in PHASES:
        assert step(world.connect(), grace=NONE)
        seen.append(phase(world.connect()))
    assert seen == PHASES

    found = observed(world.connect())
    assert [(one.number, one.in_vault, one.trust, one.leaves) for one in found.generations] == [
        (1, VaultState.RETIRED, Trust.ABSENT, 0),
        (2, VaultState.FINISHED, Trust.VERIFIED, 2),
    ]
    assert (found.primary, found.secondary) == (2, None)
    assert up(world.connect()) == []
    shown = status(world.connect())
    assert shown.root is not None
    assert (shown.root.name, shown.root.verified, shown.devices.left_behind) == ("root-g2", True, 2)


@pytest.mark.usefixtures("unmeasured")
def test_devices_register_throughout(quick: World) -> None:
    """No registration that must succeed fails, and none that must fail succeeds."""
    issued(quick, PRESS, OTHER, BLOCKED)
    connection = quick.connect()
    over_mqtt, over_https = Device.fetched(connection, PRESS, "mqtt"), Device.fetched(connection, OTHER)
    blocked = Device.fetched(connection, BLOCKED)
    blocked.register(connection)
    block(connection, BLOCKED)
    unknown = Device(PRESS, under_unknown_root(connection))
    before = Device.fetched(connection, OTHER)  # never fetches a new certificate

    for expected in [Phase.STABLE, *PHASES]:
        connection = quick.connect()
        assert phase(connection) is expected
        if expected is Phase.DRAINING:
            assert [one.device for one in waits(connection)] == [PRESS, OTHER]
            assert step(connection) == []
            over_mqtt.fetch(connection)
            over_https.fetch(connection)
        for one in (over_mqtt, over_https):
            one.register(connection)
        if expected in (Phase.RETIRED, PHASES[-1]) and observed(connection).primary == 2:
            before.require_refused(connection)
        elif expected is not Phase.DRAINING:  # there it would register over the new certificate of the same device
            before.register(connection)
        blocked.require_refused(connection)
        unknown.require_refused(connection)
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


def test_until_stops_at_the_phase(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.PROVEN)
    assert phase(quick.connect()) is Phase.PROVEN
    for reached in (Phase.STAGED, Phase.PROVEN):
        assert step(quick.connect(), until=reached) == []
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert (phase(quick.connect()), observed(quick.connect()).primary) == (Phase.STABLE, 2)


def test_the_group_decides_which_root_issues(quick: World) -> None:
    """A device with a certificate under a root that the group does not trust, or soon will not, could not register."""
    expected = dict.fromkeys((Phase.STABLE, Phase.STAGED, Phase.PROVEN), 1)
    for number, name in enumerate([Phase.STABLE, *PHASES[:-1]]):
        wanted = device_id(f"press-{number}")
        issued(quick, wanted)
        (leaf,) = waited(quick.connect().leaves.leaves(wanted))
        assert leaf.generation == expected.get(name, 2)
        Device.fetched(quick.connect(), wanted).register(quick.connect())
        step(quick.connect(), grace=NONE)


def test_up_changes_nothing_in_a_rotation(quick: World) -> None:
    issued(quick, PRESS)
    changed = environment(root={"key": "EC-P256"}, group={"reprovisioning": "never"})
    for number, _ in enumerate(PHASES):
        before = observed(quick.connect())
        settings = changed if number % 2 else quick.environment
        assert [action.target for action in up(quick.connect(settings))] in ([], ["enrollment group devices"])
        assert observed(quick.connect()) == before
        step(quick.connect(), grace=NONE)


@pytest.mark.proof
def test_the_old_root_is_removed_from_the_group_then_from_the_dps_then_disabled(quick: World) -> None:
    """The group is first: while it trusts a root, the DPS must have that root, or its devices are refused without a reason."""
    step(quick.connect(), until=Phase.DRAINING)
    done = [(action.action, action.target) for action in step(quick.connect(), grace=NONE)]
    assert done == [
        ("modify", "enrollment group devices"),
        ("remove", "root-g1 in DPS dps-dpsops-test"),
        ("retire", "root root-g1"),
    ]


def test_another_type_of_key_is_used_for_the_next_root(quick: World) -> None:
    issued(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P384"})
    assert status(quick.connect()).next == (
        "the settings want a root key of type EC-P384, which the next root gets: dpsops rotate --replace root-g1",
    )
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    shown = status(quick.connect())
    assert shown.root is not None
    assert (shown.root.key, shown.next) == ("EC-P384", ())


def test_status_counts_certificates_under_a_retired_root(quick: World) -> None:
    issued(quick, PRESS)
    block(quick.connect(), PRESS)
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    unblock(quick.connect(), PRESS)
    assert status(quick.connect()).next == (
        "1 device(s) have a certificate under a root that is not trusted: dpsops device issue ID",
    )
    issued(quick, PRESS)
    assert status(quick.connect()).next == ()


@pytest.mark.proof
def test_the_root_is_replaced_in_the_hubs_too_if_the_settings_say_so(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256", "prove_to_hubs": True})
    up(quick.connect())
    step(quick.connect(), until=Phase.PROVEN)
    _, hub = quick.connect().stores
    hub.delete("root-g2", hub.all()["root-g2"].etag)
    assert phase(quick.connect()) is Phase.STAGED  # the earlier one of the two states
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert [list(store.all()) for store in quick.connect().stores] == [["root-g2"], ["root-g2"]]


def test_two_runs_that_do_the_same_both_succeed(quick: World) -> None:
    """The etag of the second run is stale, but the group already trusts the same roots."""
    step(quick.connect(), until=Phase.PROVEN)
    seen = view(quick.connect())
    step(quick.connect())
    connection = quick.connect()
    assert list(trust_roots(connection.run, connection.dps, seen.group, 1, 2)) == []
    assert phase(quick.connect()) is Phase.OVERLAPPING
