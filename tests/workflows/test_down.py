"""`down` removes what `up` has made, in the right order; what then is soft-deleted, and what the next `up` meets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.mgmt.resource.resources.models import ResourceGroup

from dpsops.errors import Refused
from dpsops.model.removal import SoftDeleted
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.settings import Environment
from dpsops.workflows.down import soft_deleted
from tests.by_az import recover
from tests.workflows.commands import down, issue_to, removal, status, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.worlds import World, environment

DPS, IOT, KV, RG = (
    f"{SERVICE}/dps-dpsops-test",
    f"{HUB}/iot-dpsops-test",
    f"{VAULT}/kv-dpsops-test",
    "resource group rg-dpsops-test",
)
EC = {"key": "EC-P256"}


def protected(*, on: bool) -> Environment:
    """An environment whose vault may be purged, or not."""
    return environment(root=EC, vault={"name": "kv-dpsops-test", "purge_protection": on, "soft_delete_days": 7})


def left(world: World) -> list[str]:
    """The resource groups that are there."""
    return [str(each.name) for each in world.connect().clients.groups.resource_groups.list()]


def test_everything_goes_in_its_order_and_then_there_is_nothing_to_do(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    planned = removal(quick.connect())
    assert [each.target for each in planned.actions] == [DPS, IOT, KV, RG]
    assert [each.contents.counts for each in planned.parts] == [
        ("1 enrollment group", "1 registration", "1 root to trust"),
        ("1 device identity",),
        ("1 root", "1 device secret"),
    ]
    assert (planned.kept, planned.is_complete) == ((), True)
    done = down(quick.connect())
    assert [(each.action, each.target, each.outcome) for each in done] == [
        ("remove", each, "removed") for each in (DPS, IOT, KV, RG)
    ]
    assert left(quick) == []
    assert down(quick.connect()) == []


def test_the_vault_stays_soft_deleted_until_its_days_are_over(quick: World) -> None:
    planned = removal(quick.connect())
    down(quick.connect())
    connection = quick.connect()
    until = connection.run.now() + timedelta(days=7)
    (found,) = soft_deleted(connection.run, connection.looking, planned)
    assert (found.name, found.purgeable) == ("kv-dpsops-test", True)
    assert found.until is not None
    assert abs(found.until - until) < timedelta(minutes=5)


def test_the_next_up_says_how_to_get_the_vault_back_and_then_works(quick: World) -> None:
    before = issue_to(quick.connect(), PRESS)
    down(quick.connect())
    with pytest.raises(Refused, match="a vault named kv-dpsops-test was deleted on 2026-03-01") as refused:
        up(quick.connect())
    assert refused.value.hint.startswith("recover the vault and what is in it: az group create --name rg-dpsops-test")
    as_the_hint_says(quick)
    up(quick.connect())
    assert status(quick.connect()).devices.total == len(before)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def as_the_hint_says(world: World) -> None:
    """`az group create` and `az keyvault recover`."""
    clients = world.connect().clients
    clients.groups.resource_groups.create_or_update("rg-dpsops-test", ResourceGroup(location="westeurope"))
    recover(clients, "kv-dpsops-test")


def test_with_purge_the_next_up_begins_from_nothing(quick: World) -> None:
    assert [each.outcome for each in down(quick.connect(), purge=True)] == [*["removed"] * 4, "purged"]
    connection = quick.connect()
    assert soft_deleted(connection.run, connection.looking, removal(connection)) == ()
    assert "verified" in [each.outcome for each in up(quick.connect())]


def test_what_is_deleted_already_can_still_be_purged(quick: World) -> None:
    down(quick.connect())
    assert [(each.target, each.outcome) for each in down(quick.connect(), purge=True)] == [
        ("deleted vault kv-dpsops-test", "purged")
    ]
    assert down(quick.connect(), purge=True) == []


def test_a_protected_vault_is_named_before_anything_is_removed_and_stays(embedded: World) -> None:
    embedded.environment = protected(on=True)
    up(embedded.connect())
    planned = removal(embedded.connect(), purge=True)
    assert (planned.purged, planned.protected, planned.is_complete) == ((), ("kv-dpsops-test",), False)
    assert "purge" not in [each.action for each in down(embedded.connect(), purge=True)]
    connection = embedded.connect()
    (found,) = soft_deleted(connection.run, connection.looking, planned)
    assert isinstance(found, SoftDeleted)
    assert not found.purgeable
