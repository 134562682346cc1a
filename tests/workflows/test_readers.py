"""Who may only read: the built-in roles that are enough for what changes nothing, and the error for everything else."""

from __future__ import annotations

import pytest

from dpsops.emulator.identity.state import OPERATOR, TENANT
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from dpsops.errors import Denied
from tests.workflows import commands
from tests.workflows.by_hand import azure
from tests.workflows.doing import PRESS
from tests.workflows.identities import as_identity, role_named
from tests.worlds import World, environment, waited

READER = Principal("7a0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "7b0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", TENANT)
ENOUGH = {"Reader", "Key Vault Reader", "Device Provisioning Service Data Reader", "IoT Hub Data Reader"}
SETTINGS = environment(root={"key": "EC-P256"}, access={"principals": [{"id": OPERATOR.object_id, "type": "ServicePrincipal"}]})


def reader(world: World, *roles: str) -> World:
    """The same Azure, for somebody with these roles on the resource group."""
    return as_identity(world, READER, *map(role_named, roles))


@pytest.fixture
def converged(embedded: World) -> World:
    """An environment with a device, whose settings name who gets the roles."""
    azure(embedded).timings = Timings()
    embedded.environment = SETTINGS
    commands.up(embedded.connect())
    commands.issue_to(embedded.connect(), PRESS)
    return embedded


def test_four_roles_are_enough_to_look(converged: World) -> None:
    eyes = reader(converged, *ENOUGH)
    assert commands.status(eyes.connect()) == commands.status(converged.connect())
    assert [each.leaf.device for each in commands.members(eyes.connect())] == [PRESS]
    assert commands.plan(eyes.connect()) == commands.plan(converged.connect())
    assert commands.plan(eyes.connect()).actions == ()
    assert [exchange for exchange in converged.exchanges if exchange.writes] == []


@pytest.mark.parametrize("lost", sorted(ENOUGH - {"IoT Hub Data Reader"}))
def test_each_of_them_is_needed(converged: World, lost: str) -> None:
    eyes = reader(converged, *ENOUGH - {lost})
    begun = converged.clock.now()
    with pytest.raises(Denied) as denied:
        commands.status(eyes.connect())
    assert denied.value.role_missing
    assert denied.value.hint.startswith("assign the role '")
    assert converged.clock.now() - begun < 60


def test_whoever_only_reads_changes_nothing(converged: World) -> None:
    eyes = reader(converged, *ENOUGH)
    with pytest.raises(Denied, match=r"keys/sign/action|setSecret/action"):
        commands.renew(eyes.connect(), PRESS, again=True)
    with pytest.raises(Denied, match=r"Microsoft.KeyVault/vaults/secrets/getSecret/action"):
        waited(eyes.connect().leaves.bundle(PRESS))


def test_without_named_principals_a_plan_gives_the_roles_to_whoever_makes_it(converged: World) -> None:
    """No role that only reads has the right to ask for a what-if: a note says so."""
    plan = commands.plan(reader(converged, *ENOUGH).connect(environment(root={"key": "EC-P256"})))
    assert {each.action for each in plan.actions} == {"assign"}
    assert all(each.target.endswith(f"to ServicePrincipal {READER.object_id}") for each in plan.actions)
    assert any("Microsoft.Resources/deployments/whatIf/action" in note for note in plan.notes)
