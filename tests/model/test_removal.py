"""What a removal takes and leaves, decided from what there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dpsops.errors import Refused
from dpsops.model.contents import Contents, Stored, of_vault
from dpsops.model.removal import DeletedVault, Lock, Part, Standing, decide, of_environment
from dpsops.model.roles import HUB, SERVICE, VAULT
from dpsops.settings import MADE_TAG
from tests.worlds import environment

GROUP = "/subscriptions/s/resourceGroups/rg-dpsops-test"
MADE = {MADE_TAG: "test"}
TEST = environment(device={"vaults": ["kv-a", "kv-z"]})


def part(type_: str, name: str, **changes: object) -> Part:
    """A part that `up` has made."""
    return replace(Part(type_, name, "westeurope", MADE, is_named=True), **changes)  # type: ignore[arg-type]


DPS = part(SERVICE, "dps-dpsops-test", links=frozenset({"iot-dpsops-test"}))
IOT, KV = part(HUB, "iot-dpsops-test"), part(VAULT, "kv-dpsops-test")
ALL = Standing(GROUP, group_exists=True, group_tags=MADE, parts=(KV, part(VAULT, "kv-z"), IOT, part(VAULT, "kv-a"), DPS))


def test_the_dps_goes_first_and_the_vault_of_the_root_last() -> None:
    found = decide(TEST, ALL, purge=False)
    assert [each.name for each in found.parts] == ["dps-dpsops-test", "iot-dpsops-test", "kv-a", "kv-z", "kv-dpsops-test"]
    assert (found.removes_group, found.kept, found.is_complete) == (True, (), True)


def test_what_hangs_on_a_dps_that_stays_stays_too() -> None:
    theirs = replace(DPS, contents=Contents(foreign=("the enrollment theirs",)))
    unlinked = part(HUB, "iot-unlinked")
    found = decide(TEST, replace(ALL, parts=(theirs, IOT, unlinked, KV)), purge=True)
    assert [each.name for each in found.parts] == ["iot-unlinked"]
    assert [each.name for each in found.kept] == ["dps-dpsops-test", "iot-dpsops-test", "kv-dpsops-test", "rg-dpsops-test"]
    assert found.purged == ()


@pytest.mark.parametrize(
    ("scope", "stops"),
    [
        ("/subscriptions/s", True),
        (GROUP.upper(), True),
        (f"{GROUP}/providers/{HUB}/iot-dpsops-test", True),
        (f"{GROUP}/providers/{SERVICE}/dps-dpsops-test/certificates/root-g1", True),
        (f"{GROUP}/providers/{HUB}/iot-dpsops-test-2", False),
        ("/subscriptions/s/resourceGroups/rg-dpsops-test-2", False),
    ],
)
def test_a_lock_on_it_above_it_or_below_it_forbids_the_removal(scope: str, *, stops: bool) -> None:
    unmarked = replace(ALL, group_tags={}, locks=(Lock(f"{scope}/providers/Microsoft.Authorization/locks/keep", scope),))
    if stops:
        with pytest.raises(Refused, match="forbid the removal, so nothing was removed"):
            decide(TEST, unmarked, purge=False)
    else:
        assert len(decide(TEST, unmarked, purge=False).parts) == 5


def deleted(name: str, group: str = GROUP, *, protected: bool = False, marked: bool = False) -> DeletedVault:
    """A deleted vault that was in a group."""
    identifier = f"{group}/providers/{VAULT}/{name}"
    return DeletedVault(name, "westeurope", identifier, MADE if marked else {}, datetime(2026, 6, 1, tzinfo=UTC), protected)


def test_only_deleted_vaults_of_this_environment_are_purged() -> None:
    found = (
        deleted("kv-a"),
        deleted("kv-z", protected=True),
        deleted("kv-left", marked=True),
        deleted("kv-theirs"),
        deleted("kv-dpsops-test", "/subscriptions/s/resourceGroups/rg-other"),
    )
    assert [each.name for each in of_environment(TEST, GROUP, found)] == ["kv-a", "kv-z", "kv-left"]
    gone = Standing(GROUP, group_exists=False, deleted=found)
    purge = decide(TEST, gone, purge=True)
    assert ([name for name, _ in purge.purged], purge.protected) == (["kv-a", "kv-left"], ("kv-z",))
    assert decide(TEST, gone, purge=False).actions == ()


def test_a_root_is_one_by_its_tag_and_not_by_its_name() -> None:
    root = Stored("certificate", "root-g1", {"dpsops": "root"})
    belongs = [Stored(kind, "root-g1", {}, managed=True) for kind in ("key", "secret")]
    requested = Stored("key", "root-g2", {}, managed=True)
    device = Stored("secret", "device-press-07", {"dpsops": "device", "device": "press-07"})
    found = of_vault([root, *belongs, requested, device])
    assert (sorted(found.roots), sorted(found.devices), found.foreign) == (["root-g1", "root-g2"], ["press-07"], ())
    theirs = of_vault([Stored("certificate", "root-g3", {}), Stored("secret", "device-press-07", {}), Stored("key", "web", {})])
    assert theirs.foreign == ("the certificate root-g3", "the secret device-press-07", "the key web")
    assert theirs.roots == frozenset()


def test_many_foreign_things_are_counted() -> None:
    found = of_vault([Stored("secret", f"s{number}", {}) for number in range(5)])
    assert found.foreign == ("5 secrets (s0, s1, s2 and others)",)
