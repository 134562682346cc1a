"""The device API over HTTPS: a client certificate is the credential, or a shared access signature."""

from __future__ import annotations

from collections.abc import Mapping

from dpsops.emulator.dps.attestation import Proof
from dpsops.emulator.dps.bodies import bad_request
from dpsops.emulator.dps.device_registration import API_VERSIONS, Answer, find_state, look_up, register
from dpsops.emulator.dps.errors import NOT_FOUND, UNSUPPORTED_MEDIA_TYPE, refusal
from dpsops.emulator.dps.state import reachable_service
from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.microsoft_devices.signatures import SCHEME
from dpsops.emulator.world import World


def _register(world: World, request: Request, *, scope: str, registration: str, service: str = "") -> Response:
    _check(world, request, scope, service)
    answer = register(world, scope, registration, _proof(request), _read(world, request), version=request.api_version)
    return _respond(answer, {"Location": request.url})


def _look_up(world: World, request: Request, *, scope: str, registration: str, operation: str, service: str = "") -> Response:
    _check(world, request, scope, service)
    answer = look_up(world, scope, registration, operation, _proof(request), version=request.api_version)
    return _respond(answer, {"Location": request.url})


def _find_state(world: World, request: Request, *, scope: str, registration: str, service: str = "") -> Response:
    _check(world, request, scope, service)
    body = _read(world, request)
    return _respond(find_state(world, scope, registration, _proof(request), body, version=request.api_version), {})


def _check(world: World, request: Request, scope: str, service: str) -> None:
    """A service's own host knows its own scope only (stricter guess)."""
    if request.api_version not in API_VERSIONS:
        raise bad_request(world)
    named = reachable_service(world, service) if service else None
    if service and (named is None or named["idScope"].lower() != scope.lower()):
        raise refusal(world, NOT_FOUND, "Not Found")


def _proof(request: Request) -> Proof:
    authorization = request.headers.get("authorization", "")
    return Proof(request.chain, authorization if authorization.startswith(SCHEME) else "")


def _read(world: World, request: Request) -> bytes:
    """The body, which must say that it is JSON where there is one (stricter guess)."""
    if request.body and request.media_type != "application/json":
        raise refusal(world, UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
    return request.body


def _respond(answer: Answer, links: Mapping[str, str]) -> Response:
    headers = {} if answer.retry_after is None else {**links, "Retry-After": str(answer.retry_after)}
    return Response(answer.status, answer.body, headers)


_ONE = "/{scope}/registrations/{registration}"

ROUTES = [
    Route("PUT", f"{_ONE}/register", _register),
    Route("GET", f"{_ONE}/operations/{{operation}}", _look_up),
    Route("POST", _ONE, _find_state),
]
