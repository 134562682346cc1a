"""From one root to the next: every phase, with devices that register throughout, and what is in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Error, Refused
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId, device_id, secret_name
from dpsops.workflows import (
    blocking,
    bundles,
    device,
    enrollment,
    external,
    fleet,
    generations,
    identities,
    prove,
    root,
    rotate,
    status,
)
from dpsops.workflows.enrollment import Individual
from dpsops.workflows.rotation import Keeping, Observed, Phase, Standing, Step, Trust, classify
from dpsops.workflows.run import Action, Run
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.workflows.test_register import strangers
from tests.workflows.test_trouble import azure, deploy_only, self_signed, upload
from tests.worlds import World, environment

PRESS, OTHER, BLOCKED = device_id("press-07"), device_id("press-08"), device_id("press-09")
MONTH = timedelta(days=30)

WAY = [
    Phase.STAGED, Phase.PROVEN, Phase.OVERLAPPING, Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING, Phase.RETIRED, Phase.STABLE,
]  # fmt: skip


def step(run: Run, until: Phase | None = None, grace: timedelta = MONTH) -> list[Action]:
    """What one call of `rotate` does; no device fails to get its leaf."""
    done = list(rotate.rotate(run, until=until, grace=grace))
    assert not [one for one in done if isinstance(one, device.Failed)]
    return [one for one in done if isinstance(one, Action)]


def observed(run: Run) -> Observed:
    """The state of the rotation."""
    return generations.observe(run).observed


def standing(run: Run) -> Standing:
    """Where the rotation stands."""
    return classify(observed(run))


def phase(run: Run) -> Phase:
    """The phase of the rotation."""
    return standing(run).phase


def test_a_rotation_goes_from_stable_to_stable(world: World) -> None:
    converge(world.run())
    list(device.issue(world.run(), [PRESS, OTHER]))
    assert phase(world.run()) is Phase.STABLE

    seen = []
    for _ in WAY:
        assert step(world.run(), grace=timedelta(0))
        seen.append(phase(world.run()))
    assert seen == WAY

    found = observed(world.run())
    assert [(one.number, one.keeping, one.trust, one.leaves) for one in found.generations] == [
        (1, Keeping.RETIRED, Trust.ABSENT, 0),
        (2, Keeping.WHOLE, Trust.VERIFIED, 2),
    ]
    assert (found.primary, found.secondary) == (2, None)
    assert converge(world.run()) == []
    shown = status.observe(world.run())
    assert shown.root is not None
    assert (shown.root.name, shown.root.proven, shown.next) == ("root-g2", True, ())


def test_a_rotation_is_taken_back(world: World) -> None:
    converge(world.run())
    step(world.run(), until=Phase.OVERLAPPING)
    assert [action.outcome for action in rotate.undo(world.run())] == [
        "trusts root-g1", "removed", "disabled in the vault, not deleted",
    ]  # fmt: skip
    assert standing(world.run()) == Standing(Phase.STABLE, Step.STAGE, 1, 3)
    assert converge(world.run()) == []


def issued(world: World, *devices: DeviceId) -> None:
    """Leaves for these devices."""
    assert all(isinstance(one, device.Issued) for one in device.issue(world.run(), devices))


@pytest.mark.usefixtures("unmeasured")
def test_devices_register_throughout(quick: World) -> None:
    """None that should succeed ever fails, and none that should fail ever succeeds."""
    issued(quick, PRESS, OTHER, BLOCKED)
    run = quick.run()
    over_mqtt, over_https, blocked = Device.fetched(run, PRESS, "mqtt"), Device.fetched(run, OTHER), Device.fetched(run, BLOCKED)
    blocked.register(run)
    list(blocking.block(run, BLOCKED))
    stranger = Device(PRESS, strangers(run))
    before = Device.fetched(run, OTHER)  # never fetches anything again

    for expected in [Phase.STABLE, *WAY]:
        run = quick.run()
        assert phase(run) is expected
        if expected is Phase.DRAINING:
            assert [laggard.device for laggard in waits(run)] == [PRESS, OTHER]
            assert step(run) == []
            over_mqtt.fetch(run)
            over_https.fetch(run)
        for one in (over_mqtt, over_https):
            one.register(run)
        if expected in (Phase.RETIRED, WAY[-1]) and observed(run).primary == 2:
            before.is_refused(run)
        elif expected is not Phase.DRAINING:  # there it would take back the proof that its sibling has moved
            before.register(run)
        blocked.is_refused(run)
        stranger.is_refused(run)
        if not (expected is Phase.STABLE and observed(run).primary == 2):
            assert step(run)
    assert [one.uses_newest_leaf for one in fleet.members(quick.run()) if not one.leaf.blocked] == [True, True]


def waits(run: Run, grace: timedelta = MONTH) -> tuple[Any, ...]:
    """Whom the rotation waits for."""
    view = generations.observe(run)
    return rotate.waiting(run, view, classify(view.observed), grace).devices


@pytest.mark.usefixtures("unmeasured")
def test_fifty_devices_end_under_the_new_root(quick: World) -> None:
    names = [device_id(f"press-{number:02}") for number in range(50)]
    issued(quick, *names)
    run = quick.run()
    devices = [Device.fetched(run, name) for name in names]
    for one in devices:
        one.register(run)

    step(quick.run(), until=Phase.DRAINING)
    assert len(waits(quick.run())) == 50
    assert step(quick.run(), until=Phase.STABLE) == []
    run = quick.run()
    for one in devices:
        one.fetch(run)
        one.register(run)
    assert waits(quick.run()) == ()
    step(quick.run(), until=Phase.STABLE)

    run = quick.run()
    assert phase(run) is Phase.STABLE
    authority = root.require(run, "root-g2").certificate
    for one in devices:
        leaf, presented = x509.load_pem_x509_certificates(one.credential.chain.encode())
        assert presented == authority
        chains.require_issued_by(leaf, authority, run.now())
    members = list(fleet.members(run))
    assert [(one.leaf.generation, one.uses_newest_leaf) for one in members] == [(2, True)] * 50
    (dps,) = run.cloud.registries
    assert list(dps.all()) == ["root-g2"]
    assert status.observe(run).next == ()


def test_until_a_phase_goes_no_further(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.PROVEN)
    assert phase(quick.run()) is Phase.PROVEN
    for reached in (Phase.STAGED, Phase.PROVEN):
        assert step(quick.run(), until=reached) == []
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    assert (phase(quick.run()), observed(quick.run()).primary) == (Phase.STABLE, 2)


def test_the_group_decides_which_root_issues(quick: World) -> None:
    """A leaf of a root that the group does not trust yet would be of no use; one of the old root would soon be."""
    expected = dict.fromkeys((Phase.STABLE, Phase.STAGED, Phase.PROVEN), 1)
    for number, name in enumerate([Phase.STABLE, *WAY[:-1]]):
        wanted = device_id(f"press-{number}")
        issued(quick, wanted)
        (made,) = device.kept_versions(quick.run(), wanted)
        assert made.generation == expected.get(name, 2)
        Device.fetched(quick.run(), wanted).register(quick.run())
        step(quick.run(), grace=timedelta(0))


def test_up_disturbs_no_phase(quick: World) -> None:
    issued(quick, PRESS)
    changed = environment(root={"key": "EC-P256"}, group={"reprovisioning": "never"})
    for number, _ in enumerate(WAY):
        before = observed(quick.run())
        settings = changed if number % 2 else quick.environment
        assert [action.target for action in converge(quick.run(settings))] in ([], ["enrollment group devices"])
        assert observed(quick.run()) == before
        step(quick.run(), grace=timedelta(0))


def test_a_new_device_is_not_waited_for_and_one_that_never_came_is(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    issued(quick, OTHER)
    assert [(one.device, one.reason) for one in waits(quick.run())] == [(PRESS, "never registered")]
    quick.clock.advance(MONTH.total_seconds() - 1)
    assert step(quick.run()) == []
    quick.clock.advance(2)
    assert waits(quick.run()) == ()
    assert step(quick.run())
    assert phase(quick.run()) is Phase.RETIRED


def test_a_device_whose_old_leaf_has_ended_is_not_waited_for(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256"}, leaf={"days": 20})
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    assert waits(quick.run())
    quick.clock.advance(timedelta(days=20).total_seconds())
    assert waits(quick.run()) == ()


def test_a_device_that_was_renewed_after_it_moved_has_moved(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    Device.fetched(quick.run(), PRESS).register(quick.run())
    list(device.issue(quick.run(), [PRESS], renew=True))
    assert waits(quick.run()) == ()


def test_a_device_that_is_unblocked_late_gets_a_leaf_of_the_new_root(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    list(blocking.block(quick.run(), OTHER))
    step(quick.run(), until=Phase.DRAINING)
    assert {one.device: one.generation for one in device.fleet(quick.run())} == {PRESS: 2, OTHER: 1}
    list(blocking.unblock(quick.run(), OTHER))
    assert [action.target for action in step(quick.run())] == ["leaf of press-08"]
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    list(blocking.block(quick.run(), PRESS))
    assert status.observe(quick.run()).next == ()


def test_the_old_root_leaves_the_group_then_the_dps_then_the_vault(quick: World) -> None:
    """The group first: while it trusts a root, the DPS must have that root, or its devices are refused without a word."""
    step(quick.run(), until=Phase.DRAINING)
    done = [(action.action, action.target) for action in step(quick.run(), grace=timedelta(0))]
    assert done == [
        ("modify", "enrollment group devices"),
        ("remove", "root-g1 in DPS dps-dpsops-test"),
        ("retire", "root root-g1"),
    ]


def test_another_kind_of_key_comes_with_the_next_root(quick: World) -> None:
    issued(quick, PRESS)
    quick.environment = environment(root={"key": "EC-P384"})
    assert status.observe(quick.run()).next == (
        "the settings ask for a root key of the kind EC-P384: dpsops rotate makes the next root so",
    )
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    shown = status.observe(quick.run())
    assert shown.root is not None
    assert (shown.root.key, shown.next) == ("EC-P384", ())


def test_a_leaf_of_a_retired_root_is_named_by_status(quick: World) -> None:
    issued(quick, PRESS)
    list(blocking.block(quick.run(), PRESS))
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    list(blocking.unblock(quick.run(), PRESS))
    assert status.observe(quick.run()).next == ("1 device(s) have a leaf of a root that is not trusted: dpsops device issue ID",)
    issued(quick, PRESS)
    assert status.observe(quick.run()).next == ()


def test_an_individual_enrollment_follows(quick: World) -> None:
    """It admits the leaves that it holds and no other: both while both roots are trusted, the new one alone afterwards."""
    issued(quick, PRESS)
    list(enrollment.enroll(quick.run(), PRESS, Individual(twin={"line": 1})))
    old = Device.fetched(quick.run(), PRESS)
    old.register(quick.run())
    step(quick.run(), until=Phase.DRAINING)
    new = Device.fetched(quick.run(), PRESS)
    old.register(quick.run())
    assert [one.device for one in waits(quick.run())] == [PRESS]
    new.register(quick.run())
    assert waits(quick.run()) == ()
    assert "holds the new leaf alone" in [action.outcome for action in step(quick.run())]
    old.is_refused(quick.run())
    new.register(quick.run())
    found = enrollment.individual(quick.run(), PRESS)
    assert found is not None
    assert found["initialTwin"]["properties"]["desired"] == {"line": 1}
    list(device.issue(quick.run(), [PRESS], renew=True))
    new.register(quick.run())
    Device.fetched(quick.run(), PRESS).register(quick.run())


# --- undo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reached", [Phase.STAGED, Phase.PROVEN, Phase.OVERLAPPING])
def test_undo_goes_back_to_the_old_root(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    old = Device.fetched(quick.run(), PRESS)
    step(quick.run(), until=reached)
    list(rotate.undo(quick.run()))
    assert standing(quick.run()) == Standing(Phase.STABLE, Step.STAGE, 1, 3)
    (dps,) = quick.run().cloud.registries
    assert list(dps.all()) == ["root-g1"]
    old.register(quick.run())
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    assert observed(quick.run()).primary == 3


@pytest.mark.parametrize("reached", [Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING])
def test_undo_is_refused_once_it_would_strand_a_device(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=reached)
    before = observed(quick.run())
    with pytest.raises(Refused, match=r"1 device\(s\) have a leaf of root-g2 and may use it already"):
        list(rotate.undo(quick.run()))
    assert observed(quick.run()) == before


def test_a_leaf_that_was_issued_late_under_the_old_root_is_reissued(quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that began before the overlap can end after the reissue: the newest leaf is of the old root then."""
    issued(quick, PRESS)
    run = quick.run()
    before = device.authority(run)
    step(quick.run(), until=Phase.REISSUING)
    with monkeypatch.context() as patch:
        patch.setattr(device, "authority", lambda run: before)
        quick.clock.advance(1)
        list(device.issue(run, [PRESS], renew=True))
    quick.clock.advance(1)
    assert [one.generation for one in device.fleet(quick.run())] == [1]
    assert [action.target for action in step(quick.run())] == ["leaf of press-07"]
    assert [one.generation for one in device.fleet(quick.run())] == [2]
    assert list(device.issue(quick.run(), [PRESS])) == [device.Unchanged(PRESS)]
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))


