"""What somebody does by hand in the middle of a rotation: it is named, or gone on from, and never guessed at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpsops.errors import Refused
from dpsops.pki.names import secret_name
from dpsops.workflows import enrollment, generations, root, rotate, status
from dpsops.workflows.rotation import Keeping, Phase, Step
from dpsops.workflows.run import Action, Run
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.workflows.test_rotate import MONTH, PRESS, disable_group, issued, observed, phase, standing, step, waits
from tests.worlds import World

NONE = timedelta(0)


def delete_root(run: Run, name: str) -> None:
    """Somebody deletes a root from the vault."""
    run.cloud.certificates.begin_delete_certificate(name).result()


def trust(run: Run, primary: int, secondary: int | None = None) -> None:
    """Somebody lets the group trust these roots."""
    list(generations.put_group(run, generations.observe(run), primary, secondary))


def test_an_old_root_that_was_deleted_from_the_vault_does_not_stay_in_the_dps_unseen(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    delete_root(quick.run(), "root-g1")
    for _ in range(2):
        with pytest.raises(Refused, match=r"certificate root-g1 .*, which the vault does not have") as refused:
            step(quick.run(), until=Phase.STABLE, grace=NONE)
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g1" in refused.value.hint
    assert phase(quick.run()) is Phase.DRAINING
    quick.run().cloud.certificates.begin_recover_deleted_certificate("root-g1").result()
    step(quick.run(), until=Phase.STABLE, grace=NONE)
    (dps,) = quick.run().cloud.registries
    assert (phase(quick.run()), list(dps.all())) == (Phase.STABLE, ["root-g2"])


@pytest.mark.parametrize("cut", [False, True])
def test_a_group_that_is_deleted_in_a_breach_is_made_with_the_next_root(quick: World, cut: bool) -> None:
    issued(quick, PRESS)
    device = Device.fetched(quick.run(), PRESS)
    device.register(quick.run())
    run = quick.run()
    for action in rotate.replace_compromised(run, lambda cut: None):
        if isinstance(action, Action) and action.action == ("cut off" if cut else "condemn"):
            break
    run.cloud.enrollments.delete(enrollment.path(run.environment), generations.observe(run).group.etag)
    converge(quick.run())
    assert observed(quick.run()).trusted == (2,)
    device.is_refused(quick.run())
    step(quick.run(), until=Phase.STABLE)
    device.is_refused(quick.run())
    device.fetch(quick.run())
    device.register(quick.run())
    assert observed(quick.run()).generation(1).keeping is Keeping.RETIRED


def test_a_secret_that_says_it_is_of_another_device_is_named(quick: World) -> None:
    issued(quick, PRESS)
    run = quick.run()
    tags = run.cloud.secrets.get_secret(secret_name(PRESS)).properties.tags or {}
    run.cloud.secrets.update_secret_properties(secret_name(PRESS), tags={**tags, "device": "press-99"})
    with pytest.raises(Refused, match="the secret device-press-07 in the vault says that it is of the device 'press-99'"):
        step(quick.run())


def test_a_group_that_was_deleted_is_not_made_with_one_of_two_roots(quick: World) -> None:
    """Whichever of them it were, the devices of the other would be shut out."""
    issued(quick, PRESS)
    device = Device.fetched(quick.run(), PRESS)
    step(quick.run(), until=Phase.OVERLAPPING)
    run = quick.run()
    run.cloud.enrollments.delete(enrollment.path(run.environment), generations.observe(run).group.etag)
    for _ in range(2):
        with pytest.raises(Refused, match="group devices is gone, and devices may have leaves of root-g1 and of root-g2"):
            converge(quick.run())
    assert "the primary root-g1 and the secondary root-g2" in status.observe(quick.run()).next[0]
    both = {"attestation": {"type": "x509", "x509": {"caReferences": {"primary": "root-g1", "secondary": "root-g2"}}}}
    document = enrollment.wanted(run.environment, "root-g1") | both
    run.cloud.enrollments.put(enrollment.path(run.environment), document, None)
    assert converge(quick.run()) == []
    device.register(quick.run())
    assert phase(quick.run()) is Phase.OVERLAPPING


def test_no_time_of_grace_runs_in_a_group_that_was_disabled(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.PROMOTED)
    disable_group(quick)
    no_way = "the enrollment group devices is disabled: no device can move to root-g2"
    with pytest.raises(Refused, match=no_way):
        step(quick.run())
    assert rotate.report(quick.run(), MONTH).trouble == no_way
    assert phase(quick.run()) is Phase.PROMOTED
    enable_group(quick)
    assert rotate.report(quick.run(), MONTH).trouble == ""
    step(quick.run())
    disable_group(quick)
    quick.clock.advance(MONTH.total_seconds() + 1)
    with pytest.raises(Refused, match=no_way):
        step(quick.run(), until=Phase.STABLE)
    assert standing(quick.run()).step is Step.RETIRE
    assert step(quick.run(), until=Phase.STABLE, grace=NONE)  # whoever gives no time says that all have moved


def enable_group(world: World) -> None:
    """Somebody opens the group again."""
    view = generations.observe(world.run())
    generations.change_group(world.run(), view, "opened", provisioningStatus="enabled")


def test_a_promotion_that_was_taken_back_by_hand_has_its_own_time_of_grace(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    trust(quick.run(), 1, 2)
    quick.clock.advance(MONTH.total_seconds() + 1)
    step(quick.run(), until=Phase.STABLE)
    assert phase(quick.run()) is Phase.DRAINING
    assert [one.device for one in waits(quick.run())] == [PRESS]
    assert observed(quick.run()).generation(2).draining_since == quick.run().now().replace(microsecond=0)


@pytest.mark.parametrize("reached", [Phase.OVERLAPPING, Phase.REISSUING])
def test_undo_is_offered_only_where_it_is_possible(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=reached)
    delete_root(quick.run(), "root-g2")
    with pytest.raises(Refused, match="root-g2 is absent in the vault, and the enrollment group trusts it") as refused:
        step(quick.run())
    assert ("dpsops rotate undo" in refused.value.hint) == (reached is Phase.OVERLAPPING)


def test_a_device_whose_leaf_was_deleted_from_the_vault_is_not_forgotten(quick: World) -> None:
    issued(quick, PRESS)
    device = Device.fetched(quick.run(), PRESS)
    device.register(quick.run())
    secrets = quick.run().cloud.secrets
    secrets.begin_delete_secret(secret_name(PRESS)).result()
    assert step(quick.run(), until=Phase.STABLE)
    assert [(one.device, one.reason) for one in waits(quick.run())] == [(PRESS, "registered, and the vault has no leaf of it")]
    assert step(quick.run(), until=Phase.STABLE) == []
    device.register(quick.run())
    secrets.begin_recover_deleted_secret(secret_name(PRESS)).result()
    step(quick.run(), until=Phase.STABLE)
    Device.fetched(quick.run(), PRESS).register(quick.run())
    step(quick.run(), until=Phase.STABLE)
    assert phase(quick.run()) is Phase.STABLE


def test_a_next_root_that_somebody_disabled_can_be_taken_back(quick: World) -> None:
    step(quick.run(), until=Phase.PROVEN)
    client = quick.run().cloud.certificates
    client.update_certificate_properties("root-g2", root.require(quick.run(), "root-g2").id, enabled=False)
    with pytest.raises(Refused, match="root-g2 is disabled in the vault, and would be the next root") as refused:
        step(quick.run())
    assert "dpsops rotate undo" in refused.value.hint
    assert [action.action for action in rotate.undo(quick.run())] == ["remove", "retire"]
    assert standing(quick.run()).new == 3
    assert step(quick.run())
