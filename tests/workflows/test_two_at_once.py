"""Two people or pipelines rotate at once: the second begins and ends between two requests of the first, at every boundary.

Azure's etags, and the vault's one pending request for each certificate, decide. Whatever the two are told, the next call
ends where one alone would have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.errors import Error, Refused
from dpsops.model.root import Ready
from dpsops.model.rotation import Keeping, Phase, Step, Trust
from dpsops.workflows.rotate import Cut
from tests.workflows.commands import consent, issue_to, replace_compromised, root_state, rotate, rotation, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import NONE, observed, standing
from tests.workflows.saved import Saved
from tests.worlds import Stopwatch, World, embedded_world, environment, start_embedded

pytestmark = pytest.mark.usefixtures("unmeasured")


class Interrupted:
    """The transport of a world, with something that happens before its request number `at`."""

    def __init__(self, transport: Stopwatch, monkeypatch: pytest.MonkeyPatch) -> None:
        self._send = transport.send
        self._at = -1
        self._rival: Callable[[], None] = lambda: None
        monkeypatch.setattr(transport, "send", self.send)

    def at(self, number: int, rival: Callable[[], None]) -> None:
        """From now on so many requests pass before `rival` is called."""
        self._at, self._rival = number, rival

    @property
    def happened(self) -> bool:
        """Whether the rival has been called."""
        return self._at < 0

    def send(self, request: Any, **options: Any) -> Any:
        """Sends, but lets the rival do its work first where it is its turn."""
        self._at -= 1
        if self._at == -1:
            self._rival()
        return self._send(request, **options)


def one_step(connection: Connection) -> None:
    """`rotate`, once; whatever it is told."""
    try:
        rotate(connection, grace=NONE)
    except Error:
        return


def breach(connection: Connection) -> None:
    """`rotate --compromised --yes`, whatever it is told."""

    def once(cut: Cut) -> None:
        if cut.replaced:
            raise Refused(f"{cut.root} has taken the place of {cut.replaced}", "")

    try:
        replace_compromised(connection, once)
    except Error:
        return


@pytest.mark.parametrize("reached", [Phase.STABLE, Phase.STAGED, Phase.PROVEN, Phase.REISSUING, Phase.DRAINING])
def test_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: Phase) -> None:
    with start_embedded(tmp_path, Timings()) as azure:
        settings = environment(root={"key": "EC-P256"})
        first, second = embedded_world(azure, settings), embedded_world(azure, settings)
        up(first.connect())
        issue_to(first.connect(), PRESS)
        if reached is not Phase.STABLE:
            rotate(first.connect(), reached, NONE)
        before = Saved.of(tmp_path)
        interrupted = Interrupted(first.transport, monkeypatch)
        for boundary in range(100):
            before.restore()
            interrupted.at(boundary, lambda: one_step(second.connect()))
            one_step(first.connect())
            if not interrupted.happened:
                break
            assert_went_on(second, reached)
        assert boundary > 5


def assert_went_on(world: World, reached: Phase) -> None:
    """The rotation is further than it was, or one more step takes it there; the device can register throughout."""
    connection = world.connect()
    if standing(connection).phase is reached:
        rotate(connection, grace=NONE)
    assert standing(connection).phase is not reached
    assert not standing(connection).trouble
    found = observed(connection)
    new = found.generation(2)
    assert (new.keeping, found.next_number) == (Keeping.WHOLE, 3)
    assert isinstance(root_state(connection, "root-g2"), Ready)
    assert new.trust is Trust.VERIFIED or 2 not in found.trusted
    Device.fetched(connection, PRESS).register(connection)


@pytest.mark.parametrize(
    ("boundaries", "passed"),
    [
        (40, [(Phase.STABLE, Step.STAGE), (Phase.BREACHED, Step.CUT_OFF), (Phase.BREACHED, Step.STAGE)]),
        (32, [(Phase.BREACHED, Step.ADMIT), (Phase.BREACHED, Step.REISSUE), (Phase.BREACHED, Step.READMIT)]),
    ],
)
def test_two_breaches_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boundaries: int, passed: list[tuple[Phase, Step]]
) -> None:
    """The second is over when the first goes on with what it has seen before. There is one new root in the end, and who has
    moved to it is not dropped. Between the two parts lies the making of a root, which is that of any rotation."""
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

        for boundary in range(boundaries):
            before.restore()
            interrupted.at(boundary, rival)
            breach(first.connect())
            breach(second.connect())
            found = observed(second.connect())
            assert (found.trusted, found.next_number, found.is_open) == ((2,), 3, True)
            old.is_refused(second.connect())
            moved[-1].register(second.connect())
        assert list(dict.fromkeys(seen)) == passed


def registered(azure: EmbeddedAzure) -> tuple[World, World, Device]:
    """Two worlds with the same environment, and a device that has registered."""
    settings = environment(root={"key": "EC-P256"})
    first, second = embedded_world(azure, settings), embedded_world(azure, settings)
    up(first.connect())
    issue_to(first.connect(), PRESS)
    one = Device.fetched(first.connect(), PRESS)
    one.register(first.connect())
    return first, second, one
