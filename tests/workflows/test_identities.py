"""Every command under each of the four identities of `docs/identities.md`: it works, or the error names the missing action."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator import rbac
from dpsops.emulator.chances import Chances
from dpsops.emulator.identity.state import OPERATOR
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from dpsops.emulator.world import World as Inside
from dpsops.errors import Denied
from dpsops.model.action import Failed
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.pki.names import device_id
from dpsops.settings import Environment
from dpsops.workflows import root
from tests.github import served
from tests.workflows import commands
from tests.workflows.another_ca import certified
from tests.workflows.by_hand import azure
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS, over
from tests.workflows.identities import (
    GROUP,
    IDENTITIES,
    PAGE,
    as_identity,
    built_in_roles,
    custom_role,
    define,
    principal,
    role_named,
)  # fmt: skip
from tests.workflows.saved import Saved
from tests.workflows.test_pipeline_setup import set_up
from tests.worlds import World, embedded_world, environment, predictable_entropy, start_embedded, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

_WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
_HUBS = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-other"}]
_NEW = device_id("press-10")


def settings(hubs: int = 2) -> Environment:
    """An environment whose operators are named, whose root is proven to its hubs too, and whose logs go to a workspace."""
    named = [{"id": each.object_id, "type": "ServicePrincipal"} for each in (OPERATOR, principal("operator"))]
    vault = {"name": "kv-dpsops-test", "purge_protection": False, "soft_delete_days": 7, "logs": _WORKSPACE}
    root = {"key": "EC-P256", "prove_to_hubs": True}
    return environment(root=root, access={"principals": named}, hub=_HUBS[:hubs], vault=vault)


@dataclass(frozen=True, slots=True)
class Command:
    """What a command is tried on (see `states`), and the command."""

    state: str
    run: Callable[[Connection], object]
    hubs: int = 2


def _merge(to: Connection) -> object:
    """Another CA signs the request, which is then merged."""
    _, request = commands.csr(to)
    certificate, above = certified(request, to.run.now())
    return commands.merge(to, certificate, [above])


def _set_pipelines_up(to: Connection) -> object:
    """`pipeline setup` from nothing, of a repository on GitHub that protects all that it must."""
    with served("test") as stub:
        return set_up(to, stub)


COMMANDS = {
    "plan": Command("group", commands.plan),
    "up": Command("group", commands.up),
    "down": Command("stable", commands.down),
    "status": Command("stable", commands.status),
    "status --report": Command("stable", commands.counted_status),
    "root show": Command("stable", lambda to: root.show(to.run, to.roots, to.dps, to.stores)),
    "root export": Command("stable", lambda to: root.export(to.run, to.roots, to.dps)),
    "root prove": Command("unproven", lambda to: list(root.prove(to.run, to.roots, to.dps, to.stores))),
    "root csr": Command("stable", commands.csr),
    "root merge": Command("requested", _merge),
    "device issue": Command("stable", lambda to: commands.issue_to(to, _NEW)),
    "device issue --individual": Command("stable", lambda to: commands.issue_to(to, _NEW, individual=IndividualSettings())),
    "device renew": Command("stable", lambda to: commands.renew(to, PRESS)),
    "device renew, enrolled by itself": Command("stable", lambda to: commands.renew(to, OTHER)),
    "device list": Command("stable", commands.members),
    "device show": Command("stable", lambda to: commands.member(to, PRESS)),
    "device export": Command("stable", lambda to: waited(to.leaves.bundle(PRESS))),
    "device register": Command("stable", lambda to: over("https", to)),
    "device block": Command("stable", lambda to: commands.block(to, PRESS)),
    "device unblock": Command("blocked", lambda to: commands.unblock(to, PRESS)),
    "rotate": Command("stable", lambda to: commands.rotate(to, Phase.STABLE, timedelta(0))),
    "rotate status": Command("rotating", commands.rotation_status),
    "rotate undo": Command("overlapping", commands.undo),
    "rotate --compromised": Command("stable", commands.replace_compromised),
}
"""The commands of the page's table."""

BESIDE = {"pipeline setup": Command("registered", _set_pipelines_up)}
"""What none of the four is for: it makes them."""


def _list_many(to: Connection) -> object:
    """`device list` as it is of many devices: by the hubs' query."""
    with patch("dpsops.fleet.inventory.FEW", 0):
        return commands.members(to)


def _count_many(to: Connection) -> object:
    """`status --report` as it is of many devices."""
    with patch("dpsops.fleet.inventory.FEW", 0):
        return commands.counted_status(to)


