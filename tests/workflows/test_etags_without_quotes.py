"""The tests that prove a root, once more in a world where `If-Match` on a CA certificate must not be quoted.

No recording shows it quoted, and the management SDK of DPS quotes it.
"""

from __future__ import annotations

import pytest

from dpsops.emulator.habits import Habits
from dpsops.errors import Changed
from tests.workflows.test_root_csr import test_it_is_proven_trusted_and_rotated_like_any_other
from tests.workflows.test_root_trouble import test_the_root_is_proven_to_the_hubs_where_the_environment_asks_for_it
from tests.workflows.test_rotate import (
    test_a_rotation_goes_from_stable_to_stable,
    test_the_hubs_move_too_where_the_environment_asks_for_it,
    test_the_old_root_leaves_the_group_then_the_dps_then_the_vault,
)
from tests.workflows.test_up import test_up_proves_a_root_from_nothing_and_then_rests
from tests.worlds import World

__all__ = [
    "test_a_rotation_goes_from_stable_to_stable",
    "test_it_is_proven_trusted_and_rotated_like_any_other",
    "test_the_hubs_move_too_where_the_environment_asks_for_it",
    "test_the_old_root_leaves_the_group_then_the_dps_then_the_vault",
    "test_the_root_is_proven_to_the_hubs_where_the_environment_asks_for_it",
    "test_up_proves_a_root_from_nothing_and_then_rests",
]

pytestmark = pytest.mark.xfail(
    raises=Changed,
    strict=True,
    reason="dpsops sends the etag of a DPS certificate as the management SDK 2.x does, in quotation marks, and has no other way",
)


@pytest.fixture(autouse=True)
def _unquoted(embedded: World) -> None:
    assert embedded.embedded is not None
    embedded.embedded.azure.habits = Habits(quoted_etags=False)


@pytest.fixture
def world(embedded: World) -> World:
    """The embedded Azure alone: a recording shows what was taken when it was made."""
    return embedded
