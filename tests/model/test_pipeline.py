"""What is missing until the identities of the pipelines are as they are to be: from nothing, and after changes by others."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

import pytest

from dpsops.model.action import PropertyChange
from dpsops.model.custom_roles import DEVICE_SECRETS, PLANNER
from dpsops.model.github import Repository
from dpsops.model.pipeline import (
    Credential,
    Definition,
    WantedIdentity,
    assignments,
    credentials,
    definition,
    guid,
    role_id,
    wanted_identities,
)  # fmt: skip
from dpsops.model.pipeline_report import missing_principals, unassigned, variables, warnings
from dpsops.model.pipeline_steps import Assign, CreateIdentity, Define, Found, FoundIdentity, Step, Trust, decide
from dpsops.model.roles import Held
from dpsops.settings import Environment
from tests.worlds import environment

SUBSCRIPTION = "00000000-0000-0000-0000-0000000000aa"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"
FLEET = Repository("octo-org", "fleet", 9919, 4711, "main")
ISSUER_OF_TOKENS, AUDIENCE = "https://token.actions.githubusercontent.com", "api://AzureADTokenExchange"
PLANNER_NAME = "id-dpsops-test-planner"


def wanted(settings: Environment, *unprotected: str) -> tuple[WantedIdentity, ...]:
    return wanted_identities(settings, FLEET, unprotected)


def principal(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def complete(settings: Environment) -> Found:
    """Everything is there, as this command makes it."""
    identities = wanted(settings)
    given = list(assignments(settings, GROUP, identities))
    return Found(
        GROUP,
        group_exists=True,
        identities={
            each.name: FoundIdentity(principal(each.name), principal(f"client of {each.name}"), "a tenant", each.credentials)
            for each in identities
        },
        definitions={role_id(role, GROUP): definition(role, GROUP) for _, role, _ in given},
        held=frozenset(Held(scope.lower(), role_id(role, GROUP), principal(name)) for name, role, scope in given),
        vaults=frozenset(each.lower() for each in settings.device.vaults),
    )


def said(steps: Iterable[Step]) -> list[str]:
    return [f"{step.action.action} {step.action.target}" for step in steps]


def with_credentials(found: Found, *there: Credential) -> Found:
    """The planner trusts these."""
    return replace(
        found, identities={**found.identities, PLANNER_NAME: replace(found.identities[PLANNER_NAME], credentials=there)}
    )


def test_guids_are_those_of_the_template_function() -> None:
    # Source: Azure Resource Manager, "guid": a UUID of version 5 of the parts, joined by hyphens
    assert guid("a", "b") == guid("a-b") == str(uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b"))


def test_the_shape_that_pipelines_rely_on() -> None:
    found = {each.name: (each.demand.environment, [c.name for c in each.credentials]) for each in wanted(environment())}
    assert found == {
        "id-dpsops-test-planner": ("test-plan", ["github-test-plan", "github-test-plan-ids"]),
        "id-dpsops-test-deployer": ("test", ["github-test", "github-test-ids"]),
        "id-dpsops-test-issuer": ("test-issue", ["github-test-issue", "github-test-issue-ids"]),
        "id-dpsops-test-operator": ("test-rotate", ["github-test-rotate", "github-test-rotate-ids"]),
    }
    assert credentials(FLEET, "prod") == (
        Credential("github-prod", ISSUER_OF_TOKENS, "repo:octo-org/fleet:environment:prod", (AUDIENCE,)),
        Credential("github-prod-ids", ISSUER_OF_TOKENS, "repo:octo-org@9919/fleet@4711:environment:prod", (AUDIENCE,)),
    )
    reviewed = [each.demand.environment for each in wanted(environment()) if each.demand.reviewed]
    assert reviewed == ["test", "test-rotate"]


def test_from_nothing_every_step_comes_after_what_it_needs() -> None:
    settings = environment()
    steps = said(decide(settings, Found(GROUP, unregistered=("Microsoft.Devices",)), wanted(settings)))
    assert [each.split()[0] for each in steps] == ["register", *["create"] * 9, *["assign"] * 4, *["create"] * 8]
    assert steps[0] == "register resource provider Microsoft.Devices"
    assert steps[1] == "create resource group rg-dpsops-test"
    assert steps[2] == "create identity id-dpsops-test-planner"
    assert steps[6] == f"create role dpsops planner (rg-dpsops-test in {SUBSCRIPTION})"
    assert steps[10] == "assign role dpsops planner to id-dpsops-test-planner on rg-dpsops-test"
    assert steps[14].endswith("id-dpsops-test-planner: repo:octo-org/fleet:environment:test-plan")


def test_what_is_there_and_right_stays() -> None:
    settings = environment()
    assert decide(settings, complete(settings), wanted(settings)) == []
    assert warnings(settings, FLEET, complete(settings), wanted(settings)) == ()


def test_an_identity_that_was_killed_half_way_goes_on() -> None:
    settings = environment()
    everything = decide(settings, Found(GROUP), wanted(settings))
    found = complete(settings)
    half = replace(found, held=frozenset(), definitions={})
    assert said(decide(settings, half, wanted(settings))) == [
        each for each in said(everything) if each.startswith(("create role", "assign"))
    ]


def test_an_environment_that_is_not_protected_gets_an_identity_that_trusts_nobody() -> None:
    settings = environment()
    steps = decide(settings, Found(GROUP), wanted(settings, "test"))
    assert "create identity id-dpsops-test-deployer" in said(steps)
    assert {step.identity for step in steps if isinstance(step, Trust)} == {
        f"id-dpsops-test-{name}" for name in ("planner", "issuer", "operator")
    }
    (warning,) = warnings(settings, FLEET, complete(settings), wanted(settings, "test"))[:1]
    assert "id-dpsops-test-deployer trusts the environment test already, which is not protected" in warning
    assert "az identity federated-credential delete --name github-test " in warning


def test_a_credential_of_the_same_name_is_replaced_and_the_change_is_shown() -> None:
    settings = environment()
    names, numbers = credentials(FLEET, "test-plan")
    found = with_credentials(complete(settings), replace(names, subject="repo:old/fleet:environment:test-plan"), numbers)
    (step,) = decide(settings, found, wanted(settings))
    assert step == Trust(
        PLANNER_NAME,
        names,
        (PropertyChange("subject", "repo:old/fleet:environment:test-plan", names.subject),),
    )
    assert warnings(settings, FLEET, found, wanted(settings)) == ()


def test_what_is_trusted_under_another_name_is_not_trusted_twice() -> None:
    settings = environment()
    names, numbers = credentials(FLEET, "test-plan")
    found = with_credentials(complete(settings), replace(names, name="by-hand"))
    assert decide(settings, found, wanted(settings)) == [Trust(PLANNER_NAME, numbers)]
    swapped = with_credentials(complete(settings), replace(names, name=numbers.name), replace(numbers, name=names.name))
    assert decide(settings, swapped, wanted(settings)) == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_subject_leaves_one_credential_before_another_takes_it(first: int) -> None:
    settings = environment()
    ours = credentials(FLEET, "test-plan")
    one, other = ours[first], ours[1 - first]
    strange = replace(other, subject="repo:old/fleet:environment:test-plan")
    for there in ((replace(other, name=one.name),), (replace(other, name=one.name), strange)):
        steps = decide(settings, with_credentials(complete(settings), *there), wanted(settings))
        assert [step.credential for step in steps if isinstance(step, Trust)] == [one, other]


def test_what_somebody_else_has_added_is_named_and_stays() -> None:
    settings = environment()
    names, numbers = credentials(FLEET, "test-plan")
    foreign = Credential("mine", "https://gitlab.com", "project_path:x", (AUDIENCE,))
    found = with_credentials(complete(settings), names, numbers, foreign)
    found = replace(found, held=found.held | {Held(GROUP.lower(), "owner", principal(PLANNER_NAME))})
    assert decide(settings, found, wanted(settings)) == []
    trusts, holds = warnings(settings, FLEET, found, wanted(settings))
    assert "also trusts 'project_path:x' of https://gitlab.com (federated credential mine)" in trusts
    assert f"also holds the role owner on {GROUP.lower()}" in holds


def test_the_data_roles_of_the_operator_are_no_surprise() -> None:
    settings = environment()
    officer = Held(
        f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-test".lower(),
        "a4417e6f-fecd-4de8-b567-7b0420556985",
        principal("id-dpsops-test-operator"),
    )
    found = complete(settings)
    assert warnings(settings, FLEET, replace(found, held=found.held | {officer}), wanted(settings)) == ()
    other = replace(officer, principal=principal(PLANNER_NAME))
    assert len(warnings(settings, FLEET, replace(found, held=found.held | {other}), wanted(settings))) == 1


def test_a_role_that_somebody_has_changed_is_mended_and_stays_assignable_elsewhere() -> None:
    settings = environment()
    found = complete(settings)
    identifier, right = role_id(PLANNER, GROUP), definition(PLANNER, GROUP)
    wrong = replace(right, actions=("*",), not_data_actions=("x",), scopes=(GROUP.upper(), "/subscriptions/other"))
    steps = decide(settings, replace(found, definitions={**found.definitions, identifier: wrong}), wanted(settings))
    (step,) = steps
    assert isinstance(step, Define)
    assert step.definition == replace(right, scopes=(GROUP, "/subscriptions/other"))
    assert [each.path for each in step.changes] == ["permissions.actions", "permissions.notDataActions"]


def test_how_azure_spells_a_role_does_not_matter() -> None:
    right = definition(PLANNER, GROUP)
    spelled = replace(right, actions=tuple(each.lower() for each in right.actions), scopes=(GROUP.lower(),))
    assert right.changes(spelled) == ()
    assert [each.path for each in right.changes(Definition("x", "", right.actions, (), ()))] == [
        *("roleName", "description", "permissions.dataActions", "assignableScopes")
    ]


def test_two_environments_have_roles_of_their_own() -> None:
    other = GROUP.replace("rg-dpsops-test", "rg-dpsops-prod")
    assert role_id(PLANNER, GROUP) == role_id(PLANNER, GROUP.upper()) != role_id(PLANNER, other)
    assert definition(PLANNER, GROUP).name != definition(PLANNER, other).name


def test_with_vaults_for_devices_the_issuer_may_write_there_alone_once_they_exist() -> None:
    settings = environment(device={"vaults": ["kv-dpsops-one", "kv-dpsops-two"]})
    identities = wanted(settings)
    before = decide(settings, Found(GROUP), identities)
    assert not [step for step in before if isinstance(step, Assign) and "vaults" in step.scope]
    assert "kv-dpsops-one and kv-dpsops-two do not exist" in unassigned(settings, Found(GROUP))
    found = complete(settings)
    assert decide(settings, found, identities) == []
    assert unassigned(settings, found) == ""
    steps = decide(settings, replace(complete(environment()), vaults=frozenset({"kv-dpsops-one"})), identities)
    assert [step.action.target for step in steps] == [
        f"role dpsops issuer (rg-dpsops-test in {SUBSCRIPTION})",
        f"role dpsops device secrets (rg-dpsops-test in {SUBSCRIPTION})",
        "role dpsops device secrets to id-dpsops-test-issuer on kv-dpsops-one",
    ]
    assert role_id(DEVICE_SECRETS, GROUP) in {step.definition for step in steps if isinstance(step, Assign)}


def test_an_identity_that_is_gone_is_made_anew() -> None:
    settings = environment()
    found = complete(settings)
    rest = {name: each for name, each in found.identities.items() if name != PLANNER_NAME}
    steps = decide(settings, replace(found, identities=rest), wanted(settings))
    assert [type(step) for step in steps] == [CreateIdentity, Assign, Trust, Trust]


def test_the_variables_of_each_environment() -> None:
    settings = environment()
    found = complete(settings).identities
    listed = variables(SUBSCRIPTION, wanted(settings), found)
    assert [(each.environment, each.name) for each in listed[:4]] == [
        *(("test-plan", f"AZURE_{name}_ID") for name in ("CLIENT", "TENANT", "SUBSCRIPTION")),
        ("test", "AZURE_CLIENT_ID"),
    ]
    assert len(listed) == 12
    assert listed[0].command(FLEET) == (
        "gh variable set AZURE_CLIENT_ID --repo octo-org/fleet --env test-plan "
        f"--body {principal('client of id-dpsops-test-planner')}"
    )
    assert variables(SUBSCRIPTION, wanted(settings), {}) == ()


def test_the_operator_is_named_in_the_settings_beside_the_others() -> None:
    operator = complete(environment()).identities["id-dpsops-test-operator"]
    entry = f'  {{ id = "{operator.principal}", type = "ServicePrincipal" }},\n]'
    assert missing_principals(environment(), operator) == f"[access]\nprincipals = [\n{entry}"
    ana = {"id": "00000000-0000-0000-0000-00000000000a", "type": "User"}
    with_ana = missing_principals(environment(access={"principals": [ana]}), operator)
    assert with_ana == f'[access]\nprincipals = [\n  {{ id = "{ana["id"]}", type = "User" }},\n{entry}'
    known = {"id": operator.principal.upper(), "type": "ServicePrincipal"}
    assert missing_principals(environment(access={"principals": [known]}), operator) == ""
    assert missing_principals(environment(), None) == ""
