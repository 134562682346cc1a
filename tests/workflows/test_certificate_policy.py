"""The settings say who issues certificates to devices that ask DPS for one: enrollments name it, and keep it."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.http import Request, Response
from dpsops.errors import InvalidInput
from dpsops.model.enrollment import IndividualSettings
from dpsops.settings import Environment, load
from tests.workflows.by_hand import azure
from tests.workflows.commands import enroll, issue_to, plan, replace_compromised, up
from tests.workflows.doing import PRESS, ready
from tests.worlds import World, environment

GIVEN = {"namespace": "adr-plant", "authority": "ca-plant", "name": "monthly"}
NAMES = {"namespaceName": "adr-plant", "certificateAuthorityName": "ca-plant", "certificatePolicyName": "monthly"}


def issuing(**policy: Any) -> Environment:
    """Settings that name a certificate policy."""
    return environment(root={"key": "EC-P256"}, group={"certificate_policy": GIVEN | policy})


def named(connection: Connection, path: str = "/enrollmentGroups/devices") -> dict[str, object]:
    """What an enrollment names, at the API version of the connection."""
    found = connection.clients.enrollments.get(path)
    assert found is not None
    return {name: found[name] for name in NAMES if name in found}


def test_up_names_it_in_a_new_group_and_then_changes_nothing(embedded: World) -> None:
    up(embedded.connect(issuing()))
    assert named(embedded.connect(issuing())) == NAMES
    assert up(embedded.connect(issuing())) == []


def test_up_names_it_in_a_group_that_is_there_and_changes_it(embedded: World) -> None:
    ready(embedded)
    for settings in (issuing(), issuing(name="weekly")):
        assert [(a.action, a.target) for a in plan(embedded.connect(settings)).actions] == [
            ("modify", "enrollment group devices")
        ]
        up(embedded.connect(settings))
    assert named(embedded.connect(issuing())) == NAMES | {"certificatePolicyName": "weekly"}
    assert up(embedded.connect(issuing(name="weekly"))) == []


def test_a_replacement_of_the_root_keeps_it(embedded: World) -> None:
    up(embedded.connect(issuing()))
    replace_compromised(embedded.connect(issuing()))
    found = embedded.connect(issuing()).dps.group()
    assert found is not None
    assert found.trusted() == (2,)
    assert named(embedded.connect(issuing())) == NAMES


def test_an_individual_enrollment_names_it_too(embedded: World) -> None:
    connection = ready(embedded)
    issue_to(connection, PRESS)
    enroll(embedded.connect(), PRESS, IndividualSettings(policy="never"))
    assert named(embedded.connect(issuing()), f"/enrollments/{PRESS}") == {}
    enroll(embedded.connect(issuing()), PRESS, IndividualSettings())
    assert named(embedded.connect(issuing()), f"/enrollments/{PRESS}") == NAMES
    enroll(embedded.connect(issuing()), PRESS, IndividualSettings(policy="reset"))
    assert named(embedded.connect(issuing()), f"/enrollments/{PRESS}") == NAMES


def test_without_it_the_api_version_is_that_which_has_been_seen(embedded: World) -> None:
    asked = set[str]()

    def see(request: Request, _: Response) -> None:
        if request.host.endswith("azure-devices-provisioning.net"):
            asked.add(request.api_version)

    azure(embedded).observers.append(see)
    for settings, version in ((environment(root={"key": "EC-P256"}), "2021-10-01"), (issuing(), "2026-11-01")):
        asked.clear()
        up(embedded.connect(settings))
        assert asked == {version}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('{ namespace = "adr-plant", name = "monthly" }', "group.certificate_policy.authority: this setting is missing"),
        (
            '{ namespace = "Adr", authority = "ca-plant", name = "monthly" }',
            "group.certificate_policy.namespace: a namespace has 3",
        ),
        ('{ namespace = "adr", authority = "-ca", name = "monthly" }', "group.certificate_policy.authority: use 3 to 63"),
        ('{ namespace = "adr", authority = "ca1", name = "mo" }', "group.certificate_policy.name: use 3 to 63"),
        ('"adr/ca/monthly"', "group.certificate_policy: this is a table"),
    ],
)
def test_what_azure_would_refuse_is_refused_in_the_settings(tmp_path: Any, table: str, words: str) -> None:
    text = 'location = "westeurope"\nresource_group = "rg"\n[vault]\nname = "kv1"\n[dps]\nname = "dps-1"\n[[hub]]\nname = "hub"\n'
    (tmp_path / "dev.toml").write_text(f"{text}[group]\ncertificate_policy = {table}\n")
    with pytest.raises(InvalidInput, match=words) as refused:
        load("dev", tmp_path)
    assert "line 10" in refused.value.message or "line 9" in refused.value.message
