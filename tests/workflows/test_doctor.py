"""`doctor`: what it says of an identity is so, and it changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import Timings
from dpsops.model import checkup, needs
from dpsops.model.built_in_roles import SUFFICIENT, identity_of
from dpsops.model.checkup import Finding, Outcome
from dpsops.workflows.doctor import Checkup
from tests.workflows.boundaries import STRIDE
from tests.workflows.by_hand import azure
from tests.workflows.commands import doctor
from tests.workflows.identities import (
    GROUP,
    IDENTITIES,
    as_identity,
    built_in_roles,
    custom_role,
    define,
    principal,
    role_named,
)
from tests.workflows.saved import Saved
from tests.workflows.test_identities import COMMANDS, identified, outcome, settings, states, table
from tests.worlds import World, predictable_entropy

__all__ = ["states"]
pytestmark = pytest.mark.usefixtures("unmeasured")


def failed(found: Checkup) -> list[Finding]:
    return [each for each in found.findings if each.outcome is Outcome.FAILED]


@pytest.fixture
def inside(embedded: World, states: dict[str, Saved], tmp_path: Path) -> Callable[[str], World]:
    """The world in one of the states that commands are tried on."""
    azure(embedded).timings = Timings()
    embedded.clock.advance(7200)
    embedded.entropy = predictable_entropy(3)

    def restore(state: str) -> World:
        states[state].restore(tmp_path)
        return embedded

    return restore


def assigned_by_hand(world: World, hint: str, identity: str) -> None:
    """Does what a line of `az role assignment create` says."""
    found = re.match(
        r"az role assignment create --assignee-object-id (\S+) --assignee-principal-type ServicePrincipal "
        r'--role "([^"]+)" --scope "([^"]+)"',
        hint,
    )
    assert found is not None, hint
    assert found[1] == principal(identity).object_id
    role = define(world, custom_role(identity)) if found[2].startswith("dpsops ") else role_named(found[2])
    as_identity(world, principal(identity), role, scope=found[3].lower())


@pytest.mark.parametrize("built_in", [False, True], ids=["custom", "built in"])
@pytest.mark.parametrize("identity", IDENTITIES)
def test_what_it_says_is_so(inside: Callable[[str], World], identity: str, built_in: bool) -> None:
    """A command of the page under an identity works if doctor finds nothing missing, and fails if it does. Each command is tried
    under one identity, and with `make boundaries` under each."""
    turn = 2 * IDENTITIES.index(identity) + built_in
    for name, command in list(COMMANDS.items())[turn % STRIDE :: STRIDE]:
        world = identified(inside(command.state), identity, built_in=built_in)
        found = failed(doctor(world.connect(settings()), name))
        assert {each.check for each in found} <= {checkup.PERMISSIONS}, found
        works = not table()[name, identity] if not built_in else not outcome(command, world)
        assert works == (not found), (name, found)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_missing_built_in_role_is_named(inside: Callable[[str], World], identity: str) -> None:
    """One role is taken away at a time. Whoever does what the hint says can then run what did not work before."""
    can = [name for (name, whose), cell in table().items() if whose == identity and not cell]
    roles, works = built_in_roles(identity), [name for name in can if identity_of(name) == identity]
    for missing in roles:
        named = set[str]()
        for name in works:
            if named and STRIDE > 1:  # one command is enough, unless all are asked for
                break
            world = inside(COMMANDS[name].state)
            world = as_identity(world, principal(identity), *(role_named(each) for each in roles if each != missing))
            found = failed(doctor(world.connect(settings()), name))
            for each in found:
                assert f"the role '{missing}' on " in each.detail, (name, each)
                named.add(missing)
                assigned_by_hand(world, each.hint, identity)
            assert not failed(doctor(world.connect(settings()), name)), name
        assert named == {missing}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_missing_custom_role_is_named(inside: Callable[[str], World], identity: str) -> None:
    """It is not assigned to the identity; nobody without a role may read that it is there."""
    name = {"planner": "plan", "deployer": "up", "issuer": "device issue", "operator": "rotate"}[identity]
    world = inside(COMMANDS[name].state)
    define(world, custom_role(identity))
    found = failed(doctor(as_identity(world, principal(identity)).connect(settings()), name))
    assert found
    line = f"az role assignment create --assignee-object-id {principal(identity).object_id} --assignee-principal-type "
    line += f'ServicePrincipal --role "dpsops {identity}" --scope "{GROUP}"'
    assert line.lower() in found[0].hint.lower()
    assigned_by_hand(world, found[0].hint.rpartition(", ")[2], identity)
    assert not failed(doctor(as_identity(world, principal(identity)).connect(settings()), name))


def test_a_custom_role_that_is_there_is_named_alone(inside: Callable[[str], World]) -> None:
    world = inside("stable")
    define(world, custom_role("planner"))
    reads = as_identity(world, principal("planner"), role_named("Reader"))
    (found,) = failed(doctor(reads.connect(settings()), "plan"))
    assert '--role "dpsops planner"' in found.hint
    assert "docs/identities.md" not in found.hint


@pytest.mark.parametrize("needed", [True, False])
def test_an_identity_without_any_role(inside: Callable[[str], World], needed: bool) -> None:
    azure(inside("stable")).habits = Habits(permissions_need_a_role=needed)
    found = doctor(as_identity(inside("stable"), principal("nobody")).connect(settings()))
    assert {each.check for each in failed(found)} == {checkup.PERMISSIONS}
    assert checkup.lacks_rights(found.findings)
    unknown = {each.check for each in found.findings if each.outcome is Outcome.UNKNOWN}
    assert ("own-permissions" in unknown) == needed
    assert {"lock", "provider", "root"} <= unknown


def test_what_only_a_change_would_tell_is_unknown(inside: Callable[[str], World]) -> None:
    """Whether it may read a secret is not tried: somebody's key would be the answer."""
    found = doctor(as_identity(inside("stable"), principal("nobody")).connect(settings()), "device export").findings
    (line,) = [each for each in found if each.check == checkup.PERMISSIONS]
    assert line.outcome is Outcome.UNKNOWN
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in line.detail
    assert "Microsoft.Authorization/permissions/read" in line.detail


