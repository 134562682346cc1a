"""A row that is not so is noticed, and so is one that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.table import NEW, PINNED, PLAIN, Stage, fleet
from tests.matrices.place import Place, opened
from tests.matrices.rows import untrue_rows

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with two devices."""
    with opened(tmp_path_factory.mktemp("rows") / "place") as found:
        fleet(Stage(found, found.directory, found.world()))
        yield found


def untrue(place: Place, *rows: str, beside: str = "") -> list[str]:
    """Those of these rows that are not so."""
    return list(untrue_rows("\n".join(f"✓ {row}" for row in rows), place.directory, place.clock.now(), beside))


SO = (
    "resource group rg-dpsops-local: created",
    "Microsoft.Devices/IotHubs/iot-dpsops-local: created",
    "root root-g1: checked and sealed",
    "root-g1 in DPS dps-dpsops-local: verified",
    "enrollment group devices: trusts root-g1",
    f"enrollment {PINNED}: created",
    f"leaf of {PLAIN}: issued by root-g1",
)

NOT_SO = (
    "resource group rg-dpsops-local: removed",
    "Microsoft.KeyVault/vaults/kv-dpsops-local: removed",
    "Microsoft.Devices/IotHubs/iot-dpsops-three: created",
    "deleted vault kv-dpsops-local: purged",
    "IoT Hub Data Reader on Microsoft.Devices/IotHubs/iot-dpsops-local to ServicePrincipal somebody: assigned",
    "root root-g2: key created",
    "root root-g1: disabled in the vault, not deleted",
    "root root-g1: marked as compromised",
    "root-g1 in DPS dps-dpsops-local: removed",
    "enrollment group devices: trusts root-g1 and root-g2",
    "enrollment group devices: disabled: no device can register",
    f"enrollment {PLAIN}: disabled",
    f"secret of {PLAIN}: tagged as blocked",
    f"identity {PLAIN} in iot-dpsops-two.azure-devices.net: disabled",
    f"registration {PLAIN}: removed",
    f"leaf of {PLAIN}: issued by root-g2",
    f"{NEW}: valid until 2027-03-01T11:56:00Z, in https://kv-dpsops-local.vault.azure.net/secrets/device-{NEW}/0123abcd",
    f"{PLAIN}: written to delivery/{PLAIN}.pem",
    f"older secret versions of {PLAIN}: disabled: 1",
    "root-g1: draining: the devices are to register with their leaf of root-g2",
    "rotation to root-g2: done",
    "identity id-dpsops-local-planner: created",
    "federated credential github-local of id-dpsops-local-deployer: repo:octo-org/fleet: created",
)


def test_what_is_so(place: Place) -> None:
    assert untrue(place, *SO) == []


@pytest.mark.parametrize("row", NOT_SO)
def test_what_is_not_so(place: Place, row: str) -> None:
    assert untrue(place, row) == [f"it is not so: {row}"]


def test_a_row_that_nobody_knows(place: Place) -> None:
    assert untrue(place, "all devices: happy") == ["nobody knows whether this is so: all devices: happy"]


def test_the_last_row_about_one_thing_counts(place: Place) -> None:
    assert untrue(place, "enrollment group devices: trusts root-g2", "enrollment group devices: trusts root-g1") == []


def test_what_another_run_has_changed_since(place: Place) -> None:
    row = f"secret of {PLAIN}: tagged as blocked"
    assert untrue(place, row, beside=f"✓ secret of {PLAIN}: tag removed") == []
    assert untrue(place, row, beside=f"✓ secret of {PINNED}: tag removed") == [f"it is not so: {row}"]
