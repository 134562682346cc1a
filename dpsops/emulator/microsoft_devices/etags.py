"""Entity tags of Microsoft.Devices and of DPS, which stand in bodies and never in a header."""

from __future__ import annotations

import base64
import re
import secrets

from dpsops.emulator.http import Request
from dpsops.emulator.microsoft_devices.errors import stale
from dpsops.emulator.world import World

_ETAG = re.compile(r'\*|"[A-Za-z0-9+/=_-]*"|[A-Za-z0-9+/=_-]+')


def is_etag(header: str) -> bool:
    """Whether a header names an etag, quoted or not, or any by `*`."""
    return _ETAG.fullmatch(header) is not None


def row_version() -> str:
    """The etag of a service or hub: eight bytes, base64."""
    return base64.b64encode(bytes(4) + secrets.token_bytes(4)).decode()


def record_etag(world: World) -> str:
    """The etag of a certificate, an enrollment or a registration: a quoted GUID that holds the time, base64."""
    return base64.b64encode(f'"{secrets.token_hex(4)}-0000-0700-0000-{int(world.now):08x}0000"'.encode()).decode()


def condition(request: Request, *, quoted: bool = True) -> str | None:
    """What `If-Match` asks for, None where it is not sent. Clients send the etag quoted or not.

    `quoted` False: quotation marks are read as a part of the etag, which none has.
    """
    header = request.headers.get("if-match")
    if header is None or not quoted:
        return header
    return header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header


def check_condition(world: World, request: Request, etag: str | None) -> None:
    """Refuses a service or hub (`etag` None: it does not exist yet) that is not in the state `If-Match` names."""
    wanted = condition(request)
    if wanted is not None and (etag is None or wanted not in ("*", etag)):
        raise stale(world)
