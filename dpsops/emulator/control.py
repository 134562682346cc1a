"""What the owner of an embedded Azure may do with it beside Azure: snapshots, the clock, faults, messages to devices.

Another process asks over a Unix socket that only the owner of its directory can open, never over TCP: one line of JSON each
way, {"do": NAME, ...}, and {"done": ...} or {"refused": message, "reason": NAME}.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpsops.emulator import snapshots
from dpsops.emulator.azure import Azure
from dpsops.emulator.connections import Connections
from dpsops.emulator.documents import JSON
from dpsops.emulator.faults import SERVICES, Delay, Drop, Effect, Fault, Lag, Refuse, Throttle
from dpsops.emulator.http import Response
from dpsops.emulator.services import CannotSend, send

KINDS = ("throttle", "delay", "refuse", "drop", "lose")
"""Of faults: 429; a late answer; 503; the connection breaks before the work is done, or after it."""

_LONGEST_WAIT = 3600
_MAX_LINE = 65_536
_LATEST = 32_503_680_000.0
"""The beginning of the year 3000 (epoch s): what Azure shows ends in the year 9999, and some of it lies far ahead."""


class Refused(Exception):
    """It is not done. `reason`: "name", "snapshot" (there is none), "state" (a damaged one), "time", "message"."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Control:
    """The control of an embedded Azure with its state in `directory`. `disconnect` ends all connections that a restore ends."""

    def __init__(self, azure: Azure, directory: Path, disconnect: Callable[[], None] = lambda: None) -> None:
        self._azure = azure
        self._directory = directory
        self._disconnect = disconnect

    def snapshot(self, name: str) -> None:
        """Takes a snapshot, in the place of a former one. Raises `snapshots.InvalidName`."""
        snapshots.take(self._azure, self._directory, name)

    def restore(self, name: str) -> None:
        """Makes everything what it was at a snapshot. Raises `snapshots.InvalidName`, `NoSnapshot` and `Damaged`."""
        snapshots.restore(self._azure, self._directory, name)
        self._disconnect()

    def clock(self) -> JSON:
        """The time (epoch s), and by how many seconds it has been moved."""
        return {"now": self._azure.clock.now(), "advanced": self._azure.clock.advanced}

    def advance(self, seconds: float) -> JSON:
        """Moves the clock forward, and returns what it shows. Raises `Refused` if that would be backward, or too far."""
        if seconds < 0:
            raise Refused("time", "the clock of the embedded Azure only goes forward")
        if not self._azure.clock.now() + seconds < _LATEST:
            raise Refused("time", "the clock of the embedded Azure does not go beyond the year 3000")
        self._azure.advance(seconds)
        return self.clock()

    def set(self, now: float) -> JSON:
        """Sets the clock to a time (epoch s). Raises `Refused` if that has passed."""
        return self.advance(now - self._azure.clock.now())

    def send(self, device: str, hub: str, body: str, properties: dict[str, str]) -> str:
        """Sends a device a message, and returns its hub. `hub`: its name (empty: the one that has the device). `body`: base64.

        Raises `Refused`.
        """
        message = {"body": body, "properties": properties, "system": {}}
        try:
            with self._azure.transaction() as world:
                return send(world, hub, device, message)
        except CannotSend as cause:
            raise Refused("message", str(cause)) from cause

    def fault(self, kind: str, service: str, times: int | None, rate: float, seconds: float) -> list[JSON]:
        """Puts a fault in force, and returns all. `seconds`: of a delay, or of a throttled answer's `Retry-After`."""
        self._azure.faults.add(Fault(_effect(kind, seconds), service=service, times=times, rate=rate))
        return self.faults()

    def faults(self) -> list[JSON]:
        """The faults in force."""
        return [
            {
                "kind": _kind(each.effect),
                "service": each.service or None,
                "times": each.times,
                "rate": each.rate,
                "seconds": _seconds(each.effect),
                "hits": each.hits,
            }
            for each in self._azure.faults.left()
        ]

    def calm(self) -> int:
        """Lifts all faults, and returns how many were in force."""
        count = len(self._azure.faults.left())
        self._azure.faults.clear()
        return count

    def carry_out(self, asked: JSON) -> Any:
        """Does what another process asks. Raises `Refused`."""
        try:
            return self._do(asked)
        except snapshots.InvalidName as invalid:
            raise Refused("name", str(invalid)) from invalid
        except snapshots.NoSnapshot as unknown:
            raise Refused("snapshot", str(unknown)) from unknown
        except snapshots.Damaged as damaged:
            raise Refused("state", str(damaged)) from damaged

    def _do(self, asked: JSON) -> Any:
        match asked:
            case {"do": "snapshot", "name": str(name)}:
                return self.snapshot(name)
            case {"do": "restore", "name": str(name)}:
                return self.restore(name)
            case {"do": "clock"}:
                return self.clock()
            case {"do": "advance", "seconds": int() | float() as seconds}:
                return self.advance(seconds)
            case {"do": "set", "now": int() | float() as now}:
                return self.set(now)
            case {"do": "send", "device": str(device), "hub": str(hub), "body": str(body), "properties": dict(properties)}:
                return self.send(device, hub, body, properties)
            case {
                "do": "fault",
                "kind": str(kind),
                "service": str(service),
                "times": int() | None as times,
                "rate": int() | float() as rate,
                "seconds": int() | float() as seconds,
            } if kind in KINDS and service in ("", *SERVICES) and 0 <= rate <= 1 and 0 <= seconds <= _LONGEST_WAIT:
                return self.fault(kind, service, times, rate, seconds)
            case {"do": "faults"}:
                return self.faults()
            case {"do": "calm"}:
                return self.calm()
        raise Refused("version", "the embedded Azure that is served here does not know this: another version of dpsops serves it")


def _effect(kind: str, seconds: float) -> Effect:
    match kind:
        case "throttle":
            return Throttle(int(seconds))
        case "delay":
            return Lag(seconds)
        case "refuse":
            message = "The service is unavailable now."
            return Refuse(Response(503, {"error": {"code": "ServiceUnavailable", "message": message}}))
        case _:
            return Drop(work_done=kind == "lose")


def _kind(effect: Effect) -> str:
    match effect:
        case Throttle():
            return "throttle"
        case Refuse():
            return "refuse"
        case Drop(work_done):
            return "lose" if work_done else "drop"
        case _:
            return "delay"


def _seconds(effect: Effect) -> float | None:
    match effect:
        case Lag(seconds) | Delay(seconds):
            return seconds
        case Throttle(retry_after):
            return retry_after
        case _:
            return None


class ControlConnection(asyncio.Protocol):
    """One question of another process, and the answer."""

    def __init__(self, control: Control, connections: Connections) -> None:
        self._control = control
        self._connections = connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Another process has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.enter(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """It has gone."""
        self._connections.leave(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collects the question, and answers it when it is whole."""
        self._received += data
        line, end, _ = self._received.partition(b"\n")
        if len(line) > _MAX_LINE:
            self._transport.abort()
        elif end and not self._transport.is_closing():
            self._transport.write(json.dumps(self._answer(line)).encode() + b"\n")
            self._transport.close()

    def _answer(self, line: bytes) -> JSON:
        try:
            return {"done": self._control.carry_out(json.loads(line))}
        except Refused as refused:
            return {"refused": str(refused), "reason": refused.reason}
        except ValueError:
            return {"refused": "this is no JSON", "reason": "version"}
        except (OSError, sqlite3.Error) as trouble:  # such as a full disk
            return {"refused": f"the embedded Azure cannot do it: {trouble}", "reason": "disk"}