def test_undo_without_a_rotation(quick: World) -> None:
    with pytest.raises(Refused, match="there is no rotation to take back"):
        list(rotate.undo(quick.run()))


# --- in the way -------------------------------------------------------------------------------------------------------


def test_a_rotation_needs_an_environment(embedded: World) -> None:
    deploy_only(embedded)
    with pytest.raises(Error, match="has no root in use yet"):
        step(embedded.run())


def test_a_full_dps_is_noticed_before_anything_is_made(quick: World) -> None:
    certificate = self_signed("filler", quick.run().now())
    for number in range(prove.MAX_CERTIFICATES - 1):
        upload(quick.run(), f"filler-{number}", certificate)
    with pytest.raises(Refused, match="already holds 25 CA certificates"):
        step(quick.run())
    assert list(root.kept(quick.run())) == [1]


def test_a_name_that_is_taken_is_noticed_before_anything_is_made(quick: World) -> None:
    upload(quick.run(), "root-g2", self_signed("somebody else's", quick.run().now()))
    for attempt in (step, external.csr):
        with pytest.raises(Refused, match="already holds a certificate root-g2, and it is another one"):
            attempt(quick.run())
    assert list(root.kept(quick.run())) == [1]


@pytest.mark.parametrize(
    ("tag", "text"),
    [("draining", "yesterday"), ("draining", "2026-03-01"), ("draining", "9999-12-31T00:00:00Z"), ("breach", "maybe")],
)
def test_a_tag_that_somebody_has_edited_is_named(quick: World, tag: str, text: str) -> None:
    generations.tag_root(quick.run(), 1, {tag: text})
    with pytest.raises(Refused, match=f"the tag '{tag}' of root-g1 in the vault says '{text}'"):
        step(quick.run())
    assert status.observe(quick.run()).trouble is not None


