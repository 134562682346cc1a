"""What somebody does by hand in the middle of a rotation: it is named, or gone on from, and never guessed at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpsops.errors import Refused
from dpsops.workflows import enrollment, generations, status
from dpsops.workflows.rotation import Phase
from dpsops.workflows.run import Run
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.workflows.test_rotate import PRESS, issued, phase, step
from tests.worlds import World

NONE = timedelta(0)


def delete_root(run: Run, name: str) -> None:
    """Somebody deletes a root from the vault."""
    run.cloud.certificates.begin_delete_certificate(name).result()


def trust(run: Run, primary: int, secondary: int | None = None) -> None:
    """Somebody lets the group trust these roots."""
    list(generations.put_group(run, generations.observe(run), primary, secondary))


def test_an_old_root_that_was_deleted_from_the_vault_does_not_stay_in_the_dps_unseen(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.run(), until=Phase.DRAINING)
    delete_root(quick.run(), "root-g1")
    for _ in range(2):
        with pytest.raises(Refused, match="certificate root-g1 .*, which the vault does not have") as refused:
            step(quick.run(), until=Phase.STABLE, grace=NONE)
    assert "az keyvault certificate recover --name root-g1" in refused.value.hint
    assert phase(quick.run()) is Phase.DRAINING
    quick.run().cloud.certificates.begin_recover_deleted_certificate("root-g1").result()
    step(quick.run(), until=Phase.STABLE, grace=NONE)
    (dps,) = quick.run().cloud.registries
    assert (phase(quick.run()), list(dps.all())) == (Phase.STABLE, ["root-g2"])


def test_a_group_that_was_deleted_is_not_made_with_one_of_two_roots(quick: World) -> None:
    """Whichever of them it were, the devices of the other would be shut out."""
    issued(quick, PRESS)
    device = Device.fetched(quick.run(), PRESS)
    step(quick.run(), until=Phase.OVERLAPPING)
    run = quick.run()
    run.cloud.enrollments.delete(enrollment.path(run.environment), generations.observe(run).group.etag)
    for _ in range(2):
        with pytest.raises(Refused, match="group devices is gone, and devices may have leaves of root-g1 and of root-g2"):
            converge(quick.run())
    assert "the primary root-g1 and the secondary root-g2" in status.observe(quick.run()).next[0]
    both = {"attestation": {"type": "x509", "x509": {"caReferences": {"primary": "root-g1", "secondary": "root-g2"}}}}
    document = enrollment.wanted(run.environment, "root-g1") | both
    run.cloud.enrollments.put(enrollment.path(run.environment), document, None)
    assert converge(quick.run()) == []
    device.register(quick.run())
    assert phase(quick.run()) is Phase.OVERLAPPING
