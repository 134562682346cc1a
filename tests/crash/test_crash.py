"""One kill of every command: in its middle, after the request was done. `make crash` kills at every request, before and after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.run import Worker
from tests.crash.table import COMMANDS

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Runs the commands."""
    worker = Worker(tmp_path_factory.mktemp("crash"))
    yield worker
    worker.close()


@pytest.mark.parametrize("index", range(len(COMMANDS)), ids=[command.name for command in COMMANDS])
def test_a_command_that_was_killed_in_its_middle_is_completed(worker: Worker, index: int) -> None:
    prepared = worker.prepare(index)
    assert prepared.requests >= 4
    assert worker.kill(prepared, prepared.requests // 2, work_done=True) is None
