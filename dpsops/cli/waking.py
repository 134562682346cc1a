"""A signal ends every wait at once, whichever thread the system has given it to.

Python handles a signal in its main thread alone, and a system call in which that waits is interrupted only by a signal that the
system gives to the main thread itself (Python, "signal": "Execution of Python signal handlers").
"""

from __future__ import annotations

import os
import signal
import threading


def wake_for_signals() -> None:
    """From now on the main thread is woken by every signal that has a handler. In the main thread, once."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(_NUDGE, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read, threading.get_ident()), name="signals", daemon=True).start()


_NUDGE = signal.SIGURG
"""A signal that nothing else means anything by: without a handler it is ignored."""


def _watch(read: int, main: int) -> None:
    while numbers := os.read(read, 64):
        if any(number != _NUDGE for number in numbers):
            signal.pthread_kill(main, _NUDGE)
