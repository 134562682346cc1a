"""What somebody does by hand in the middle of a rotation: it is named, or gone on from, and never guessed at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpsops.errors import Refused
from dpsops.workflows import generations
from dpsops.workflows.rotation import Phase
from dpsops.workflows.run import Run
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
