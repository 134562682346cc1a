"""A what-if of what dpsops decides names every resource that is written, whatever the what-if does with defaults."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.model.deployment import Deployment
from dpsops.model.roles import HUB, ROLES, SERVICE, VAULT
from tests.bicep.group import GROUP, HUBS, Group, environment

pytestmark = pytest.mark.usefixtures("unmeasured")

BOTH = pytest.mark.parametrize("dps", [{"link": "key"}, {"link": "identity"}], ids=["by key", "by identity"])
WRITTEN = {f"{VAULT}/kv-dpsops-test", f"{HUB}/iot-one", f"{HUB}/iot-two", f"{SERVICE}/dps-dpsops-test"}
"""All that the settings name."""


@pytest.fixture(params=["carried", "deleted", "created"])
def group(request: pytest.FixtureRequest) -> Group:
    """A resource group with nothing in it, of an Azure whose what-if tells of the services' own defaults in one of three ways."""
    return Group(Habits(what_if_defaults=request.param, what_if_details=True))


def foreseen(group: Group, decided: Deployment) -> tuple[dict[str, str], int]:
    """The kind of change of each resource, and how many roles are assigned. It skips nothing, and is unsure of nothing."""
    result = group.what_if(environment(), decided.parameters)
    assert (result["diagnostics"], result["potentialChanges"]) == ([], [])
    changes = {each["resourceId"].removeprefix(f"{GROUP}/providers/"): each["changeType"] for each in result["changes"]}
    assert len(changes) == len(result["changes"])
    roles = [kind for name, kind in changes.items() if "roleAssignments" in name]
    assert set(roles) <= {"Create", "Ignore"}
    return {name: kind for name, kind in changes.items() if "roleAssignments" not in name}, roles.count("Create")


def assigned(decided: Deployment) -> int:
    """How many roles a deployment assigns."""
    return [each.action for each in decided.actions].count("assign")


@BOTH
def test_what_is_to_be_created(group: Group, dps: JSON) -> None:
    decided = group.decide(environment(dps=dps))
    assert foreseen(group, decided) == (dict.fromkeys(WRITTEN, "Create"), assigned(decided))


@BOTH
def test_what_is_to_be_changed(group: Group, dps: JSON) -> None:
    group.converge(environment(dps=dps))
    decided = group.decide(environment(dps=dps, tags={"team": "iot"}))
    assert {each.target for each in decided.actions} == WRITTEN
    assert foreseen(group, decided) == (dict.fromkeys(WRITTEN, "Modify"), 0)


@BOTH
def test_one_more_hub(group: Group, dps: JSON) -> None:
    group.converge(environment(dps=dps))
    decided = group.decide(environment(dps=dps, hub=[*HUBS, {"name": "iot-three"}]))
    changes, roles = foreseen(group, decided)
    assert {name: kind for name, kind in changes.items() if kind != "Ignore"} == {
        f"{HUB}/iot-three": "Create",
        f"{SERVICE}/dps-dpsops-test": "Modify",
    }
    assert roles == assigned(decided) == len(ROLES[HUB]) + (dps["link"] == "identity")


def test_no_key_is_known_beforehand(group: Group) -> None:
    """A what-if shows the expression that asks for it."""
    result = group.what_if(environment(), group.decide(environment()).parameters)
    (service,) = [each for each in result["changes"] if each["resourceId"].endswith("/dps-dpsops-test")]
    texts: list[Any] = [link["connectionString"] for link in service["after"]["properties"]["iotHubs"]]
    assert len(texts) == 2
    assert all(text.startswith("[") and "listKeys(" in text for text in texts)