def test_the_page_has_the_same_built_in_roles() -> None:
    assert {each: built_in_roles(each) for each in IDENTITIES} == SUFFICIENT


def test_a_fresh_subscription_has_nothing_failed(embedded: World) -> None:
    azure(embedded).timings = Timings()
    found = doctor(embedded.connect())
    assert not failed(found)
    assert {each.subject for each in found.findings if each.check == checkup.PERMISSIONS} == set(needs.NEEDS)


def test_a_whole_environment_is_well_and_stays_as_it_is(quick: World) -> None:
    before = azure(quick).database
    with before.transaction() as state:
        documents = {kind: list(state.list(kind)) for kind in (ASSIGNMENT, "secret", "certificate")}
    found = doctor(quick.connect())
    assert not failed(found)
    assert {each.outcome for each in found.findings if each.check == checkup.PERMISSIONS} == {Outcome.OK}
    assert {each.method for each in quick.exchanges} == {"GET"}
    with before.transaction() as state:
        assert documents == {kind: list(state.list(kind)) for kind in documents}


def test_nothing_is_changed_where_all_is_missing(embedded: World, inside: Callable[[str], World]) -> None:
    for world in (embedded, inside("group")):
        doctor(world.connect(settings()))
        posts = {each.path.rpartition("/")[2] for each in world.exchanges if each.method != "GET"}
        assert posts <= {"checkNameAvailability", "checkProvisioningServiceNameAvailability", "whatIf"}


def test_it_looks_at_what_one_command_needs(quick: World) -> None:
    found = doctor(quick.connect(), *needs.chosen("device export"))
    assert [each.subject for each in found.findings if each.check == checkup.PERMISSIONS] == ["device export"]
    assert not {"quota", "name", "provider", "deployment"} & {each.check for each in found.findings}
    assert not any("/certificates" in each.path and each.host.startswith("management") for each in quick.exchanges)


@pytest.mark.parametrize(("seconds", "expected"), [(0, "ok"), (-90, "warning"), (301, "failed"), (-301, "failed")])
def test_a_wrong_clock_is_named(quick: World, seconds: float, expected: str) -> None:
    to = quick.connect()
    clock = to.run.clock
    to = replace(to, run=replace(to.run, clock=lambda: clock() + timedelta(seconds=seconds)))
    (found,) = [each for each in doctor(to, "status").findings if each.check == "clock"]
    assert found.outcome.value == expected
    assert seconds == 0 or f"{abs(seconds)} seconds {'ahead' if seconds > 0 else 'behind'}" in found.detail


def test_a_role_under_a_condition_is_told(inside: Callable[[str], World]) -> None:
    """The list of permissions has it as any other."""
    world = identified(inside("stable"), "operator")
    with azure(world).database.transaction() as state:
        for key, held in list(state.list(ASSIGNMENT)):
            if held["principal"] == principal("operator").object_id and held["scope"] != GROUP:
                state.put(ASSIGNMENT, key, held | {"condition": "@Resource[a] StringEquals 'b'", "conditionVersion": "2.0"})
    found = doctor(world.connect(settings()), "device export").findings
    conditions = {each.subject for each in found if each.check == "condition" and each.outcome is Outcome.UNKNOWN}
    assert f"{GROUP}/providers/microsoft.keyvault/vaults/kv-dpsops-test" in conditions
