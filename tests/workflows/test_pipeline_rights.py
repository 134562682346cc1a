"""The rights of `pipeline setup`: without any one of them, `doctor` and the command itself name it, and the role that has it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.world import Timings
from dpsops.errors import Denied
from dpsops.model import checkup, needs
from dpsops.model.checkup import Finding, Outcome
from dpsops.model.needs import Need
from tests.github import Stub, served
from tests.workflows.by_hand import azure
from tests.workflows.commands import doctor
from tests.workflows.identities import CustomRole, as_identity, define, principal, role_named
from tests.workflows.test_doctor import assigned_by_hand, failed
from tests.workflows.test_pipeline_setup import STEPS, prepare, set_up
from tests.worlds import World, environment

COMMAND = "pipeline setup"
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{WHOLE}/resourceGroups/rg-dpsops-test"
WHO = "maker"
LOOKS = "Microsoft.Authorization/permissions/read"
PROVIDERS_READ = "Microsoft.Resources/subscriptions/providers/read"
NEW = frozenset({"Microsoft.ManagedIdentity"})
"""What the embedded Azure's subscription has yet to register."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with served("test") as found:
        yield found


def needed(*, fresh: bool, unregistered: frozenset[str] = NEW) -> list[Need]:
    """What it needs in a subscription with nothing in it, or where group and providers are there already."""
    return list(needs.of(COMMAND, environment(), group_exists=not fresh, unregistered=unregistered if fresh else ()))


def without(world: World, action: str, *, fresh: bool, unregistered: frozenset[str] = NEW) -> World:
    """The world for somebody who has all rights that it needs but one."""
    azure(world).timings = Timings()
    if fresh:
        azure(world).habits = Habits(unregistered=unregistered)
    else:
        prepare(world)
    actions = {each.action for each in needed(fresh=fresh, unregistered=unregistered)} - {action} | {LOOKS}
    role = define(world, CustomRole("all but one", tuple(sorted(actions)), ()))
    return as_identity(world, principal(WHO), role, scope=WHOLE)


def missing(world: World) -> list[Finding]:
    return failed(doctor(world.connect(), COMMAND))


def denied(world: World, stub: Stub) -> Denied:
    """What the command itself says; of what is only read where there is a group, it does when it is said again."""
    with pytest.raises(Denied) as error:
        twice(world, stub)
    return error.value


def twice(world: World, stub: Stub) -> None:
    for _ in range(2):
        set_up(world.connect(), stub)


def role_and_scope(hint: str) -> tuple[str, str]:
    """What the command's own hint says to assign, and where."""
    found = re.match(r"assign the role '([^']+)'.*? on (/subscriptions/\S+) and try again", hint)
    assert found is not None, hint
    return found[1], found[2]


CASES = [(fresh, need.action) for fresh in (True, False) for need in needed(fresh=fresh) if not need.helps]


@pytest.mark.parametrize(("fresh", "action"), CASES, ids=lambda each: str(each).removeprefix("Microsoft."))
def test_each_right_is_named_with_the_line_that_gives_it(embedded: World, stub: Stub, fresh: bool, action: str) -> None:
    world = without(embedded, action, fresh=fresh)
    (found,) = missing(world)
    assert (found.check, found.subject) == (checkup.PERMISSIONS, COMMAND)
    assert found.detail.startswith(f"lacks {action} on ")
    error = denied(world, stub)
    assert f"'{action}'" in error.message
    role, scope = role_and_scope(error.hint)
    if not action.endswith("/read"):  # for what only looks there may be a narrower role than for the whole command
        assert f"the role '{role}' on " in found.detail
        assert scope.lower() in (WHOLE.lower(), GROUP.lower())
    assigned_by_hand(world, found.hint, WHO)
    assert not missing(world)
    set_up(world.connect(), stub)
    assert set_up(world.connect(), stub) == []


@pytest.mark.parametrize(("fresh", "action"), CASES, ids=lambda each: str(each).removeprefix("Microsoft."))
def test_the_role_that_the_command_names_is_enough_too(embedded: World, stub: Stub, fresh: bool, action: str) -> None:
    world = without(embedded, action, fresh=fresh)
    role, scope = role_and_scope(denied(world, stub).hint)
    as_identity(world, principal(WHO), role_named(role), scope=scope.lower())
    set_up(world.connect(), stub)
    assert not missing(world)


