"""Acts for many devices at a time. The results come one by one, as they are ready.

The workflows are synchronous: while one waits for the next result, the event loop of its run works on all devices that are in
flight. An error that concerns only one device does not stop the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from dpsops.errors import Error, ends_command, is_silence
from dpsops.model.action import Failed
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId

_Result = TypeVar("_Result")

_PATIENCE = 3
"""So many devices in a row without an answer, and the service counts as unreachable: each has waited for several attempts."""

_GRACE_SECONDS = 0.6
"""How long requests that were sent may still be answered after Ctrl-C."""


def wait(run: Run, work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of one piece of work."""
    task = run.loop.create_task(work)
    try:
        return run.loop.run_until_complete(task)
    finally:
        if not task.done():
            task.cancel()
            finish(run.loop, asyncio.wait([task]))


def finish(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, object]) -> None:
    """Runs a last piece of work to its end, also after Ctrl-C: what was interrupted may have told the loop to stop, and the loop
    hears that only when it runs again."""
    task = loop.create_task(work)
    with suppress(RuntimeError):  # "Event loop stopped before Future completed"
        loop.run_until_complete(task)
    loop.run_until_complete(task)


def listed(run: Run, pages: AsyncIterator[list[_Result]]) -> Iterator[_Result]:
    """The items of a list, page by page; the next page is read while the present one is looked at."""
    ahead = run.loop.create_task(_next(pages))
    try:
        while (page := run.loop.run_until_complete(ahead)) is not None:
            ahead = run.loop.create_task(_next(pages))
            yield from page
    finally:
        _cancel(run, {ahead})


async def _next(pages: AsyncIterator[list[_Result]]) -> list[_Result] | None:
    return await anext(pages, None)


def each(run: Run, devices: Iterable[DeviceId], act: Callable[[DeviceId], AsyncIterator[_Result]]) -> Iterator[_Result | Failed]:
    """Acts for each device, and yields what was done. A device for which that fails is yielded as `Failed`. The devices are taken
    from their source as others are finished.

    Raises an error that would also occur for every other device. No answer is such an error if no device gets one, or if
    `_PATIENCE` devices in a row get none; until that is known, their failures are held back. After Ctrl-C, what was done
    is yielded before it is raised again.
    """
    source, crew = iter(devices), _Crew(run, act)
    try:
        while crew.fill(source, run.at_once):
            crew.work()
            yield from crew.results()
        yield from crew.last_results()
    except BaseException as stop:
        if not isinstance(stop, Error | GeneratorExit):
            crew.end(_GRACE_SECONDS)
            yield from crew.ready
        raise
    finally:
        crew.end(0)


def together(run: Run, *works: AsyncIterator[_Result]) -> Iterator[_Result]:
    """The results of several pieces of work at the same time, such as one for each hub. If one fails, the others are done
    nevertheless; then its error is raised."""
    ready, something = deque[_Result](), asyncio.Event()

    async def collect(work: AsyncIterator[_Result]) -> None:
        try:
            async for result in work:
                ready.append(result)
                something.set()
        finally:
            something.set()

    tasks = [run.loop.create_task(collect(work)) for work in works]
    try:
        while not all(task.done() for task in tasks):
            run.loop.run_until_complete(something.wait())
            something.clear()
            while ready:
                yield ready.popleft()
        for task in tasks:
            task.result()
    finally:
        _cancel(run, set(tasks))


class _Crew(Generic[_Result]):
    """The devices in flight, and what is ready of them."""

    def __init__(self, run: Run, act: Callable[[DeviceId], AsyncIterator[_Result]]) -> None:
        self._run = run
        self._act = act
        self._running: dict[asyncio.Task[None], DeviceId] = {}
        self._ended: deque[asyncio.Task[None]] = deque()
        self._something = asyncio.Event()
        self._silent: list[tuple[Failed, Error]] = []
        self._answered = False
        self.ready: deque[_Result] = deque()

    def fill(self, source: Iterator[DeviceId], at_once: int) -> bool:
        """Takes devices from their source. Whether any is in flight."""
        while len(self._running) < at_once and (device := next(source, None)) is not None:
            task = self._run.loop.create_task(self._collect(device))
            self._running[task] = device
            task.add_done_callback(self._end)
        return bool(self._running)

    async def _collect(self, device: DeviceId) -> None:
        async for result in self._act(device):
            self.ready.append(result)
            self._something.set()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._ended.append(task)
        self._something.set()

    def work(self) -> None:
        """Works until something is ready, or a device is finished."""
        if self.ready or self._ended:  # while the source was asked for the next device
            return
        self._something.clear()
        self._run.loop.run_until_complete(self._something.wait())

    def results(self) -> Iterator[_Result | Failed]:
        """What is ready, and the devices that have failed."""
        while self.ready:
            yield self.ready.popleft()
        while self._ended:
            task = self._ended.popleft()
            yield from self._judge(self._running.pop(task), task.exception())

    def _judge(self, device: DeviceId, error: BaseException | None) -> Iterator[Failed]:
        if error is not None and not isinstance(error, Error):
            raise error
        failed = Failed(device, error.advice) if error is not None else None
        if error is not None and failed is not None:
            if is_silence(error):
                self._silent.append((failed, error))
                if len(self._silent) < _PATIENCE:
                    return
            if ends_command(error) or is_silence(error):
                yield from self._held_back()
                raise error
        self._answered = True
        yield from self._held_back()
        if failed is not None:
            yield failed

    def _held_back(self) -> Iterator[Failed]:
        silent, self._silent = self._silent, []
        return (failed for failed, _ in silent)

    def last_results(self) -> Iterator[Failed]:
        """The failures that were held back to the end. Raises the first one if no device got an answer."""
        if self._silent and not self._answered:
            raise self._silent[0][1]
        yield from self._held_back()

    def end(self, seconds: float) -> None:
        """Ends the devices in flight, after they had so many seconds."""
        running = set(self._running)
        if running and seconds:
            finish(self._run.loop, asyncio.wait(running, timeout=seconds))
        _cancel(self._run, running)
        self._running.clear()


def _cancel(run: Run, tasks: set[asyncio.Task[Any]]) -> None:
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        finish(run.loop, asyncio.wait(pending))
    for task in tasks:
        if not task.cancelled():
            task.exception()  # else asyncio reports it as never looked at
