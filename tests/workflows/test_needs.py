"""What each command needs, as `model/needs.py` says it, is what it asks for: no action more, none less."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dpsops.emulator import rbac
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from dpsops.emulator.world import World as Inside
from dpsops.errors import Error
from dpsops.model import needs
from dpsops.model.built_in_roles import BUILT_IN
from dpsops.model.needs import Need, Place
from dpsops.model.rights import Permission
from tests.workflows.by_hand import azure
from tests.workflows.identities import as_identity, principal, role_named
from tests.workflows.saved import Saved
from tests.workflows.test_identities import BESIDE, COMMANDS, MORE, Command, outcome, settings, states
from tests.worlds import World, predictable_entropy

__all__ = ["states"]
pytestmark = pytest.mark.usefixtures("unmeasured")

_WHO = principal("everything")
_EVERYTHING = ("Owner", "Key Vault Administrator", "Device Provisioning Service Data Contributor", "IoT Hub Data Contributor")
_PLACES = {
    "microsoft.keyvault/vaults": {Place.VAULT, Place.LEAF_VAULTS},
    "microsoft.devices/provisioningservices": {Place.DPS},
    "microsoft.devices/iothubs": {Place.HUBS},
    "microsoft.operationalinsights/workspaces": {Place.WORKSPACE},
}


def places(scope: str) -> set[Place]:
    """Where an action was asked for."""
    found = re.match(r"/subscriptions/[^/]+(/resourcegroups/[^/]+)?(?:/providers/([^/]+/[^/]+)/[^/]+)?", scope.lower())
    assert found is not None, scope
    return _PLACES.get(found[2] or "", {Place.GROUP if found[1] else Place.SUBSCRIPTION})


Asked = set[tuple[Place, str, bool]]


@pytest.fixture
def asked(
    embedded: World, states: dict[str, Saved], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Asked, str]]:
    """Runs a command as somebody with all rights but one; returns what was asked for, and what was missing."""
    azure(embedded).timings = Timings()
    embedded.clock.advance(7200)
    embedded.entropy = predictable_entropy(3)
    seen: Asked = set()
    lacking: list[Need] = []
    allowed = rbac.allowed

    def spy(world: Inside, caller: Principal, action: str, scope: str, *, data: bool = False) -> bool:
        granted = allowed(world, caller, action, scope, data=data)
        if caller != _WHO or not granted:
            return granted
        seen.update((place, action.lower(), data) for place in places(scope))
        return not any(
            each.action.lower() == action.lower() and each.data == data and each.place in places(scope) for each in lacking
        )

    monkeypatch.setattr(rbac, "allowed", spy)

    def run(command: Command, without: Need | None = None) -> tuple[Asked, str]:
        states[command.state].restore(tmp_path)
        seen.clear()
        lacking[:] = [without] if without else []
        roles = [role_named(each) for each in _EVERYTHING]
        try:
            missing = outcome(command, as_identity(embedded, _WHO, *roles, scope=f"/subscriptions/{SUBSCRIPTION}"))
        except Error as error:
            missing = error.message
        return set(seen), missing

    return run


def uses(name: str) -> list[Command]:
    """Each way in which the tests use a command."""
    return [(COMMANDS | BESIDE)[name], *(each for other, each in MORE.items() if re.split(" where | of |, ", other)[0] == name)]


def is_asked(need: Need, found: Asked) -> bool:
    return (need.place, need.action.lower(), need.data) in found


@pytest.mark.parametrize("name", [*COMMANDS, *BESIDE])
def test_a_command_needs_what_it_asks_for(asked: Callable[..., tuple[Asked, str]], name: str) -> None:
    found = set[tuple[Place, str, bool]]()
    for use in uses(name):
        seen, missing = asked(use)
        assert not missing
        found |= seen
    said = list(needs.of(name, settings(), group_exists=True))
    keys = {(each.action.lower(), each.data) for each in said}
    assert {(action, data) for _, action, data in found} <= keys, "it asks for what it does not say"
    unused = [each for each in said if not is_asked(each, found)]
    assert not unused, "it says what it does not ask for"


@pytest.mark.parametrize("name", [*COMMANDS, *BESIDE])
def test_a_command_fails_without_what_it_needs(asked: Callable[..., tuple[Asked, str]], name: str) -> None:
    """Each that it can do without, and every third of the others: they are many."""
    said = list(needs.of(name, settings(), group_exists=True))
    for need in [*(each for each in said if each.helps), *[each for each in said if not each.helps][::3]]:
        missing = [outcome for use in uses(name) for outcome in [asked(use, need)[1]] if outcome]
        assert bool(missing) != bool(need.helps), need


def test_every_command_of_the_page_is_here() -> None:
    assert list(needs.NEEDS) == [*COMMANDS, *BESIDE]


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name in {each.name for each in rbac.ROLES.values()}])
def test_a_built_in_role_allows_the_same_in_the_embedded_azure(name: str) -> None:
    role = rbac.ROLES[role_named(name)]
    there = Permission(role.actions, role.not_actions, role.data_actions, role.not_data_actions)
    wanted = {(need.action, need.data) for each in needs.NEEDS.values() for need in each}
    allows = {each for each in wanted if BUILT_IN[name].allows(each[0], data=each[1])}
    assert allows == {each for each in wanted if there.allows(each[0], data=each[1])}


def test_a_person_may_name_a_command_as_it_is_typed() -> None:
    assert needs.chosen("dpsops  device issue") == ("device issue", "device issue --individual")
    assert needs.chosen("rotate --compromised") == ("rotate --compromised",)
    assert needs.chosen("rotate") == ("rotate", "rotate --compromised")
    assert needs.chosen("root") == ()


@pytest.mark.parametrize("proven", [True, False])
def test_what_only_some_environments_need(proven: bool) -> None:
    environment = settings().model_copy(update={"root": settings().root.model_copy(update={"prove_to_hubs": proven})})
    found = {each.action for each in needs.of("rotate", environment, group_exists=True) if each.place is Place.HUBS}
    assert ("Microsoft.Devices/IotHubs/certificates/Write" in found) == proven
    made = {each.action for each in needs.of("up", environment, group_exists=False)}
    assert "Microsoft.Resources/subscriptions/resourceGroups/write" in made