def test_an_ended_root_cannot_begin_a_rotation_but_be_replaced(quick: World) -> None:
    issued(quick, PRESS)
    quick.clock.advance(timedelta(days=3653).total_seconds())
    with pytest.raises(Refused, match="root-g1 ended on 2036-02-29: the vault's key no longer signs") as refused:
        step(quick.run())
    assert "dpsops rotate --compromised" in refused.value.hint
    assert list(root.kept(quick.run())) == [1]
    list(rotate.replace_compromised(quick.run(), lambda cut: None))
    Device.fetched(quick.run(), PRESS).register(quick.run())


def test_a_disabled_group_cannot_begin_a_rotation(quick: World) -> None:
    disable_group(quick)
    with pytest.raises(Refused, match="the enrollment group devices is disabled: no device could move"):
        step(quick.run())
    assert list(root.kept(quick.run())) == [1]


def disable_group(world: World) -> None:
    """Somebody shuts the group by hand."""
    view = generations.observe(world.run())
    generations.change_group(world.run(), view, "shut", provisioningStatus="disabled")


def test_a_root_that_is_not_proven_cannot_begin_a_rotation(quick: World) -> None:
    (dps,) = quick.run().cloud.registries
    held = dps.all()["root-g1"]
    dps.delete("root-g1", held.etag)
    dps.upload("root-g1", chains.pem(root.require(quick.run(), "root-g1").certificate))
    with pytest.raises(Error, match="root-g1 is not proven"):
        step(quick.run())
    converge(quick.run())
    assert step(quick.run())


