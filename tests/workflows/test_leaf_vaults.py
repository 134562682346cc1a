"""Vaults of their own for the devices' secrets."""

from __future__ import annotations

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.cli.connection import Connection
from dpsops.model.device import Issued, Unchanged
from dpsops.model.placement import placed
from dpsops.pki.names import device_id
from tests.workflows.commands import block, issue_to, members, plan, renew, up
from tests.workflows.doing import PRESS, fetched, over
from tests.worlds import World, environment, waited

NAMES = ["kv-devices-1", "kv-devices-2", "kv-devices-3"]
FLEET = [device_id(f"press-{number:02}") for number in range(20)]
SPREAD = environment(root={"key": "EC-P256"}, device={"vaults": NAMES})
OLD = environment(root={"key": "EC-P256"})


def where(connection: Connection) -> dict[str, str]:
    """The vault of each device."""
    return {leaf.device: leaf.vault for leaf in waited(connection.leaves.all())}


def test_secrets_are_spread_and_stay_where_they_are(quick: World) -> None:
    up(quick.connect(SPREAD))
    assert up(quick.connect(SPREAD)) == []
    assert plan(quick.connect(SPREAD)).actions == ()
    connection = quick.connect(SPREAD)
    issue_to(connection, *FLEET)
    before = where(connection)
    assert before == {device: placed(device, NAMES) for device in FLEET}
    assert set(before.values()) == set(NAMES)
    fewer = environment(root={"key": "EC-P256"}, device={"vaults": [*NAMES, "kv-devices-4"]})
    up(quick.connect(fewer))
    renew(quick.connect(fewer), *FLEET, again=True)
    assert where(quick.connect(fewer)) == before
    over("https", quick.connect(fewer), fetched(quick.connect(fewer), PRESS))
    block(quick.connect(fewer), PRESS)
    assert [member.leaf.device for member in members(quick.connect(fewer)) if member.blocked] == [PRESS]


def test_a_device_from_before_stays_in_the_vault_of_the_root(quick: World) -> None:
    issue_to(quick.connect(OLD), PRESS)
    up(quick.connect(SPREAD))
    assert isinstance(issue_to(quick.connect(SPREAD), PRESS)[0], Unchanged)
    assert isinstance(renew(quick.connect(SPREAD), PRESS, again=True)[0], Issued)
    assert where(quick.connect(SPREAD)) == {PRESS: OLD.vault.name}
    assert LeafVaults(quick.connect(SPREAD).clients).names == tuple(NAMES)
