"""`[root] path_length`: it holds for the next root, and changes nothing of the present one."""

from __future__ import annotations

import pytest

from dpsops.errors import Refused
from dpsops.model.rotation import Phase
from tests.workflows.commands import issue_to, plan, rotate, status, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import NONE
from tests.worlds import World, environment


def test_the_path_length_of_the_settings_holds_for_the_next_root(quick: World) -> None:
    """`quick` has a root with path length 0 already."""
    quick.environment = environment(root={"key": "EC-P256", "path_length": 1})
    assert plan(quick.connect()).actions == ()
    assert up(quick.connect()) == []
    found = status(quick.connect())
    assert found.root is not None
    assert found.root.path_length == 0
    wanted = "the settings want a root with path length 1, which the next root gets: dpsops rotate --replace root-g1"
    assert wanted in found.next

    rotate(quick.connect(), Phase.STABLE, NONE)
    issue_to(quick.connect(), PRESS)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    found = status(quick.connect())
    assert found.root is not None
    assert (found.root.name, found.root.path_length, found.next) == ("root-g2", 1, ())


def test_a_plan_that_was_approved_before_the_path_length_was_changed_is_refused(embedded: World) -> None:
    approved = plan(embedded.connect())
    embedded.environment = environment(root={"key": "EC-P256", "path_length": 1})
    with pytest.raises(Refused, match="the settings, the template or the identity have changed"):
        up(embedded.connect(), approved)
