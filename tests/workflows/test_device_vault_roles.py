"""Who reads or writes the devices' secrets needs no right on those in the vault of the root. The roles are those of
`docs/identities.md`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, TENANT
from dpsops.emulator.principal import Principal
from dpsops.emulator.rbac import ASSIGNMENT, ROLES
from dpsops.errors import Denied
from dpsops.model.action import Failed
from dpsops.model.device import Issued
from dpsops.model.rotation import Phase
from dpsops.pki.names import device_id, secret_name
from tests.workflows.by_hand import azure, remove_the_roles
from tests.workflows.commands import block, issue_to, members, renew, rotate, unblock, up
from tests.workflows.doing import PRESS
from tests.workflows.identities import as_identity, custom_role, define, principal, role_named
from tests.worlds import World, environment, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

NAMES = ("kv-devices-1", "kv-devices-2")
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-dpsops-test"
FLEET = [device_id(f"press-{number:02}") for number in range(8)]
STATION = Principal("7a0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "7b0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", TENANT)
SPREAD = environment(root={"key": "EC-P256"}, device={"vaults": list(NAMES)})
OLD = environment(root={"key": "EC-P256"})


def on_vaults(world: World, who: Principal, role: str) -> World:
    """The same Azure, for somebody who also has a role (a GUID) on each vault for devices."""
    for name in NAMES:
        world = as_identity(world, who, role, scope=f"{GROUP}/providers/microsoft.keyvault/vaults/{name}")
    return world


def issuer(world: World) -> World:
    """The same Azure, for the issuer of the page's section on vaults for devices."""
    whole = custom_role("issuer")
    narrow = replace(whole, data_actions=tuple(each for each in whole.data_actions if "/vaults/secrets/" not in each))
    assert len(whole.data_actions) - len(narrow.data_actions) == 3
    mine = as_identity(world, principal("issuer"), define(world, narrow))
    return on_vaults(mine, principal("issuer"), define(world, custom_role("device secrets")))


def reads_secret_of_root(connection: Connection) -> bool:
    """Whether somebody can read a secret in the vault of the root."""
    try:
        connection.roots.hands_out_key("root-g1", "")
    except Denied:
        return False
    return True


@pytest.fixture
def spread(quick: World) -> World:
    """An environment with two vaults for devices, made from nothing by the operator."""
    quick.environment = SPREAD
    up(quick.connect())
    return quick


def roles_on(world: World, vault: str) -> set[str]:
    """The names of the operator's roles on a vault alone."""
    with azure(world).database.transaction() as state:
        held = [each for _, each in state.list(ASSIGNMENT) if each["scope"].lower().endswith(f"/vaults/{vault}")]
    return {ROLES[each["role"]].name for each in held if each["principal"] == OPERATOR.object_id}


def test_an_issuer_needs_no_right_on_a_secret_in_the_vault_of_the_root(spread: World) -> None:
    mine = issuer(spread)
    begun = mine.clock.now()
    assert all(isinstance(each, Issued) for each in issue_to(mine.connect(), *FLEET))
    assert all(isinstance(each, Issued) for each in renew(mine.connect(), *FLEET, again=True))
    assert sorted(each.leaf.device for each in members(mine.connect())) == FLEET
    assert {each.leaf.vault for each in members(mine.connect())} == set(NAMES)
    assert not reads_secret_of_root(mine.connect())
    assert reads_secret_of_root(spread.connect())
    assert mine.clock.now() - begun < 60


def test_a_station_that_exports_needs_one_role_on_the_vaults_for_devices(spread: World) -> None:
    issue_to(spread.connect(), *FLEET)
    station = on_vaults(spread, STATION, role_named("Key Vault Secrets User"))
    for device in FLEET:
        assert "PRIVATE KEY" in waited(station.connect().leaves.bundle(device))
    assert not reads_secret_of_root(station.connect())
    with pytest.raises(Denied, match="setSecret"):
        waited(station.connect().leaves.put(PRESS, "", waited(station.connect().leaves.chain(FLEET[0]))[0], 1, ()))


def test_the_roles_that_up_assigns_are_enough_for_everything_and_no_more_on_the_vault_of_the_root(quick: World) -> None:
    """The operator has, besides these roles, none that concerns data."""
    remove_the_roles(quick)
    up(quick.connect(SPREAD))
    of_root = {"Key Vault Certificates Officer", "Key Vault Crypto User", "Key Vault Secrets User"}
    assert roles_on(quick, "kv-dpsops-test") == of_root
    assert {frozenset(roles_on(quick, name)) for name in NAMES} == {frozenset({"Key Vault Secrets Officer"})}
    assert not [each for each in issue_to(quick.connect(SPREAD), *FLEET) if isinstance(each, Failed)]
    block(quick.connect(SPREAD), FLEET[0])
    unblock(quick.connect(SPREAD), FLEET[0])
    done = rotate(quick.connect(SPREAD), Phase.DRAINING)
    assert not [each for each in done if isinstance(each, Failed)]
    assert {each.leaf.generation for each in members(quick.connect(SPREAD))} == {2}


def test_who_could_write_secrets_in_the_vault_of_the_root_still_can(quick: World) -> None:
    issue_to(quick.connect(OLD), PRESS)
    before = roles_on(quick, "kv-dpsops-test")
    up(quick.connect(SPREAD))
    assert roles_on(quick, "kv-dpsops-test") == before
    assert isinstance(renew(quick.connect(SPREAD), PRESS, again=True)[0], Issued)


def test_who_could_not_learns_which_role_a_device_from_before_needs(quick: World) -> None:
    issue_to(quick.connect(OLD), PRESS)
    remove_the_roles(quick)
    up(quick.connect(SPREAD))
    with pytest.raises(Denied, match="setSecret") as denied:
        renew(quick.connect(SPREAD), PRESS, again=True)
    assert "assign the role 'Key Vault Secrets Officer' on " in denied.value.hint
    assert denied.value.hint.lower().count("/vaults/kv-dpsops-test") == 1
    names = [each.id for each in waited(quick.connect(OLD).leaves.versions(PRESS))]
    assert all(secret_name(PRESS) in name and "kv-dpsops-test" in name for name in names)