MORE = {
    "status --report of many": Command("stable", _count_many),
    "device list of many": Command("stable", _list_many),
    "plan where nothing is missing": Command("stable", commands.plan),
    "up where nothing is missing": Command("stable", commands.up),
    "plan where a hub has left the settings": Command("stable", commands.plan, hubs=1),
    "up where a hub has left the settings": Command("stable", commands.up, hubs=1),
    "device block, enrolled by itself": Command("stable", lambda to: commands.block(to, OTHER)),
    "doctor": Command("stable", commands.doctor),
    "device issue where it is issued": Command("stable", lambda to: commands.issue_to(to, PRESS)),
}
"""Other uses of them, which need other actions."""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Saved]:
    """What the commands are tried on, made by an owner of the subscription."""
    directory = tmp_path_factory.mktemp("states")
    found = {}
    with start_embedded(directory, Timings()) as server:
        world = embedded_world(server, settings(), direct=True)
        world.connect().deployments.create_group()
        found["group"] = Saved.of(directory)
        commands.up(world.connect())
        commands.issue_to(world.connect(), PRESS)
        commands.issue_to(world.connect(), OTHER, individual=IndividualSettings())
        for device in (PRESS, OTHER):
            Device.fetched(world.connect(), device).register(world.connect())
        found["stable"] = Saved.of(directory)
        for name, change in _CHANGES.items():
            found["stable"].restore()
            change(world.connect())
            found[name] = Saved.of(directory)
    return found


def _forget_proof(to: Connection) -> None:
    for store in to.stores:
        kept = store.get("root-g1")
        assert kept is not None
        store.delete("root-g1", kept.etag)


_CHANGES: dict[str, Callable[[Connection], object]] = {
    "unproven": _forget_proof,
    "blocked": lambda to: commands.block(to, PRESS),
    "rotating": commands.rotate,
    "overlapping": lambda to: commands.rotate(to, Phase.OVERLAPPING),
    "requested": commands.csr,
    "registered": lambda to: to.clients.groups.providers.register("Microsoft.ManagedIdentity"),
}


@pytest.fixture
def tried(embedded: World, states: dict[str, Saved], tmp_path: Path) -> Callable[..., str]:
    """Runs a command under an identity; returns the action that is missing, or nothing if it worked."""
    azure(embedded).timings = Timings()
    embedded.clock.advance(7200)
    embedded.entropy = predictable_entropy(3)

    def run(identity: str, command: Command, *, built_in: bool = False, age: float = 3600.0) -> str:
        states[command.state].restore(tmp_path)
        return outcome(command, identified(embedded, identity, built_in=built_in, age=age))

    return run


def identified(world: World, identity: str, *, built_in: bool = False, age: float = 3600.0) -> World:
    """The world as an identity sees it, whose roles were assigned `age` seconds ago."""
    roles = [role_named(name) for name in built_in_roles(identity)] if built_in else [define(world, custom_role(identity))]
    return as_identity(world, principal(identity), *roles, age=age)


def outcome(command: Command, world: World) -> str:
    """The action that is missing, or nothing if the command works."""
    try:
        done = command.run(world.connect(settings(command.hubs)))
    except Denied as denied:
        return missing(f"{denied.message} {denied.hint}")
    failed = [each.reason for each in done if isinstance(each, Failed)] if isinstance(done, list) else []
    return missing(failed[0]) if failed else ""


def missing(text: str) -> str:
    """The action that an error names."""
    found = re.search(r"(?:Action: '|perform action '|no action '|which allows )(Microsoft[\w./]+)", text)
    assert found is not None, text
    return found[1]


def table() -> dict[tuple[str, str], str]:
    """The page's table: what an identity lacks for a command; nothing if the command works."""
    found = dict[tuple[str, str], str]()
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            name, *cells = (cell.strip(" `") for cell in line.strip("| ").split(" | "))
            found |= {(name, identity): cell.removeprefix("yes") for identity, cell in zip(IDENTITIES, cells, strict=True)}
    return found


