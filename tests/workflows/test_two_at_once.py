"""Two people or pipelines rotate at the same time: the second runs between two requests of the first, at every boundary.

Azure's etags, and the vault's one pending request for each certificate, decide. Whether or not the two get an error, the next
call leads to the same state as one run alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.errors import Error, Refused
from dpsops.model.replacement import Cut
from dpsops.model.root import Ready
from dpsops.model.rotation import Phase, Step, Trust, VaultState
from tests.workflows.boundaries import STRIDE, boundaries
from tests.workflows.commands import consent, issue_to, replace_compromised, root_state, rotate, rotation, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.interrupting import Interrupted
from tests.workflows.rotations import NONE, observed, standing
from tests.workflows.saved import Saved
from tests.worlds import World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")


def one_step(connection: Connection) -> None:
    """Runs `rotate` once, and ignores an error."""
    try:
        rotate(connection, grace=NONE)
    except Error:
        return


def breach(connection: Connection) -> None:
    """Runs `rotate --compromised --yes`, and ignores an error."""

    def once(cut: Cut) -> None:
        if cut.replaced:
            raise Refused(f"{cut.root} has already replaced {cut.replaced}", "")

    try:
        replace_compromised(connection, once)
    except Error:
        return


@pytest.mark.parametrize("reached", [Phase.STABLE, Phase.STAGED, Phase.PROVEN, Phase.REISSUING, Phase.DRAINING])
def test_two_rotations_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: Phase) -> None:
    with start_embedded(tmp_path, Timings()) as azure:
        settings = environment(root={"key": "EC-P256"})
        first, second = embedded_world(azure, settings, direct=True), embedded_world(azure, settings, direct=True)
        up(first.connect())
        issue_to(first.connect(), PRESS)
        if reached is not Phase.STABLE:
            rotate(first.connect(), reached, NONE)
        before = Saved.of(tmp_path)
        interrupted = Interrupted(first.transport, monkeypatch)
        for boundary in boundaries():
            before.restore()
            interrupted.at(boundary, lambda: one_step(second.connect()))
            first.sign_out()  # signing in is part of what may be interrupted
            one_step(first.connect())
            if not interrupted.happened:
                break
            assert_advanced(second, reached)
        assert boundary > 5


def assert_advanced(world: World, reached: Phase) -> None:
    """Requires that the rotation is in a later phase, or is after one more step, and that the device can register."""
    connection = world.connect()
    if standing(connection).phase is reached:
        rotate(connection, grace=NONE)
    assert standing(connection).phase is not reached
    assert not standing(connection).trouble
    found = observed(connection)
    new = found.generation(2)
    assert (new.in_vault, found.next_number) == (VaultState.FINISHED, 3)
    assert isinstance(root_state(connection, "root-g2"), Ready)
    assert new.trust is Trust.VERIFIED or 2 not in found.trusted
    Device.fetched(connection, PRESS).register(connection)


@pytest.mark.parametrize(
    ("number", "passed"),
    [
        (40, [(Phase.STABLE, Step.STAGE), (Phase.BREACHED, Step.CUT_OFF), (Phase.BREACHED, Step.STAGE)]),
        (32, [(Phase.BREACHED, Step.ADMIT), (Phase.BREACHED, Step.REISSUE), (Phase.BREACHED, Step.READMIT)]),
    ],
)
def test_two_breaches_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, passed: list[tuple[Phase, Step]]
) -> None:
    """The second run ends before the first continues with what it has read before. At the end there is one new root, and a
    device that has moved to it can still register. The creation of the root, between both parts, is that of any rotation."""
    with start_embedded(tmp_path, Timings()) as azure:
        first, second, old = registered(azure)
        if passed[0][0] is Phase.BREACHED:
            for _ in rotation(first.connect()).replace_compromised(consent):
                break
            while standing(first.connect()).step is not passed[0][1]:
                rotate(first.connect(), grace=NONE)
        before = Saved.of(tmp_path)
        interrupted = Interrupted(first.transport, monkeypatch)
        seen = list[tuple[Phase, Step]]()
        moved = list[Device]()

        def rival() -> None:
            found = standing(second.connect())
            seen.append((found.phase, found.step))
            breach(second.connect())
            moved.append(Device.fetched(second.connect(), PRESS))

        for boundary in range(0, number, STRIDE):
            before.restore()
            interrupted.at(boundary, rival)
            first.sign_out()
            breach(first.connect())
            breach(second.connect())
            found = observed(second.connect())
            assert (found.trusted, found.next_number, found.group_enabled) == ((2,), 3, True)
            old.require_refused(second.connect())
            moved[-1].register(second.connect())
        met = list(dict.fromkeys(seen))
        assert met == [each for each in passed if STRIDE == 1 or each in met]


def registered(azure: EmbeddedAzure) -> tuple[World, World, Device]:
    """Two worlds with the same environment, and a device that is registered."""
    settings = environment(root={"key": "EC-P256"})
    first, second = embedded_world(azure, settings, direct=True), embedded_world(azure, settings, direct=True)
    up(first.connect())
    issue_to(first.connect(), PRESS)
    one = Device.fetched(first.connect(), PRESS)
    one.register(first.connect())
    return first, second, one
