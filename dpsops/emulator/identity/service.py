"""Entra ID, at `login.microsoftonline.com`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dpsops.emulator.http import Request, Response, Route, Router, Service
from dpsops.emulator.identity.routes import ROUTES
from dpsops.emulator.world import World


def _open(world: World, request: Request, route: Route, named: Mapping[str, str]) -> None:
    """Signing in needs no token."""


def _unknown(world: World, request: Request) -> Response:
    return Response(404, {"error": "not_found", "error_description": f"No such endpoint: {request.method} {request.path}"})


def _unauthenticated(world: World, request: Request, reason: str) -> Response:
    return Response(401, {"error": "invalid_request", "error_description": reason})


SERVICE = Service(
    name="identity",
    host=re.compile(r"login\.microsoftonline\.com"),
    audience="",
    router=Router(ROUTES),
    authorize=_open,
    unauthenticated=_unauthenticated,
    unknown=_unknown,
)
