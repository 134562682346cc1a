"""The kinds of faults: what a network, a proxy or a service does to a request instead of answering it as it should.

A refusal of a service has the shape of that service. Where the embedded Azure knows how Azure refuses, it is asked to refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from dpsops.azure.provisioning import GLOBAL_HOST
from dpsops.emulator import faults
from dpsops.emulator.azure import Azure, Dropped
from dpsops.emulator.faults import Effect, Fault
from dpsops.emulator.http import Request, Response
from tests.matrices.late import Late
from tests.matrices.network import Carried, Meddle, Serve, Silent, undisturbed

SIGN_IN = "login.microsoftonline.com"
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Your organisation protects you.</body></html>"
_HTML = {"Content-Type": "text/html"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_READS = ("/sign", "/query", "/whatif", "/token", "/backup")
_STALE_SECONDS = 60.0
_NEVER = 1e12


def _any(_: Request) -> bool:
    return True


def _none(_: Request) -> bool:
    return False


def _writes(request: Request) -> bool:
    return request.method not in ("GET", "HEAD") and not request.path.lower().endswith(_READS) and request.host != SIGN_IN


def _conditional(request: Request) -> bool:
    return _writes(request) and "if-match" in request.headers


def _signed_in(request: Request) -> bool:
    return "authorization" in request.headers


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of faults. `meddle` does it to a request; `at` says to which requests it can happen; `effect` is what devices get,
    who have a socket of their own (None: it cannot happen to them). `passing`: a later attempt mends it, so a rerun completes
    also while such faults go on. `late`: the role that has not taken effect yet, instead of all that."""

    name: str
    meddle: Meddle
    effect: Effect | None
    at: Callable[[Request], bool] = _any
    passing: bool = False
    late: str = ""


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Meddle:
    """A service's refusal: nothing is done."""

    def meddle(request: Request, _: Serve) -> Carried:
        if request.host.endswith(".azure-devices-provisioning.net"):
            body: Any = {
                "errorCode": status * 1000,
                "trackingId": "0",
                "message": message,
                "timestampUtc": "2026-03-01T12:00:00Z",
            }
        elif request.host.endswith(".azure-devices.net"):
            body = {"Message": f"ErrorCode:{code};{message}", "ExceptionMessage": "Tracking ID:0"}
        elif request.host == SIGN_IN:
            body = {"error": "temporarily_unavailable", "error_description": f"AADSTS90033: {message}"}
        else:
            body = {"error": {"code": code, "message": message}}
        return Carried(status, _JSON | (headers or {}), json.dumps(body).encode())

    return meddle


def _refusing(status: int, code: str, message: str, **at: Any) -> Kind:
    response = Response(status, {"errorCode": status * 1000, "message": message})
    return Kind(f"{status}", _refused(status, code, message), faults.Refuse(response), **at)


def _throttled(name: str, retry_after: int | None, *, passing: bool) -> Kind:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    meddle = _refused(429, "TooManyRequests", "Too many requests.", headers)
    return Kind(name, meddle, faults.Throttle(retry_after), passing=passing)


def _dropped(*_: object) -> Carried:
    raise Dropped


def _dropped_after(request: Request, serve: Serve) -> Carried:
    serve(request)
    raise Dropped


def _stalled(*_: object) -> Carried:
    raise Silent


def _stalled_after(request: Request, serve: Serve) -> Carried:
    serve(request)
    raise Silent


def _cut(request: Request, serve: Serve) -> Carried:
    """The connection ends within the body."""
    found = serve(request)
    half = len(found.content) // 2
    if not found.content:
        raise Dropped
    return replace(found, content=found.content[:half], missing=len(found.content) - half)


