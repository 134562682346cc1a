"""`pipeline setup` on the embedded Azure: it converges from anywhere, and does nothing where GitHub protects too little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from azure.mgmt.msi.models import FederatedIdentityCredential

from dpsops.azure.github import github
from dpsops.azure.waits import Waiting
from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from dpsops.errors import Error, NotAllowed, Refused
from dpsops.model.action import Action
from dpsops.workflows import pipeline_setup
from dpsops.workflows.pipeline_setup import Rest, Setup
from tests import github as hub
from tests.github import REPOSITORY, Stub
from tests.workflows.boundaries import boundaries
from tests.workflows.by_hand import azure
from tests.workflows.commands import plan, up
from tests.workflows.identities import as_identity, principal, role_named
from tests.workflows.killing import kill_after
from tests.worlds import World, embedded_world, environment, start_embedded

NAMES = [f"id-dpsops-test-{name}" for name in ("planner", "deployer", "issuer", "operator")]
PLANNER, DEPLOYER, _, OPERATOR = NAMES
STEPS = 22
"""From nothing: a resource provider, the group, four identities, roles and assignments, and eight credentials."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with hub.served("test") as found:
        yield found


def survey(to: Connection, stub: Stub, **variables: str) -> Setup:
    asked = github(REPOSITORY, {"GITHUB_API_URL": stub.address, **variables}, to.run.environment.waits, Waiting())
    with closing(asked):
        return pipeline_setup.survey(to.run, to.pipeline_identities, asked)


def set_up(to: Connection, stub: Stub) -> list[Action]:
    """Runs `pipeline setup`: the actions that it did."""
    return list(pipeline_setup.set_up(to.run, to.pipeline_identities, survey(to, stub)))


def rest(to: Connection, stub: Stub) -> Rest:
    return pipeline_setup.rest(to.run.environment, to.pipeline_identities, survey(to, stub))


def subjects(to: Connection, identity: str) -> dict[str, str]:
    """What an identity trusts: the subjects by the names of the credentials."""
    group = to.run.environment.resource_group
    listed = to.clients.identities.federated_identity_credentials.list(group, identity)
    return {str(each.name): str(each.subject) for each in listed}


def write(to: Connection, identity: str, name: str, subject: str) -> None:
    """Somebody writes a federated credential."""
    credential = FederatedIdentityCredential(
        issuer="https://token.actions.githubusercontent.com", subject=subject, audiences=["api://AzureADTokenExchange"]
    )
    group = to.run.environment.resource_group
    to.clients.identities.federated_identity_credentials.create_or_update(group, identity, name, credential)


def test_from_nothing_to_identities_that_are_trusted(embedded: World, stub: Stub) -> None:
    to = embedded.connect()
    done = set_up(to, stub)
    assert [each.outcome for each in done] == ["registered", *["created"] * 9, *["assigned"] * 4, *["created"] * 8]
    assert subjects(to, DEPLOYER) == {
        "github-test": "repo:octo-org/fleet:environment:test",
        "github-test-ids": "repo:octo-org@9919/fleet@4711:environment:test",
    }
    assert [list(subjects(to, each)) for each in NAMES] == [
        [f"github-test{part}", f"github-test{part}-ids"] for part in ("-plan", "", "-issue", "-rotate")
    ]


def test_said_again_it_changes_nothing(embedded: World, stub: Stub) -> None:
    set_up(embedded.connect(), stub)
    again = embedded.connect()
    found = survey(again, stub)
    assert (found.steps, found.warnings, found.unprotected) == ((), (), ())
    assert [each for each in embedded.exchanges if each.method != "GET"] == []


def test_to_look_changes_nothing(embedded: World, stub: Stub) -> None:
    found = survey(embedded.connect(), stub)
    assert {each.outcome for each in found.planned} == {"planned"}
    assert len(found.steps) == STEPS
    assert [each for each in embedded.exchanges if each.writes] == []
    assert {path.partition("?")[0].removeprefix(f"/repos/{REPOSITORY}").split("/")[-1] for path, _ in stub.asked} >= {
        "sub",
        "test",
    }


def test_github_is_asked_before_anything_else(embedded: World, stub: Stub) -> None:
    stub.answers.clear()
    to = embedded.connect()
    with pytest.raises(Error, match="GitHub shows no repository"):
        survey(to, stub)
    assert embedded.exchanges == []


