"""A device-facing service of no Azure at all, which says what it was told: over HTTPS, and over MQTT."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response, Route, Router, Service
from dpsops.emulator.mqtt_endpoint import WEBSOCKET, Connect, ConnectionRefused, ProtocolViolation
from dpsops.emulator.post import Publication
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import World

HOST = "parrot.azure-devices.net"
HEARD = "heard"
"""The kind of the documents in which the parrot keeps what it was told, by topic."""


class Parrot:
    """Accepts every user but `nobody`.

    `$echo/...` comes back on `$said/...`, `$shout/...` on `$said/loudly/...`; `$nest/...` ends the connection.
    """

    host = re.compile(r"parrot\.azure-devices\.net")
    websockets = (WEBSOCKET,)

    def connect(self, world: World, connect: Connect) -> JSON:
        """The session is what the client said of itself."""
        world.state.put(HEARD, "connect", {"client": connect.client_id})
        if connect.username == "nobody":
            raise ConnectionRefused(5)
        return {"client": connect.client_id, "user": connect.username, "password": connect.password, "chain": len(connect.chain)}

    def subscribe(self, world: World, session: JSON, topic_filter: str, _qos: int) -> bool:
        """To everything but the nest."""
        return not topic_filter.startswith("$nest")

    def unsubscribe(self, world: World, session: JSON, topic_filter: str) -> None:
        """Notes it."""
        world.state.put(HEARD, f"enough/{topic_filter}", {"payload": ""})

    def publish(self, world: World, session: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        """Keeps the payload."""
        world.state.put(HEARD, topic, {"payload": base64.b64encode(payload).decode()})
        if topic.startswith("$nest"):
            raise ProtocolViolation
        if topic == "$who":
            return [Publication("$said/who", json.dumps(session).encode())]
        if topic.startswith("$shout"):
            return [Publication("$said/loudly" + topic.removeprefix("$shout"), payload)]
        return [Publication("$said" + topic.removeprefix("$echo"), payload)] if topic.startswith("$echo") else []

    def acknowledge(self, world: World, session: JSON, receipt: str) -> None:
        """Notes it."""
        world.state.put(HEARD, f"acknowledged/{receipt}", {"payload": ""})

    def wake(self, world: World, session: JSON) -> None:
        """Nothing is to be looked after."""

    def disconnect(self, world: World, session: JSON) -> None:
        """Notes who has gone."""
        world.state.put(HEARD, f"gone/{session['client']}", {"payload": ""})


def _say(_world: World, request: Request) -> Response:
    return Response(200, {"chain": [base64.b64encode(certificate).decode() for certificate in request.chain]})


SERVICE = Service(
    name="parrot",
    host=Parrot.host,
    audience="",
    router=Router([Route("GET", "/chain", _say)]),
    authorize=lambda world, request, route, named: None,
    unauthenticated=lambda world, request, reason: Response(401),
    unknown=lambda world, request: Response(404),
)


@contextmanager
def parrot_azure(directory: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure with a parrot, beside its own services."""
    with EmbeddedAzure(directory / ".dpsops") as embedded:
        embedded.azure.services = (SERVICE, *embedded.azure.services)
        embedded.azure.endpoints = (Parrot(),)
        yield embedded


def heard(embedded: EmbeddedAzure, topic: str) -> bytes | None:
    """The payload that was published last under the topic."""
    with embedded.azure.database.transaction() as state:
        kept = state.get(HEARD, topic)
    return None if kept is None else base64.b64decode(kept["payload"])