def _half(request: Request, serve: Serve) -> Carried:
    """Half a document, of the length that is promised."""
    found = serve(request)
    return replace(found, content=found.content[: len(found.content) // 2])


def _page(*_: object, status: int) -> Carried:
    """A proxy's page instead of an answer: the request has not come to the service."""
    return Carried(status, _HTML, _PAGE)


def _empty(request: Request, serve: Serve) -> Carried:
    """The answer of a proxy that has lost the service's own."""
    serve(request)
    return Carried(200, {"Content-Length": "0"}, b"")


def _other_types(request: Request, serve: Serve) -> Carried:
    """The members of the answer have other types; their names are right."""
    found = serve(request)
    try:
        document = json.loads(found.content)
    except ValueError:
        return found
    return replace(found, content=json.dumps(_turned(document)).encode())


def _turned(value: Any) -> Any:
    match value:
        case dict():
            return {name: _turned(each) for name, each in value.items()}
        case list():
            return {"0": value}
        case str():
            return [value]
        case bool() | None:
            return "x"
        case _:
            return {}


def _without_token(request: Request, serve: Serve) -> Carried:
    """The token is not valid any more: the service's own refusal."""
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    return serve(replace(request, headers=headers))


@dataclass(slots=True)
class Trouble:
    """Faults of some kinds on a part of the requests, by chance. `hits`: how many there were."""

    azure: Azure
    kinds: tuple[Kind, ...]
    rate: float
    random: Random
    hits: int = 0
    late: Late = field(default_factory=Late)
    _absent: dict[str, Carried] = field(default_factory=dict)
    _found: dict[str, float] = field(default_factory=dict)

    def meddle(self, request: Request, serve: Serve) -> Carried:
        """Answers a request, well or not."""
        kind = self.random.choice(self.kinds)
        hit = kind.at(request) and self.random.random() < self.rate
        if kind is NOT_FOUND or not hit:
            found = serve(request)
            earlier = self._earlier(request, found)
            if not hit or earlier is None:
                return found
            self.hits += 1
            return earlier
        self.hits += 1
        if kind is NOT_ALLOWED:
            with self._without_roles():
                return serve(request)
        return kind.meddle(request, serve)

    def _earlier(self, request: Request, found: Carried) -> Carried | None:
        """What was answered before the thing existed, if it has been found for less than a minute."""
        if request.method != "GET" or request.host.endswith(".vault.azure.net"):  # a vault reads what it has written
            return None
        place = f"{request.host}{request.path}".lower().rstrip("/")
        if found.status == 404:
            self._absent[place] = found
            self._found.pop(place, None)
            return None
        now = self.azure.clock.now()
        return self._absent.get(place) if now - self._found.setdefault(place, now) < _STALE_SECONDS else None

    def reach_devices(self) -> None:
        """Lets the faults meet what devices send, too: over their own sockets."""
        for kind in self.kinds:
            if kind.effect is not None:
                self.azure.faults.add(Fault(kind.effect, self._meets_device, times=None))

    def _meets_device(self, request: Request) -> bool:
        if request.host != GLOBAL_HOST or self.random.random() >= self.rate / len(self.kinds):
            return False
        self.hits += 1
        return True

    @contextmanager
    def _without_roles(self) -> Iterator[None]:
        """No role has reached the data planes."""
        timings, self.azure.timings = self.azure.timings, replace(self.azure.timings, role=_NEVER)
        try:
            yield
        finally:
            self.azure.timings = timings


_ROLES = (
    "Key Vault Certificates Officer", "Key Vault Crypto User", "Key Vault Secrets Officer", "Key Vault Secrets User",
    "Device Provisioning Service Data Contributor", "IoT Hub Registry Contributor", "IoT Hub Data Reader",
)  # fmt: skip
"""The roles that `up` assigns."""

NOT_ALLOWED = Kind("403", undisturbed, None)
NOT_FOUND = Kind("404 after create", undisturbed, None)

KINDS = (
    _throttled("429", None, passing=True),
    _throttled("429, 10 s", 10, passing=True),
    _throttled("429, 3600 s", 3600, passing=False),
    *(
        _refusing(status, code, message, passing=True)
        for status, code, message in (
            (408, "RequestTimeout", "The request timed out."),
            (500, "InternalServerError", "An internal error."),
            (502, "BadGateway", "A bad gateway."),
            (503, "ServiceUnavailable", "The service is unavailable."),
            (504, "GatewayTimeout", "A gateway timed out."),
        )
    ),
    Kind("dropped before", _dropped, faults.Drop(work_done=False), passing=True),
    Kind("dropped after", _dropped_after, faults.Drop(work_done=True), passing=True),
    Kind("stalled before", _stalled, faults.Drop(work_done=False), passing=True),
    Kind("stalled after", _stalled_after, faults.Drop(work_done=True), passing=True),
    Kind("cut", _cut, faults.Drop(work_done=True)),
    Kind("half", _half, faults.Refuse(Response(200, {}))),
    Kind("HTML, 200", partial(_page, status=200), faults.Refuse(Response(200, "<html>"))),
    Kind("HTML, 403", partial(_page, status=403), faults.Refuse(Response(403, "<html>"))),
    Kind("HTML, 503", partial(_page, status=503), faults.Refuse(Response(503, "<html>")), passing=True),
    Kind("empty 200", _empty, faults.Refuse(Response(200))),
    Kind("other types", _other_types, faults.Refuse(Response(200, {"operationId": [], "status": 7}))),
    Kind("401", _without_token, None, _signed_in),
    NOT_ALLOWED,
    *(Kind(f"403, {role} late", undisturbed, None, _none, late=role) for role in _ROLES),
    NOT_FOUND,
    _refusing(409, "Conflict", "Another operation is in progress.", at=_writes),
    _refusing(412, "PreconditionFailed", "The precondition failed.", at=_conditional),
)
