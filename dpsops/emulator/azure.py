"""The embedded Azure without a network: a request goes in, the answer of the service it names comes out."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dpsops.emulator import faults
from dpsops.emulator.chances import Chances
from dpsops.emulator.documents import JSON
from dpsops.emulator.faults import Faults
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Refusal, Request, Response, Service, in_ascii
from dpsops.emulator.identity.tokens import InvalidToken, read_token
from dpsops.emulator.log import Log
from dpsops.emulator.mqtt_endpoint import ConnectionRefused, Endpoint, ProtocolViolation
from dpsops.emulator.post import Exchange
from dpsops.emulator.services import ENDPOINTS, SERVICES
from dpsops.emulator.state import Database
from dpsops.emulator.world import CLIENT_ADDRESS, Clock, Meter, Timings, World, keep_clock, kept_clock


class Dropped(Exception):
    """The connection is to break without an answer."""


class _Writes:
    """The paths, in lower case, of the requests that are changing something now."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._lock = threading.Lock()

    @contextmanager
    def beside(self, request: Request) -> Iterator[frozenset[str]]:
        """While a request is served: what others were changing when it came."""
        path = [] if request.method in ("GET", "HEAD") else [request.path.lower()]
        with self._lock:
            others = frozenset(self._paths)
            self._paths += path
        try:
            yield others
        finally:
            with self._lock:
                for each in path:
                    self._paths.remove(each)


Observer = Callable[[Request, Response], None]
Answer = TypeVar("Answer")

_SERVER_UNAVAILABLE = 3  # a CONNACK return code (MQTT 3.1.1, 3.2.2.3)
FAULT = "a fault that was asked for"
"""What the log says of it."""


