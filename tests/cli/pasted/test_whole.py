"""What doctor, down and the pipelines name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties
from azure.mgmt.resource.resources.models import ResourceGroup

from dpsops.emulator.world import Timings
from dpsops.settings import MADE_TAG
from tests.by_az import recover
from tests.cli.pasted.person import Person
from tests.cli.pasted.states import GROUP
from tests.github import REPOSITORY, Stub
from tests.github import served as github_served

VAULT = "kv-dpsops-local"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """GitHub, where the environments of `prod` are protected."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with github_served("prod") as found:
        monkeypatch.setenv("GITHUB_API_URL", found.address)
        yield found


def test_doctor_looks_at_nothing(person: Person) -> None:
    person("doctor --for up")
    person.pastes("steps/examine_deployment.py", "creates the group")


def test_doctor_says_what_up_assigns(person: Person) -> None:
    person("doctor --for up")
    person.pastes("model/entitlement.py", "assigns roles")
    person("device issue press-07")


def test_a_vault_has_no_purge_protection(person: Person) -> None:
    person.edits("[vault]", "[vault]\npurge_protection = false")
    person("up")
    person("doctor --for status")
    person.edits("purge_protection = false", "purge_protection = true")
    person.pastes("model/condition.py", "set purge_protection = true under [vault]")
    assert "can destroy the root" not in person("doctor --for status")


def test_a_vault_is_to_have_purge_protection(person: Person) -> None:
    person.edits("[vault]", "[vault]\npurge_protection = false")
    person("up")
    person.edits("purge_protection = false", "purge_protection = true")
    person("doctor --for status")
    person.pastes("model/condition.py", "dpsops up")
    assert "can destroy the root" not in person("doctor --for status")


def test_the_log_of_a_vault_is_off(person: Person) -> None:
    person.stands()
    person("status")
    person.pastes("model/logs.py", "the vault's log is off")


def test_azure_refuses_a_device(person: Person) -> None:
    person.stands()
    with person.refusing("PUT", "/enrollments/press-07", 400, "400000", "Bad Request"):
        person("device issue press-07 --individual", 1)
    assert "Nothing to do" in person.pastes("azure/errors.py", "to see what is missing")


def test_down_leaves_a_vault(person: Person) -> None:
    person.stands()
    said = person("down")
    clients = person.connect().clients
    clients.groups.resource_groups.create_or_update(GROUP, ResourceGroup(location="westeurope"))
    recover(clients, VAULT)
    person.said = said
    person.pastes("cli/down.py", "is soft-deleted")
    person("device issue press-07")


def test_somebody_makes_a_vault_again(person: Person) -> None:
    person.stands()
    person.beside("DELETE", f"/vaults/{VAULT}", lambda: recover(person.connect().clients, VAULT))
    said = person("down", 1)
    person.pastes("workflows/down.py", "is at work at the same time")
    person.said = said
    person.pastes("workflows/down.py", "shows how to get it back")


def test_somebody_deploys(person: Person) -> None:
    person.stands()
    person.azure.timings = Timings(operation=60)
    template = {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0", "resources": []}  # fmt: skip
    body = Deployment(properties=DeploymentProperties(mode="Incremental", template=template))
    deployments = person.connect().clients.deployments.deployments
    deployments.begin_create_or_update(GROUP, "dpsops-prod", body, polling=False)
    person("down", 1)
    person.azure.timings = Timings()
    person.azure.clock.advance(60)
    person.pastes("steps/look_inside.py", "somebody runs")


def test_a_vault_for_devices_is_to_come(person: Person, stub: Stub) -> None:
    person.stands()
    person.edits("[dps]", '[device]\nvaults = ["kv-dpsops-two"]\n[dps]')
    words = f"pipeline setup --repo {REPOSITORY}"
    person(words)
    person.pastes("model/pipeline_report.py", "The issuer may not write every secret yet")
    assert "may not write" not in person(words)
    assert stub.asked


def test_the_pipelines_are_rehearsed(person: Person, stub: Stub) -> None:
    person.stands()
    person.types(f"dpsops --env prod --rehearse pipeline setup --repo {REPOSITORY}", 2)
    assert not stub.asked
    assert "set no variables of them" in person.pastes("cli/pipeline.py", "to see what it would do, without a rehearsal")
    assert stub.asked


def test_a_tag_is_dpsopss_own(person: Person) -> None:
    person.edits("[vault]", f'[tags]\n{MADE_TAG} = "x"\n[vault]')
    person("status", 2)
    person.edits(MADE_TAG, "own")
    person.pastes("settings.py", "what 'dpsops up' makes")
    person("device issue press-07")


def test_the_vault_does_not_answer(person: Person) -> None:
    person.stands()
    with person.silent("kv-dpsops-local.vault.azure.net"):
        person("doctor --for status", 1)
    assert "root-g1" in person.pastes("steps/examine_root.py", "mend its endpoint or network")


def test_nobody_answers(person: Person) -> None:
    person.stands()
    with person.silent("management.azure.com"):
        person("doctor --for status", 1)
    assert "root-g1" in person.pastes("workflows/doctor.py", "mend what has failed")
