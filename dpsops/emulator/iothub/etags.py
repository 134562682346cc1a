"""The etag of a hub, and what `If-Match` asks of it."""

from __future__ import annotations

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request
from dpsops.emulator.microsoft_devices.etags import check_condition, is_etag
from dpsops.emulator.microsoft_devices.transitions import settled
from dpsops.emulator.world import World


def hub_etag(world: World, hub: JSON) -> str:
    """The etag as it is shown: while a state passes it is another one (recording `iot_hub`; `test_hub_wait` of Microsoft's CLI).

    A hub that a former release made has one only.
    """
    return str(hub["etag"] if settled(world, hub) else hub.get("passingEtag", hub["etag"]))


def check_hub(world: World, request: Request, hub: JSON | None) -> None:
    """Refuses a hub (None: it does not exist yet) that is not in the state `If-Match` names.

    A header that names no etag (a client has sent a dictionary's text) is ignored: observed.
    """
    if is_etag(request.headers.get("if-match", "")):
        check_condition(world, request, None if hub is None else hub_etag(world, hub))
