"""Changes by hand during a rotation: dpsops continues from them or reports them, and never guesses."""

from __future__ import annotations

import pytest

from dpsops.cli.connection import Connection
from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.model.rotation import Phase, Step, VaultState
from dpsops.pki.names import secret_name
from dpsops.steps.put_group import trust_roots
from tests.workflows.commands import consent, rotation, rotation_status, status, undo, up, view
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import (
    MONTH,
    NONE,
    create_group,
    delete_group,
    delete_root,
    disable_group,
    enable_group,
    enable_root,
    issued,
    observed,
    phase,
    recover_root,
    standing,
    step,
    waits,
)
from tests.worlds import World


def trust(connection: Connection, primary: int, secondary: int | None = None) -> None:
    """Somebody sets the roots that the group trusts."""
    list(trust_roots(connection.run, connection.dps, view(connection).group, primary, secondary))


def test_an_old_root_that_is_missing_in_the_vault_but_in_the_dps_is_reported(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    delete_root(quick.connect(), "root-g1")
    for _ in range(2):
        with pytest.raises(Refused, match=r"CA certificate root-g1 .*, and the vault has no root of this name") as refused:
            step(quick.connect(), until=Phase.STABLE, grace=NONE)
    assert "az keyvault certificate recover --vault-name kv-dpsops-test --name root-g1" in refused.value.hint
    assert phase(quick.connect()) is Phase.DRAINING
    recover_root(quick.connect(), "root-g1")
    step(quick.connect(), until=Phase.STABLE, grace=NONE)
    (dps,) = quick.connect().stores
    assert (phase(quick.connect()), list(dps.all())) == (Phase.STABLE, ["root-g2"])


@pytest.mark.parametrize("cut", [False, True])
def test_a_group_that_is_deleted_in_a_breach_is_created_with_the_next_root(quick: World, cut: bool) -> None:
    issued(quick, PRESS)
    device = Device.fetched(quick.connect(), PRESS)
    device.register(quick.connect())
    for action in rotation(quick.connect()).replace_compromised(consent):
        if isinstance(action, Action) and action.action == ("cut off" if cut else "condemn"):
            break
    delete_group(quick.connect())
    up(quick.connect())
    assert observed(quick.connect()).trusted == (2,)
    device.require_refused(quick.connect())
    step(quick.connect(), until=Phase.STABLE)
    device.require_refused(quick.connect())
    device.fetch(quick.connect())
    device.register(quick.connect())
    assert observed(quick.connect()).generation(1).in_vault is VaultState.RETIRED


def test_a_secret_with_the_tag_of_another_device_is_reported(quick: World) -> None:
    issued(quick, PRESS)
    connection = quick.connect()
    tags = connection.clients.secrets.get_secret(secret_name(PRESS)).properties.tags or {}
    connection.clients.secrets.update_secret_properties(secret_name(PRESS), tags={**tags, "device": "press-99"})
    with pytest.raises(Refused, match="the secret device-press-07 in the vault has a tag of another device, 'press-99'"):
        step(quick.connect())


def test_a_group_that_was_deleted_is_not_created_with_only_one_of_two_roots(quick: World) -> None:
    """With only one of them, the devices of the other could not register."""
    issued(quick, PRESS)
    device = Device.fetched(quick.connect(), PRESS)
    step(quick.connect(), until=Phase.OVERLAPPING)
    delete_group(quick.connect())
    for _ in range(2):
        with pytest.raises(
            Refused, match="group devices is missing, and devices may have certificates under root-g1 and under root-g2"
        ):
            up(quick.connect())
    assert "root-g1 as primary and root-g2 as secondary" in status(quick.connect()).next[0]
    create_group(quick.connect(), "root-g1", "root-g2")
    assert up(quick.connect()) == []
    device.register(quick.connect())
    assert phase(quick.connect()) is Phase.OVERLAPPING


def test_the_grace_period_does_not_end_while_the_group_is_disabled(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.PROMOTED)
    disable_group(quick)
    trouble = "the enrollment group devices is disabled: no device can move to root-g2"
    with pytest.raises(Refused, match=trouble):
        step(quick.connect())
    assert rotation_status(quick.connect(), MONTH).trouble == trouble
    assert phase(quick.connect()) is Phase.PROMOTED
    enable_group(quick)
    assert rotation_status(quick.connect(), MONTH).trouble == ""
    step(quick.connect())
    disable_group(quick)
    quick.clock.advance(MONTH.total_seconds() + 1)
    with pytest.raises(Refused, match=trouble):
        step(quick.connect(), until=Phase.STABLE)
    assert standing(quick.connect()).step is Step.RETIRE
    assert step(quick.connect(), until=Phase.STABLE, grace=NONE)  # without a grace period no device is waited for


def test_a_second_promotion_has_a_new_grace_period(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    trust(quick.connect(), 1, 2)
    quick.clock.advance(MONTH.total_seconds() + 1)
    step(quick.connect(), until=Phase.STABLE)
    assert phase(quick.connect()) is Phase.DRAINING
    assert [one.device for one in waits(quick.connect())] == [PRESS]
    assert observed(quick.connect()).generation(2).draining_since == quick.connect().run.now()


@pytest.mark.parametrize("reached", [Phase.OVERLAPPING, Phase.REISSUING])
def test_the_hint_offers_undo_only_if_it_is_possible(quick: World, reached: Phase) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=reached)
    delete_root(quick.connect(), "root-g2")
    with pytest.raises(Refused, match="root-g2 is absent in the vault, but the enrollment group trusts it") as refused:
        step(quick.connect())
    assert ("dpsops rotate undo" in refused.value.hint) == (reached is Phase.OVERLAPPING)


def test_a_device_whose_secret_was_deleted_is_waited_for(quick: World) -> None:
    issued(quick, PRESS)
    device = Device.fetched(quick.connect(), PRESS)
    device.register(quick.connect())
    secrets = quick.connect().clients.secrets
    secrets.begin_delete_secret(secret_name(PRESS)).result()
    assert step(quick.connect(), until=Phase.STABLE)
    assert [(one.device, one.reason) for one in waits(quick.connect())] == [
        (PRESS, "registered, but no certificate in the vault")
    ]
    assert step(quick.connect(), until=Phase.STABLE) == []
    device.register(quick.connect())
    secrets.begin_recover_deleted_secret(secret_name(PRESS)).result()
    step(quick.connect(), until=Phase.STABLE)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    step(quick.connect(), until=Phase.STABLE)
    assert phase(quick.connect()) is Phase.STABLE


def test_undo_is_possible_if_somebody_disabled_the_next_root(quick: World) -> None:
    step(quick.connect(), until=Phase.PROVEN)
    enable_root(quick.connect(), "root-g2", enabled=False)
    with pytest.raises(Refused, match="the next root, root-g2, is disabled in the vault") as refused:
        step(quick.connect())
    assert "dpsops rotate undo" in refused.value.hint
    assert [action.action for action in undo(quick.connect())] == ["retire", "remove"]
    assert standing(quick.connect()).new == 3
    assert step(quick.connect())