def test_a_provider_that_was_not_known_to_be_missing_is_met_later(
    embedded: World, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not look at the providers takes them for registered; that is a warning, and the later error names the right."""
    monkeypatch.setattr(time, "sleep", embedded.clock.advance)
    world = without(embedded, PROVIDERS_READ, fresh=True)
    found = doctor(world.connect(), COMMAND).findings
    assert not [each for each in found if each.outcome is Outcome.FAILED]
    (warning,) = [each for each in found if each.outcome is Outcome.WARNING]
    assert PROVIDERS_READ in warning.detail
    error = denied(world, stub)
    assert f"'{PROVIDERS_READ}' over scope '{WHOLE}'" in error.message
    assert role_and_scope(error.hint) == ("Reader", WHOLE)
    assigned_by_hand(world, warning.hint, WHO)
    assert set_up(world.connect(), stub)


@pytest.mark.parametrize("namespace", ["Microsoft.Devices", "Microsoft.KeyVault"])
def test_each_provider_has_a_right_of_its_own(embedded: World, stub: Stub, namespace: str) -> None:
    action = f"{namespace}/register/action"
    world = without(embedded, action, fresh=True, unregistered=frozenset({namespace}))
    (found,) = missing(world)
    assert action in found.detail
    assert f"az provider register --namespace {namespace} --wait" in denied(world, stub).hint
    assigned_by_hand(world, found.hint, WHO)
    assert not missing(world)
    assert set_up(world.connect(), stub)


def test_nobody_is_told_of_more_roles_than_are_needed(embedded: World, stub: Stub) -> None:
    """The two roles that the page names, where group and providers are there."""
    azure(embedded).timings = Timings()
    prepare(embedded)
    looks = define(embedded, CustomRole("looks", (LOOKS,), ()))
    world = as_identity(embedded, principal(WHO), looks, scope=WHOLE)
    found = missing(world)
    named = [re.search(r"the role '([^']+)' on (\S+) gives it", each.detail) for each in found]
    assert [(each[1], each[2].lower()) for each in named if each] == [
        ("Managed Identity Contributor", GROUP.lower()), ("User Access Administrator", GROUP.lower())
    ]  # fmt: skip
    for each in found:
        assigned_by_hand(world, each.hint, WHO)
    assert not missing(world)
    assert len(set_up(world.connect(), stub)) == STEPS - 2


@pytest.mark.parametrize("role", ["Managed Identity Contributor", "User Access Administrator", "Contributor"])
def test_a_single_built_in_role_is_not_enough(embedded: World, stub: Stub, role: str) -> None:
    prepare(embedded)
    world = as_identity(embedded, principal(WHO), role_named(role))
    assert missing(world)
    for each in missing(world):
        assigned_by_hand(world, each.hint, WHO)
    assert not missing(world)
    assert set_up(world.connect(), stub)


def test_who_may_do_all_but_look_is_told_of_no_role_that_does_more(embedded: World) -> None:
    prepare(embedded)
    world = as_identity(embedded, principal(WHO), *map(role_named, ("Managed Identity Contributor", "User Access Administrator")))
    warnings = [each for each in doctor(world.connect(), COMMAND).findings if each.outcome is Outcome.WARNING]
    assert [each.hint.partition("--role ")[2] for each in warnings] == [f'"Reader" --scope "{WHOLE}"']


@pytest.mark.parametrize("listed", [True, False])
def test_nobody_is_told_of_a_group_that_is_not_there(embedded: World, listed: bool) -> None:
    """Who may not read the resource group may still be told that it does not exist, by the list of permissions."""
    azure(embedded).habits = Habits(permissions_need_a_role=not listed)
    world = as_identity(embedded, principal("nobody"))
    found = doctor(world.connect(), COMMAND).findings
    assert not [each for each in found if "/resourceGroups/" in each.hint]
    assert not [each for each in found if "could not be found" in each.detail]


def test_it_says_what_it_will_register(embedded: World) -> None:
    found = {each.subject: each for each in doctor(embedded.connect(), COMMAND).findings if each.check == "provider"}
    assert set(found) == {f"Microsoft.{each}" for each in ("Devices", "Insights", "KeyVault", "ManagedIdentity")}
    assert {each.outcome for each in found.values()} == {Outcome.OK}
    assert "pipeline setup registers it" in found["Microsoft.ManagedIdentity"].detail


def test_a_lock_on_writing_stops_it(embedded: World) -> None:
    prepare(embedded)
    identifier = f"{GROUP}/providers/Microsoft.Authorization/locks/frozen"
    body = {"properties": {"level": "ReadOnly"}}
    clients = embedded.connect().clients
    clients.groups.resources.begin_create_or_update_by_id(identifier, body, api_version="2020-05-01").result()
    (found,) = [each for each in missing(embedded) if each.check == "lock"]
    assert found.detail.endswith(f"stops {COMMAND}")
