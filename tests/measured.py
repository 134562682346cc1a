"""Which tests are measured for coverage. To measure a test takes nearly as long again as the test itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent

UNMEASURED = (
    "azure_facts/test_page.py",
    "bench/test_baselines.py",
    "cli/pasted",
    "cli/test_actions_commands.py",
    "cli/test_arguments.py",
    "cli/test_documents.py",
    "cli/test_hints.py",
    "cli/test_night.py",
    "cli/test_outcomes.py",
    "cli/test_process.py",
    "cli/test_replace_command.py",
    "conformance/test_replay.py",
    "emulator/keyvault/test_keyvault_throttling.py",
    "emulator/mqtt/test_pending_connections.py",
    "emulator/test_costs.py",
    "fleet_load",
    "model/test_root.py",
    "model/test_rotation.py",
    "workflows/test_certificate_policy.py",
    "workflows/test_compromised.py",
    "workflows/test_devices.py",
    "workflows/test_down.py",
    "workflows/test_key_on_device.py",
    "workflows/test_logs.py",
    "workflows/test_new_roles.py",
    "workflows/test_pipeline_setup.py",
    "workflows/test_replace.py",
    "workflows/test_rotate.py",
    "workflows/test_rotate_by_hand.py",
    "workflows/test_rotate_waiting.py",
    "workflows/test_superseded.py",
    "workflows/test_up.py",
    "workflows/test_waits.py",
)
"""Folders and files that cost four seconds or more and add next to nothing to what the other tests cover. A new file is measured.

They were found so: all files ran with `--cov-context=test`; then one after the other was left out, the one with the most seconds
for each line and branch that it alone covers first, as long as every module kept nearly nine tenths of what the
tests cover of it. All of them together cover less than one in a hundred of the lines and branches alone.
"""


def is_measured(item: pytest.Item) -> bool:
    """Whether a test is measured: one that does the same many times takes the fixture `unmeasured`."""
    return "unmeasured" not in getattr(item, "fixturenames", ()) and not is_known(item.path)


def is_known(path: Path) -> bool:
    """Whether a file of tests adds next to nothing, or is in a folder that does."""
    return any(path.is_relative_to(_FOLDER / each) for each in UNMEASURED)


@contextmanager
def nothing() -> Iterator[None]:
    """Nothing inside is measured, in this thread and in those that start meanwhile.

    pytest-cov's own mark for that, `no_cover`, does nothing in the processes of pytest-xdist.
    """
    trace, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)
        threading.settrace(of_threads)