def test_an_environment_that_is_not_protected(embedded: World, stub: Stub) -> None:
    stub.protect("test", "main")
    stub.protect("test-issue", "*")
    del stub.answers["/environments/test-rotate"]
    to = embedded.connect()
    found = survey(to, stub)
    assert [(each.environment, each.reasons) for each in found.unprotected] == [
        ("test", ("it has no required reviewers",)),
        ("test-issue", ("its branch policy '*' admits every branch",)),
        ("test-rotate", ("it does not exist",)),
    ]
    assert all(each.commands for each in found.unprotected)
    set_up(to, stub)
    assert [len(subjects(to, each)) for each in NAMES] == [2, 0, 0, 0]
    stub.protect_all("test")
    assert {each.target.split()[0] for each in set_up(embedded.connect(), stub)} == {"federated"}
    assert [len(subjects(to, each)) for each in NAMES] == [2, 2, 2, 2]


def test_protection_that_was_taken_away_later_is_named(embedded: World, stub: Stub) -> None:
    set_up(embedded.connect(), stub)
    stub.say("/environments/test", hub.environment("test") | {"deployment_branch_policy": None})
    found = survey(embedded.connect(), stub)
    assert found.steps == ()
    assert [each for each in found.warnings if "is not protected" in each and DEPLOYER in each]


@pytest.mark.usefixtures("unmeasured")
def test_killed_anywhere_and_said_again_it_finishes(tmp_path: Path, stub: Stub) -> None:
    for boundary in boundaries():
        with start_embedded(tmp_path / str(boundary), Timings()) as there:
            world = embedded_world(there, environment(), direct=True)
            kill_after(world, boundary)
            killed = was_killed(world, stub)
            there.azure.faults.clear()
            set_up(world.connect(), stub)
            assert set_up(world.connect(), stub) == []
            assert [len(subjects(world.connect(), each)) for each in NAMES] == [2, 2, 2, 2]
        if not killed:
            break
    assert boundary > 30


def was_killed(world: World, stub: Stub) -> bool:
    """Runs it: whether it was killed."""
    try:
        set_up(world.connect(), stub)
    except Error:
        return True
    return False


def test_two_at_once_make_one(embedded: World, stub: Stub) -> None:
    first, second = embedded.connect(), embedded.connect()
    mine, others = survey(first, stub), survey(second, stub)
    one = pipeline_setup.set_up(first.run, first.pipeline_identities, mine)
    other = pipeline_setup.set_up(second.run, second.pipeline_identities, others)
    assert len(list(zip(one, other, strict=True))) == STEPS
    assert set_up(embedded.connect(), stub) == []


def test_a_credential_that_another_run_is_writing_is_written_again(embedded: World, stub: Stub) -> None:
    code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
    busy = Response(409, {"error": {"code": code, "message": "Too many are written concurrently."}})
    azure(embedded).faults.add(Fault(Refuse(busy), lambda request: _writes(request, "federatedidentitycredentials"), times=3))
    to = embedded.connect()
    set_up(to, stub)
    assert [len(subjects(to, each)) for each in NAMES] == [2, 2, 2, 2]


def test_an_identity_that_is_not_known_everywhere_yet_is_waited_for(embedded: World, stub: Stub) -> None:
    unknown = Response(400, {"error": {"code": "PrincipalNotFound", "message": "Principal does not exist."}})
    azure(embedded).faults.add(Fault(Refuse(unknown), lambda request: _writes(request, "roleassignments"), times=4))
    assert len(set_up(embedded.connect(), stub)) == STEPS


def test_a_lost_answer_is_no_reason_to_stop(embedded: World, stub: Stub) -> None:
    azure(embedded).faults.add(Fault(Drop(work_done=True), lambda request: request.method == "PUT", times=2))
    assert len(set_up(embedded.connect(), stub)) == STEPS
    assert set_up(embedded.connect(), stub) == []


def _writes(request: Request, kind: str) -> bool:
    return request.method == "PUT" and f"/{kind}/" in request.path.lower()


def test_a_credential_of_another_repository_is_replaced(embedded: World, stub: Stub) -> None:
    to = embedded.connect()
    set_up(to, stub)
    write(to, DEPLOYER, "github-test", "repo:octo-org/old:environment:test")
    (done,) = set_up(embedded.connect(), stub)
    (change,) = done.changes
    assert (change.path, change.before) == ("subject", "repo:octo-org/old:environment:test")
    assert set_up(embedded.connect(), stub) == []


