"""The embedded Azure without a network: a request goes in, the answer of the service it names comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dpsops.emulator import faults
from dpsops.emulator.faults import Faults
from dpsops.emulator.http import Refusal, Request, Response, Service
from dpsops.emulator.identity.tokens import InvalidToken, read_token
from dpsops.emulator.services import SERVICES
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Meter, Timings, World


class Dropped(Exception):
    """The connection is to break without an answer."""


Observer = Callable[[Request, Response], None]


@dataclass(slots=True)
class Azure:
    """All services over one state. `observers` see every exchange, after its transaction."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    timings: Timings = field(default_factory=Timings)
    faults: Faults = field(default_factory=Faults)
    observers: list[Observer] = field(default_factory=list)
    services: Sequence[Service] = field(default=SERVICES)
    _meter: Meter = field(default_factory=Meter)

    def serves(self, host: str) -> bool:
        """Whether any service answers under this host name."""
        return any(service.host.fullmatch(host) for service in self.services)

    def resolves(self, host: str) -> bool:
        """Whether the host name exists: for a vault, whether the vault does."""
        for service in self.services:
            if named := service.host.fullmatch(host):
                with self.database.transaction() as state:
                    world = World(state, self.clock.now(), self.timings, self._meter)
                    return service.resolves(world, named.groupdict())
        return False

    def handle(self, request: Request) -> Response:
        """The answer. Raises `Dropped` where a fault breaks the connection."""
        effect = self.faults.hit(request)
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
                    self.clock.advance(effect.seconds)
                answer = self._serve(request)
        for observer in self.observers:
            observer(request, answer)
        if isinstance(effect, faults.Drop):
            raise Dropped
        return answer

    def _serve(self, request: Request) -> Response:
        try:
            with self.database.transaction() as state:
                return self._dispatch(World(state, self.clock.now(), self.timings, self._meter), request)
        except Refusal as refusal:
            return refusal.response

    def _dispatch(self, world: World, request: Request) -> Response:
        for service in self.services:
            host = service.host.fullmatch(request.host)
            if host is None:
                continue
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
