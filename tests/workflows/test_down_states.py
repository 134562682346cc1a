"""`down` of an environment in each state: in a rotation, after a breach, with vaults for devices, with hubs and vaults of former
settings, with logs, while `up` is at work."""

from __future__ import annotations

import pytest
from azure.mgmt.resource.deployments.models import Deployment, DeploymentProperties

from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from dpsops.errors import Refused
from dpsops.model.roles import HUB, VAULT
from dpsops.model.rotation import Phase
from tests.workflows.by_hand import azure
from tests.workflows.commands import down, issue_to, removal, replace_compromised, rotate_named, up
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS
from tests.workflows.test_logs import OURS, settings
from tests.worlds import World, environment

pytestmark = pytest.mark.usefixtures("unmeasured")

EC = {"key": "EC-P256"}


def groups(world: World) -> list[object]:
    """The resource groups that are left."""
    return list(world.connect().clients.groups.resource_groups.list())


@pytest.mark.parametrize("until", [Phase.STAGED, Phase.OVERLAPPING, Phase.DRAINING])
def test_in_a_rotation_it_says_so_and_everything_goes(quick: World, until: Phase) -> None:
    issue_to(quick.connect(), PRESS)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    rotate_named(quick.connect(), 1, until)
    planned = removal(quick.connect())
    assert planned.notes == ("more than one root goes: root-g1, root-g2; if a rotation is under way, it ends here",)
    down(quick.connect())
    assert groups(quick) == []


def test_after_a_breach_a_disabled_root_goes_too(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    replace_compromised(quick.connect(), replace=1)
    assert "2 roots" in removal(quick.connect()).parts[-1].contents.counts
    down(quick.connect())
    assert groups(quick) == []


def test_hubs_and_vaults_of_former_settings_go_because_they_are_marked(embedded: World) -> None:
    azure(embedded).timings = Timings()
    vaults = ["kv-dpsops-one", "kv-dpsops-two"]
    hubs = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-old"}]
    former = environment(root=EC, hub=hubs, device={"vaults": vaults})
    up(embedded.connect(former))
    issue_to(embedded.connect(former), PRESS, OTHER)
    now = environment(root=EC)
    planned = removal(embedded.connect(now))
    assert [each.name for each in planned.parts if each.type == HUB] == ["iot-dpsops-old", "iot-dpsops-test"]
    assert [each.name for each in planned.parts if each.type == VAULT] == [*vaults, "kv-dpsops-test"], "the root's vault is last"
    assert [note for note in planned.notes if "may not list its keys" in note] == [
        f"{name}: this identity may not list its keys, so nobody knows whether there are any" for name in vaults
    ]
    down(embedded.connect(now))
    assert groups(embedded) == []


def test_diagnostic_settings_go_first_because_they_outlive_their_resource(quick: World) -> None:
    azure(quick).habits = Habits(diagnostic_settings_stay=True)
    up(quick.connect(settings()))
    targets = [each.target for each in down(quick.connect(settings()))]
    for log in OURS:
        assert targets.index(log) == targets.index(log.partition("/providers/")[0]) - 1
    with azure(quick).database.transaction() as state:
        assert list(state.list("diagnosticSetting")) == []


def test_while_up_deploys_nothing_is_removed(quick: World) -> None:
    azure(quick).timings = Timings(operation=60)
    template = {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0", "resources": []}  # fmt: skip
    body = Deployment(properties=DeploymentProperties(mode="Incremental", template=template))
    quick.clock.advance(60)
    connection = quick.connect()
    connection.clients.deployments.deployments.begin_create_or_update("rg-dpsops-test", "dpsops-test", body, polling=False)
    with pytest.raises(Refused, match="a deployment of this environment is under way"):
        down(quick.connect())
    quick.clock.advance(600)
    azure(quick).timings = Timings()
    assert down(quick.connect())