def test_what_somebody_else_has_added_stays(embedded: World, stub: Stub) -> None:
    to = embedded.connect()
    set_up(to, stub)
    write(to, PLANNER, "mine", "repo:octo-org/other:ref:refs/heads/main")
    found = survey(embedded.connect(), stub)
    assert found.steps == ()
    (warning,) = found.warnings
    assert "'repo:octo-org/other:ref:refs/heads/main'" in warning
    assert "mine" in subjects(to, PLANNER)


def test_who_may_make_no_role_is_told_which_right_is_missing(embedded: World, stub: Stub) -> None:
    prepare(embedded)
    contributor = as_identity(embedded, principal("somebody"), role_named("Contributor"))
    with pytest.raises(NotAllowed) as error:
        set_up(contributor.connect(), stub)
    assert "Microsoft.Authorization/roleDefinitions/write" in error.value.message
    assert subjects(embedded.connect(), PLANNER) == {}


def test_the_rights_that_the_page_names_are_enough(embedded: World, stub: Stub) -> None:
    prepare(embedded)
    roles = map(role_named, ("Managed Identity Contributor", "User Access Administrator"))
    both = as_identity(embedded, principal("both"), *roles)
    assert len(set_up(both.connect(), stub)) == STEPS - 2
    owner = as_identity(embedded, principal("owner"), role_named("Owner"))
    assert set_up(owner.connect(), stub) == []


def prepare(world: World) -> None:
    """What only somebody with a right on the subscription can do: the resource group, and the resource provider."""
    to = world.connect()
    to.deployments.create_group()
    to.clients.groups.providers.register("Microsoft.ManagedIdentity")
    world.clock.advance(600)


def test_the_planner_plans_what_the_deployer_does(embedded: World, stub: Stub) -> None:
    to = embedded.connect(environment(root={"key": "EC-P256"}))
    set_up(to, stub)
    left = rest(to, stub)
    assert "principals" in left.settings
    found = {name: Principal(each.principal, each.client, each.tenant) for name, each in left.identities.items()}
    operator = {"id": found[OPERATOR].object_id, "type": "ServicePrincipal"}
    settings = environment(root={"key": "EC-P256"}, access={"principals": [operator]})
    assert rest(embedded.connect(settings), stub).settings == ""
    planner, deployer, operators = (as_identity(embedded, found[name]) for name in (PLANNER, DEPLOYER, OPERATOR))
    made = plan(planner.connect(settings))
    assert up(deployer.connect(settings), made)
    embedded.clock.advance(3600)  # the operator's roles are in force
    assert plan(planner.connect(settings)).actions == ()
    assert plan(operators.connect(settings)).actions == ()
    again = survey(embedded.connect(settings), stub)
    assert (again.steps, again.warnings) == ((), ())


def test_a_provider_is_registered_and_waited_for(embedded: World, stub: Stub) -> None:
    azure(embedded).habits = replace(azure(embedded).habits, unregistered=frozenset({"Microsoft.Devices"}))
    azure(embedded).timings = replace(azure(embedded).timings, registration=90)
    done = set_up(embedded.connect(), stub)
    assert [each.target for each in done if each.action == "register"] == ["resource provider Microsoft.Devices"]
    assert any("the registration of Microsoft.Devices" in each for each in embedded.said)
    to = embedded.connect()
    assert to.clients.groups.providers.get("Microsoft.Devices").registration_state == "Registered"
    assert set_up(to, stub) == []


def test_the_issuer_gets_its_role_on_the_vaults_for_devices_once_they_exist(embedded: World, stub: Stub) -> None:
    settings = environment(root={"key": "EC-P256"}, device={"vaults": ["kv-dpsops-devices"]})
    to = embedded.connect(settings)
    set_up(to, stub)
    assert "kv-dpsops-devices does not exist" in rest(to, stub).again
    up(embedded.connect(settings))
    again = embedded.connect(settings)
    assert [each.target.split(" (")[0] for each in set_up(again, stub)] == [
        "role dpsops device secrets",
        "role dpsops device secrets to id-dpsops-test-issuer on kv-dpsops-devices",
    ]
    assert rest(embedded.connect(settings), stub).again == ""


def test_a_group_that_is_being_deleted_is_left_alone(embedded: World, stub: Stub) -> None:
    to = embedded.connect()
    set_up(to, stub)
    to.clients.groups.resource_groups.begin_delete(to.run.environment.resource_group, polling=False)
    with pytest.raises(Refused, match="is being deleted"):
        survey(embedded.connect(), stub)
