"""A whole rotation of a fleet's root, step by step, while the devices register again all the time."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.devices import Device, device
from bench.listing import SETTINGS
from bench.served import dpsops, served, settle
from dpsops.azure.dps import Dps
from dpsops.model.rotation import Phase
from dpsops.pki.names import DeviceId, device_id
from dpsops.workflows import register
from tests.fleet_load.vault import bundles, connected, faults

_AT_ONCE = 4
_BEFORE_DEVICES_MOVE = (Phase.OVERLAPPING, Phase.DRAINING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `registrations`: of all devices, before, during and after the rotation; `lost`: what must not be."""

    devices: int
    registrations: int
    lost: tuple[str, ...]


def rotate_under_load(devices: int) -> Outcome:
    """Rotates the root of so many devices. In draining, they fetch their new certificates."""
    names = [device_id(f"press-{number:05}") for number in range(devices)]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, SETTINGS)
        (place / "devices.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        with served(place, unlimited=True) as server:
            dpsops(place, "device", "issue", "--from", "devices.txt")
            fleet = _Fleet(_fetched(place, server.variables, names))
            with fleet.registering():
                fleet.wait_for_all()
                for phase in _BEFORE_DEVICES_MOVE:
                    dpsops(place, "rotate", "--replace", "root-g1", "--until", phase.value, "--yes")
                fleet.change(_fetched(place, server.variables, names))
                fleet.wait_for_all()
                dpsops(place, "rotate", "--replace", "root-g1", "--until", Phase.STABLE.value, "--grace", "0")
                fleet.wait_for_all()
            with connected(place, server.variables) as (run, clients):
                lost = [*fleet.refused, *faults(place, bundles(run, clients, names))]
    return Outcome(devices, fleet.registrations, tuple(lost))


def _fetched(place: Path, variables: Mapping[str, str], names: Sequence[DeviceId]) -> list[Device]:
    """The devices with their newest certificates."""
    with connected(place, variables) as (run, clients):
        found = bundles(run, clients, names)
        scope = register.id_scope(Dps(clients))
    return [device(name, text, scope, variables, place) for name, text in found.items()]


@dataclass(slots=True)
class _Fleet:
    """Devices that register over HTTPS, one after the other, a few at a time; none of them twice at once."""

    devices: list[Device]
    registrations: int = 0
    refused: list[str] = field(default_factory=list)
    _left: int = 0
    _on_their_way: set[str] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def registering(self) -> Iterator[None]:
        """They register until the block ends."""
        numbers = itertools.count()
        threads = [threading.Thread(target=self._register, args=(lambda: next(numbers),)) for _ in range(_AT_ONCE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _register(self, next_number: Callable[[], int]) -> None:
        while not self._over.is_set():
            one = self.devices[next_number() % len(self.devices)]
            with self._changed:
                if one.name in self._on_their_way:
                    continue
                self._on_their_way.add(one.name)
            fault = ""
            try:
                one.register_over_https()
            except (OSError, ValueError, LookupError) as error:
                fault = f"{one.name} is refused: {error}"
            with self._changed:
                self._on_their_way.remove(one.name)
                self.registrations += 1
                self._left -= 1
                if fault:
                    self.refused.append(fault)
                self._changed.notify_all()

    def change(self, devices: list[Device]) -> None:
        """The devices have fetched other certificates."""
        self.devices = devices

    def wait_for_all(self) -> None:
        """Waits until every device has registered once more, and those that were on their way too."""
        with self._changed:
            self._left = len(self.devices) + _AT_ONCE
            self._changed.wait_for(lambda: self._left <= 0)