@dataclass(slots=True)
class Azure:
    """All services over one state. `observers` see every exchange, after its transaction; all clients have one public address.

    `log`: where it is told what comes in, if anywhere.
    """

    database: Database
    clock: Clock = field(default_factory=Clock)
    timings: Timings = field(default_factory=Timings)
    habits: Habits = field(default_factory=Habits)
    faults: Faults = field(default_factory=Faults)
    observers: list[Observer] = field(default_factory=list)
    services: Sequence[Service] = field(default=SERVICES)
    endpoints: Sequence[Endpoint] = field(default=ENDPOINTS)
    client_address: str = CLIENT_ADDRESS
    chances: Chances = field(default_factory=Chances)
    meter: Meter = field(default_factory=Meter)
    exchange: Exchange = field(default_factory=Exchange)
    log: Log | None = None
    _writes: _Writes = field(default_factory=_Writes)

    def __post_init__(self) -> None:
        """The time of a state goes on where it was, and never back."""
        with self.database.transaction() as state:
            self.clock.advanced = max(self.clock.advanced, kept_clock(state))

    @contextmanager
    def transaction(self) -> Iterator[World]:
        """The world inside one transaction; its post is delivered once that is committed."""
        with self.database.transaction() as state:
            world = World(state, self.clock.now(), self.timings, self.meter, self.habits, self.client_address, self.chances)
            yield world
        self.exchange.deliver(world.post)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward, and keeps it there: who opens this state again is at that time too."""
        self.clock.advance(seconds)
        with self.database.transaction() as state:
            keep_clock(state, self.clock)

    def resolves(self, host: str) -> bool:
        """Whether the host name exists: for a vault, whether the vault does."""
        for service in self.services:
            if named := service.host.fullmatch(host):
                with self.transaction() as world:
                    return service.resolves(world, named.groupdict())
        return False

    def speaks_mqtt(self, host: str) -> bool:
        """Whether the host exists and there is an endpoint for MQTT at it."""
        return any(endpoint.host.fullmatch(host) for endpoint in self.endpoints) and self.resolves(host)

    def opens_websocket(self, host: str, path: str) -> bool:
        """Whether the host exists and there is an endpoint for MQTT over WebSockets at that path of it."""
        found = any(endpoint.host.fullmatch(host) and path in endpoint.websockets for endpoint in self.endpoints)
        return found and self.resolves(host)

    def handle(self, request: Request) -> Response:
        """The answer. Raises `Dropped` where a fault breaks the connection.

        One that awaits another has not been seen by the observers: who waits for that tells them with `observe`.
        """
        with self._writes.beside(request) as others:
            return self._answer(replace(request, meanwhile=others))

    def _answer(self, request: Request) -> Response:
        effect = self.faults.hit(request, self.chances)
        match effect:
            case faults.Throttle(retry_after):
                headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
                answer = Response(429, {"error": {"code": "TooManyRequests", "message": "Too many requests."}}, headers)
            case faults.Refuse(response):
                answer = response
            case faults.Drop(work_done=False):
                raise Dropped
            case _:
                if isinstance(effect, faults.Delay):
                    self.advance(effect.seconds)
                answer = in_ascii(self._serve(request))
        if isinstance(effect, faults.Lag):
            answer = replace(answer, lag=effect.seconds)
        if answer.awaits is None:
            self.observe(request, answer)
        if isinstance(effect, faults.Drop):
            raise Dropped
        return answer

    def observe(self, request: Request, answer: Response) -> None:
        """Tells the observers of an exchange."""
        for observer in self.observers:
            observer(request, answer)

    def mqtt(self, operation: Request, ask: Callable[[Endpoint, World], Answer]) -> Answer:
        """What the endpoint at the host of `operation` answers when asked. Raises `Dropped`, and what the endpoint raises.

        `operation` is what the faults see: its method is CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH or PUBACK, its path the
        client identifier, the filter, the topic or the receipt. MQTT has no words for a refusal: one becomes return code 3 of
        a CONNECT, and ends the connection of a client that is connected already.
        """
        effect = self.faults.hit(operation, self.chances)
        match effect:
            case faults.Throttle() | faults.Refuse():
                if operation.method == "CONNECT":
                    raise ConnectionRefused(_SERVER_UNAVAILABLE, FAULT)
                raise ProtocolViolation(FAULT)
            case faults.Drop(work_done=False):
                raise Dropped
            case faults.Delay(seconds):
                self.advance(seconds)
        answer = self._ask(operation.host, ask)
        if isinstance(effect, faults.Drop):
            raise Dropped
        return answer

    def mqtt_ended(self, host: str, session: JSON) -> None:
        """Tells the endpoint at `host` that a connection is over, which no fault can prevent."""
        self._ask(host, lambda endpoint, world: endpoint.disconnect(world, session))

    def mqtt_woken(self, host: str, session: JSON) -> None:
        """Has the endpoint at `host` look after a connection, as it has wanted to. Raises `ProtocolViolation`."""
        self._ask(host, lambda endpoint, world: endpoint.wake(world, session))

    def _ask(self, host: str, ask: Callable[[Endpoint, World], Answer]) -> Answer:
        endpoint = next(endpoint for endpoint in self.endpoints if endpoint.host.fullmatch(host))
        with self.transaction() as world:
            return ask(endpoint, world)

    def _serve(self, request: Request) -> Response:
        try:
            with self.transaction() as world:
                return self._dispatch(world, request)
        except Refusal as refusal:
            return refusal.response
        except sqlite3.OperationalError as trouble:  # such as a full disk: no fault of the request's
            message = f"The embedded Azure cannot keep its state: {trouble}."
            return Response(500, {"error": {"code": "InternalServerError", "message": message}})

    def _dispatch(self, world: World, request: Request) -> Response:
        for service in self.services:
            host = service.host.fullmatch(request.host)
            if host is None:
                continue
            request = replace(request, path=service.spelled(request.path))
            if service.audience:
                try:
                    caller = read_token(world, request.headers.get("authorization", ""), service.audience)
                except InvalidToken as invalid:
                    return service.unauthenticated(world, request, str(invalid))
                request = replace(request, caller=caller)
            found = service.router.find(request.method, request.path)
            if found is None:
                return service.unknown(world, request)
            route, named = found
            named |= host.groupdict()
            service.authorize(world, request, route, named)
            return route.handler(world, request, **named)
        raise LookupError(f"no service answers for {request.host}")
