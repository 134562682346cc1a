"""What works while the vault is gone, out of reach, or its root is disabled, and what does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Response
from dpsops.errors import Error
from dpsops.model.rotation import Phase
from dpsops.pki.names import device_id
from tests.workflows.by_hand import azure
from tests.workflows.commands import issue_to, rotate, status
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.worlds import World

OTHER = device_id("press-08")


def delete(world: World) -> None:
    """Somebody deletes the vault."""
    world.connect().clients.vaults.vaults.delete("rg-dpsops-test", "kv-dpsops-test")


def purge(world: World) -> None:
    """And purges it."""
    delete(world)
    world.connect().clients.vaults.vaults.begin_purge_deleted("kv-dpsops-test", "westeurope").result()


def down(world: World) -> None:
    """The region of the vault is down."""
    refuse = Refuse(Response(503, {"error": {"code": "ServiceUnavailable", "message": "The region is down."}}))
    azure(world).faults.add(Fault(refuse, lambda request: request.host.endswith(".vault.azure.net"), times=None))


def disable(world: World) -> None:
    """Somebody disables the root."""
    world.connect().clients.certificates.update_certificate_properties("root-g1", enabled=False)


LOSSES = [delete, purge, down, disable]


@pytest.mark.parametrize("lose", LOSSES)
def test_devices_register_as_before_and_nothing_is_issued(quick: World, lose: Callable[[World], None]) -> None:
    issue_to(quick.connect(), PRESS, OTHER)
    devices = [Device.fetched(quick.connect(), each) for each in (PRESS, OTHER)]
    lose(quick)
    for each in devices:
        each.register(quick.connect())
    with pytest.raises(Error):
        issue_to(quick.connect(), device_id("press-09"))


def test_after_the_region_is_back_nothing_has_to_be_repaired(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    down(quick)
    with pytest.raises(Error, match="The region is down"):
        status(quick.connect())
    azure(quick).faults.clear()
    assert status(quick.connect()).next == ()


def test_the_hint_of_a_disabled_root_enables_it(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    disable(quick)
    found = status(quick.connect()).trouble
    assert found is not None
    named = re.search(r"az keyvault certificate .* --name root-g1 --version (\w+) --enabled true$", found.hint)
    assert named is not None
    quick.connect().clients.certificates.update_certificate_properties("root-g1", named[1], enabled=True)
    assert status(quick.connect()).next == ()


def test_a_device_with_a_certificate_that_the_vault_lost_is_waited_for(quick: World) -> None:
    """Its leaf in the vault is under the new root, but the one that it uses is not, and nobody knows it."""
    issue_to(quick.connect(), PRESS)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    rotate(quick.connect(), Phase.OVERLAPPING)
    secrets = quick.connect().clients.secrets
    secrets.begin_delete_secret(f"device-{PRESS}").wait()
    secrets.purge_deleted_secret(f"device-{PRESS}")
    rotate(quick.connect(), Phase.DRAINING)
    issue_to(quick.connect(), PRESS)
    rotate(quick.connect(), Phase.STABLE, timedelta(days=30))
    group = quick.connect().dps.group()
    assert group is not None
    assert (group.primary, group.secondary) == ("root-g2", "root-g1")
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    rotate(quick.connect(), Phase.STABLE, timedelta(days=30))
    group = quick.connect().dps.group()
    assert group is not None
    assert (group.primary, group.secondary) == ("root-g2", "")
