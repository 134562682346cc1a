"""A signal that the system gives to another thread ends a wait of the main thread, in whatever it waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import SOURCE

WAITING = """
import asyncio, signal, socket, sys, threading, time
from azure.core.polling import LROPoller, PollingMethod
from dpsops.cli import main

class Endless(PollingMethod):
    def initialize(self, *_): pass
    def run(self): threading.Event().wait()
    def status(self): return "InProgress"
    def finished(self): return False
    def resource(self): return None

one, other = socket.socketpair()
WAITS = {
    "sleep": lambda: time.sleep(60),
    "lock": lambda: threading.Event().wait(),
    "operation": lambda: LROPoller(None, None, None, Endless()).result(),
    "answer": lambda: one.recv(1),
    "loop": lambda: asyncio.new_event_loop().run_until_complete(asyncio.sleep(60)),
}

def signals():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), getattr(signal, sys.argv[2]))

def waits(*_):
    threading.Thread(target=signals, daemon=True).start()
    WAITS[sys.argv[1]]()

main._run = waits
main.run()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("wait", ["sleep", "lock", "operation", "answer", "loop"])
def test_a_wait_ends_at_once(tmp_path: Path, wait: str, name: str) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    command = [sys.executable, "waiting.py", wait, name]
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ | SOURCE, capture_output=True, timeout=20, check=False)
    assert ended.returncode in (128 + getattr(signal, name), -getattr(signal, name)), ended.stderr.decode()