def test_a_root_that_somebody_disabled_cannot_begin_a_rotation(quick: World) -> None:
    version = root.require(quick.run(), "root-g1").id
    quick.run().cloud.certificates.update_certificate_properties("root-g1", version, enabled=False)
    with pytest.raises(Refused, match="the root root-g1 is disabled"):
        step(quick.run())
    assert list(root.kept(quick.run())) == [1]


def test_a_group_that_trusts_anothers_root_is_left_alone(quick: World) -> None:
    upload(quick.run(), "company", self_signed("somebody else's", quick.run().now()))
    references = {"primary": "root-g1", "secondary": "company"}
    view = generations.observe(quick.run())
    generations.change_group(quick.run(), view, "", attestation={"type": "x509", "x509": {"caReferences": references}})
    for attempt in (step, converge, lambda run: list(device.issue(run, [PRESS]))):
        with pytest.raises(Refused, match="trusts the certificate 'company', which dpsops did not make"):
            attempt(quick.run())
    assert status.observe(quick.run()).trouble is not None


def test_a_new_root_that_somebody_disabled_stops_the_rotation(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.OVERLAPPING)
    client = quick.run().cloud.certificates
    version = root.require(quick.run(), "root-g2").id
    client.update_certificate_properties("root-g2", version, enabled=False)
    with pytest.raises(Refused, match="root-g2 is disabled in the vault, and the enrollment group trusts it"):
        step(quick.run())
    said = "root-g2 is disabled in the vault, and the enrollment group trusts it: dpsops rotate status"
    assert status.observe(quick.run()).next == (said,)
    client.update_certificate_properties("root-g2", version, enabled=True)
    assert step(quick.run())


