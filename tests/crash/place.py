"""A directory in which commands run: its settings, and the embedded Azure that is served there and can kill them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from queue import SimpleQueue

from dpsops.cli.embedded import STATE_DIRECTORY, announced
from dpsops.emulator.azure import Azure, Dropped
from dpsops.emulator.http import Request, Response
from dpsops.emulator.server import EmbeddedAzure
from dpsops.settings import load
from tests.cli.terminal import LOCAL
from tests.worlds import World, embedded_world

SETTINGS = LOCAL + '\n[[hub]]\nname = "iot-dpsops-two"\n'


class Deadly(Azure):
    """The embedded Azure, which kills the process of a command at one of its requests: before that is done, or after."""

    def __init__(self, azure: Azure) -> None:
        super().__init__(azure.database, azure.clock, azure.timings)
        self.victim: SimpleQueue[int] = SimpleQueue()
        self.requests = 0
        self.at = 0
        self.work_done = False

    def arm(self, at: int, *, work_done: bool) -> None:
        """From now on, kills at this request (from 1; 0: at none)."""
        self.requests, self.at, self.work_done = 0, at, work_done

    def handle(self, request: Request) -> Response:
        """The answer. Raises `Dropped` after it has killed."""
        self.requests += 1
        if self.requests != self.at:
            return super().handle(request)
        if self.work_done:
            super().handle(request)
        os.kill(self.victim.get(), signal.SIGKILL)
        raise Dropped


@contextmanager
def served(place: Path, *, later: float = 0.0) -> Iterator[tuple[World, Deadly]]:
    """Serves the embedded Azure of a directory, as `dpsops local serve` does: the commands there find it. Its time is that of the
    machine, or so many seconds `later`: what moved its clock in a former server must stay in the past."""
    with chdir(place):
        embedded = EmbeddedAzure(STATE_DIRECTORY)
        embedded.azure.clock.advance(later)
        embedded.azure = deadly = Deadly(embedded.azure)
        with embedded, announced(embedded):
            yield embedded_world(embedded, load("local", place / "infra"), direct=True), deadly


def empty(place: Path) -> None:
    """Makes a directory with settings and no state."""
    (place / "infra").mkdir(parents=True)
    (place / "infra" / "local.toml").write_text(SETTINGS)


def copied(saved: Path, place: Path) -> None:
    """Makes a directory what another one was."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(saved, place)
