"""The state of each generation, from what the vault and the trust stores show of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dpsops.errors import Refused
from dpsops.model.enrollment import EnrollmentGroup, wanted
from dpsops.model.generations import root_for_new_group, trust, view
from dpsops.model.proof import CaCertificate
from dpsops.model.root import RootProperties, root_name
from dpsops.model.rotation import Trust, VaultState
from tests.worlds import environment

OURS, OTHER = "AA", "BB"
SEALED = {"sealed": "yes"}


def root(number: int = 1, *, enabled: bool = True, tags: Mapping[str, str] = SEALED) -> RootProperties:
    """A root as the vault's list shows it."""
    return RootProperties(root_name(number), "v1", enabled, tags, None, OURS)


def held(thumbprint: str = OURS, *, verified: bool = True) -> CaCertificate:
    """A CA certificate in a trust store."""
    return CaCertificate(thumbprint, verified, "e")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, Trust.ABSENT),
        (held(OTHER), Trust.OTHER),
        (held(OTHER, verified=False), Trust.OTHER),
        (held(verified=False), Trust.UPLOADED),
        (held(), Trust.VERIFIED),
    ],
)
def test_a_certificate_is_trusted_only_if_it_is_the_vaults_and_verified(found: CaCertificate | None, state: Trust) -> None:
    assert trust(found, root()) is state


def test_if_the_trust_stores_differ_the_earliest_state_counts() -> None:
    group = EnrollmentGroup("devices", "root-g1", "", True, wanted(environment()), "e")
    stores = {"DPS dps": {"root-g1": held()}, "IoT Hub one": {"root-g1": held(verified=False)}}
    assert view(group, (), stores, {1: root()}).observed.generation(1).trust is Trust.UPLOADED
    stores["IoT Hub two"] = {}
    assert view(group, (), stores, {1: root()}).observed.generation(1).trust is Trust.ABSENT


@pytest.mark.parametrize(
    ("properties", "state"),
    [
        (root(tags={}), VaultState.CREATING),
        (root(), VaultState.FINISHED),
        (root(enabled=False), VaultState.DISABLED),
        (root(enabled=False, tags=SEALED | {"retired": "yes"}), VaultState.RETIRED),
    ],
)
def test_the_state_in_the_vault(properties: RootProperties, state: VaultState) -> None:
    group = EnrollmentGroup("devices", "root-g1", "", True, wanted(environment()), "e")
    assert view(group, (), {"DPS dps": {}}, {1: properties}).observed.generation(1).in_vault is state


def test_a_new_group_trusts_the_only_root_that_may_be_trusted() -> None:
    assert root_for_new_group("devices", {}) == "root-g1"
    assert root_for_new_group("devices", {1: root(1)}) == "root-g1"
    retired, compromised = root(1, tags={"retired": "yes"}), root(2, tags={"breach": "cut"})
    assert root_for_new_group("devices", {1: retired, 2: compromised}) == "root-g3"
    with pytest.raises(Refused, match="root-g1 and"):
        root_for_new_group("devices", {1: root(1), 2: root(2)})