def test_another_certificate_under_the_old_roots_name_is_not_removed(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    (dps,) = quick.run().cloud.registries
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    dps.upload("root-g1", chains.pem(self_signed("somebody else's", quick.run().now())))
    with pytest.raises(Refused, match="holds a certificate root-g1, and it is another one"):
        step(quick.run(), grace=timedelta(0))
    assert "root-g1" in dps.all()


def test_the_hubs_move_too_where_the_environment_asks_for_it(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256", "prove_to_hubs": True})
    converge(quick.run())
    step(quick.run(), until=Phase.PROVEN)
    _, hub = quick.run().cloud.registries
    hub.delete("root-g2", hub.all()["root-g2"].etag)
    assert phase(quick.run()) is Phase.STAGED  # the least of what they say
    step(quick.run(), until=Phase.STABLE, grace=timedelta(0))
    assert [list(registry.all()) for registry in quick.run().cloud.registries] == [["root-g2"], ["root-g2"]]


# --- two at once ------------------------------------------------------------------------------------------------------


def test_two_that_do_the_same_both_end_well(quick: World) -> None:
    """The second one's etag is stale, but the group is what it wanted it to be."""
    step(quick.run(), until=Phase.PROVEN)
    view = generations.observe(quick.run())
    step(quick.run())
    assert list(generations.put_group(quick.run(), view, 1, 2)) == []
    assert phase(quick.run()) is Phase.OVERLAPPING


def test_the_second_of_two_is_told_who_was_first(quick: World) -> None:
    step(quick.run(), until=Phase.OVERLAPPING)
    view = generations.observe(quick.run())
    list(rotate.undo(quick.run()))
    with pytest.raises(Refused, match=r"somebody else was first: .* was changed at 2026-.* and now trusts root-g1"):
        list(generations.put_group(quick.run(), view, 2, 1))
    assert observed(quick.run()).primary == 1


# --- a breach ---------------------------------------------------------------------------------------------------------


def breach(world: World) -> list[Action]:
    """What `rotate --compromised` does, once it may."""
    done = list(rotate.replace_compromised(world.run(), lambda cut: None))
    return [one for one in done if isinstance(one, Action)]


def forged(run: Run, name: str) -> Device:
    """A device that whoever has the root's key can make: the vault has no leaf of it."""
    authority = device.authority(run)
    key = run.entropy.key()
    leaf = profiles.issue_leaf(
        device_id(name), key.public_key(), authority.root.certificate,
        run.cloud.signer(authority.root.key_id, authority.root.certificate.public_key()),
        lifetime=timedelta(days=30), serial=run.entropy.serial(), now=run.now(),
    )  # fmt: skip
    bundle = chains.bundle(key, leaf, authority.chain)
    return Device(device_id(name), bundles.read_bundle(bundle, name))


def status_in_hub(run: Run, name: str) -> str:
    """The status of a device's identity."""
    identity = run.cloud.registry("iot-dpsops-test.azure-devices.net").get(f"/devices/{name}")
    assert identity is not None
    return str(identity["status"])


def test_a_breach_cuts_off_first_and_then_builds_anew(quick: World) -> None:
    issued(quick, PRESS, OTHER, BLOCKED)
    run = quick.run()
    mine, theirs, blocked = Device.fetched(run, PRESS), forged(run, "intruder"), Device.fetched(run, BLOCKED)
    posing = forged(run, PRESS)
    for one in (mine, theirs, blocked, posing):
        one.register(run)
    list(blocking.block(run, BLOCKED))

    asked: list[rotate.Cut] = []
    done = [one for one in rotate.replace_compromised(quick.run(), asked.append) if isinstance(one, Action)]

    assert asked == [rotate.Cut("root-g1", ("intruder", PRESS, OTHER), replaced="")]
    targets = [action.target for action in done]
    assert targets.index("root-g1 in DPS dps-dpsops-test") < targets.index("root root-g2")
    cut = [action.target.split()[1] for action in done if action.outcome == "disabled"]
    assert cut == ["intruder", PRESS]
    assert done[1].outcome == "shut: no device can register"

    run = quick.run()
    for one in (mine, theirs, blocked, posing):
        one.is_refused(run)
    assert [status_in_hub(run, name) for name in ("intruder", PRESS, BLOCKED)] == ["disabled", "enabled", "disabled"]
    assert [one.uses_newest_leaf for one in fleet.members(run) if one.leaf.device == PRESS] == [True]
    mine.fetch(run)
    mine.register(run)
    Device.fetched(run, OTHER).register(run)
    assert phase(run) is Phase.STABLE
    assert status.observe(run).next == ()
    assert converge(quick.run()) == []


def test_a_breach_in_the_middle_of_a_rotation_spares_who_has_moved(quick: World) -> None:
    """Whoever has a new leaf in the vault and has not come with it yet is cut off too, and is named."""
    issued(quick, PRESS, OTHER, BLOCKED)
    Device.fetched(quick.run(), BLOCKED).register(quick.run())
    step(quick.run(), until=Phase.DRAINING)
    moved = Device.fetched(quick.run(), PRESS)
    moved.register(quick.run())
    asked: list[rotate.Cut] = []
    done = list(rotate.replace_compromised(quick.run(), asked.append))
    assert asked == [rotate.Cut("root-g1", (BLOCKED,), replaced="")]
    assert [one.target for one in done if isinstance(one, Action) and one.outcome == "disabled"] == [
        f"identity {BLOCKED} in iot-dpsops-test.azure-devices.net"
    ]
    moved.register(quick.run())
    assert observed(quick.run()).primary == 2
    assert phase(quick.run()) is Phase.STABLE


def test_a_group_that_somebody_had_shut_stays_shut_after_a_breach(quick: World) -> None:
    issued(quick, PRESS)
    disable_group(quick)
    breach(quick)
    group = enrollment.observe(quick.run())
    assert group is not None
    assert (group.primary, group.enabled) == ("root-g2", False)


def test_an_identity_that_somebody_else_disabled_stays_so_after_a_breach(quick: World) -> None:
    issued(quick, PRESS)
    Device.fetched(quick.run(), PRESS).register(quick.run())
    registry = quick.run().cloud.registry("iot-dpsops-test.azure-devices.net")
    identity = registry.get(f"/devices/{PRESS}")
    assert identity is not None
    registry.put(f"/devices/{PRESS}", identity | {"status": "disabled", "statusReason": "stolen"}, f'"{identity["etag"]}"')
    breach(quick)
    assert status_in_hub(quick.run(), PRESS) == "disabled"


def test_whoever_posed_as_a_blocked_device_is_not_let_in_with_it(quick: World) -> None:
    """The identity was known by the forged leaf; after the unblocking it is known by the device's own."""
    issued(quick, PRESS)
    run = quick.run()
    posing = forged(run, PRESS)
    posing.register(run)
    list(blocking.block(run, PRESS))
    breach(quick)
    list(blocking.unblock(quick.run(), PRESS))
    (kept,) = device.kept_versions(quick.run(), PRESS)
    identity = quick.run().cloud.registry("iot-dpsops-test.azure-devices.net").get(f"/devices/{PRESS}")
    assert identity is not None
    assert (identity["status"], identities.thumbprint(identity)) == ("enabled", kept.thumbprint)
    posing.is_refused(quick.run())


def test_while_a_breach_is_dealt_with_nothing_else_goes_on(quick: World) -> None:
    issued(quick, PRESS)
    for one in rotate.replace_compromised(quick.run(), lambda cut: None):
        if isinstance(one, Action) and one.action == "retire":
            break
    assert phase(quick.run()) is Phase.BREACHED
    assert status.observe(quick.run()).next == ("root-g1 is compromised and is being replaced: dpsops rotate",)
    for attempted in (converge, lambda run: list(device.issue(run, [PRESS]))):
        with pytest.raises(Refused, match="the root root-g1 has been retired"):
            attempted(quick.run())
    with pytest.raises(Refused, match="is compromised: there is no way back"):
        list(rotate.undo(quick.run()))
    while phase(quick.run()) is Phase.BREACHED:
        assert step(quick.run())
    Device.fetched(quick.run(), PRESS).register(quick.run())


def test_a_new_leaf_takes_the_place_of_one_of_a_compromised_root(quick: World) -> None:
    """An individual enrollment keeps the leaf before only while its root is trusted: not even until the last step of a breach."""
    issued(quick, PRESS)
    list(enrollment.enroll(quick.run(), PRESS, Individual()))
    for one in rotate.replace_compromised(quick.run(), lambda cut: None):
        if isinstance(one, Action) and one.action == "reissue":
            break
    (kept,) = [leaf for leaf in device.kept_versions(quick.run(), PRESS) if leaf.generation == 2]
    found = enrollment.individual(quick.run(), PRESS)
    assert found is not None
    assert set(enrollment.pinned(found)) == {kept.thumbprint}


def test_saying_no_changes_nothing(quick: World) -> None:
    def no(cut: rotate.Cut) -> None:
        raise Error(f"{cut.root} and {len(cut.devices)} device(s) stay", "you said no")

    with pytest.raises(Error, match="root-g1 and 0 device"):
        list(rotate.replace_compromised(quick.run(), no))
    assert [exchange for exchange in quick.exchanges if exchange.writes and "query" not in exchange.path] == []


@pytest.mark.parametrize("rotated", [False, True])
def test_a_root_that_took_the_place_of_a_compromised_one_is_known_as_that(quick: World, rotated: bool) -> None:
    """Also where the number between them was taken back; not any more where the root is one of the next rotation."""
    step(quick.run(), until=Phase.PROVEN)
    list(rotate.undo(quick.run()))
    breach(quick)
    if rotated:
        step(quick.run(), until=Phase.STABLE)
    asked: list[rotate.Cut] = []
    list(rotate.replace_compromised(quick.run(), asked.append))
    assert asked == [rotate.Cut("root-g4", (), replaced="") if rotated else rotate.Cut("root-g3", (), replaced="root-g1")]


def test_a_compromised_root_that_somebody_deleted_is_to_be_recovered(quick: World) -> None:
    quick.run().cloud.certificates.begin_delete_certificate("root-g1").result()
    with pytest.raises(Refused, match="root-g1 is not in the vault kv-dpsops-test") as refused:
        breach(quick)
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g1" in refused.value.hint
    quick.run().cloud.certificates.begin_recover_deleted_certificate("root-g1").result()
    breach(quick)
    assert observed(quick.run()).trusted == (2,)


def test_a_device_that_gets_no_leaf_is_named_and_holds_the_rotation_up(quick: World) -> None:
    issued(quick, PRESS, OTHER)
    step(quick.run(), until=Phase.OVERLAPPING)
    azure(quick).faults.add(Fault(Refuse(Response(500, {"error": {"code": "X", "message": "No."}})), stores_press_08, times=None))
    done = list(rotate.rotate(quick.run(), until=Phase.STABLE, grace=timedelta(0)))
    assert [type(one) for one in done] == [Action, device.Failed]
    assert phase(quick.run()) is Phase.REISSUING
    azure(quick).faults.clear()
    assert [action.target for action in step(quick.run())] == ["leaf of press-08"]


def stores_press_08(request: Request) -> bool:
    """Whether a request is to store the bundle of press-08."""
    return request.method == "PUT" and request.path == f"/secrets/{secret_name(OTHER)}"
