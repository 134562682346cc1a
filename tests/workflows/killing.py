"""Processes that are killed between two requests."""

from __future__ import annotations

from dpsops.emulator.faults import Drop, Fault
from tests.worlds import World


def kill_after(world: World, requests: int) -> None:
    """Answers only this number of requests. The next request is done, but its answer is lost; later ones are not done at all."""
    assert world.embedded is not None
    faults = world.embedded.azure.faults
    faults.add(Fault(Drop(work_done=True), skip=requests, times=1))
    faults.add(Fault(Drop(work_done=False), skip=requests, times=None))