def works(identity: str) -> list[str]:
    """The commands that work under an identity, as the page's table says."""
    return [name for (name, whose), cell in table().items() if whose == identity and not cell]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_command_works_or_names_the_missing_action_as_the_table_says(tried: Callable[..., str], identity: str) -> None:
    found = {name: tried(identity, command).partition("/")[2] for name, command in COMMANDS.items()}
    assert found == {name: cell for (name, whose), cell in table().items() if whose == identity}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_built_in_roles_allow_what_the_custom_one_allows(tried: Callable[..., str], identity: str) -> None:
    wanted = works(identity)
    assert {name: tried(identity, COMMANDS[name], built_in=True) for name in wanted} == dict.fromkeys(wanted, "")


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_custom_role_has_each_action_that_is_used_and_no_other(
    tried: Callable[..., str], identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[bool, set[str]] = {False: set(), True: set()}
    allowed = rbac.allowed

    def spy(world: Inside, caller: Principal, action: str, scope: str, *, data: bool = False) -> bool:
        granted = allowed(world, caller, action, scope, data=data)
        if granted and caller == principal(identity):
            used[data].add(action.lower())
        return granted

    monkeypatch.setattr(rbac, "allowed", spy)
    for command in (COMMANDS | MORE).values():
        tried(identity, command)
    role = custom_role(identity)
    assert used[False] == {action.lower() for action in role.actions}
    if identity == "operator":
        assert not role.data_actions, "`up` assigns the roles that have them"
    else:
        assert used[True] == {action.lower() for action in role.data_actions}


@pytest.mark.parametrize("identity", ["planner", "issuer"])
def test_who_writes_what(tried: Callable[..., str], embedded: World, identity: str) -> None:
    """The planner nothing at all, the issuer nothing but the secrets of devices."""
    written = set()
    for name in works(identity):
        tried(identity, COMMANDS[name])
        written |= {(each.host, each.path.rpartition("/")[0]) for each in embedded.exchanges if each.writes}
    assert written == (set() if identity == "planner" else {("kv-dpsops-test.vault.azure.net", "/secrets")})


def test_a_plan_of_who_may_not_even_ask_says_so(embedded: World, states: dict[str, Saved], tmp_path: Path) -> None:
    azure(embedded).timings = Timings()
    states["group"].restore(tmp_path)
    whole = commands.plan(identified(embedded, "planner").connect(settings()))
    someone = replace(principal("planner"), object_id="0b0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d")
    plan = commands.plan(as_identity(embedded, someone, role_named("Reader")).connect(settings()))
    assert plan.actions == whole.actions
    (note,) = [each for each in plan.notes if "what-if of Azure" in each]
    assert not any("what-if of Azure" in each for each in whole.notes)
    asks = "Microsoft.Resources/deployments/whatIf/action"
    assert note.startswith("not confirmed by a what-if of Azure: The client ")
    assert f"does not have authorization to perform action '{asks}'" in note
    assert f"assign the role 'Contributor', or a custom one that allows {asks}, on {GROUP}".lower() in note.lower()


@pytest.mark.parametrize("seconds", [300.0], ids=["late"])
@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_new_role_is_waited_for_or_named(tried: Callable[..., str], embedded: World, identity: str, seconds: float) -> None:
    """Whoever may read role assignments waits; the others learn what is missing, and the same works when the role is there."""
    azure(embedded).timings = Timings(role=seconds)
    role = custom_role(identity)
    for name in works(identity):
        denied = tried(identity, COMMANDS[name], age=0.0)
        if "Microsoft.Authorization/roleAssignments/read" in role.actions:
            assert not denied, name
        elif denied:
            assert denied in role.data_actions, name
            embedded.clock.advance(seconds)
            assert not outcome(COMMANDS[name], as_identity(embedded, principal(identity), age=seconds)), name


def test_status_does_not_wait_for_what_a_deployer_never_gets(tried: Callable[..., str], embedded: World) -> None:
    begun = embedded.clock.now()
    assert not tried("deployer", COMMANDS["status"], age=0.0)
    assert embedded.clock.now() - begun < 60


@pytest.mark.parametrize(("identity", "seen"), [("planner", True), ("deployer", False), ("operator", True)])
def test_a_report_knows_what_its_writer_may_not_read(
    embedded: World, states: dict[str, Saved], tmp_path: Path, identity: str, seen: bool
) -> None:
    azure(embedded).timings = Timings()
    states["stable"].restore(tmp_path)
    over("https", embedded.connect(settings()))
    fleet = commands.counted_status(identified(embedded, identity).connect(settings())).fleet
    assert fleet is not None
    assert (fleet.identities, fleet.enrollments) == (seen, seen)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_roles_that_come_in_any_order(tried: Callable[..., str], embedded: World, identity: str) -> None:
    """Said again until it works, each command ends as if all roles had been there at once; each one meets another order."""
    azure(embedded).timings = Timings(role_spread=300)
    for seed, name in enumerate(works(identity)):
        azure(embedded).chances = Chances(seed)
        begun = embedded.clock.now()
        denied = tried(identity, COMMANDS[name], built_in=True, age=0.0)
        while denied:
            assert embedded.clock.now() - begun <= 700, (name, denied)
            embedded.clock.advance(20)
            denied = outcome(COMMANDS[name], as_identity(embedded, principal(identity), age=embedded.clock.now() - begun))
