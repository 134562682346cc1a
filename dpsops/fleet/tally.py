"""The results for many devices: an error that concerns only one device does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from dpsops.errors import Error, ends_command, is_silence
from dpsops.model.action import Failed
from dpsops.pki.names import DeviceId

_Result = TypeVar("_Result")

_PATIENCE = 3
"""So many devices in a row without an answer, and the service counts as unreachable: each has waited for several attempts."""


def each(devices: Iterable[DeviceId], act: Callable[[DeviceId], Iterator[_Result]]) -> Iterator[_Result | Failed]:
    """Acts for each device, and yields what was done. A device for which that fails is yielded as `Failed`.

    Raises an error that would also occur for every other device. No answer is such an error if no device gets one, or if
    `_PATIENCE` devices in a row get none; until that is known, their failures are held back.
    """
    silent: list[tuple[Failed, Error]] = []
    answered = False
    for device in devices:
        failed = None
        try:
            yield from act(device)
        except Error as error:
            failed = Failed(device, error.line)
            if is_silence(error):
                silent.append((failed, error))
                if len(silent) < _PATIENCE:
                    continue
            if ends_command(error) or is_silence(error):
                yield from _failures(silent)
                raise
        answered = True
        yield from _failures(silent)
        silent.clear()
        if failed is not None:
            yield failed
    if silent and not answered:
        raise silent[0][1]
    yield from _failures(silent)


def _failures(silent: Iterable[tuple[Failed, Error]]) -> Iterator[Failed]:
    return (failed for failed, _ in silent)
